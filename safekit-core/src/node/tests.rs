//! Nodes without a network, and two nodes with a perfect one, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Action, AgentStart, Input, ModuleSetup, Node, Outcome, Output, Start};
use crate::config::model::{
    BootPolicy, ErrdConfig, Logging, ModuleConfig, ModuleMode, ProcAction, ProcClass, ProcConfig,
    ProcKind, Signature, UserConfig,
};
use crate::control::{Accepted, Command, ModuleCommand, Origin, Refusal};
use crate::event::{Event, ModuleRefusal};
use crate::explain::Names;
use crate::ids::{
    ActionId, CommandId, Epoch, LanId, LanSet, ModuleName, NodeId, NodeName, ProcessId,
};
use crate::machine::Machine;
use crate::membership::{Fault, MembershipConfig, NodeConfig, View};
use crate::module::Join;
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;
use crate::module::watch::{ProcessInfo, ServiceInfo, ServiceState, Services, WatchState};
use crate::sim_clock_base;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn name(text: &str) -> ModuleName {
    ModuleName::new(text).unwrap()
}

fn address(node: NodeId) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, node.number())), 4800)
}

fn cluster(me: usize, nodes: usize) -> Input {
    let lan = LanId::new(0).unwrap();
    let node = |number: usize| {
        let name = NodeName::new(&format!("node{number}")).unwrap();
        let addresses = BTreeMap::from([(lan, address(id(number)))]);
        (id(number), NodeConfig { name, addresses })
    };
    let config = MembershipConfig::new(id(me), (1..=nodes).map(node).collect());
    Input::ClusterConfigured(Box::new(config))
}

fn module(module: &str) -> ModuleConfig {
    ModuleConfig {
        name: name(module),
        mode: ModuleMode::Farm,
        boot: BootPolicy::Ignore,
        boot_delay: Duration::ZERO,
        maxloop: 3,
        loop_interval: ms(86_400_000),
        drain: ms(15_000),
        lans: Vec::new(),
        user: Some(UserConfig {
            nicestoptimeout: ms(300_000),
            forcestoptimeout: ms(300_000),
            starttimeout: None,
            logging: Logging::None,
            userlogsize_bytes: 0,
            vars: Vec::new(),
        }),
        errd: None,
        signature: Signature(0xabcd_0000_0001),
    }
}

fn watching(text: &str) -> ModuleConfig {
    let proc = ProcConfig {
        name: "nginx".to_owned(),
        nameregex: None,
        argregex: None,
        atleast: Some(1),
        atmax: None,
        kind: ProcKind::Process,
        restart_services: Vec::new(),
        action: ProcAction::Restart,
        handlertimeout: None,
        class: ProcClass::Both,
        start_after: 0,
    };
    ModuleConfig {
        errd: Some(ErrdConfig { polltimer: ms(10_000), procs: vec![proc] }),
        ..module(text)
    }
}

fn nginx(pid: u32) -> ProcessInfo {
    ProcessInfo {
        id: ProcessId { pid, started: 1 },
        parent_pid: 1,
        name: "nginx".to_owned(),
        executable: "nginx".to_owned(),
        arguments: vec!["nginx".to_owned()],
    }
}

fn setup(config: ModuleConfig, scripts: &[Script]) -> Input {
    Input::ModuleConfigured(Box::new(ModuleSetup {
        config: Arc::new(config),
        scripts: scripts.iter().copied().collect(),
        lans: LanSet::ALL,
        sharing: 0,
        saved: None,
        start: AgentStart::Reconfigured,
    }))
}

/// Nodes, a network that loses nothing and takes a millisecond, and hosts that do as they are told.
struct Farm {
    base: Instant,
    now: Instant,
    nodes: BTreeMap<NodeId, Node>,
    mail: Vec<(Instant, NodeId, Input)>,
    deaf: BTreeSet<NodeId>,
    processes: Vec<ProcessInfo>,
    /// Lists of processes that were ordered and not given.
    scans: Vec<(NodeId, ActionId)>,
    give_scans: bool,
    /// How many lists were ordered.
    scanned: u32,
    /// Questions about services that were ordered and not answered.
    asks: Vec<(NodeId, ActionId, BTreeSet<String>)>,
    events: Vec<(NodeId, Event)>,
    answers: Vec<Result<Accepted, Refusal>>,
    views: BTreeMap<NodeId, Option<Arc<View>>>,
    others: Vec<Output>,
}

