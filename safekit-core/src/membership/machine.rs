//! The membership of one node as a machine: what it keeps, and the order of one turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::cadence::{ARM_WAIT, Cadence, LETTER_TIMES, REFUTE_WINDOW};
use super::doubt::Doubt;
use super::faults::{FaultLimiter, RefusedNodes};
use super::graph::Graph;
use super::identity::Identity;
use super::pace::Pace;
use super::peer::Peer;
use super::shun::Shunned;
use super::status::Roll;
use super::table::{Known, Table};
use super::turns::Turns;
use super::{
    Fault, Input, JoinReason, MemberStatus, MembershipConfig, Output, RefusedCounts, Start, View,
};
use crate::ids::{Epoch, Incarnation, LanId, LanSet, ModuleKey, NodeId};
use crate::machine::Machine;
use crate::wire::{Letter, ModuleFacts, Row, Seal, name_check};

/// Agrees with the other nodes on who is there.
///
/// Inputs are only recorded; everything that follows from them, and from silence, is judged in
/// [`Machine::handle_timeout`], which the driver calls on every turn after all inputs.
///
/// A [`Node`](crate::node::Node) owns it and feeds it. Driven by itself, with two nodes that hear each other:
///
/// ```
/// use std::time::Instant;
/// use safekit_core::Machine;
/// use safekit_core::ids::{LanId, LanSet, ModuleName, NodeId, NodeName};
/// use safekit_core::membership::{
///     Input, MemberState, MemberStatus, Membership, MembershipConfig, ModuleFacts, NodeConfig, Output,
///     Start, Transmit, View,
/// };
/// use safekit_core::module::state::ModuleState;
///
/// let lan = LanId::new(0).ok_or("the first lan")?;
/// let [one, two] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
/// let node = |name: &str, address: &str| -> Result<_, Box<dyn std::error::Error>> {
///     Ok(NodeConfig { name: NodeName::new(name)?, addresses: [(lan, address.parse()?)].into() })
/// };
/// let nodes = [(one, node("node1", "10.0.0.1:4800")?), (two, node("node2", "10.0.0.2:4800")?)];
/// let mut now = Instant::now();
/// let mut machines = [one, two].map(|me| {
///     let config = MembershipConfig::new(me, nodes.clone().into());
///     Membership::new(now, config, Start { counter: 1, random: u32::from(me.number()) })
/// });
///
/// // The second one takes load of a module.
/// let web = ModuleName::new("web")?.key();
/// let state = ModuleState::UP_READY;
/// let facts = ModuleFacts { takes: true, state, lans: LanSet::ALL, config: 0, sharing: 0 };
/// machines[1].handle_input(now, Input::ModulesChanged([(web, facts)].into()));
///
/// for _turn in 0..100 {
///     let mut sent = Vec::new();
///     for (from, machine) in machines.iter_mut().enumerate() {
///         machine.handle_timeout(now);
///         while let Some(output) = machine.poll_output() {
///             match output {
///                 Output::Transmit(transmit) => sent.push((from, transmit)),
///                 // A packet filter would be prepared now.
///                 Output::ViewProposed { epoch, view: Some(_) } => {
///                     machine.handle_input(now, Input::Armed { epoch });
///                 }
///                 _ => {} // what others have to know: shares, log
///             }
///         }
///     }
///     for (from, Transmit { lan, bytes, .. }) in sent {
///         let from_addr = nodes[from].1.addresses[&lan];
///         machines[1 - from].handle_input(now, Input::DatagramReceived { lan, from: from_addr, bytes });
///     }
///     let due = machines.iter().filter_map(|machine| machine.poll_timeout()).min();
///     now = due.unwrap_or(now).max(now);
/// }
///
/// let (_epoch, view) = machines[0].view().ok_or("a view is in force")?;
/// let view: &View = &view;
/// assert_eq!(view.members.len(), 2);
/// assert_eq!(view.participants(two, web), [two].into());
/// let seen: MemberStatus = machines[0].member(two).ok_or("node2 is configured")?;
/// assert_eq!(seen.state, MemberState::Alive);
/// assert_eq!(machines[0].peer_modules(two)[&web].state, ModuleState::UP_READY);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Membership {
    pub(super) config: MembershipConfig,
    pub(super) cadence: Cadence,
    pub(super) seal: Seal,
    pub(super) name: u16,
    pub(super) identity: Identity,
    pub(super) phase: Phase,
    /// Since when this node joins; `None` once it has.
    pub(super) joining: Option<Instant>,
    pub(super) peers: BTreeMap<NodeId, Peer>,
    /// Whom this node hears: the life, and the lans.
    pub(super) hearing: BTreeMap<NodeId, (Incarnation, LanSet)>,
    pub(super) table: Table,
    /// Who hears whom, by the rows of the others and the own draft.
    pub(super) graph: Graph,
    /// The own row as it is being written; the published one is in the table.
    pub(super) draft: Row,
    pub(super) changed: Instant,
    pub(super) doubt: Doubt,
    pub(super) agreement: Agreement,
    pub(super) shunned: Shunned,
    /// The fault that this node is in no view, while it is in none.
    pub(super) excluded: Option<Fault>,
    pub(super) roll: Roll,
    pub(super) faults: FaultLimiter,
    pub(super) refused: RefusedCounts,
    pub(super) refused_nodes: RefusedNodes,
    pub(super) turns: Turns,
    pub(super) pace: Pace,
    pub(super) sequence: u64,
    /// Where the own stamps count from.
    pub(super) base: Instant,
    /// The latest time that was handed in.
    pub(super) clock: Instant,
    /// An input has to be judged.
    pub(super) pending: bool,
    /// When silence or waiting has to be judged next.
    pub(super) judge_at: Option<Instant>,
    pub(super) outputs: VecDeque<Output>,
    no_modules: BTreeMap<ModuleKey, ModuleFacts>,
}

