//! The node's machine: hands inputs to whom they are for, and lets membership and modules hear of each other.
//!
//! ```text
//! datagrams ──► Membership ──JoinChanged, others' states──► Modules ◄── commands, ends of scripts, processes
//!                   ▲                                          │
//!                   └────────────── ModulesChanged ────────────┘
//! ```
//!
//! Always: a child's outputs are taken right after each call; an action's end goes to the module that ordered it, or
//! to nobody; membership tells exactly what the modules are.
//! Not here: who is there (`membership`), what a module does (`module`), shares (`safekit-farm`), getters (`show`).

mod show;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::asks::{Askers, Asks};
use super::scans::Scans;
use super::{Action, Input, ModuleSetup, Outcome, Output, Start};
use crate::config::model::ModuleMode;
use crate::control::{ModuleCommand, Origin, Refusal, WatchSwitch};
use crate::event::{Event, ModuleRefusal};
use crate::ids::{
    ActionId, CommandId, Epoch, MODULES_MAX, ModuleKey, ModuleName, NodeId, NodeName,
};
use crate::machine::Machine;
use crate::membership::{
    self, Fault, JoinReason, MemberState, Membership, MembershipConfig, ModuleFacts, View,
};
use crate::module::state::ModuleState;
use crate::module::watch::{ServiceInfo, ServiceState, Services};
use crate::module::{self, Join, Module};

/// Membership and modules answer each other at most so often within one call: join, ready, told; with a reserve.
const ROUNDS_MAX: u32 = 8;

/// A node of a farm. The agent and the simulator run the same one.
///
/// # Example
///
/// A module is started, and the order that the node gives is carried out: here by writing it down.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use safekit_core::Machine;
/// use safekit_core::config::module;
/// use safekit_core::control::{Command, ModuleCommand, Origin};
/// use safekit_core::ids::{CommandId, LanSet, ModuleName, NodeId, NodeName};
/// use safekit_core::membership::{MembershipConfig, NodeConfig};
/// use safekit_core::module::script::{Script, ScriptEnd};
/// use safekit_core::node::{Action, AgentStart, Input, ModuleSetup, Node, Outcome, Output, Start};
///
/// let me = NodeId::new(1).ok_or("the first node")?;
/// let alone = NodeConfig { name: NodeName::new("node1")?, addresses: [].into() };
/// let cluster = MembershipConfig::new(me, [(me, alone)].into());
/// let web = ModuleName::new("web")?;
/// let text = br#"<safe><service mode="farm"><farm><lan name="default"/></farm><user/></service></safe>"#;
/// let config = module::parse(&web, "userconfig.xml", text, &|_| None).model.ok_or("a fault")?;
/// let setup = ModuleSetup {
///     config: Arc::new(config),
///     scripts: [Script::StartBoth, Script::StopBoth].into(),
///     lans: LanSet::ALL,
///     sharing: 0,
///     saved: None,
///     start: AgentStart::HostBooted,
/// };
/// let origin = Origin::User("root".to_owned());
/// let command = ModuleCommand { module: web.clone(), command: Command::Start, origin };
///
/// let mut now = Instant::now();
/// let mut node = Node::new(now, Start { counter: 1, random: 7 });
/// node.handle_input(now, Input::ClusterConfigured(Box::new(cluster)));
/// node.handle_input(now, Input::ModuleConfigured(Box::new(setup)));
/// node.handle_input(now, Input::CommandReceived { id: CommandId(1), command });
/// let mut story = Vec::new();
/// for _turn in 0..50 {
///     node.handle_timeout(now);
///     while let Some(output) = node.poll_output() {
///         match output {
///             Output::Action { id, action } => {
///                 let outcome = match action {
///                     Action::RunScript(run) => {
///                         story.push(run.script.as_str().to_owned());
///                         let (end, duration) = (ScriptEnd::Exited { code: 0 }, Duration::from_secs(2));
///                         Outcome::Script { end, duration, userlog: None }
///                     }
///                     Action::ScanProcesses => Outcome::Processes([].into()),
///                     _ => Outcome::Done,
///                 };
///                 node.handle_input(now, Input::ActionFinished { id, outcome });
///             }
///             Output::StateChanged { state, .. } => story.push(state.to_string()),
///             Output::CommandAnswered { answer, .. } => story.push(answer?.text),
///             _ => {} // datagrams to send, events to log
///         }
///     }
///     now = node.poll_timeout().unwrap_or(now).max(now);
/// }
/// assert_eq!(story, [
///     "STOP (NotReady)",
///     "WAIT (Transient)",
///     "UP (Transient)",
///     "start_both",
///     "starting", // the answer to the command
///     "UP (Ready)",
/// ]);
/// assert!(node.module(&web).is_some_and(|module| module.takes()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Node {
    /// Since when it is there.
    since: Instant,
    start: Start,
    me: Option<NodeId>,
    names: BTreeMap<NodeId, NodeName>,
    membership: Option<Membership>,
    join_reason: Option<JoinReason>,
    modules: BTreeMap<ModuleName, Module>,
    /// How many modules this node has ever had: the numbers of the modules are never used again.
    made: u32,
    actions: u64,
    scans: Scans,
    asks: Asks,
    facts: BTreeMap<ModuleKey, ModuleFacts>,
    /// Whether they may have changed since membership was told.
    facts_stale: bool,
    told_members: Option<BTreeSet<NodeId>>,
    outputs: VecDeque<Output>,
}