impl Farm {
    fn new(count: usize) -> Self {
        let now = sim_clock_base();
        let node = |number: usize| {
            let start = Start { counter: 1, random: u32::try_from(number).unwrap() };
            (id(number), Node::new(now, start))
        };
        Self {
            base: now,
            now,
            nodes: (1..=count).map(node).collect(),
            mail: Vec::new(),
            deaf: BTreeSet::new(),
            processes: Vec::new(),
            scans: Vec::new(),
            give_scans: true,
            scanned: 0,
            asks: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
            views: BTreeMap::new(),
            others: Vec::new(),
        }
    }

    /// A farm with that module, UP (Ready) everywhere.
    fn ready(count: usize) -> Self {
        let mut farm = Self::new(count);
        for number in 1..=count {
            farm.input(number, cluster(number, count));
            farm.input(number, setup(module("web"), &[]));
            farm.command(number, "web", Command::Start).unwrap();
        }
        farm.pass(ms(3_000));
        for number in 1..=count {
            assert_eq!(farm.state(number, "web"), ModuleState::UP_READY);
        }
        farm
    }

    fn input(&mut self, node: usize, input: Input) {
        let now = self.now;
        self.nodes.get_mut(&id(node)).unwrap().handle_input(now, input);
        self.turn(id(node));
    }

    fn turn(&mut self, node: NodeId) {
        let machine = self.nodes.get_mut(&node).unwrap();
        machine.handle_timeout(self.now);
        let next = machine.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "the next deadline is later than now");
        let mut outputs = Vec::new();
        while let Some(output) = machine.poll_output() {
            outputs.push(output);
        }
        for output in outputs {
            self.take(node, output);
        }
    }

    fn take(&mut self, node: NodeId, output: Output) {
        let soon = self.now + ms(1);
        match output {
            Output::Transmit(transmit) => {
                let to = self.nodes.keys().copied().find(|to| address(*to) == transmit.to).unwrap();
                let (lan, bytes) = (transmit.lan, transmit.bytes);
                let input = Input::DatagramReceived { lan, from: address(node), bytes };
                if !self.deaf.contains(&to) && !self.deaf.contains(&node) {
                    self.mail.push((soon, to, input));
                }
            }
            Output::Action { id, action: Action::ScanProcesses } => {
                self.scanned += 1;
                self.scans.push((node, id));
            }
            Output::Action { id, action: Action::AskServices { services } } => {
                self.asks.push((node, id, services));
            }
            Output::Action { id, action: Action::RunScript(_) } => {
                let end = ScriptEnd::Exited { code: 0 };
                let outcome = Outcome::Script { end, duration: ms(1), userlog: None };
                self.mail.push((soon, node, Input::ActionFinished { id, outcome }));
            }
            Output::Action { id, .. } => {
                let input = Input::ActionFinished { id, outcome: Outcome::Done };
                self.mail.push((soon, node, input));
            }
            Output::Event(event) => self.events.push((node, event)),
            Output::CommandAnswered { answer, .. } => self.answers.push(answer),
            Output::ViewInstalled { view, .. } => {
                self.views.insert(node, Some(view));
            }
            Output::ViewProposed { view: None, .. } => {
                self.views.insert(node, None);
            }
            Output::ViewProposed { .. } | Output::StateChanged { .. } => {}
            other @ (Output::CounterTaken { .. } | Output::Left) => self.others.push(other),
        }
        if self.give_scans {
            for (node, id) in std::mem::take(&mut self.scans) {
                let outcome = Outcome::Processes(self.processes.clone().into());
                self.mail.push((soon, node, Input::ActionFinished { id, outcome }));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let mail = self.mail.iter().map(|(at, _, _)| *at);
            let deadlines = self.nodes.values().filter_map(Machine::poll_timeout);
            let Some(next) = mail.chain(deadlines).min().filter(|at| *at <= end) else { break };
            self.now = next.max(self.now);
            let due: Vec<_> = self.mail.extract_if(.., |(at, _, _)| *at <= next).collect();
            for (_, node, input) in due {
                self.nodes.get_mut(&node).unwrap().handle_input(self.now, input);
            }
            for node in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.turn(node);
            }
        }
        self.now = end;
    }

    fn command(
        &mut self,
        node: usize,
        module: &str,
        command: Command,
    ) -> Result<Accepted, Refusal> {
        let origin = Origin::User("root".to_owned());
        let command = ModuleCommand { module: name(module), command, origin };
        self.input(node, Input::CommandReceived { id: CommandId(1), command });
        self.answers.pop().expect("each command is answered")
    }

    fn node(&self, number: usize) -> &Node {
        &self.nodes[&id(number)]
    }

    fn state(&self, number: usize, module: &str) -> ModuleState {
        self.node(number).module(&name(module)).unwrap().state()
    }
}