/// Whether the node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does.
    Living,
    /// It leaves, and waits until everything is let go.
    LettingGo {
        /// Since when.
        since: Instant,
    },
    /// It says goodbye.
    Leaving {
        /// When the first letter went out.
        since: Instant,
        /// How many did.
        sent: usize,
    },
    /// It has left.
    Left,
}

impl Membership {
    /// Begins a life, joining. `config` holds at most [`crate::ids::NODES_MAX`] nodes by its type; where it does not
    /// hold this node itself, nothing is sent.
    #[must_use]
    pub fn new(now: Instant, config: MembershipConfig, start: Start) -> Self {
        let identity = Identity::new(start);
        let others = || config.nodes.keys().copied().filter(|node| *node != config.me);
        let mut draft = Row::new(config.me, identity.incarnation());
        draft.cluster_signature = config.cluster_signature;
        let mut membership = Self {
            cadence: Cadence::new(&config),
            seal: Seal::new(&config.keys),
            name: config.nodes.get(&config.me).map_or(0, |node| name_check(&node.name)),
            identity,
            phase: Phase::Living,
            joining: Some(now),
            peers: others().map(|node| (node, Peer::default())).collect(),
            hearing: BTreeMap::new(),
            table: Table::new(),
            graph: Graph::new(),
            draft,
            changed: now,
            doubt: Doubt::new(now),
            agreement: Agreement::new(now),
            shunned: Shunned::default(),
            excluded: None,
            roll: Roll::new(others()),
            faults: FaultLimiter::default(),
            refused: RefusedCounts::default(),
            refused_nodes: RefusedNodes::default(),
            turns: Turns::new(now),
            pace: Pace::new(now),
            sequence: 0,
            base: now,
            clock: now,
            pending: true,
            judge_at: None,
            outputs: VecDeque::new(),
            no_modules: BTreeMap::new(),
            config,
        };
        membership
            .outputs
            .push_back(Output::JoinChanged { joined: false, why: JoinReason::Started });
        membership
    }

