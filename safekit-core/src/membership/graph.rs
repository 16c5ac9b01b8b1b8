//! Who hears whom, both ways, as the rows say it.

use std::collections::BTreeMap;

use super::clique::Neighbours;
use crate::ids::{Incarnation, NodeId, NodeSet};
use crate::wire::{Row, incarnation_check};

/// The living nodes and their mutual links. A link counts only when each row names the present life of the other one:
/// nothing recorded before a node's start can make one.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<NodeId, Vertex>,
    neighbours: Neighbours,
}

#[derive(Debug)]
struct Vertex {
    incarnation: Incarnation,
    joining: bool,
}

/// What a graph looks like from one component: who is in it with which life, and who hears whom there.
pub(super) type Shape = Vec<(NodeId, Incarnation, NodeSet)>;

impl Graph {
    /// Reads the rows; those of ended lives are no nodes.
    pub(super) fn new<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> Self {
        let living = || rows.clone().filter(|row| !row.over);
        let mut checks = [None; crate::ids::NODES_MAX + 1];
        for row in living() {
            if let Some(slot) = checks.get_mut(usize::from(row.node.number())) {
                *slot = Some(incarnation_check(row.incarnation));
            }
        }
        let mut hears = Neighbours::new();
        let mut heard_by = Neighbours::new();
        let mut nodes = BTreeMap::new();
        for row in living() {
            nodes.insert(row.node, Vertex { incarnation: row.incarnation, joining: row.joining });
            let mut heard = NodeSet::EMPTY;
            for (node, hearing) in &row.hears {
                let present = checks.get(usize::from(node.number())).copied().flatten();
                if present == Some(hearing.check) {
                    heard.insert(*node);
                    heard_by.entry(*node).or_default().insert(row.node);
                }
            }
            hears.insert(row.node, heard);
        }
        for (node, heard) in &mut hears {
            *heard = heard.and(heard_by.get(node).copied().unwrap_or_default());
        }
        Self { nodes, neighbours: hears }
    }

    /// Returns who hears a node and is heard by it.
    pub(super) fn neighbours(&self, node: NodeId) -> NodeSet {
        self.neighbours.get(&node).copied().unwrap_or_default()
    }

    /// Returns all mutual links.
    pub(super) fn links(&self) -> &Neighbours {
        &self.neighbours
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
        let mut component = NodeSet::only(from);
        let mut open = component;
        while let Some(node) = open.first() {
            open.remove(node);
            for neighbour in self.neighbours(node).without(component).iter() {
                if self.is_joined(neighbour) {
                    component.insert(neighbour);
                    open.insert(neighbour);
                }
            }
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