#[test]
fn without_a_cluster_nothing_is_started() {
    let mut farm = Farm::new(1);
    farm.input(1, setup(module("web"), &[]));
    assert_eq!(farm.command(1, "web", Command::Start), Err(Refusal::NoCluster));
    assert_eq!(farm.node(1).join(), Join::NoCluster);
    farm.input(1, cluster(1, 1));
    farm.command(1, "web", Command::Start).unwrap();
}

#[test]
fn a_command_for_an_unknown_module_is_refused() {
    let mut farm = Farm::new(1);
    let refusal = farm.command(1, "web", Command::Start).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownModule { module: name("web") });
}

#[test]
fn a_node_alone_is_ready_after_one_loss_time() {
    let mut farm = Farm::new(2);
    farm.deaf.insert(id(2));
    farm.input(1, cluster(1, 2));
    farm.input(1, setup(module("web"), &[]));
    farm.command(1, "web", Command::Start).unwrap();
    farm.pass(ms(900));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_TRANSIENT);
    farm.pass(ms(600));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    assert_eq!(farm.node(1).participants(&name("web")), [id(1)].into());
}

#[test]
fn a_module_that_is_ready_on_both_nodes_has_two_participants() {
    let mut farm = Farm::ready(2);
    let both = BTreeSet::from([id(1), id(2)]);
    assert_eq!(farm.node(1).participants(&name("web")), both);
    assert_eq!(farm.node(2).participants(&name("web")), both);
    farm.command(2, "web", Command::Stop).unwrap();
    farm.pass(ms(200));
    assert_eq!(farm.state(2, "web"), ModuleState::STOP);
    assert_eq!(farm.node(1).participants(&name("web")), [id(1)].into());
    assert!(farm.node(2).participants(&name("web")).is_empty());
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY, "the other node goes on");
}

#[test]
fn a_drain_needs_another_node_that_is_ready() {
    let mut farm = Farm::ready(2);
    farm.input(1, Input::BalancerProbed(name("web")));
    farm.input(2, Input::BalancerProbed(name("web")));
    let answer = farm.command(1, "web", Command::Restart).unwrap();
    assert!(answer.text.starts_with("draining"), "{}", answer.text);
    // While the first one drains it is not Ready: the second one is the last.
    farm.pass(ms(200));
    farm.command(2, "web", Command::Restart).unwrap();
    assert!(farm.node(2).module(&name("web")).unwrap().drain_until().is_none());
}

#[test]
fn a_lost_node_is_no_reason_to_drain() {
    let mut farm = Farm::ready(2);
    farm.deaf.insert(id(2));
    farm.pass(ms(3_000));
    farm.input(1, Input::BalancerProbed(name("web")));
    farm.command(1, "web", Command::Restart).unwrap();
    assert!(farm.node(1).module(&name("web")).unwrap().drain_until().is_none());
}

#[test]
fn another_cluster_is_no_reason_to_drain_for_who_was_in_the_former_one() {
    let mut farm = Farm::ready(2);
    farm.deaf.insert(id(2));
    farm.input(1, cluster(1, 1));
    farm.pass(ms(3_000));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    farm.input(1, Input::BalancerProbed(name("web")));
    farm.command(1, "web", Command::Restart).unwrap();
    assert!(farm.node(1).module(&name("web")).unwrap().drain_until().is_none());
}

