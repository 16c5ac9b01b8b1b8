//! A set of neighbours for each node.

use crate::ids::{NODES_MAX, NodeId, NodeSet};

/// Who is linked to whom; nobody in the beginning.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// By node number.
    sets: Vec<NodeSet>,
}

impl Links {
    /// Makes links of nobody.
    pub(super) fn new() -> Self {
        Self { sets: vec![NodeSet::EMPTY; NODES_MAX + 1] }
    }

    /// Links one node to another one, in this direction.
    pub(super) fn insert(&mut self, from: NodeId, to: NodeId) {
        if let Some(set) = self.sets.get_mut(usize::from(from.number())) {
            set.insert(to);
        }
    }

    /// Links one node to a set, instead of what it was linked to.
    pub(super) fn set(&mut self, from: NodeId, to: NodeSet) {
        if let Some(set) = self.sets.get_mut(usize::from(from.number())) {
            *set = to;
        }
    }

    /// Returns what a node is linked to.
    pub(super) fn of(&self, node: NodeId) -> NodeSet {
        self.sets.get(usize::from(node.number())).copied().unwrap_or_default()
    }

    /// Returns the links of some nodes that go both ways.
    pub(super) fn mutual(&self, nodes: NodeSet) -> Self {
        let mut mutual = Self::new();
        for node in nodes.iter() {
            let back = |other: &NodeId| self.of(*other).contains(node);
            mutual.set(node, self.of(node).and(nodes).iter().filter(back).collect());
        }
        mutual
    }
}
