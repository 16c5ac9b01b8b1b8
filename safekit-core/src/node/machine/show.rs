//! What can be seen of a node from outside.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::ids::{Incarnation, ModuleName, NodeId, NodeName};
use crate::membership::{JoinReason, Membership, Transmit};
use crate::module::{Join, Module};
use crate::node::Start;

impl Node {
    /// Returns how this node stands to its cluster.
    #[must_use]
    pub fn join(&self) -> Join {
        match &self.membership {
            None => Join::NoCluster,
            Some(membership) if membership.joined() => Join::Joined,
            Some(_) => Join::Joining,
        }
    }

    /// Returns why it stands so; `None` without a cluster.
    #[must_use]
    pub fn join_reason(&self) -> Option<&JoinReason> {
        self.join_reason.as_ref()
    }

    /// Returns which of the configured nodes this one is; `None` without a cluster.
    #[must_use]
    pub fn me(&self) -> Option<NodeId> {
        self.me
    }

    /// Returns this life of the node: the counter is the one to go on from when the agent starts again.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        let Start { counter, random } = self.start;
        let unborn = Incarnation { counter, random, life: 0 };
        self.membership.as_ref().map_or(unborn, Membership::incarnation)
    }

    /// Returns the names of the configured nodes; empty without a cluster.
    #[must_use]
    pub fn names(&self) -> &BTreeMap<NodeId, NodeName> {
        &self.names
    }

    /// Returns the membership; `None` without a cluster.
    #[must_use]
    pub fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// Returns a configured module: its state, what it does and has done; `None` where it is not configured.
    #[must_use]
    pub fn module(&self, name: &ModuleName) -> Option<&Module> {
        self.modules.get(name)
    }

    /// Gives all modules, by name.
    pub fn modules(&self) -> impl Iterator<Item = (&ModuleName, &Module)> {
        self.modules.iter()
    }

    /// Returns the nodes that share the load of a module with this one, this one included; empty where it takes none.
    #[must_use]
    pub fn participants(&self, module: &ModuleName) -> BTreeSet<NodeId> {
        let view = self.membership.as_ref().and_then(Membership::view);
        let (Some((_, view)), Some(me)) = (view, self.me) else { return BTreeSet::new() };
        view.participants(me, module.key())
    }

    /// Returns the datagrams that a guardian sends when this process is dead: the same letter to everybody. They
    /// change with [`Output::CounterTaken`](crate::node::Output::CounterTaken) and with the cluster's configuration only.
    #[must_use]
    pub fn letters(&self) -> Vec<Transmit> {
        let Some(membership) = &self.membership else { return Vec::new() };
        let bytes = membership.letter();
        let recipients = membership.letter_recipients().into_iter();
        recipients.map(|(lan, to)| Transmit { lan, to, bytes: bytes.clone() }).collect()
    }
}