#[test]
fn a_pause_of_the_node_takes_readiness_away_until_it_has_joined_again() {
    let mut farm = Farm::ready(2);
    let paused = id(1);
    // The first node stands still for three seconds, the other one goes on.
    let mut sleeper = farm.nodes.remove(&paused).unwrap();
    let start = Start { counter: 9, random: 9 };
    farm.nodes.insert(paused, Node::new(farm.now, start));
    farm.deaf.insert(paused);
    farm.pass(ms(3_000));
    farm.deaf.clear();
    sleeper.handle_timeout(farm.now);
    assert_eq!(sleeper.module(&name("web")).unwrap().state(), ModuleState::UP_TRANSIENT);
    assert_eq!(sleeper.module(&name("web")).unwrap().reason(), "joining");
    farm.nodes.insert(paused, sleeper);
    farm.turn(paused);
    farm.pass(ms(500));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    let scripts =
        farm.events.iter().filter(|(_, event)| matches!(event, Event::ScriptStarted { .. }));
    assert_eq!(scripts.count(), 0, "the application is not touched");
}

#[test]
fn one_list_serves_all_modules_that_wait() {
    let mut farm = Farm::new(1);
    farm.give_scans = false;
    farm.input(1, cluster(1, 1));
    for module in ["a", "b", "c"] {
        farm.input(1, setup(watching(module), &[]));
        farm.command(1, module, Command::Start).unwrap();
    }
    // The first list was ordered before the others asked: they wait for the next one.
    assert_eq!(farm.scans.len(), 1);
    let (node, scan) = farm.scans.remove(0);
    let list: Arc<[ProcessInfo]> = vec![nginx(5)].into();
    let finished =
        |id| Input::ActionFinished { id, outcome: Outcome::Processes(Arc::clone(&list)) };
    farm.input(1, finished(scan));
    let pids = |farm: &Farm, module: &str| {
        farm.node(1).module(&name(module)).unwrap().watched()[0].processes.len()
    };
    assert_eq!((pids(&farm, "a"), pids(&farm, "b"), pids(&farm, "c")), (1, 0, 0));
    assert_eq!(farm.scans.len(), 1, "one more for both of the others");
    let (_, scan) = farm.scans.remove(0);
    farm.input(1, finished(scan));
    assert_eq!((pids(&farm, "b"), pids(&farm, "c")), (1, 1));
    assert!(farm.scans.is_empty());
    assert_eq!(node, id(1));
}

#[test]
fn modules_that_were_started_one_after_the_other_come_to_poll_together() {
    let mut farm = Farm::new(1);
    farm.processes = vec![nginx(5)];
    farm.input(1, cluster(1, 1));
    for module in ["a", "b", "c"] {
        farm.input(1, setup(watching(module), &[]));
        farm.command(1, module, Command::Start).unwrap();
        farm.pass(ms(2_700));
    }
    farm.pass(ms(60_000));
    let before = farm.scanned;
    farm.pass(ms(100_000));
    assert_eq!(farm.scanned - before, 10, "one list for all in each polltimer");
}

/// A module that watches these services.
fn serving(text: &str, names: &[&str]) -> ModuleConfig {
    let mut config = watching(text);
    let errd = config.errd.as_mut().unwrap();
    let proc = errd.procs.remove(0);
    let kind = ProcKind::Service;
    let named = |name: &&str| ProcConfig { name: (*name).to_owned(), kind, ..proc.clone() };
    errd.procs = names.iter().map(named).collect();
    config
}

