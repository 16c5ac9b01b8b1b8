//! A whole node of a farm, told whatever an edge, its users and other nodes could tell it, in any order and at any time.
//!
//! The first byte says whether the story is told again to another node (one in eight); the others are calls. Other nodes have the keys of
//! the cluster, so what they say is taken; what comes without the keys may change nothing but counters and the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use safekit_core::Machine;
use safekit_core::config::{cluster, module};
use safekit_core::control::{Command, ModuleCommand, Origin, WatchSwitch};
use safekit_core::fuzz::{Draw, Forger};
use safekit_core::ids::{ActionId, CommandId, Epoch, LanId, LanSet, ModuleName, NodeId, ProcessId};
use safekit_core::membership::MembershipConfig;
use safekit_core::module::BudgetChange;
use safekit_core::module::saved::{SavedBudget, SavedModule, SavedPhase};
use safekit_core::module::script::{Script, ScriptEnd};
use safekit_core::module::watch::{ProcessInfo, ServiceInfo, ServiceState};
use safekit_core::node::{self, Action, AgentStart, Input, ModuleSetup, Node, Outcome, Start};
use safekit_core::record::{Recorder, Recording};
use safekit_core::runtime::clock;
use safekit_core::wire::{Key, KeyRing};
use safekit_farm::FarmNode;
use safekit_farm::node::Output;

/// More calls than this tell nothing new.
const CALLS_MAX: usize = 2_000;
/// More outputs of one call than this are not "a bounded number".
const OUTPUTS_MAX: usize = 4_096;
const START: Start = Start { counter: 1, random: 0 };
const MODULES: [&str; 3] = ["web", "db", "lone"];

const CLUSTER: &[u8] = br#"<cluster><lans><lan name="default">
<node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/><node name="node3" addr="10.0.0.3"/></lan>
<lan name="second"><node name="node1" addr="10.1.0.1"/><node name="node2" addr="10.1.0.2"/></lan></lans></cluster>"#;

const CONFIGURATIONS: [&str; 4] = [
    r#"<safe><service mode="farm" boot="on"><farm><lan name="default"/></farm></service></safe>"#,
    r#"<safe><service mode="farm" maxloop="2" loop_interval="1" drain="5s"><farm><lan name="default"/><lan name="second"/></farm>
<user nicestoptimeout="3s" forcestoptimeout="2s" starttimeout="9s"/>
<errd polltimer="2s"><proc name="p" atleast="1" action="restart" class="both"/><proc name="q" atmax="2" action="stopstart"
class="pre" start_after="2"/><proc name="r" action="noaction" class="extra"/></errd></service></safe>"#,
    r#"<safe><service mode="farm" boot="auto"><farm><lan name="second"/></farm><user/>
<errd><proc service="yes" name="nginx" action="restart" class="both"/></errd></service></safe>"#,
    r#"<safe><service mode="light" boot="off"><user/><errd><proc name="p" action="stop" class="both"/></errd></service></safe>"#,
];

fn configurations() -> &'static [Arc<safekit_core::config::ModuleConfig>] {
    static READ: OnceLock<Vec<Arc<safekit_core::config::ModuleConfig>>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut all = Vec::new();
        for name in MODULES {
            let name = ModuleName::new(name).expect("a name");
            for text in CONFIGURATIONS {
                let parsed = module::parse(&name, "userconfig.xml", text.as_bytes(), &|_| None);
                let faults = parsed.diagnostics;
                all.push(Arc::new(parsed.model.unwrap_or_else(|| panic!("{faults:?}"))));
            }
        }
        all
    })
}

fn keys() -> KeyRing {
    KeyRing { cluster: 1, keys: vec![Key::new([7; 32])] }
}

fn membership(me: NodeId) -> MembershipConfig {
    let cluster = cluster::parse("cluster.xml", CLUSTER).model.expect("no faults");
    MembershipConfig::from_cluster(&cluster, me, keys())
}

/// Plays a story.
pub fn machine(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let told_again = draw.below(8) == 7;
    let mut story = Story::new();
    story.notes = told_again;
    story.configure_cluster();
    let module = draw.byte();
    story.configure_module(module, &mut draw);
    for _ in 0..CALLS_MAX {
        if draw.is_empty() {
            break;
        }
        story.call(&mut draw);
    }
    // Whatever was: left alone it comes to rest or waits for a time, and no turn repeats itself without end.
    for _ in 0..10 {
        let Some(due) = story.node.poll_timeout() else { break };
        story.now = story.now.max(due);
        story.turn();
    }
    if told_again {
        story.tell_again();
    }
}

