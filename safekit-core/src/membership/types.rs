//! What membership takes and gives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{Epoch, Incarnation, LanId, LanSet, ModuleKey, NodeId, NodeName};
use crate::module::state::ModuleState;
use crate::wire::KeyRing;

/// What membership has to know of the cluster; made from cluster.xml once names are resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MembershipConfig {
    /// This node.
    pub me: NodeId,
    /// All nodes, this one included.
    pub nodes: BTreeMap<NodeId, NodeConfig>,
    /// Time between two heartbeats.
    pub pulse: Duration,
    /// Silence after which a member is lost: `slost_count` pulses.
    pub lost_after: Duration,
    /// The same for the lowest id, where `mlost_count` is written out.
    pub lost_after_lowest: Option<Duration>,
    /// What authenticates; names the cluster too.
    pub keys: KeyRing,
    /// Signature of cluster.xml, told to the others: a difference is named.
    pub cluster_signature: u64,
}

/// A node as membership sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name.
    pub name: NodeName,
    /// Where its heartbeats go, for each lan that it is on.
    pub addresses: BTreeMap<LanId, SocketAddr>,
}

/// What membership takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// Bytes came in on a lan. Where from is told in the log only: senders are known by key and id.
    DatagramReceived {
        /// The lan of the socket.
        lan: LanId,
        /// The address it came from.
        from: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// What this node tells of its modules; instead of what it told before.
    ModulesChanged(BTreeMap<ModuleKey, ModuleFacts>),
    /// The preparation that [`Output::ViewProposed`] asked for has ended.
    Armed {
        /// The epoch that it was for; another one is ignored.
        epoch: Epoch,
    },
    /// The node leaves: own nothing any more, say goodbye.
    Leave,
}

/// What membership gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Another view is wanted: whatever of a module's share is not this node's in it has to be let go **now**.
    /// `None`: this node is in no view, and owns nothing. When the preparation has ended, say [`Input::Armed`].
    ViewProposed {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Option<Arc<View>>,
    },
    /// All members have said the same: what the view gives to this node may be claimed.
    ViewInstalled {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Arc<View>,
    },
    /// The node has joined, or is joining again. While it joins, it is not ready.
    JoinChanged {
        /// Whether it has joined.
        joined: bool,
        /// Why.
        why: JoinReason,
    },
    /// What is known of a member has changed.
    MemberChanged {
        /// The member.
        member: NodeId,
        /// Its state.
        state: MemberState,
        /// Why.
        why: MemberReason,
    },
    /// The facts that another node tells of its modules have changed.
    PeerModulesChanged {
        /// Who tells them.
        member: NodeId,
    },
    /// The incarnation's counter had to grow beyond what the guardian gave: persist it, and give the guardian the new letter.
    CounterTaken {
        /// The new counter.
        counter: u32,
    },
    /// A fault that an administrator has to know of; not repeated within a minute for the same subject.
    Fault(Fault),
    /// The node has said goodbye as often as it does: the process may end.
    Left,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From which lan's socket.
    pub lan: LanId,
    /// To where.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// A set of nodes that act together; a pure function of who hears whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// Its members, each with the incarnation that it has in the view and the modules it takes load of.
    pub members: BTreeMap<NodeId, ViewMember>,
}

/// A member within a view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewMember {
    /// The life that is meant.
    pub incarnation: Incarnation,
    /// The modules that it takes load of, each with the group of participants it belongs to: participants of one
    /// module that do not hear each other on the module's lans are in different groups, and each group shares the
    /// whole load. Group 0 where all hear each other.
    pub takes: BTreeMap<ModuleKey, u8>,
}

impl View {
    /// Returns the participants of a module that share with a node, that node included; empty where it takes no load.
    #[must_use]
    pub fn participants(&self, node: NodeId, module: ModuleKey) -> BTreeSet<NodeId> {
        let group = |member: &ViewMember| member.takes.get(&module).copied();
        let Some(mine) = self.members.get(&node).and_then(group) else { return BTreeSet::new() };
        self.members
            .iter()
            .filter(|(_, member)| group(member) == Some(mine))
            .map(|(id, _)| *id)
            .collect()
    }
}

/// What a node tells of one of its modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModuleFacts {
    /// Whether the module takes load here.
    pub takes: bool,
    /// Its state.
    pub state: ModuleState,
    /// Lans whose heartbeats count for it.
    pub lans: LanSet,
    /// Low half of the configuration's signature: a difference is named.
    pub config: u32,
    /// Signature of what the shares are computed from.
    pub sharing: u32,
}

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MemberState {
    /// Never heard, or lost.
    Lost,
    /// Heard, and not joined yet.
    Joining,
    /// Heard.
    Alive,
    /// Said goodbye, or its guardian announced its end.
    Left,
}

/// Why a member's state changed: the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberReason {
    /// A heartbeat of a life not heard before.
    Heard {
        /// The life.
        incarnation: Incarnation,
        /// On which lan.
        lan: LanId,
    },
    /// It said that it has joined.
    Joined,
    /// Silence.
    Silent {
        /// How long.
        silence: Duration,
        /// The longest of this node's own loop turns within that time: evidence that the silence is not its own.
        own_lateness: Duration,
    },
    /// Its end was announced, by itself or its guardian.
    Announced,
    /// This node began a new life and has to hear everybody again.
    OwnPause,
}

/// Why joining begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinReason {
    /// The node starts.
    Started,
    /// The loop stood still for that long, and others may have noticed.
    Paused {
        /// How long.
        gap: Duration,
    },
    /// Somebody knows a later life of this node.
    Refuted {
        /// That life.
        known: Incarnation,
    },
    /// All configured nodes are heard, and hear this one.
    AllHeard,
    /// Everybody whom the heard ones hear is heard.
    PeersHeard,
    /// One loss time of silence: the node is alone, or the others do not answer.
    Alone,
}

/// What keeps a node or datagram out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Datagrams of another cluster, or with a key that is not known here.
    UnknownKey {
        /// Who claims to send.
        from: SocketAddr,
    },
    /// The tag does not fit the bytes.
    BadTag {
        /// Who claims to send.
        from: SocketAddr,
    },
    /// The sender's cluster.xml gives its id to another name.
    OtherName {
        /// The id.
        member: NodeId,
        /// Who claims to send.
        from: SocketAddr,
    },
    /// The sender's version of the format is not understood.
    OtherVersion {
        /// The version.
        version: u8,
        /// Who claims to send.
        from: SocketAddr,
    },
    /// Another process runs with this node's id and key.
    DuplicateNode {
        /// The id.
        member: NodeId,
    },
    /// cluster.xml differs.
    ClusterDiffers {
        /// On that node.
        member: NodeId,
    },
    /// A module's configuration differs.
    ModuleDiffers {
        /// On that node.
        member: NodeId,
        /// The module.
        module: ModuleKey,
    },
    /// A member hears everybody and still never agrees: it is treated as unheard.
    NeverAgrees {
        /// The member.
        member: NodeId,
    },
    /// This node is heard and hears, but is in no view: the others hear each other better.
    Excluded {
        /// Who is in the view beside it.
        view: BTreeSet<NodeId>,
    },
}