#[test]
fn one_question_about_services_serves_all_modules_that_wait() {
    let mut farm = Farm::new(1);
    farm.input(1, cluster(1, 1));
    for (module, names) in [("a", &["db"][..]), ("b", &["db", "nginx"]), ("c", &["x"])] {
        farm.input(1, setup(serving(module, names), &[]));
        farm.command(1, module, Command::Start).unwrap();
    }
    assert!(farm.scans.is_empty(), "nobody watches processes");
    let states = |farm: &Farm, module: &str| -> Vec<WatchState> {
        let watched = farm.node(1).module(&name(module)).unwrap().watched();
        watched.iter().map(|watched| watched.state).collect()
    };
    // The first question was ordered before the others asked: they wait for the next one.
    let (_, id, asked) = farm.asks.remove(0);
    assert_eq!((asked, farm.asks.len()), (["db".to_owned()].into(), 0));
    let info = |state| ServiceInfo { state, said: String::new(), main: None };
    let up: Services = [("db".to_owned(), info(ServiceState::Running))]
        .into_iter()
        .collect::<BTreeMap<_, _>>()
        .into();
    farm.input(1, Input::ActionFinished { id, outcome: Outcome::Services(Arc::clone(&up)) });
    assert_eq!(
        (states(&farm, "a"), states(&farm, "b")),
        (vec![WatchState::Up], vec![WatchState::Init; 2])
    );
    let (_, id, asked) = farm.asks.remove(0);
    assert_eq!(asked, ["db", "nginx", "x"].map(str::to_owned).into());
    farm.input(1, Input::ActionFinished { id, outcome: Outcome::Services(up) });
    assert_eq!(states(&farm, "b"), [WatchState::Up, WatchState::Init]);
    let unknown =
        |(_, event): &&(NodeId, Event)| matches!(event, Event::EdgeFailed { module: Some(_), .. });
    assert_eq!(farm.events.iter().filter(unknown).count(), 2, "of the other two nothing was said");
    // An order that could not be done at all.
    farm.pass(ms(10_000));
    let (_, id, _) = farm.asks.remove(0);
    farm.input(
        1,
        Input::ActionFinished { id, outcome: Outcome::Failed { error: "no".to_owned() } },
    );
    assert_eq!(states(&farm, "a"), [WatchState::Up], "that is no death");
    assert_eq!(farm.state(1, "a"), ModuleState::UP_READY);
}

#[test]
fn a_list_that_cannot_be_made_is_tried_again_and_told_once() {
    let mut farm = Farm::new(1);
    farm.give_scans = false;
    farm.input(1, cluster(1, 1));
    farm.input(1, setup(watching("a"), &[]));
    farm.command(1, "a", Command::Start).unwrap();
    for _ in 0..3 {
        let (_, id) = farm.scans.remove(0);
        let outcome = Outcome::Failed { error: "no".to_owned() };
        farm.input(1, Input::ActionFinished { id, outcome });
        assert!(farm.scans.is_empty());
        farm.pass(ms(1_000));
        assert_eq!(farm.scans.len(), 1);
    }
    let failed = |(_, event): &&(NodeId, Event)| matches!(event, Event::EdgeFailed { .. });
    assert_eq!(farm.events.iter().filter(failed).count(), 1);
}

#[test]
fn a_list_that_does_not_come_is_told_once_and_its_coming_too() {
    let mut farm = Farm::new(1);
    farm.give_scans = false;
    farm.input(1, cluster(1, 1));
    farm.input(1, setup(watching("a"), &[]));
    farm.command(1, "a", Command::Start).unwrap();
    let told = |farm: &Farm| {
        let failed =
            |(_, event): &&(NodeId, Event)| matches!(event, Event::EdgeFailed { module: None, .. });
        let again = |(_, event): &&(NodeId, Event)| {
            matches!(event, Event::EdgeRecovered { module: None, .. })
        };
        (farm.events.iter().filter(failed).count(), farm.events.iter().filter(again).count())
    };
    farm.pass(ms(9_900));
    assert_eq!(told(&farm), (0, 0));
    farm.pass(ms(60_000));
    assert_eq!(told(&farm), (1, 0));
    assert_eq!(farm.scans.len(), 1, "another one would be held up as well");
    let (_, id) = farm.scans.remove(0);
    let list: Arc<[ProcessInfo]> = vec![nginx(5)].into();
    farm.input(1, Input::ActionFinished { id, outcome: Outcome::Processes(list) });
    assert_eq!(told(&farm), (1, 1));
}

#[test]
fn light_modules_may_differ_and_others_not() {
    let mut farm = Farm::new(2);
    for number in 1..=2 {
        farm.input(number, cluster(number, 2));
        for (name, mode) in [("alone", ModuleMode::Light), ("web", ModuleMode::Farm)] {
            let mut config = module(name);
            config.mode = mode;
            config.signature = Signature(u64::try_from(number).unwrap());
            farm.input(number, setup(config, &[]));
        }
    }
    farm.pass(ms(3_000));
    let differs = Fault::ModuleDiffers { member: id(2), module: name("web").key() };
    let told: Vec<&Event> = farm
        .events
        .iter()
        .filter(|(node, event)| *node == id(1) && matches!(event, Event::Fault(_)))
        .map(|(_, event)| event)
        .collect();
    assert_eq!(told, [&Event::Fault(differs)]);
    assert_eq!(farm.node(1).fault_texts(&Names::default()).len(), 1);
}