impl Node {
    /// Makes a node without cluster and modules. `start` is what the guardian gave for this start of the agent.
    #[must_use]
    pub fn new(now: Instant, start: Start) -> Self {
        Self {
            since: now,
            start,
            me: None,
            names: BTreeMap::new(),
            membership: None,
            join_reason: None,
            modules: BTreeMap::new(),
            made: 0,
            actions: 0,
            scans: Scans::default(),
            asks: Asks::default(),
            facts: BTreeMap::new(),
            facts_stale: false,
            told_members: None,
            outputs: VecDeque::new(),
        }
    }

    /// The cluster is another one: membership begins a new life, with a counter of its own, because nothing that the
    /// others know of the former one holds any more. The modules go on; they are not Ready until the node has joined.
    fn configure_cluster(&mut self, now: Instant, config: MembershipConfig) {
        self.end_membership();
        self.me = Some(config.me);
        self.names = config.nodes.iter().map(|(id, node)| (*id, node.name.clone())).collect();
        self.facts.clear();
        self.facts_stale = true;
        self.membership = Some(Membership::new(now, config, self.start));
        // Nobody is heard yet, so no change of a member will say so.
        self.compare(now);
    }

    /// The cluster is gone: nobody is heard or told any more, and nothing is Ready.
    fn remove_cluster(&mut self, now: Instant) {
        self.end_membership();
        self.me = None;
        self.names.clear();
        self.join_reason = None;
        self.facts.clear();
        for module in self.modules.values_mut() {
            module.handle_input(now, module::Input::OthersChanged { ready: false });
            module.handle_input(now, module::Input::JoinChanged(Join::NoCluster));
        }
    }

    fn end_membership(&mut self) {
        if let Some(former) = self.membership.take() {
            self.start.counter = former.incarnation().counter.saturating_add(1);
            self.outputs.push_back(Output::CounterTaken { counter: self.start.counter });
            if let Some((epoch, _)) = former.proposed() {
                let epoch = Epoch(epoch.0.saturating_add(1));
                self.outputs.push_back(Output::ViewProposed { epoch, view: None });
            }
            self.leave_view();
        }
    }

    fn configure_module(&mut self, now: Instant, setup: ModuleSetup) {
        self.facts_stale = true;
        let name = setup.config.name.clone();
        if let Some(module) = self.modules.get_mut(&name) {
            return module.handle_input(now, module::Input::Configured(Box::new(setup)));
        }
        let key = name.key();
        let taken = self.modules.iter().find(|(_, other)| other.key() == key);
        let taken = taken.map(|(other, _)| other.clone());
        let why = match taken {
            Some(by) => ModuleRefusal::KeyTaken { by },
            None if self.modules.len() >= MODULES_MAX => ModuleRefusal::TooMany,
            None => {
                self.made = self.made.saturating_add(1);
                let mut module = Module::new(now, self.made, setup, self.join());
                module.poll_since(self.since);
                self.modules.insert(name, module);
                return self.compare(now);
            }
        };
        self.outputs.push_back(Output::Event(Event::ModuleRefused { module: name, why }));
    }

