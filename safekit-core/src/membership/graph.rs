//! Who hears whom, both ways, as the rows say it.

use std::collections::BTreeMap;

use super::links::Links;
use crate::ids::{Incarnation, LANS_MAX, LanId, LanSet, NODES_MAX, NodeId, NodeSet};
use crate::wire::{Row, incarnation_check};

/// The living nodes and their mutual links. A link counts only when each row names the present life of the other one:
/// nothing recorded before a node's start can make one.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: BTreeMap<NodeId, Vertex>,
    links: Links,
    /// The links on each lan that somebody hears anybody on.
    lans: Vec<(LanId, Links)>,
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
        let mut nodes = BTreeMap::new();
        let mut checks = [None; NODES_MAX + 1];
        for row in living() {
            nodes.insert(row.node, Vertex { incarnation: row.incarnation, joining: row.joining });
            if let Some(slot) = checks.get_mut(usize::from(row.node.number())) {
                *slot = Some(incarnation_check(row.incarnation));
            }
        }
        let all: NodeSet = nodes.keys().copied().collect();
        let used = living().flat_map(|row| row.hears.values());
        let used = LanSet(used.fold(0, |lans, hearing| lans | hearing.lans.0));
        let mut links = Links::new();
        let mut lans: Vec<(LanId, Links)> = (0..LANS_MAX)
            .filter_map(LanId::new)
            .filter(|lan| used.contains(*lan))
            .map(|lan| (lan, Links::new()))
            .collect();
        for row in living() {
            for (heard, hearing) in &row.hears {
                let present = checks.get(usize::from(heard.number())).copied().flatten();
                if present != Some(hearing.check) {
                    continue;
                }
                links.insert(row.node, *heard);
                for (_, links) in lans.iter_mut().filter(|(lan, _)| hearing.lans.contains(*lan)) {
                    links.insert(row.node, *heard);
                }
            }
        }
        let links = links.mutual(all);
        for (_, links) in &mut lans {
            *links = links.mutual(all);
        }
        Self { nodes, links, lans }
    }

    /// Returns who hears a node and is heard by it.
    pub(super) fn neighbours(&self, node: NodeId) -> NodeSet {
        self.links.of(node)
    }

    /// Returns all mutual links.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    /// Gives the mutual links on each lan.
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
