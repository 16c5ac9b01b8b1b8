//! The view that follows from the rows: a pure function, the same on every node that has the same rows.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::clique::{choose, is_clique};
use super::graph::Graph;
use super::links::Links;
use super::{View, ViewMember};
use crate::ids::{ModuleKey, NodeId, NodeSet};
use crate::wire::{ModuleFacts, Row, ViewName};

/// What the graph says about one node.
#[derive(Debug)]
pub(super) struct Choice {
    /// All joined nodes that are connected with it.
    pub(super) component: NodeSet,
    /// Whether all of them hear each other: then all see the same, and nothing is in doubt.
    pub(super) whole: bool,
    /// The set that it belongs to; `None` where it is excluded.
    pub(super) members: Option<NodeSet>,
    /// Where it is excluded: the first of the sets that it hears a part of.
    pub(super) excluded_by: NodeSet,
    /// Whether it hears a node that is joining.
    pub(super) joining_near: bool,
}

impl Choice {
    /// Applies the rule of [`choose`] to the component of a node.
    pub(super) fn new(graph: &Graph, node: NodeId) -> Self {
        let component = graph.component(node);
        let joining_near = graph.neighbours(node).iter().any(|near| !graph.is_joined(near));
        let whole = is_clique(component, graph.links());
        let sets = if whole { vec![component] } else { choose(component, graph.links()) };
        let members = sets.iter().find(|set| set.contains(node)).copied();
        let near = |set: &&NodeSet| !set.and(graph.neighbours(node)).is_empty();
        let excluded_by = sets.iter().find(near).filter(|_| members.is_none());
        let excluded_by = excluded_by.copied().unwrap_or_default();
        Self { component, whole, members, excluded_by, joining_near }
    }
}

/// Rows by node.
pub(super) type Rows<'a> = BTreeMap<NodeId, &'a Row>;

/// Returns the view of a set of nodes, as their rows say it.
pub(super) fn view(members: NodeSet, rows: &Rows<'_>, graph: &Graph) -> View {
    let rows: Rows<'_> = members.iter().filter_map(|id| Some((id, *rows.get(&id)?))).collect();
    let mut view = View::default();
    for (id, row) in &rows {
        let member = ViewMember { incarnation: row.incarnation, takes: BTreeMap::new() };
        view.members.insert(*id, member);
    }
    let keys: BTreeSet<ModuleKey> = rows
        .values()
        .flat_map(|row| row.modules.iter())
        .filter(|(_, facts)| facts.takes)
        .map(|(key, _)| *key)
        .collect();
    for key in keys {
        let (sharing, takers) = takers(key, &rows);
        view.sharing.insert(key, sharing);
        for (group, members) in (0_u8..).zip(groups(key, takers, &rows, graph)) {
            for id in members.iter() {
                if let Some(member) = view.members.get_mut(&id) {
                    member.takes.insert(key, group);
                }
            }
        }
    }
    view
}

/// Returns the name of a view: equal names mean equal views.
pub(super) fn name(view: &View) -> ViewName {
    let mut digest = Sha256::new();
    for (id, member) in &view.members {
        digest.update([id.number()]);
        digest.update(member.incarnation.counter.to_be_bytes());
        digest.update(member.incarnation.random.to_be_bytes());
        digest.update(member.incarnation.life.to_be_bytes());
        digest.update(u64::try_from(member.takes.len()).unwrap_or(u64::MAX).to_be_bytes());
        for (key, group) in &member.takes {
            digest.update(key.0.to_be_bytes());
            digest.update([*group]);
        }
    }
    digest.update([0]);
    for (key, sharing) in &view.sharing {
        digest.update(key.0.to_be_bytes());
        digest.update(sharing.to_be_bytes());
    }
    let digest = digest.finalize();
    ViewName {
        members: view.members.keys().copied().collect(),
        digest: digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes)),
    }
}

fn facts<'a>(key: ModuleKey, id: NodeId, rows: &Rows<'a>) -> Option<&'a ModuleFacts> {
    rows.get(&id)?.modules.get(&key)
}

/// Returns who takes load of a module, and what they share by: the signature that most of them have, of equally many
/// the one of the lowest id. Who has another one takes no load, because it would compute other shares.
fn takers(key: ModuleKey, rows: &Rows<'_>) -> (u32, NodeSet) {
    let mut by_sharing: BTreeMap<u32, NodeSet> = BTreeMap::new();
    for id in rows.keys() {
        if let Some(facts) = facts(key, *id, rows).filter(|facts| facts.takes) {
            by_sharing.entry(facts.sharing).or_default().insert(*id);
        }
    }
    by_sharing
        .into_iter()
        .max_by_key(|(_, takers)| (takers.len(), std::cmp::Reverse(takers.first())))
        .unwrap_or_default()
}

/// Returns the groups of those who take load of a module: by the rule of views, on the lans that the module names.
fn groups(key: ModuleKey, takers: NodeSet, rows: &Rows<'_>, graph: &Graph) -> Vec<NodeSet> {
    let named: Vec<(&Links, NodeSet)> = graph
        .lans()
        .map(|(lan, on_lan)| {
            let names =
                |id: &NodeId| facts(key, *id, rows).is_some_and(|facts| facts.lans.contains(lan));
            (on_lan, takers.iter().filter(names).collect())
        })
        .collect();
    let mut links = Links::new();
    for id in takers.iter() {
        let on_lan = |(on_lan, named): &(&Links, NodeSet)| {
            if named.contains(id) { on_lan.of(id).and(*named) } else { NodeSet::EMPTY }
        };
        links.set(id, named.iter().map(on_lan).fold(NodeSet::EMPTY, NodeSet::or));
    }
    choose(takers, &links)
}