#[test]
fn the_end_of_an_action_goes_to_its_module_only() {
    let mut farm = Farm::new(1);
    farm.input(1, cluster(1, 1));
    for module_name in ["a", "b"] {
        farm.input(1, setup(module(module_name), &Script::ALL));
        farm.command(1, module_name, Command::Start).unwrap();
    }
    farm.pass(ms(2_000));
    assert_eq!(farm.state(1, "a"), ModuleState::UP_READY);
    assert_eq!(farm.state(1, "b"), ModuleState::UP_READY);
    // A name that nobody has given, and one of a module that is not there any more.
    for number in [0, 77, 99 << 40] {
        let input = Input::ActionFinished { id: ActionId(number), outcome: Outcome::Done };
        farm.input(1, input);
    }
    assert_eq!(farm.state(1, "a"), ModuleState::UP_READY);
}

#[test]
fn a_module_is_removed_only_when_it_is_stopped() {
    let mut farm = Farm::ready(1);
    farm.input(1, Input::ModuleRemoved(name("web")));
    assert!(farm.node(1).module(&name("web")).is_some());
    let refused = |(_, event): &(NodeId, Event)| {
        matches!(event, Event::ModuleRefused { why: ModuleRefusal::NotStopped, .. })
    };
    assert!(farm.events.iter().any(refused));
    farm.command(1, "web", Command::Stop).unwrap();
    farm.input(1, Input::ModuleRemoved(name("web")));
    assert!(farm.node(1).module(&name("web")).is_none());
}

#[test]
fn more_modules_than_there_can_be_are_refused() {
    let mut farm = Farm::new(1);
    for number in 0..33 {
        farm.input(1, setup(module(&format!("m{number}")), &[]));
    }
    assert_eq!(farm.node(1).modules().count(), 32);
    let refused = |(_, event): &(NodeId, Event)| {
        matches!(event, Event::ModuleRefused { why: ModuleRefusal::TooMany, .. })
    };
    assert!(farm.events.iter().any(refused));
}

#[test]
fn two_names_that_heartbeats_cannot_tell_apart_are_refused() {
    // Found by trying: the first four bytes of SHA-256 are the same.
    let mut keys = BTreeMap::new();
    let pair = (0_u32..).find_map(|number| {
        let text = format!("m{number}");
        keys.insert(name(&text).key(), text.clone()).map(|other| (other, text))
    });
    let (first, second) = pair.unwrap();
    let mut farm = Farm::new(1);
    farm.input(1, setup(module(&first), &[]));
    farm.input(1, setup(module(&second), &[]));
    assert_eq!(farm.node(1).modules().count(), 1);
    let why = ModuleRefusal::KeyTaken { by: name(&first) };
    let refused = Event::ModuleRefused { module: name(&second), why };
    assert!(farm.events.contains(&(id(1), refused)));
}

#[test]
fn a_module_named_twice_is_configured_anew() {
    let mut farm = Farm::ready(1);
    farm.input(1, setup(ModuleConfig { maxloop: 7, ..module("web") }, &[]));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    assert_eq!(farm.node(1).module(&name("web")).unwrap().config().maxloop, 7);
}

#[test]
fn another_cluster_is_a_new_life_with_a_counter_of_its_own() {
    let mut farm = Farm::ready(2);
    farm.input(1, cluster(1, 2));
    assert!(matches!(farm.others[..], [Output::CounterTaken { counter: 2 }]));
    assert_eq!(farm.views[&id(1)], None, "what the former view gave is let go");
    assert_eq!(farm.node(1).incarnation().counter, 2);
    assert_eq!(farm.state(1, "web"), ModuleState::UP_TRANSIENT);
    farm.pass(ms(1_000));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    assert_eq!(farm.node(2).participants(&name("web")).len(), 2);
}