struct Story {
    base: Instant,
    now: Instant,
    node: Recorder<FarmNode>,
    forger: Forger,
    open: VecDeque<(ActionId, Action)>,
    /// What the node said, where that is wanted: writing it down takes longer than the story.
    told: Vec<String>,
    notes: bool,
    commands: u64,
    last: Vec<u8>,
}

impl Story {
    fn new() -> Self {
        // No machine reads a clock: one instant serves as well as any other.
        static BASE: OnceLock<Instant> = OnceLock::new();
        let base = *BASE.get_or_init(clock::now);
        let me = node_id(1);
        let names: BTreeMap<_, _> =
            membership(me).nodes.into_iter().map(|(id, node)| (id, node.name)).collect();
        Self {
            base,
            now: base,
            node: Recorder::new(FarmNode::new(Node::new(base, START)), START),
            forger: Forger::new(&keys(), me, names),
            open: VecDeque::new(),
            told: Vec::new(),
            notes: false,
            commands: 0,
            last: Vec::new(),
        }
    }

    fn call(&mut self, draw: &mut Draw<'_>) {
        match draw.below(32) {
            0..=5 => self.pass(draw),
            6..=13 => self.hear(draw),
            14 => self.hear_again(draw),
            15 => self.hear_stranger(draw),
            16..=21 => self.finish(draw),
            22 => {
                let module = draw.byte();
                self.configure_module(module, draw);
            }
            23 => self.input(Input::ModuleRemoved(name(draw.byte()))),
            24 | 25 => self.command(draw),
            26 => self.switch(draw),
            27 => self.input(Input::ProcessExited(process(draw.byte()))),
            28 => self.input(Input::BalancerProbed(name(draw.byte()))),
            29 => {
                let epoch = match self.node.machine().wanted() {
                    Some((epoch, _)) if draw.flag() => epoch,
                    Some(_) | None => Epoch(u64::from(draw.byte())),
                };
                self.input(Input::Armed { epoch });
            }
            30 => {
                let change = if draw.flag() { BudgetChange::Counted } else { BudgetChange::Reset };
                self.input(Input::BudgetChanged { module: name(draw.byte()), change });
            }
            _ => match draw.below(8) {
                0 => self.configure_cluster(),
                1 => self.input(Input::ClusterRemoved),
                2 => self.input(Input::Leave),
                _ => self.turn(),
            },
        }
    }

    /// Lets time pass: to the next deadline, a little before or behind it, or any time.
    fn pass(&mut self, draw: &mut Draw<'_>) {
        let due = self
            .node
            .poll_timeout()
            .map_or(Duration::ZERO, |due| due.saturating_duration_since(self.now));
        let by = match draw.below(6) {
            0 => due / 2,
            1 => due + Duration::from_micros(u64::from(draw.byte())),
            2 => Duration::from_millis(u64::from(draw.byte())),
            3 => Duration::from_millis(u64::from(draw.u16())),
            // Up to twelve days; in all of a story less than the hundred years after which no clock is told apart.
            4 if draw.below(16) == 15 => Duration::from_secs(u64::from(draw.u32() >> 12)),
            _ => due,
        };
        self.now += by;
        self.turn();
    }

    fn hear(&mut self, draw: &mut Draw<'_>) {
        let lan = lan(draw);
        let bytes = self.forger.forge(lan, draw);
        self.datagram(lan, draw.byte(), bytes);
    }

    /// What came before comes again: with a right tag, and old.
    fn hear_again(&mut self, draw: &mut Draw<'_>) {
        let bytes = self.last.clone();
        if !bytes.is_empty() {
            self.datagram(lan(draw), draw.byte(), bytes);
        }
    }

    fn datagram(&mut self, lan: LanId, from: u8, bytes: Vec<u8>) {
        self.last.clone_from(&bytes);
        let from = format!("10.{}.0.{from}:4800", lan.number()).parse().expect("an address");
        self.input(Input::DatagramReceived { lan, from, bytes });
    }