    fn remove_module(&mut self, name: ModuleName) {
        let Some(module) = self.modules.get(&name) else { return };
        if module.state() == ModuleState::STOP {
            self.facts_stale = true;
            self.scans.forget(module.number());
            self.asks.forget(module.number());
            self.modules.remove(&name);
        } else {
            let why = ModuleRefusal::NotStopped;
            self.outputs.push_back(Output::Event(Event::ModuleRefused { module: name, why }));
        }
    }

    fn command(&mut self, now: Instant, id: CommandId, command: ModuleCommand) {
        let ModuleCommand { module: name, command, origin } = command;
        if let Some(module) = self.modules.get_mut(&name) {
            module.handle_input(now, module::Input::CommandReceived { id, command, origin });
        } else {
            let answer = Err(Refusal::UnknownModule { module: name });
            self.outputs.push_back(Output::CommandAnswered { id, answer });
        }
    }

    fn switch(&mut self, now: Instant, id: CommandId, name: ModuleName, by: Switched) {
        if let Some(module) = self.modules.get_mut(&name) {
            let Switched { switch, origin } = by;
            module.handle_input(now, module::Input::SwitchReceived { id, switch, origin });
        } else {
            let answer = Err(Refusal::UnknownModule { module: name });
            self.outputs.push_back(Output::CommandAnswered { id, answer });
        }
    }

    fn finish_action(&mut self, now: Instant, id: ActionId, outcome: Outcome) {
        let number = Module::number_of(id);
        if number != 0 {
            if let Some(module) = self.modules.values_mut().find(|m| m.number() == number) {
                module.handle_input(now, module::Input::ActionFinished { id, outcome });
            }
            return;
        }
        if let Some(askers) = self.asks.finished(id) {
            return self.answer_asks(now, &askers, outcome);
        }
        match outcome {
            Outcome::Processes(processes) => {
                let (numbers, again) = self.scans.finished(id);
                if again {
                    let event = Event::EdgeRecovered { module: None, what: LIST };
                    self.outputs.push_back(Output::Event(event));
                }
                for module in self.modules.values_mut().filter(|m| numbers.contains(&m.number())) {
                    let processes = Arc::clone(&processes);
                    module.handle_input(now, module::Input::ProcessesScanned(processes));
                }
            }
            Outcome::Failed { error } => self.scan_failed(now, id, error),
            Outcome::Done | Outcome::Script { .. } | Outcome::Services(_) => {
                self.scan_failed(now, id, "no list came".to_owned());
            }
        }
    }

    /// Tells the modules how the services stand that they asked for; of each of them something.
    fn answer_asks(&mut self, now: Instant, askers: &Askers, outcome: Outcome) {
        let (known, error) = match outcome {
            Outcome::Services(services) => (services, "the host says nothing of it".to_owned()),
            Outcome::Failed { error } => (Services::default(), error),
            Outcome::Done | Outcome::Script { .. } | Outcome::Processes(_) => {
                (Services::default(), "no answer came".to_owned())
            }
        };
        let unknown =
            || ServiceInfo { state: ServiceState::Unknown, said: error.clone(), main: None };
        for module in self.modules.values_mut() {
            let Some(names) = askers.get(&module.number()) else { continue };
            let info = |name: &String| known.get(name).cloned().unwrap_or_else(unknown);
            let services: BTreeMap<_, _> =
                names.iter().map(|name| (name.clone(), info(name))).collect();
            module.handle_input(now, module::Input::ServicesAsked(Arc::new(services)));
        }
    }

    fn scan_failed(&mut self, now: Instant, id: ActionId, error: String) {
        if self.scans.failed(now, id) {
            self.tell_no_list(error);
        }
    }

    fn tell_no_list(&mut self, error: String) {
        let event = Event::EdgeFailed { module: None, what: LIST, error };
        self.outputs.push_back(Output::Event(event));
    }

    fn leave(&mut self, now: Instant) {
        match &mut self.membership {
            Some(membership) => membership.handle_input(now, membership::Input::Leave),
            None => self.outputs.push_back(Output::Left),
        }
    }

