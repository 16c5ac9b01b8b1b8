//! What membership takes and gives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{Epoch, Incarnation, LanId, LanSet, ModuleKey, NodeId, NodeName};
use crate::wire::{KeyRing, ModuleFacts};

/// What membership has to know of the cluster; made from cluster.xml once names are resolved.
///
/// Example: [`MembershipConfig::from_cluster`], from cluster.xml, and of values of your own:
///
/// ```
/// use std::time::Duration;
/// use safekit_core::ids::{LanId, NodeId, NodeName};
/// use safekit_core::membership::{MembershipConfig, NodeConfig};
///
/// let lan = LanId::new(0).ok_or("the first lan")?;
/// let me = NodeId::new(1).ok_or("the first node")?;
/// let addresses = [(lan, "10.0.0.1:4800".parse()?)].into();
/// let mut config =
///     MembershipConfig::new(me, [(me, NodeConfig { name: NodeName::new("node1")?, addresses })].into());
/// // Faster than the default: a lost node is noticed after 300 ms.
/// (config.pulse, config.lost_after) = (Duration::from_millis(50), Duration::from_millis(300));
/// assert_eq!(config.nodes.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MembershipConfig {
    /// This node.
    pub me: NodeId,
    /// All nodes, this one included.
    pub nodes: BTreeMap<NodeId, NodeConfig>,
    /// Time between two heartbeats: 100 ms by default, 1 ms to 60 s. Lower: a loss is noticed earlier, at the price of
    /// more datagrams and of a shorter time that this process may stand still.
    pub pulse: Duration,
    /// Silence after which a member is lost: `slost_count` pulses, 1 s by default, at least three pulses, at most an
    /// hour. Higher: fewer false losses, at the price of a later takeover from a host that went dark.
    pub lost_after: Duration,
    /// The same for the lowest id, where `mlost_count` is written out.
    pub lost_after_lowest: Option<Duration>,
    /// What authenticates; names the cluster too.
    pub keys: KeyRing,
    /// Signature of cluster.xml, told to the others: a difference is named.
    pub cluster_signature: u64,
}

impl MembershipConfig {
    /// Makes a configuration with the defaults: a pulse of 100 ms, loss after 1 s of silence, no keys.
    #[must_use]
    pub fn new(me: NodeId, nodes: BTreeMap<NodeId, NodeConfig>) -> Self {
        Self {
            me,
            nodes,
            pulse: Duration::from_millis(100),
            lost_after: Duration::from_secs(1),
            lost_after_lowest: None,
            keys: KeyRing::default(),
            cluster_signature: 0,
        }
    }
}

/// A node as membership sees it.
///
/// Example: [`MembershipConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name in cluster.xml; heartbeats carry its signature, so that two clusters that disagree notice.
    pub name: NodeName,
    /// Where its heartbeats go, for each lan that it is on.
    pub addresses: BTreeMap<LanId, SocketAddr>,
}

/// What this start of the agent is.
///
/// Example: [`Node`](crate::node::Node).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The counter that the guardian gave: higher than that of every start before.
    pub counter: u32,
    /// A random number, drawn for this start.
    pub random: u32,
}

/// What membership takes.
///
/// Example: [`Membership`](super::Membership).
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
///
/// Example: [`Membership`](super::Membership).
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
///
/// Example: [`Membership`](super::Membership).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From which lan's socket.
    pub lan: LanId,
    /// The address and port of the other node on that lan.
    pub to: SocketAddr,
    /// The datagram, sealed: to be sent as it is, and not to be kept for later.
    pub bytes: Vec<u8>,
}

/// A set of nodes that act together; a pure function of who hears whom.
///
/// Example: [`ViewMember`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// Its members, each with the incarnation that it has in the view and the modules it takes load of.
    pub members: BTreeMap<NodeId, ViewMember>,
    /// For each module with a participant: the signature of what its shares are computed from, the same on all its
    /// participants. It is part of the view, so weights never change within one.
    pub sharing: BTreeMap<ModuleKey, u32>,
}

/// A member within a view.
///
/// ```
/// use safekit_core::ids::{Incarnation, ModuleName, NodeId};
/// use safekit_core::membership::{View, ViewMember};
///
/// let [one, two, three] = [1, 2, 3].map(NodeId::new);
/// let (Some(one), Some(two), Some(three)) = (one, two, three) else { return Err("three nodes".into()) };
/// let web = ModuleName::new("web")?.key();
/// let incarnation = Incarnation { counter: 1, random: 7, life: 0 };
/// let takes = ViewMember { incarnation, takes: [(web, 0)].into() };
/// let stands_by = ViewMember { incarnation, takes: [].into() };
/// let members = [(one, takes.clone()), (two, takes), (three, stands_by)].into();
/// let view = View { members, ..View::default() };
/// assert_eq!(view.participants(one, web), [one, two].into());
/// assert!(view.participants(three, web).is_empty(), "it takes no load");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewMember {
    /// The life that is meant.
    pub incarnation: Incarnation,
    /// The modules that it takes load of, each with the group of participants it belongs to: participants of one
    /// module that do not hear each other on the module's lans are in different groups, and each group shares the
    /// whole load. Group 0 where all hear each other. Two groups never hear each other on these lans: one who hears
    /// some of a group, and not all of it, takes no load, as in the choice of views.
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