    /// What comes from somebody without the keys: anything, or a true datagram with a damage. It may be counted and told,
    /// and nothing else.
    fn hear_stranger(&mut self, draw: &mut Draw<'_>) {
        self.turn();
        let before = self.seen();
        let mut bytes = self.last.clone();
        if bytes.is_empty() || draw.flag() {
            let length = usize::from(draw.u16()) % 1_300;
            bytes = draw.take(length).to_vec();
        } else {
            let at = usize::from(draw.u16()) % bytes.len();
            bytes[at] ^= 1 << draw.below(8);
        }
        let (lan, from) = (lan(draw), draw.byte());
        let from = format!("10.{}.0.{from}:4800", lan.number()).parse().expect("an address");
        let (told, notes) = (self.told.len(), std::mem::replace(&mut self.notes, true));
        self.input(Input::DatagramReceived { lan, from, bytes });
        self.notes = notes;
        for output in self.told.iter().skip(told) {
            assert!(output.starts_with("Node(Event(Fault("), "a stranger caused {output}");
        }
        assert_eq!(self.seen(), before, "a stranger changed something");
    }

    /// Returns what can be seen of membership from outside, counters left out.
    fn seen(&self) -> String {
        let machine = self.node.machine();
        let membership = machine.node().membership().map(|membership| {
            let members: Vec<_> = (1..=3).map(|node| membership.member(node_id(node))).collect();
            format!("{members:?} {:?} {:?}", membership.view(), membership.incarnation())
        });
        format!("{membership:?} {:?} {:?}", machine.node().join(), machine.wanted())
    }

    fn configure_cluster(&mut self) {
        self.input(Input::ClusterConfigured(Box::new(membership(node_id(1)))));
    }

    fn configure_module(&mut self, which: u8, draw: &mut Draw<'_>) {
        let all = configurations();
        let config = Arc::clone(&all[usize::from(which) % all.len()]);
        let bits = draw.byte();
        let scripts = Script::ALL.into_iter().zip(0..).filter(|(_, bit)| bits >> bit & 1 == 0);
        let saved = draw.flag().then(|| SavedModule {
            phase: [
                SavedPhase::Stopped,
                SavedPhase::Up,
                SavedPhase::Starting,
                SavedPhase::Stopping,
                SavedPhase::Restarting,
            ][usize::from(draw.below(5))],
            started: draw.flag(),
            watched: (0..draw.below(3)).map(process).collect(),
            budget: SavedBudget {
                used: u32::from(draw.below(5)),
                age_ms: draw.u64() >> draw.below(64),
            },
            may_still_run: draw.flag(),
            errd_off: draw.flag(),
            classes: draw.flag().then(|| "extra".to_owned()).into_iter().collect(),
        });
        let starts = [
            AgentStart::HostBooted,
            AgentStart::SameBoot,
            AgentStart::Reconfigured,
            AgentStart::ClusterChanged,
        ];
        let setup = ModuleSetup {
            config,
            scripts: scripts.map(|(script, _)| script).collect(),
            lans: LanSet(draw.below(3) + 1),
            sharing: u32::from(draw.below(4) == 3),
            saved,
            start: starts[usize::from(draw.below(4))],
        };
        self.input(Input::ModuleConfigured(Box::new(setup)));
    }

    fn command(&mut self, draw: &mut Draw<'_>) {
        let commands = [
            Command::Start,
            Command::Stop,
            Command::Restart,
            Command::Stopstart,
            Command::Forcestop,
        ];
        let command = commands[usize::from(draw.below(5))];
        let origin = match draw.below(4) {
            0 => Origin::Detector("disk".to_owned()),
            1 => Origin::Shutdown,
            _ => Origin::User("root".to_owned()),
        };
        self.commands += 1;
        let (id, module) = (CommandId(self.commands), name(draw.byte()));
        let command = ModuleCommand { module, command, origin };
        self.input(Input::CommandReceived { id, command });
    }

    fn switch(&mut self, draw: &mut Draw<'_>) {
        let class = if draw.below(4) == 3 { "none" } else { "extra" }.to_owned();
        let switch = match draw.below(4) {
            0 => WatchSwitch::On,
            1 => WatchSwitch::Off,
            2 => WatchSwitch::Enable(class),
            _ => WatchSwitch::Disable(class),
        };
        self.commands += 1;
        let (id, module) = (CommandId(self.commands), name(draw.byte()));
        let origin = Origin::User("root".to_owned());
        self.input(Input::SwitchReceived { id, module, switch, origin });
    }