    /// Returns the present life of this node.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.identity.incarnation()
    }

    /// Tells whether the node has joined. While it has not, it is not ready.
    #[must_use]
    pub fn joined(&self) -> bool {
        self.joining.is_none()
    }

    /// Returns the view in force on this node.
    #[must_use]
    pub fn view(&self) -> Option<(Epoch, Arc<View>)> {
        self.agreement.installed().map(|(epoch, view)| (*epoch, Arc::clone(view)))
    }

    /// Returns the view that this node proposes; the same as the one in force once all members agree.
    #[must_use]
    pub fn proposed(&self) -> Option<(Epoch, Arc<View>)> {
        self.agreement.view().map(|view| (self.agreement.epoch(), Arc::clone(view)))
    }

    /// Returns how another node stands; `None` for this node and for those that are not configured.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<MemberStatus> {
        let standing = self.roll.standing(node)?;
        let peer = self.peers.get(&node)?;
        Some(MemberStatus {
            state: standing.state,
            why: standing.why.clone(),
            silence: peer.last_heard().map(|last| self.clock.saturating_duration_since(last)),
            lans: peer.lans(),
            incarnation: self.table.row(node).map(|row| row.incarnation),
        })
    }

    /// Returns what a node told last of its modules, even if it is lost; nothing once it has left.
    #[must_use]
    pub fn peer_modules(&self, node: NodeId) -> &BTreeMap<ModuleKey, ModuleFacts> {
        self.table.row(node).map_or(&self.no_modules, |row| &row.modules)
    }

    /// Returns the signature of a node's cluster.xml, as it tells; `None` for a node that is not heard.
    #[must_use]
    pub fn cluster_signature(&self, node: NodeId) -> Option<u64> {
        if node == self.config.me {
            return Some(self.config.cluster_signature);
        }
        let row = self.table.row(node).filter(|_| self.hearing.contains_key(&node));
        row.map(|row| row.cluster_signature)
    }

    /// Returns the datagram that ends every life of the present counter: for the guardian, to be sent when this
    /// process is dead. It changes with [`Output::CounterTaken`] only.
    #[must_use]
    pub fn letter(&self) -> Vec<u8> {
        Letter::new(self.config.me, self.name, self.incarnation().counter).seal(&self.seal)
    }

    /// Returns where the letter has to go: every other node on every lan that both are on.
    #[must_use]
    pub(crate) fn letter_recipients(&self) -> Vec<(LanId, SocketAddr)> {
        self.peers.keys().flat_map(|node| self.routes(*node)).collect()
    }

    /// Returns how many datagrams were refused, by reason.
    #[must_use]
    pub fn refused(&self) -> RefusedCounts {
        self.refused
    }

    /// Returns the faults that stand at this moment.
    #[must_use]
    pub fn faults(&self) -> BTreeSet<Fault> {
        let mut faults = BTreeSet::new();
        if self.identity.is_double() {
            faults.insert(Fault::DuplicateNode { member: self.config.me });
        }
        let doubles = self.peers.iter().filter(|(_, it)| it.is_double(self.clock, REFUTE_WINDOW));
        faults.extend(doubles.map(|(member, _)| Fault::DuplicateNode { member: *member }));
        let shunned = |known: &&Known| {
            self.shunned.contains(self.clock, known.row.node, known.row.incarnation)
        };
        let never = self.table.iter().filter(shunned);
        faults.extend(never.map(|known| Fault::NeverAgrees { member: known.row.node }));
        faults.extend(self.excluded.clone());
        for known in self.table.iter().filter(|known| self.hearing.contains_key(&known.row.node)) {
            faults.extend(self.differences(&known.row));
        }
        // Of a node that is heard, somebody else only claims the address.
        for (member, fault) in self.refused_nodes.standing(self.clock) {
            if !self.hearing.contains_key(&member) {
                faults.insert(fault.clone());
            }
        }
        faults
    }

    /// Gives the ways to a node: each lan that both are on.
    pub(super) fn routes(&self, node: NodeId) -> Vec<(LanId, SocketAddr)> {
        let addresses = |node| self.config.nodes.get(&node).map(|config| &config.addresses);
        let (Some(mine), Some(theirs)) = (addresses(self.config.me), addresses(node)) else {
            return Vec::new();
        };
        theirs
            .iter()
            .filter(|(lan, _)| mine.contains_key(*lan))
            .map(|(lan, to)| (*lan, *to))
            .collect()
    }

    /// Returns in what another node's configuration differs from this one's.
    pub(super) fn differences(&self, row: &Row) -> Vec<Fault> {
        let member = row.node;
        let mut faults = Vec::new();
        if row.cluster_signature != self.config.cluster_signature {
            faults.push(Fault::ClusterDiffers { member });
        }
        for (module, facts) in &row.modules {
            let mine = self.draft.modules.get(module);
            if mine.is_some_and(|mine| (mine.config, mine.sharing) != (facts.config, facts.sharing))
            {
                faults.push(Fault::ModuleDiffers { member, module: *module });
            }
        }
        faults
    }

    /// Tells a fault, unless it was told lately.
    pub(super) fn fault(&mut self, now: Instant, fault: Fault) {
        if self.faults.admit(now, &fault) {
            self.outputs.push_back(Output::Fault(fault));
        }
    }

    /// Ends the present life and begins the next one, joining: after a pause that others may have noticed, and when
    /// somebody knows a later life. Whatever was queued speaks of the former one.
    pub(super) fn become_joining(&mut self, now: Instant, why: JoinReason) {
        self.joining = Some(now);
        self.excluded = None;
        self.hearing.clear();
        for peer in self.peers.values_mut() {
            peer.forget();
        }
        self.doubt.end();
        if self.agreement.view().is_some() {
            self.outputs.push_back(self.agreement.propose(now, None));
        }
        self.outputs.push_back(Output::JoinChanged { joined: false, why });
        self.outputs.extend(self.roll.forget());
        self.pending = true;
    }

    /// Decides whether others may have given this node up while its loop stood still.
    fn judge_own_pause(&mut self, now: Instant, gap: Duration) {
        let limit = self.cadence.own_pause();
        let unheard = |member: &NodeId| {
            let acked = self.peers.get(member).and_then(|peer| peer.acked);
            acked.is_none_or(|sent| now.saturating_duration_since(sent) > limit)
        };
        let me = self.config.me;
        let members = self.agreement.view().map(|view| &view.members);
        let noticed = gap > limit
            || members
                .is_some_and(|members| members.keys().filter(|member| **member != me).any(unheard));
        if noticed {
            self.identity.next_life();
            self.become_joining(now, JoinReason::Paused { gap });
        } else {
            for peer in self.peers.values_mut() {
                peer.forgive(now, gap);
            }
        }
    }

    fn begin_leaving(&mut self, now: Instant) {
        if self.phase == Phase::Left {
            self.outputs.push_back(Output::Left);
        }
        if self.phase != Phase::Living {
            return;
        }
        self.phase = Phase::LettingGo { since: now };
        if self.agreement.view().is_some() {
            self.outputs.push_back(self.agreement.propose(now, None));
        }
        self.pending = true;
    }

    /// Goes on with the goodbye: let go, send the letter three times, end.
    fn go_on_leaving(&mut self, now: Instant) {
        if let Phase::LettingGo { since } = self.phase
            && (self.agreement.is_out() || now >= since + ARM_WAIT)
        {
            self.phase = Phase::Leaving { since: now, sent: 0 };
        }
        while let Phase::Leaving { since, sent } = self.phase {
            match LETTER_TIMES.get(sent) {
                None => {
                    self.phase = Phase::Left;
                    self.outputs.push_back(Output::Left);
                }
                Some(after) if now >= since + *after => {
                    self.send_letter();
                    self.phase = Phase::Leaving { since, sent: sent + 1 };
                }
                Some(_) => return,
            }
        }
    }

    fn check_invariants(&self) {
        debug_assert!(
            self.joining.is_none() || self.agreement.view().is_none(),
            "who joins proposes nothing"
        );
        debug_assert!(
            self.agreement.view().is_none_or(|view| view.members.contains_key(&self.config.me)),
            "whoever proposes a view is in it"
        );
        debug_assert!(
            self.table.row(self.config.me).is_none_or(|row| row.incarnation <= self.incarnation()),
            "the own row is of the own lives"
        );
        debug_assert!(!self.hearing.contains_key(&self.config.me), "nobody hears itself");
    }
}

