//! Members that announce and never agree: treated as unheard for a while, so that one confused node does not stop
//! all claiming for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cadence::{SHUN, SHUN_MAX};
use crate::ids::{Incarnation, NodeId};

/// Who is treated as unheard.
#[derive(Debug, Default)]
pub(super) struct Shunned {
    nodes: BTreeMap<NodeId, Shun>,
}

#[derive(Debug)]
struct Shun {
    incarnation: Incarnation,
    until: Instant,
    next: Duration,
}

impl Shunned {
    /// Treats a life of a node as unheard: longer each time.
    pub(super) fn add(&mut self, now: Instant, node: NodeId, incarnation: Incarnation) {
        let time = match self.nodes.get(&node) {
            Some(shun) if shun.incarnation == incarnation => shun.next,
            Some(_) | None => SHUN,
        };
        let next = (time * 2).min(SHUN_MAX);
        self.nodes.insert(node, Shun { incarnation, until: now + time, next });
    }

    /// Tells whether a life of a node is treated as unheard.
    pub(super) fn contains(&self, now: Instant, node: NodeId, incarnation: Incarnation) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|shun| shun.incarnation == incarnation && now < shun.until)
    }

    /// Returns when the next of them is heard again.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.nodes.values().map(|shun| shun.until).filter(|until| now < *until).min()
    }
}