    /// Takes the children's outputs until there are none, and lets each hear of the other.
    fn pump(&mut self, now: Instant) {
        for _ in 0..ROUNDS_MAX {
            self.pump_membership(now);
            self.pump_modules();
            if !self.tell_facts(now) {
                break;
            }
        }
        if self.scans.is_due() {
            self.actions = self.actions.saturating_add(1);
            let id = ActionId(self.actions);
            self.scans.ordered(now, id);
            self.outputs.push_back(Output::Action { id, action: Action::ScanProcesses });
        }
        if let Some(services) = self.asks.due() {
            self.actions = self.actions.saturating_add(1);
            let id = ActionId(self.actions);
            self.asks.ordered(id);
            self.outputs.push_back(Output::Action { id, action: Action::AskServices { services } });
        }
    }

    fn pump_membership(&mut self, now: Instant) {
        while let Some(output) = self.membership.as_mut().and_then(Machine::poll_output) {
            match output {
                membership::Output::Transmit(transmit) => {
                    self.outputs.push_back(Output::Transmit(transmit));
                }
                membership::Output::ViewProposed { epoch, view } => {
                    if view.is_none() {
                        self.leave_view();
                    }
                    self.outputs.push_back(Output::ViewProposed { epoch, view });
                    self.arm_by_itself(now, epoch);
                }
                membership::Output::ViewInstalled { epoch, view } => self.enter_view(epoch, view),
                membership::Output::JoinChanged { joined, why } => {
                    self.join_reason = Some(why.clone());
                    self.outputs.push_back(Output::Event(Event::JoinChanged { joined, why }));
                    let join = if joined { Join::Joined } else { Join::Joining };
                    for module in self.modules.values_mut() {
                        module.handle_input(now, module::Input::JoinChanged(join));
                    }
                }
                membership::Output::MemberChanged { member, state, why } => {
                    let event = Event::MemberChanged { member, state, why };
                    self.outputs.push_back(Output::Event(event));
                    self.compare(now);
                }
                membership::Output::PeerModulesChanged { .. } => self.compare(now),
                membership::Output::CounterTaken { counter } => {
                    self.outputs.push_back(Output::CounterTaken { counter });
                }
                membership::Output::Fault(fault) => {
                    if self.is_compared(&fault) {
                        self.outputs.push_back(Output::Event(Event::Fault(fault)));
                    }
                }
                membership::Output::Left => self.outputs.push_back(Output::Left),
            }
        }
    }

    fn pump_modules(&mut self) {
        for (name, module) in &mut self.modules {
            while let Some(output) = module.poll_output() {
                let output = match output {
                    module::Output::Action { id, action } => Output::Action { id, action },
                    module::Output::Event(event) => Output::Event(event),
                    module::Output::CommandAnswered { id, answer } => {
                        Output::CommandAnswered { id, answer }
                    }
                    module::Output::StateChanged { state, reason } => {
                        self.facts_stale = true;
                        Output::StateChanged { module: name.clone(), state, reason }
                    }
                    module::Output::ScanWanted => {
                        self.scans.want(module.number());
                        continue;
                    }
                    module::Output::ServicesWanted(services) => {
                        self.asks.want(module.number(), services);
                        continue;
                    }
                };
                self.outputs.push_back(output);
            }
        }
    }

    /// Tells the modules' facts to membership; tells whether they are others than before.
    fn tell_facts(&mut self, now: Instant) -> bool {
        let Some(membership) = self.membership.as_mut().filter(|_| self.facts_stale) else {
            return false;
        };
        self.facts_stale = false;
        let facts = self.modules.values().map(|module| (module.key(), facts_of(module)));
        let facts: BTreeMap<_, _> = facts.collect();
        if self.facts == facts {
            return false;
        }
        self.facts.clone_from(&facts);
        membership.handle_input(now, membership::Input::ModulesChanged(facts));
        true
    }

    /// Without a virtual IP there is nothing to prepare for a view.
    fn arm_by_itself(&mut self, now: Instant, epoch: Epoch) {
        if self.modules.values().any(|module| module.sharing() != 0) {
            return;
        }
        if let Some(membership) = &mut self.membership {
            membership.handle_input(now, membership::Input::Armed { epoch });
        }
    }

    /// Tells whether a fault is one: light modules of one name may be configured otherwise on each node.
    pub(super) fn is_compared(&self, fault: &Fault) -> bool {
        let Fault::ModuleDiffers { module: differs, .. } = fault else { return true };
        let mut modules = self.modules.values();
        let light = |module: &Module| module.config().mode == ModuleMode::Light;
        !modules.any(|module| module.key() == *differs && light(module))
    }

