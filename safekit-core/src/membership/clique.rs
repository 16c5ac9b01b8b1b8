//! Which nodes of a graph act together: the largest set of nodes that all hear each other, ties to the lowest ids; its
//! neighbours are excluded; the same again for what is left.
//!
//! A pure function of the graph: every node computes the same from the same. It is exact up to a number of steps;
//! where those run out, which takes a graph of many nodes with many edges missing, sets are grown greedily by ids, on
//! every node alike.

use super::links::Links;
use crate::ids::NodeSet;

/// Steps of one exact search; each is a handful of operations for each node that is left: a few milliseconds in all.
const STEPS_MAX: u32 = 2_000;

/// Returns the chosen sets in the order of choice. Links go both ways; those to nodes that are not asked about are
/// left out of account.
pub(super) fn choose(nodes: NodeSet, links: &Links) -> Vec<NodeSet> {
    let mut rest = nodes;
    let mut chosen = Vec::new();
    while !rest.is_empty() {
        let taken = largest(rest, links);
        rest = rest.without(taken);
        for node in taken.iter() {
            rest = rest.without(links.of(node));
        }
        chosen.push(taken);
    }
    chosen
}

/// Tells whether all nodes of a set hear each other.
pub(super) fn is_clique(nodes: NodeSet, links: &Links) -> bool {
    nodes.iter().all(|node| {
        let mut others = nodes;
        others.remove(node);
        others.is_subset(links.of(node))
    })
}

/// Returns the largest clique; of several the one whose sorted ids come first.
fn largest(nodes: NodeSet, links: &Links) -> NodeSet {
    if is_clique(nodes, links) {
        return nodes;
    }
    let mut search = Search { links, best: NodeSet::EMPTY, steps: 0 };
    search.extend(NodeSet::EMPTY, nodes);
    if search.steps <= STEPS_MAX { search.best } else { greedy(nodes, links) }
}

/// Branch and bound over cliques in the order of their sorted ids; so of equal ones the first found is the one wanted.
struct Search<'a> {
    links: &'a Links,
    best: NodeSet,
    steps: u32,
}

impl Search<'_> {
    fn extend(&mut self, clique: NodeSet, candidates: NodeSet) {
        if clique.len() > self.best.len() {
            self.best = clique;
        }
        let mut left = candidates;
        while let Some(node) = left.first() {
            self.steps += 1;
            if self.steps > STEPS_MAX || clique.len() + colours(left, self.links) <= self.best.len()
            {
                return;
            }
            let mut larger = clique;
            larger.insert(node);
            left.remove(node);
            self.extend(larger, left.and(self.links.of(node)));
        }
    }
}

/// Returns into how many sets without an inner edge nodes fall when filled greedily: no clique has more nodes.
fn colours(nodes: NodeSet, links: &Links) -> u32 {
    let mut rest = nodes;
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        let mut free = rest;
        while let Some(node) = free.first() {
            rest.remove(node);
            free.remove(node);
            free = free.without(links.of(node));
        }
    }
    count
}