    /// Answers an order that is open, the oldest most often; sometimes one that nobody has given, or in a way that fits
    /// another order.
    fn finish(&mut self, draw: &mut Draw<'_>) {
        let place = if draw.below(4) == 3 { usize::from(draw.byte()) } else { 0 };
        let how = draw.below(16);
        let (id, action) = match self.open.remove(place) {
            Some((id, action)) => (id, Some(action)),
            None if how == 15 => (ActionId(u64::from(draw.byte())), None),
            None => return,
        };
        let outcome = match (how, action) {
            (12, _) => Outcome::Failed { error: "no space left on device".to_owned() },
            (13, _) => Outcome::Processes(processes(draw)),
            (14, _) => Outcome::Done,
            (_, Some(Action::RunScript(_))) | (15, None) => Outcome::Script {
                end: match draw.below(8) {
                    0 => ScriptEnd::Exited { code: 1 },
                    1 => ScriptEnd::Signalled { signal: 9 },
                    2 => ScriptEnd::TimedOut,
                    3 => ScriptEnd::Ended,
                    4 => ScriptEnd::NotStarted { error: "no memory".to_owned() },
                    _ => ScriptEnd::Exited { code: 0 },
                },
                duration: Duration::from_millis(u64::from(draw.u16())),
                userlog: None,
            },
            (_, Some(Action::ScanProcesses)) => Outcome::Processes(processes(draw)),
            (_, Some(Action::AskServices { services })) => {
                let all = [
                    ServiceState::Running,
                    ServiceState::Changing,
                    ServiceState::NotRunning,
                    ServiceState::NotFound,
                    ServiceState::Unknown,
                ];
                let tell = |service: String| {
                    let state = all[usize::from(draw.byte()) % all.len()];
                    let main = draw.flag().then(|| process(draw.byte()));
                    (service, ServiceInfo { state, said: String::new(), main })
                };
                Outcome::Services(Arc::new(services.into_iter().map(tell).collect()))
            }
            _ => Outcome::Done,
        };
        self.input(Input::ActionFinished { id, outcome });
    }

    fn input(&mut self, input: Input) {
        self.node.handle_input(self.now, input);
        self.drain();
    }

    /// A turn of the loop, and the laws of a machine.
    fn turn(&mut self) {
        self.node.handle_timeout(self.now);
        self.drain();
        let due = self.node.poll_timeout();
        assert_eq!(self.node.poll_timeout(), due, "to ask changes nothing");
        assert!(
            due.is_none_or(|due| due > self.now),
            "due {:?} ago",
            due.map(|due| self.now - due)
        );
        self.node.handle_timeout(self.now);
        assert!(self.node.poll_output().is_none(), "a repeated call is harmless");
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.node.poll_output() {
            count += 1;
            assert!(count < OUTPUTS_MAX, "a call gives a bounded number of outputs");
            if self.notes {
                self.told.push(format!("{output:?}"));
            }
            match output {
                Output::Node(node::Output::Transmit(transmit)) => self.forger.hear(&transmit.bytes),
                Output::Node(node::Output::Action { id, action }) => {
                    self.open.push_back((id, action))
                }
                Output::SharesChanged { module, owned, .. } => {
                    let farm = self.node.machine().farm(&module);
                    assert!(farm.is_some() || owned.is_empty(), "a share of no farm");
                }
                _ => {}
            }
        }
    }

    /// Tells the recorded story to another node: it must say the same.
    fn tell_again(&mut self) {
        let text = self.node.take_text();
        let recording = Recording::read(&text, &keys().keys).expect("what was written can be read");
        assert!(recording.is_complete());
        let mut other = FarmNode::new(Node::new(self.base, recording.start()));
        let told = recording.replay(self.base, &mut other);
        let told: Vec<String> = told.into_iter().map(|(_, output)| format!("{output:?}")).collect();
        assert_eq!(told, self.told, "the same calls give the same outputs");
    }
}

fn node_id(number: usize) -> NodeId {
    NodeId::new(number).expect("a node")
}

fn lan(draw: &mut Draw<'_>) -> LanId {
    LanId::new(usize::from(draw.below(8) / 6)).expect("a lan")
}

fn name(byte: u8) -> ModuleName {
    ModuleName::new(MODULES[usize::from(byte) % MODULES.len()]).expect("a name")
}

fn process(byte: u8) -> ProcessId {
    ProcessId { pid: 100 + u32::from(byte & 3), started: u64::from(byte >> 7) }
}

fn processes(draw: &mut Draw<'_>) -> Arc<[ProcessInfo]> {
    let one = |draw: &mut Draw<'_>| ProcessInfo {
        id: process(draw.byte()),
        parent_pid: 1,
        name: ["p", "q", "r", "sh"][usize::from(draw.below(4))].to_owned(),
        executable: String::new(),
        arguments: Vec::new(),
    };
    (0..draw.below(5)).map(|_| one(draw)).collect()
}
