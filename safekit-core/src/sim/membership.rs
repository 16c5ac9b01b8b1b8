//! What must hold of membership as it shows outside a node, and which views the network calls for.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::model::ModuleMode;
use crate::event::Event;
use crate::ids::{Epoch, Incarnation, NodeId};
use crate::membership::{Fault, JoinReason, View};
use crate::node::Output;
use crate::sim::{Invariant, Net, Occurrence, Subject, World};

/// After a start, and after a pause that others may have noticed, a node has to join before it serves: until then no
/// health answer of a farm module is positive. A light one waits for nobody.
///
/// Example: [`Invariant`].
#[derive(Debug, Default)]
pub struct Joining {
    joining: BTreeSet<NodeId>,
}

impl Joining {
    /// Makes the invariant.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells whether a node has to join before it may serve.
    #[must_use]
    pub fn must_join(&self, node: NodeId) -> bool {
        self.joining.contains(&node)
    }

    /// Takes note of what happened, for other invariants that ask [`Joining::must_join`].
    pub fn note<M: Subject>(&mut self, world: &World<M>, occurrence: &Occurrence<'_, M>) {
        match *occurrence {
            Occurrence::AgentStarted { node } => {
                self.joining.insert(node);
            }
            Occurrence::AgentEnded { node } => {
                self.joining.remove(&node);
            }
            Occurrence::Resumed { node, after } if after > world.cast().deadman_after() => {
                self.joining.insert(node);
            }
            Occurrence::Output { node, output } => {
                let Some(Output::Event(Event::JoinChanged { joined, .. })) = M::node_output(output)
                else {
                    return;
                };
                if *joined {
                    self.joining.remove(&node);
                } else {
                    self.joining.insert(node);
                }
            }
            Occurrence::HostDied { .. }
            | Occurrence::Paused { .. }
            | Occurrence::Resumed { .. }
            | Occurrence::ScriptStarted { .. }
            | Occurrence::ScriptEnded { .. }
            | Occurrence::ProcessDied { .. }
            | Occurrence::CommandGiven { .. }
            | Occurrence::TurnEnded { .. } => {}
        }
    }
}

impl<M: Subject> Invariant<M> for Joining {
    fn observe(&mut self, world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String> {
        self.note(world, occurrence);
        let Occurrence::TurnEnded { node } = *occurrence else { return Ok(()) };
        if !self.must_join(node) {
            return Ok(());
        }
        let mut farms = world.cast().modules.iter().filter(|it| it.config.mode == ModuleMode::Farm);
        let ready = farms.find(|it| world.health(node, &it.config.name));
        ready.map_or(Ok(()), |it| {
            Err(format!("{node}: {} is Ready before the node has joined", it.config.name))
        })
    }
}

/// Within one life of a node the number of a view only grows, and another view has another number.
///
/// Example: [`Invariant`].
#[derive(Debug, Default)]
pub struct Epochs {
    last: BTreeMap<(NodeId, Incarnation), (Epoch, View)>,
}

impl Epochs {
    /// Makes the invariant.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn note(&mut self, node: NodeId, epoch: Epoch, view: &View) -> Result<(), String> {
        let Some(member) = view.members.get(&node) else {
            return Err(format!("{node}: a view without the node itself: {view:?}"));
        };
        let now = (epoch, view.clone());
        let Some(before) = self.last.insert((node, member.incarnation), now) else { return Ok(()) };
        if epoch < before.0 {
            return Err(format!("{node}: the epoch went back from {} to {epoch}", before.0));
        }
        if epoch == before.0 && *view != before.1 {
            return Err(format!("{node}: epoch {epoch} is used for two views"));
        }
        Ok(())
    }
}

impl<M: Subject> Invariant<M> for Epochs {
    fn observe(&mut self, _world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String> {
        let Occurrence::Output { node, output } = *occurrence else { return Ok(()) };
        match M::node_output(output) {
            Some(Output::ViewProposed { epoch, view: Some(view) }) => self.note(node, *epoch, view),
            Some(Output::ViewInstalled { epoch, view }) => self.note(node, *epoch, view),
            _ => Ok(()),
        }
    }
}

/// Nobody is accused of what it has not done: in a world without strangers, clones, reinstalled hosts and differing
/// configurations none of their faults is told, no node is refuted, and no member is said to agree never.
///
/// Example: [`Invariant`].
#[derive(Debug, Default)]
pub struct Accusations;

impl<M: Subject> Invariant<M> for Accusations {
    fn observe(&mut self, _world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String> {
        let Occurrence::Output { node, output } = *occurrence else { return Ok(()) };
        match M::node_output(output) {
            Some(Output::Event(Event::JoinChanged {
                why: why @ JoinReason::Refuted { .. },
                ..
            })) => Err(format!("{node} is refuted: {why:?}")),
            Some(Output::Event(Event::Fault(fault)))
                if !matches!(fault, Fault::Excluded { .. }) =>
            {
                Err(format!("{node} finds a fault that nobody made: {fault:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl Net {
    /// Returns the views that some nodes must come to when this network stays as it is: the largest set that all
    /// reach each other, of equal ones the one with the lowest ids, without the neighbours of the set; and so on with
    /// what is left. For at most 16 nodes: all subsets are tried.
    #[must_use]
    pub fn views(&self, nodes: &[NodeId]) -> BTreeSet<BTreeSet<NodeId>> {
        let mut rest: Vec<NodeId> = nodes.iter().copied().take(16).collect();
        rest.sort_unstable();
        let mut views = BTreeSet::new();
        while let Some(best) = self.largest(&rest) {
            rest.retain(|node| {
                !best.contains(node) && !best.iter().any(|it| self.mutual(*it, *node))
            });
            views.insert(best);
        }
        views
    }

    fn largest(&self, nodes: &[NodeId]) -> Option<BTreeSet<NodeId>> {
        let subsets = (1_u32..1 << nodes.len()).map(|bits| {
            let chosen = nodes.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            chosen.map(|(_, node)| *node).collect::<BTreeSet<_>>()
        });
        let all_mutual = |set: &BTreeSet<NodeId>| {
            set.iter().all(|one| set.range(..one).all(|other| self.mutual(*one, *other)))
        };
        let cliques = subsets.filter(all_mutual);
        cliques.min_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::ids::NodeId;
    use crate::sim::Net;

    /// The chain of six: 1-2-3-4-5-6 makes the views {1,2} and {4,5}.
    #[test]
    fn a_chain_makes_the_views_of_its_largest_cliques() {
        let ids: Vec<NodeId> = (1..=6).filter_map(NodeId::new).collect();
        let mut net = Net::new(ids.clone(), crate::ids::LanId::new(0).into_iter().collect());
        assert_eq!(net.views(&ids), BTreeSet::from([ids.iter().copied().collect()]));
        for one in &ids {
            for other in &ids {
                if one.number().abs_diff(other.number()) > 1 {
                    net.cut_one_way(*one, *other);
                }
            }
        }
        let want = [[ids[0], ids[1]], [ids[3], ids[4]]].map(BTreeSet::from);
        assert_eq!(net.views(&ids), BTreeSet::from(want));
    }
}
