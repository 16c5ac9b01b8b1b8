//! Who hears whom, and who is linked by it: two nodes that hear each other.

use crate::ids::{NODES_MAX, NodeId, NodeSet};

/// Who hears whom; nobody anybody in the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links {
    /// By node number: whom it hears.
    hears: Vec<NodeSet>,
    /// By node number: who hears it. The same turned round, so that links need no search.
    heard_by: Vec<NodeSet>,
}

impl Links {
    /// Makes links of nobody.
    pub(super) fn new() -> Self {
        let nobody = vec![NodeSet::EMPTY; NODES_MAX + 1];
        Self { hears: nobody.clone(), heard_by: nobody }
    }

    /// Sets whom a node hears, instead of what was set before.
    pub(super) fn set(&mut self, node: NodeId, heard: NodeSet) {
        let before = self.hears(node);
        if let Some(set) = self.hears.get_mut(usize::from(node.number())) {
            *set = heard;
        }
        for other in before.without(heard).iter() {
            if let Some(set) = self.heard_by.get_mut(usize::from(other.number())) {
                set.remove(node);
            }
        }
        for other in heard.without(before).iter() {
            if let Some(set) = self.heard_by.get_mut(usize::from(other.number())) {
                set.insert(node);
            }
        }
    }

    /// Returns whom a node hears.
    pub(super) fn hears(&self, node: NodeId) -> NodeSet {
        self.hears.get(usize::from(node.number())).copied().unwrap_or_default()
    }

    /// Returns who hears a node.
    pub(super) fn heard_by(&self, node: NodeId) -> NodeSet {
        self.heard_by.get(usize::from(node.number())).copied().unwrap_or_default()
    }

    /// Returns who is linked to a node: who hears it and is heard by it.
    pub(super) fn of(&self, node: NodeId) -> NodeSet {
        self.hears(node).and(self.heard_by(node))
    }
}