/// How a member stands.
///
/// Example: [`Membership`](super::Membership).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MemberState {
    /// Never heard, lost, or heard without any sign that it hears this life of this node.
    Lost,
    /// Heard, and not joined yet.
    Joining,
    /// Heard, and it has heard this life of this node.
    Alive,
    /// Said goodbye, or its guardian announced its end.
    Left,
}

/// What is known of a member at one moment.
///
/// Example: [`Membership`](super::Membership).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberStatus {
    /// How it stands.
    pub state: MemberState,
    /// Why; `None` while it was never heard, or has never answered.
    pub why: Option<MemberReason>,
    /// Time since its last heartbeat; `None` where there was none in this node's life.
    pub silence: Option<Duration>,
    /// The lans on which it is heard.
    pub lans: LanSet,
    /// The latest of its lives that is known.
    pub incarnation: Option<Incarnation>,
}

/// Datagrams that were refused, by reason. Each is dropped without any other effect.
///
/// ```
/// use std::time::Instant;
/// use safekit_core::Machine;
/// use safekit_core::ids::{LanId, NodeId, NodeName};
/// use safekit_core::membership::{Input, Membership, MembershipConfig, NodeConfig, RefusedCounts, Start};
///
/// let (me, lan) = (NodeId::new(1).ok_or("a node")?, LanId::new(0).ok_or("a lan")?);
/// let alone = NodeConfig { name: NodeName::new("node1")?, addresses: [].into() };
/// let config = MembershipConfig::new(me, [(me, alone)].into());
/// let now = Instant::now();
/// let mut membership = Membership::new(now, config, Start { counter: 1, random: 7 });
///
/// let (from, bytes) = ("192.0.2.7:53".parse()?, b"something that talks to this port".to_vec());
/// membership.handle_input(now, Input::DatagramReceived { lan, from, bytes });
/// let refused: RefusedCounts = membership.refused();
/// assert_eq!((refused.foreign, refused.bad_tag), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedCounts {
    /// No datagram of a farm at all.
    pub foreign: u64,
    /// Another version of the format.
    pub other_version: u64,
    /// Another cluster, or an unknown key.
    pub unknown_key: u64,
    /// The tag does not fit.
    pub bad_tag: u64,
    /// Authentic, and not well formed.
    pub malformed: u64,
    /// From or to a node that cluster.xml gives to another name or does not have, or on another lan than it says.
    pub misaddressed: u64,
    /// Received before, overtaken by a later one, or of a former life.
    pub old: u64,
}

/// Why a member's state changed: the evidence.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::membership::MemberReason;
///
/// /// Whether this node's own loop may be to blame.
/// fn is_doubtful(why: &MemberReason) -> bool {
///     matches!(why, MemberReason::Silent { silence, own_lateness } if *own_lateness * 2 > *silence)
/// }
///
/// let why = MemberReason::Silent {
///     silence: Duration::from_millis(1_000),
///     own_lateness: Duration::from_millis(3),
/// };
/// assert!(!is_doubtful(&why));
/// assert!(!is_doubtful(&MemberReason::Announced));
/// ```
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
///
/// ```
/// use std::time::Duration;
/// use safekit_core::event::Event;
/// use safekit_core::explain::{Names, line};
/// use safekit_core::membership::JoinReason;
///
/// let why = JoinReason::Paused { gap: Duration::from_secs(4) };
/// let told = line(&Event::JoinChanged { joined: false, why }, &Names::default());
/// assert!(told.text.starts_with("This node has to join: "), "{}", told.text);
/// ```
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
///
/// ```
/// use safekit_core::event::Event;
/// use safekit_core::ids::NodeId;
/// use safekit_core::membership::Fault;
///
/// /// Whether the nodes must be given the same files again.
/// fn differs(event: &Event) -> Option<NodeId> {
///     match event {
///         Event::Fault(Fault::ClusterDiffers { member } | Fault::ModuleDiffers { member, .. }) => {
///             Some(*member)
///         }
///         _ => None,
///     }
/// }
///
/// let member = NodeId::new(2).ok_or("a node")?;
/// assert_eq!(differs(&Event::Fault(Fault::ClusterDiffers { member })), Some(member));
/// assert_eq!(differs(&Event::Fault(Fault::DuplicateNode { member })), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Datagrams of another cluster, or with a key that is not known here.
    UnknownKey {
        /// Who claims to send.
        from: SocketAddr,
        /// The node that cluster.xml gives that address to.
        member: Option<NodeId>,
    },
    /// The tag does not fit the bytes.
    BadTag {
        /// Who claims to send.
        from: SocketAddr,
        /// The node that cluster.xml gives that address to.
        member: Option<NodeId>,
    },
    /// The sender's cluster.xml gives an id, its own or this node's, to another name.
    OtherName {
        /// The id.
        member: NodeId,
        /// Who claims to send.
        from: SocketAddr,
    },
    /// The sender's cluster.xml has the lans in another order.
    OtherLan {
        /// The sender.
        member: NodeId,
    },
    /// The sender's version of the format is not understood.
    OtherVersion {
        /// The version.
        version: u8,
        /// Who claims to send.
        from: SocketAddr,
    },
    /// Two processes run with the id and key of a node, this one or another.
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