impl Machine for Membership {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.clock = self.clock.max(now);
        let now = self.clock;
        match input {
            Input::DatagramReceived { lan, from, bytes } => self.receive(now, lan, from, &bytes),
            Input::ModulesChanged(modules) => {
                self.pending |= self.draft.modules != modules;
                self.draft.modules = modules;
            }
            Input::Armed { epoch } => self.pending |= self.agreement.arm(epoch),
            Input::Leave => self.begin_leaving(now),
        }
        self.check_invariants();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        let now = self.clock;
        let gap = self.turns.turn(now);
        let stood_still = gap > self.cadence.gap();
        if matches!(self.phase, Phase::Living | Phase::LettingGo { .. }) {
            if stood_still {
                self.judge_own_pause(now, gap);
            }
            if stood_still || self.pending || self.judge_at.is_some_and(|at| at <= now) {
                self.pending = false;
                self.decide(now);
            }
        }
        self.go_on_leaving(now);
        self.send_what_is_due(now);
        self.check_invariants();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let let_go_at = match self.phase {
            Phase::Living => None,
            Phase::LettingGo { since } => Some(since + ARM_WAIT),
            Phase::Leaving { since, sent } => {
                return LETTER_TIMES.get(sent).map(|after| since + *after);
            }
            Phase::Left => return None,
        };
        if self.pending {
            return Some(self.clock);
        }
        [self.judge_at, let_go_at, Some(self.pace.deadline())].into_iter().flatten().min()
    }
}