#[test]
fn leaving_ends_at_once_without_a_cluster_and_after_the_goodbye_with_one() {
    let mut farm = Farm::new(1);
    farm.input(1, Input::Leave);
    assert!(matches!(farm.others[..], [Output::Left]));
    let mut farm = Farm::ready(2);
    farm.input(1, Input::Leave);
    assert!(farm.others.is_empty());
    farm.pass(ms(1_000));
    assert!(matches!(farm.others[..], [Output::Left]));
    assert_eq!(farm.node(2).participants(&name("web")), [id(2)].into());
}

#[test]
fn a_cluster_that_is_removed_leaves_the_modules_and_a_later_one_is_a_new_life() {
    let mut farm = Farm::ready(2);
    farm.input(1, Input::Leave);
    farm.pass(ms(1_000));
    farm.input(1, Input::ClusterRemoved);
    assert_eq!((farm.node(1).join(), farm.node(1).me()), (Join::NoCluster, None));
    assert!(farm.node(1).letters().is_empty() && farm.node(1).names().is_empty());
    assert_eq!(farm.state(1, "web"), ModuleState::UP_TRANSIENT, "it is there, and not Ready");
    farm.input(1, Input::ClusterRemoved);
    farm.input(1, cluster(1, 2));
    assert_eq!(farm.node(1).incarnation().counter, 2);
    farm.pass(ms(3_000));
    assert_eq!(farm.state(1, "web"), ModuleState::UP_READY);
    assert_eq!(farm.node(2).participants(&name("web")).len(), 2);
}

#[test]
fn a_view_with_virtual_ips_waits_for_its_preparation() {
    let mut farm = Farm::new(1);
    let Input::ModuleConfigured(mut setup) = setup(module("web"), &[]) else { panic!() };
    setup.sharing = 5;
    farm.input(1, Input::ModuleConfigured(setup));
    farm.input(1, cluster(1, 1));
    farm.pass(ms(100));
    let membership = farm.node(1).membership().unwrap();
    let (epoch, _) = membership.proposed().expect("a node alone has joined");
    assert!(membership.view().is_none(), "it is not prepared");
    farm.input(1, Input::Armed { epoch: Epoch(epoch.0 + 1) });
    assert!(farm.node(1).membership().unwrap().view().is_none(), "that was for another view");
    farm.input(1, Input::Armed { epoch });
    assert!(farm.node(1).membership().unwrap().view().is_some());
}

#[test]
fn a_report_tells_what_cannot_be_saved_until_it_can() {
    let mut farm = Farm::new(1);
    let now = farm.now;
    farm.input(1, setup(module("web"), &[]));
    let faults = |farm: &Farm| {
        farm.node(1).module_report(now, &name("web"), &|_| String::new()).unwrap().faults
    };
    // The module's first order.
    let id = ActionId((1 << 40) | 1);
    let error = "no space left".to_owned();
    farm.input(1, Input::ActionFinished { id, outcome: Outcome::Failed { error } });
    assert_eq!(
        faults(&farm),
        [
            "The state of the module cannot be saved: no space left; make room or mend the disk, until then a new \
          agent would go by what was saved last"
        ]
    );
    farm.pass(Duration::from_secs(10));
    assert!(faults(&farm).is_empty());
}

#[test]
fn a_report_tells_the_whole_story() {
    let farm = Farm::ready(2);
    let node = farm.node(1);
    let names = Names { lans: BTreeMap::new(), ..node.explain_names(BTreeMap::new()) };
    let base = farm.base;
    let utc = move |at: Instant| format!("{} ms", at.saturating_duration_since(base).as_millis());
    let report = node.module_report(farm.now, &name("web"), &utc).unwrap();
    assert_eq!((report.reason.as_str(), report.boot.as_str()), ("ready", "ignore"));
    assert_eq!(report.participants, ["node1", "node2"]);
    assert_eq!(report.signature, "0000abcd00000001");
    assert_eq!(report.why, "the node has joined");
    assert!(report.since.ends_with(" ms"));
    let members = node.member_reports(&names);
    assert_eq!((members[0].state.as_str(), members[1].state.as_str()), ("self", "alive"));
    assert_eq!(members[1].modules[0].name, "web");
    assert_eq!(members[1].modules[0].signature, "00000001");
    assert_eq!(node.view_report().unwrap().members, ["node1", "node2"]);
    assert_eq!(node.join_why(), "all configured nodes are heard");
    assert!(node.fault_texts(&names).is_empty());
    assert_eq!(node.letters().len(), 1);
}