    /// Tells each module whether it is Ready on another node.
    fn compare(&mut self, now: Instant) {
        let (Some(membership), Some(me)) = (&self.membership, self.me) else { return };
        let mut ready = BTreeSet::new();
        for node in self.names.keys().filter(|node| **node != me) {
            if membership.member(*node).is_none_or(|status| status.state != MemberState::Alive) {
                continue;
            }
            let peer = membership.peer_modules(*node).iter();
            ready.extend(peer.filter(|(_, facts)| facts.takes).map(|(key, _)| *key));
        }
        for module in self.modules.values_mut() {
            let ready = ready.contains(&module.key());
            module.handle_input(now, module::Input::OthersChanged { ready });
        }
    }

    fn enter_view(&mut self, epoch: Epoch, view: Arc<View>) {
        let members: BTreeSet<_> = view.members.keys().copied().collect();
        if self.told_members.as_ref() != Some(&members) {
            self.told_members = Some(members.clone());
            self.outputs.push_back(Output::Event(Event::ViewInstalled { epoch, members }));
        }
        self.outputs.push_back(Output::ViewInstalled { epoch, view });
    }

    fn leave_view(&mut self) {
        if self.told_members.take().is_some() {
            self.outputs.push_back(Output::Event(Event::ViewLeft));
        }
    }
}

impl Machine for Node {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::DatagramReceived { lan, from, bytes } => {
                if let Some(membership) = &mut self.membership {
                    let input = membership::Input::DatagramReceived { lan, from, bytes };
                    membership.handle_input(now, input);
                }
            }
            Input::ClusterConfigured(config) => self.configure_cluster(now, *config),
            Input::ClusterRemoved => self.remove_cluster(now),
            Input::BudgetChanged { module, change } => {
                if let Some(module) = self.modules.get_mut(&module) {
                    module.handle_input(now, module::Input::BudgetChanged(change));
                }
            }
            Input::ModuleConfigured(setup) => self.configure_module(now, *setup),
            Input::ModuleRemoved(name) => self.remove_module(name),
            Input::CommandReceived { id, command } => self.command(now, id, command),
            Input::SwitchReceived { id, module, switch, origin } => {
                self.switch(now, id, module, Switched { switch, origin });
            }
            Input::ActionFinished { id, outcome } => self.finish_action(now, id, outcome),
            Input::Armed { epoch } => {
                if let Some(membership) = &mut self.membership {
                    membership.handle_input(now, membership::Input::Armed { epoch });
                }
            }
            Input::ProcessExited(process) => {
                for module in self.modules.values_mut() {
                    module.handle_input(now, module::Input::ProcessExited(process));
                }
            }
            Input::BalancerProbed(name) => {
                if let Some(module) = self.modules.get_mut(&name) {
                    module.handle_input(now, module::Input::BalancerProbed);
                }
            }
            Input::Leave => self.leave(now),
        }
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.scans.handle_timeout(now) {
            let error = "the list does not come: a disk, or a process that hangs in the kernel, holds it up";
            self.tell_no_list(format!(
                "{error}; no module notices that processes are missing meanwhile"
            ));
        }
        for module in self.modules.values_mut() {
            module.handle_timeout(now);
        }
        for _ in 0..ROUNDS_MAX {
            if let Some(membership) = &mut self.membership {
                membership.handle_timeout(now);
            }
            self.pump(now);
            let due = self.membership.as_ref().and_then(Machine::poll_timeout);
            if due.is_none_or(|at| at > now) {
                return;
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let modules = self.modules.values().filter_map(Machine::poll_timeout);
        let membership = self.membership.as_ref().and_then(Machine::poll_timeout);
        modules.chain(membership).chain(self.scans.poll_timeout()).min()
    }
}

/// What fails where there is no list.
const LIST: &str = "list the processes";

/// What is switched, and by whom.
struct Switched {
    switch: WatchSwitch,
    origin: Origin,
}

/// Returns what is told of a module.
fn facts_of(module: &Module) -> ModuleFacts {
    let signature = module.config().signature.0 & u64::from(u32::MAX);
    // A light module is shown to the others, and neither shares with them nor is it compared.
    let shares = module.config().mode == ModuleMode::Farm;
    ModuleFacts {
        takes: module.takes() && shares,
        state: module.state(),
        lans: module.lans(),
        config: u32::try_from(signature).unwrap_or(0),
        sharing: module.sharing(),
    }
}
