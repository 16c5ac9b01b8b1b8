//! Who hears whom, both ways, as the rows say it.
//!
//! It is changed row by row: with many nodes a new row comes with nearly every datagram while a cluster starts, and
//! reading all rows for each would take longer than the pulse.

use std::collections::BTreeMap;

use super::links::Links;
use crate::ids::{Incarnation, LANS_MAX, LanId, NODES_MAX, NodeId, NodeSet};
use crate::wire::{Hearing, Row, incarnation_check};

/// The living nodes and their mutual links. A link counts only when each row names the present life of the other one:
/// nothing recorded before a node's start can make one.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: BTreeMap<NodeId, Vertex>,
    /// By node number: the check of the present life.
    checks: [Option<u16>; NODES_MAX + 1],
    links: Links,
    /// The links on each lan that somebody has heard anybody on.
    lans: BTreeMap<LanId, Links>,
}

#[derive(Debug, PartialEq, Eq)]
struct Vertex {
    incarnation: Incarnation,
    joining: bool,
    hears: Vec<(NodeId, Hearing)>,
}

/// What a graph looks like from one component: who is in it with which life, and who hears whom there.
pub(super) type Shape = Vec<(NodeId, Incarnation, NodeSet)>;

impl Graph {
    /// Makes a graph without nodes.
    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            checks: [None; NODES_MAX + 1],
            links: Links::new(),
            lans: BTreeMap::new(),
        }
    }

    /// Takes the newest row of a node, instead of its former one. That of an ended life is no node.
    pub(super) fn take(&mut self, row: &Row) {
        let node = row.node;
        let vertex = (!row.over).then(|| Vertex {
            incarnation: row.incarnation,
            joining: row.joining,
            hears: row.hears.iter().map(|(heard, hearing)| (*heard, *hearing)).collect(),
        });
        if self.nodes.get(&node) == vertex.as_ref() {
            return;
        }
        let check = vertex.as_ref().map(|vertex| incarnation_check(vertex.incarnation));
        match vertex {
            Some(vertex) => drop(self.nodes.insert(node, vertex)),
            None => drop(self.nodes.remove(&node)),
        }
        let known = self.checks.get_mut(usize::from(node.number()));
        let same_life = known.is_some_and(|known| std::mem::replace(known, check) == check);
        self.link(node);
        if !same_life {
            let others: Vec<NodeId> = self.nodes().filter(|other| *other != node).collect();
            others.into_iter().for_each(|other| self.link(other));
        }
    }

    /// Finds out whose present life a node hears.
    fn link(&mut self, node: NodeId) {
        let heard = self.nodes.get(&node).map(|vertex| vertex.hears.as_slice());
        let mut all = NodeSet::EMPTY;
        let mut by_lan = [NodeSet::EMPTY; LANS_MAX];
        for (other, hearing) in heard.unwrap_or_default() {
            let present = self.checks.get(usize::from(other.number())).copied().flatten();
            if present != Some(hearing.check) {
                continue;
            }
            all.insert(*other);
            for (lan, on_lan) in (0..LANS_MAX).filter_map(LanId::new).zip(&mut by_lan) {
                if hearing.lans.contains(lan) {
                    on_lan.insert(*other);
                }
            }
        }
        self.links.set(node, all);
        for (lan, on_lan) in (0..LANS_MAX).filter_map(LanId::new).zip(by_lan) {
            if on_lan.is_empty() {
                self.lans.entry(lan).and_modify(|links| links.set(node, on_lan));
            } else {
                self.lans.entry(lan).or_insert_with(Links::new).set(node, on_lan);
            }
        }
    }

    /// Returns who hears a node and is heard by it.
    pub(super) fn neighbours(&self, node: NodeId) -> NodeSet {
        self.links.of(node)
    }

    /// Returns all links.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    /// Gives the links on each lan.
    pub(super) fn lans(&self) -> impl Iterator<Item = (LanId, &Links)> {
        self.lans.iter().map(|(lan, links)| (*lan, links))
    }

    /// Returns all living nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// Tells whether a node is known and has joined.
    pub(super) fn is_joined(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|vertex| !vertex.joining)
    }

    /// Returns the nodes that are reached from one over mutual links; joining ones are left out.
    pub(super) fn component(&self, from: NodeId) -> NodeSet {
        let joined: NodeSet = self.nodes().filter(|node| self.is_joined(*node)).collect();
        let mut component = NodeSet::only(from);
        let mut open = component;
        while let Some(node) = open.first() {
            open.remove(node);
            let reached = self.neighbours(node).and(joined).without(component);
            component = component.or(reached);
            open = open.or(reached);
        }
        component
    }

    /// Returns what a component looks like.
    pub(super) fn shape(&self, component: NodeSet) -> Shape {
        self.nodes
            .iter()
            .filter(|(node, _)| component.contains(**node))
            .map(|(node, vertex)| {
                (*node, vertex.incarnation, self.neighbours(*node).and(component))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, Links};
    use crate::ids::{Incarnation, LanId, LanSet, NodeId, NodeSet};
    use crate::wire::{Hearing, Row, incarnation_check};

    const NODES: u32 = 6;

    /// Always the same sequence.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u32) -> u32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(self.0 >> 40).unwrap() % limit
        }
    }

    fn id(number: u32) -> NodeId {
        NodeId::new(usize::try_from(number).unwrap()).unwrap()
    }

    fn life(counter: u32) -> Incarnation {
        Incarnation { counter, random: 7, life: 1 }
    }

    /// A row of any life, which hears anybody of any life on any of two lans.
    fn any_row(dice: &mut Dice) -> Row {
        let node = id(1 + dice.below(NODES));
        let mut row = Row::new(node, life(dice.below(2)));
        row.over = dice.below(8) == 0;
        row.joining = dice.below(4) == 0;
        for other in (1..=NODES).map(id).filter(|other| *other != node) {
            if !row.over && dice.below(5) > 0 {
                let check = incarnation_check(life(dice.below(2)));
                let lans = LanSet(u8::try_from(1 + dice.below(3)).unwrap());
                row.hears.insert(other, Hearing { check, lans });
            }
        }
        row
    }

    /// Whom a node hears on some lans, by reading all rows.
    fn read(rows: &[Option<Row>], node: &Row, lans: LanSet) -> NodeSet {
        let present = |other: &NodeId| {
            let mut living = rows.iter().flatten().filter(|row| !row.over);
            living.find(|row| row.node == *other).map(|row| incarnation_check(row.incarnation))
        };
        let heard = node.hears.iter().filter(|(other, hearing)| {
            hearing.lans.0 & lans.0 != 0 && present(other) == Some(hearing.check)
        });
        heard.map(|(other, _)| *other).collect()
    }

    #[test]
    fn row_by_row_it_becomes_what_all_rows_together_say() {
        let mut dice = Dice(0x5eed);
        for _ in 0..50 {
            let (mut graph, mut rows) = (Graph::new(), vec![None; 7]);
            for _ in 0..60 {
                let row = any_row(&mut dice);
                graph.take(&row);
                let place = usize::from(row.node.number());
                rows[place] = Some(row);
                let living: Vec<&Row> = rows.iter().flatten().filter(|row| !row.over).collect();
                assert_eq!(
                    graph.nodes().collect::<Vec<_>>(),
                    living.iter().map(|row| row.node).collect::<Vec<_>>()
                );
                for row in &living {
                    assert_eq!(graph.is_joined(row.node), !row.joining);
                    assert_eq!(graph.links().hears(row.node), read(&rows, row, LanSet::ALL));
                }
                for (lan, links) in graph.lans() {
                    let mut only = LanSet::default();
                    only.insert(lan);
                    let mut fresh = Links::new();
                    for row in &living {
                        fresh.set(row.node, read(&rows, row, only));
                    }
                    assert_eq!(*links, fresh, "lan {}", lan.number());
                }
            }
        }
    }

    #[test]
    fn two_who_hear_each_other_in_their_present_lives_are_linked() {
        let hears = |row: &mut Row, other: u32, counter: u32| {
            let lans = LanSet::ALL;
            row.hears.insert(id(other), Hearing { check: incarnation_check(life(counter)), lans });
        };
        let mut graph = Graph::new();
        let mut one = Row::new(id(1), life(1));
        hears(&mut one, 2, 1);
        graph.take(&one);
        assert!(graph.neighbours(id(1)).is_empty());
        let mut two = Row::new(id(2), life(1));
        hears(&mut two, 1, 1);
        graph.take(&two);
        assert_eq!(graph.neighbours(id(1)), NodeSet::only(id(2)));
        // The next life of one of them is heard by nobody yet.
        two.incarnation = life(2);
        graph.take(&two);
        assert!(graph.neighbours(id(1)).is_empty() && graph.neighbours(id(2)).is_empty());
        graph.take(&Row::tombstone(id(2), 2));
        assert_eq!(graph.nodes().collect::<Vec<_>>(), [id(1)]);
        assert!(LanId::new(0).is_some_and(|lan| graph.lans().any(|(known, _)| known == lan)));
    }
}
