//! The network between the hosts: what it loses, delays, doubles and cuts.
//!
//! In: who sends to whom on which lan. Out: after how long it arrives, none to two times. No clock, no bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ids::{LanId, NodeId};
use crate::sim::Random;

/// The network.
///
/// A world has one ([`World::net`](super::World::net)):
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, Net, SimModule, World};
///
/// let mut world = World::new(7, Cast::new(3).module(SimModule::bare("web")?), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// world.start_all();
/// let nodes = world.nodes();
/// let net: &mut Net = world.net();
/// net.loss(0.05);
/// net.delay(Duration::from_micros(100), Duration::from_millis(20));
/// net.isolate(nodes[2]);
/// assert!(!net.reaches(nodes[0], nodes[2]) && net.mutual(nodes[0], nodes[1]));
/// world.run_for(Duration::from_secs(10))?;
/// world.net().heal();
/// world.run_for(Duration::from_secs(10))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Net {
    nodes: Vec<NodeId>,
    lans: Vec<LanId>,
    cut: BTreeSet<(NodeId, NodeId, LanId)>,
    loss: f64,
    link_loss: BTreeMap<(NodeId, NodeId), f64>,
    duplication: f64,
    stragglers: f64,
    delay: (Duration, Duration),
}

/// How much later than others a straggler comes, at most.
const STRAGGLER_DELAY: Duration = Duration::from_millis(350);

impl Net {
    pub(super) fn new(nodes: Vec<NodeId>, lans: Vec<LanId>) -> Self {
        Self {
            nodes,
            lans,
            cut: BTreeSet::new(),
            loss: 0.0,
            link_loss: BTreeMap::new(),
            duplication: 0.0,
            stragglers: 0.0,
            delay: (Duration::from_micros(200), Duration::from_millis(1)),
        }
    }

    /// Cuts all lans between two nodes, in both directions.
    pub fn cut(&mut self, one: NodeId, other: NodeId) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Cuts all lans from one node to another: the other one becomes deaf to it.
    pub fn cut_one_way(&mut self, from: NodeId, to: NodeId) {
        for lan in self.lans.clone() {
            self.cut.insert((from, to, lan));
        }
    }

    /// Cuts one lan between two nodes, in both directions.
    pub fn cut_lan(&mut self, one: NodeId, other: NodeId, lan: LanId) {
        self.cut.insert((one, other, lan));
        self.cut.insert((other, one, lan));
    }

    /// Mends all lans between two nodes, in both directions.
    pub fn mend(&mut self, one: NodeId, other: NodeId) {
        self.mend_one_way(one, other);
        self.mend_one_way(other, one);
    }

    /// Mends all lans from one node to another.
    pub fn mend_one_way(&mut self, from: NodeId, to: NodeId) {
        self.cut.retain(|(a, b, _)| (*a, *b) != (from, to));
    }

    /// Cuts a node off from all others.
    pub fn isolate(&mut self, node: NodeId) {
        for other in self.nodes.clone() {
            if other != node {
                self.cut(node, other);
            }
        }
    }

    /// Cuts all links between nodes of different sides.
    pub fn partition(&mut self, side: impl Fn(NodeId) -> usize) {
        for one in self.nodes.clone() {
            for other in self.nodes.clone() {
                if side(one) != side(other) {
                    self.cut_one_way(one, other);
                }
            }
        }
    }

    /// Mends all cuts, and ends the loss of single links.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.link_loss.clear();
    }

    /// Loses datagrams with this probability, 0 to 1.
    pub fn loss(&mut self, probability: f64) {
        self.loss = probability;
    }

    /// Loses datagrams of one direction between two nodes with this probability instead.
    pub fn loss_between(&mut self, from: NodeId, to: NodeId, probability: f64) {
        self.link_loss.insert((from, to), probability);
    }

    /// Doubles datagrams with this probability, 0 to 1.
    pub fn duplication(&mut self, probability: f64) {
        self.duplication = probability;
    }

    /// Lets datagrams come up to 350 ms late, after others sent later, with this probability, 0 to 1.
    pub fn stragglers(&mut self, probability: f64) {
        self.stragglers = probability;
    }

    /// Sets how long a datagram takes: anything between.
    pub fn delay(&mut self, least: Duration, most: Duration) {
        self.delay = (least, most);
    }

    /// Tells whether any lan goes from one node to another.
    #[must_use]
    pub fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        self.lans.iter().any(|lan| !self.cut.contains(&(from, to, *lan)))
    }

    /// Tells whether two nodes reach each other.
    #[must_use]
    pub fn mutual(&self, one: NodeId, other: NodeId) -> bool {
        self.reaches(one, other) && self.reaches(other, one)
    }

    /// Decides after how long a datagram arrives: not at all, once, or twice.
    pub(super) fn arrivals(
        &self,
        random: &mut Random,
        from: NodeId,
        to: NodeId,
        lan: LanId,
    ) -> [Option<Duration>; 2] {
        if self.cut.contains(&(from, to, lan)) {
            return [None, None];
        }
        let loss = self.link_loss.get(&(from, to)).copied().unwrap_or(self.loss);
        let twice = self.duplication > 0.0 && random.chance(self.duplication);
        let mut once = || {
            if loss > 0.0 && random.chance(loss) {
                return None;
            }
            let late = self.stragglers > 0.0 && random.chance(self.stragglers);
            let extra = if late {
                random.duration(Duration::ZERO, STRAGGLER_DELAY)
            } else {
                Duration::ZERO
            };
            Some(random.duration(self.delay.0, self.delay.1) + extra)
        };
        [once(), if twice { once() } else { None }]
    }
}

#[cfg(test)]
mod tests {
    use super::Net;
    use crate::ids::{LanId, NodeId};
    use crate::sim::Random;

    fn net() -> (Net, Vec<NodeId>, Vec<LanId>) {
        let nodes: Vec<NodeId> = (1..=3).filter_map(NodeId::new).collect();
        let lans: Vec<LanId> = (0..2).filter_map(LanId::new).collect();
        (Net::new(nodes.clone(), lans.clone()), nodes, lans)
    }

    #[test]
    fn a_cut_has_a_direction_and_a_lan() {
        let (mut net, nodes, lans) = net();
        let mut random = Random::new(1);
        net.cut_lan(nodes[0], nodes[1], lans[0]);
        assert!(net.mutual(nodes[0], nodes[1]), "the other lan is left");
        assert_eq!(net.arrivals(&mut random, nodes[1], nodes[0], lans[0]), [None, None]);
        assert!(net.arrivals(&mut random, nodes[1], nodes[0], lans[1])[0].is_some());
        net.cut_one_way(nodes[0], nodes[1]);
        assert!(!net.reaches(nodes[0], nodes[1]) && net.reaches(nodes[1], nodes[0]));
        net.isolate(nodes[2]);
        assert!(!net.reaches(nodes[2], nodes[0]) && !net.reaches(nodes[0], nodes[2]));
        net.heal();
        assert!(net.mutual(nodes[0], nodes[1]) && net.mutual(nodes[0], nodes[2]));
    }

    #[test]
    fn loses_and_doubles_as_told() {
        let (mut net, nodes, lans) = net();
        let mut random = Random::new(1);
        net.loss(1.0);
        assert_eq!(net.arrivals(&mut random, nodes[0], nodes[1], lans[0]), [None, None]);
        net.loss_between(nodes[0], nodes[1], 0.0);
        net.duplication(1.0);
        let arrivals = net.arrivals(&mut random, nodes[0], nodes[1], lans[0]);
        assert!(arrivals.iter().all(Option::is_some));
    }
}