/// Returns the best of the cliques that grow from each node by taking the lowest id that fits.
fn greedy(nodes: NodeSet, links: &Links) -> NodeSet {
    let mut best = NodeSet::EMPTY;
    for start in nodes.iter() {
        let mut clique = NodeSet::only(start);
        let mut candidates = nodes.and(links.of(start));
        while let Some(node) = candidates.first() {
            clique.insert(node);
            candidates = candidates.and(links.of(node));
            candidates.remove(node);
        }
        if clique.len() > best.len() {
            best = clique;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::{STEPS_MAX, Search, choose, is_clique, largest};
    use crate::ids::{NodeId, NodeSet};
    use crate::membership::links::Links;

    fn id(number: usize) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn set(numbers: &[usize]) -> NodeSet {
        numbers.iter().map(|number| id(*number)).collect()
    }

    fn graph(edges: &[(usize, usize)]) -> Links {
        let mut links = Links::new();
        for (a, b) in edges {
            for (from, to) in [(a, b), (b, a)] {
                links.set(id(*from), links.hears(id(*from)).or(NodeSet::only(id(*to))));
            }
        }
        links
    }

    #[test]
    fn a_chain_of_six_gives_two_pairs() {
        let chain = graph(&[(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]);
        assert_eq!(choose(set(&[1, 2, 3, 4, 5, 6]), &chain), [set(&[1, 2]), set(&[4, 5])]);
    }

    #[test]
    fn a_star_gives_its_centre_and_the_lowest_leaf() {
        let star = graph(&[(1, 2), (1, 3), (1, 4)]);
        assert_eq!(choose(set(&[1, 2, 3, 4]), &star), [set(&[1, 2])]);
    }

    #[test]
    fn the_larger_set_wins_against_lower_ids() {
        let edges = graph(&[(1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]);
        assert_eq!(choose(set(&[1, 2, 3, 4, 5]), &edges), [set(&[3, 4, 5]), set(&[1])]);
    }

    /// All subsets in the order of the reference model.
    fn by_enumeration(nodes: &[usize], links: &Links) -> NodeSet {
        let mut best: Vec<usize> = Vec::new();
        for bits in 1_u32..1 << nodes.len() {
            let subset: Vec<usize> = nodes
                .iter()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1)
                .map(|(_, n)| *n)
                .collect();
            let better = subset.len() > best.len() || (subset.len() == best.len() && subset < best);
            if better && is_clique(set(&subset), links) {
                best = subset;
            }
        }
        set(&best)
    }

    #[test]
    fn finds_what_trying_all_subsets_finds() {
        let nodes: Vec<usize> = (1..=9).collect();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..300 {
            let mut edges = Vec::new();
            for a in 1..=9 {
                for b in a + 1..=9 {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    if (random >> 33) % 10 < round % 10 {
                        edges.push((a, b));
                    }
                }
            }
            let edges = graph(&edges);
            assert_eq!(
                largest(set(&nodes), &edges),
                by_enumeration(&nodes, &edges),
                "round {round}"
            );
        }
    }

    #[test]
    fn a_hundred_nodes_with_forty_broken_links_are_exact() {
        let mut edges = Vec::new();
        for a in 1..=100 {
            for b in a + 1..=100 {
                if !(a <= 40 && b == 101 - a) {
                    edges.push((a, b));
                }
            }
        }
        let all: Vec<usize> = (1..=100).collect();
        let wanted: Vec<usize> = (1..=60).collect();
        assert_eq!(largest(set(&all), &graph(&edges)), set(&wanted));
    }

    /// The largest of the sets that grow from each node by the lowest id that fits, written without sets.
    fn grown(edges: &[(usize, usize)]) -> Vec<usize> {
        let linked = |a: usize, b: usize| edges.contains(&(a.min(b), a.max(b)));
        let mut best: Vec<usize> = Vec::new();
        for start in 1..=128 {
            let mut grown = vec![start];
            for node in 1..=128 {
                if grown.iter().all(|other| linked(node, *other)) {
                    grown.push(node);
                }
            }
            if grown.len() > best.len() {
                best = grown;
            }
        }
        best
    }

    #[test]
    fn where_the_steps_run_out_the_set_grows_by_the_lowest_ids() {
        let mut edges = Vec::new();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for a in 1..=128 {
            for b in a + 1..=128 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if (random >> 33) % 10 < 9 {
                    edges.push((a, b));
                }
            }
        }
        let links = graph(&edges);
        let all: Vec<usize> = (1..=128).collect();
        let mut search = Search { links: &links, best: NodeSet::EMPTY, steps: 0 };
        search.extend(NodeSet::EMPTY, set(&all));
        assert!(search.steps > STEPS_MAX, "{} steps", search.steps);
        let found = largest(set(&all), &links);
        assert_eq!(found, set(&grown(&edges)));
        assert!(is_clique(found, &links) && found.len() >= 5, "{found:?}");
    }
}
