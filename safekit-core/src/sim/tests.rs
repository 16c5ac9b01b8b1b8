use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::Machine;
use crate::control::{Command, Origin};
use crate::ids::{ActionId, LanId, ModuleName, NodeId, ProcessId};
use crate::membership::Transmit;
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::node::{Action, Input, Outcome, Output};
use crate::sim::{Birth, Cast, Invariant, Occurrence, SimModule, Subject, World};

/// A machine that only does what a world needs to show what it does: it sends to everybody each pulse, runs
/// `start_both` when told to start and `stop_both` when told to stop, and watches what the start has left.
#[derive(Debug)]
struct Toy {
    me: NodeId,
    next: Instant,
    pulse: Duration,
    /// Sets no later deadline, against the law.
    lazy: bool,
    others: Vec<NodeId>,
    outputs: VecDeque<Output>,
    actions: u64,
    heard: BTreeMap<NodeId, u32>,
    /// Inputs since the last call of `handle_timeout`.
    batch: usize,
    batches: Vec<usize>,
    ends: Vec<(ScriptEnd, Duration)>,
    died: Vec<ProcessId>,
    sent: u32,
}

impl Toy {
    fn new(birth: &Birth) -> Self {
        Self {
            me: birth.node,
            next: birth.now,
            pulse: Duration::from_millis(100),
            lazy: false,
            others: Vec::new(),
            outputs: VecDeque::new(),
            actions: 0,
            heard: BTreeMap::new(),
            batch: 0,
            batches: Vec::new(),
            ends: Vec::new(),
            died: Vec::new(),
            sent: 0,
        }
    }

    fn act(&mut self, action: Action) {
        self.actions += 1;
        self.outputs.push_back(Output::Action { id: ActionId(self.actions), action });
    }

    fn datagram(&self, to: NodeId, text: &str) -> Transmit {
        let lan = LanId::new(0).unwrap();
        let bytes = format!("{} {text}", self.me.number()).into_bytes();
        Transmit { lan, to: Cast::address(to, lan), bytes }
    }

    fn run(&mut self, module: ModuleName, script: Script) {
        self.act(Action::RunScript(Box::new(ScriptRun {
            module,
            script,
            file: None,
            arguments: Vec::new(),
            vars: Vec::new(),
            logging: crate::config::model::Logging::None,
            large_userlogs: crate::module::script::LargeUserlogs::Keep,
            time_limit: Some(Duration::from_secs(1)),
        })));
    }
}

impl Machine for Toy {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, _now: Instant, input: Input) {
        self.batch += 1;
        match input {
            Input::ClusterConfigured(config) => {
                self.others = config.nodes.keys().copied().filter(|it| *it != self.me).collect();
            }
            Input::DatagramReceived { bytes, .. } => {
                let from = String::from_utf8(bytes).unwrap();
                let number = from.split(' ').next().unwrap().parse().unwrap();
                *self.heard.entry(NodeId::new(number).unwrap()).or_default() += 1;
            }
            Input::CommandReceived { command, .. } => {
                let starts = command.command == Command::Start;
                let script = if starts { Script::StartBoth } else { Script::StopBoth };
                self.run(command.module, script);
            }
            Input::ActionFinished { outcome: Outcome::Script { end, duration, .. }, .. } => {
                self.ends.push((end, duration));
                self.act(Action::ScanProcesses);
            }
            Input::ActionFinished { outcome: Outcome::Processes(list), .. } => {
                let processes: BTreeSet<ProcessId> = list.iter().map(|it| it.id).collect();
                let module = ModuleName::new("app").unwrap();
                self.act(Action::WatchProcesses { module, processes });
            }
            Input::ProcessExited(process) => self.died.push(process),
            Input::ActionFinished { .. }
            | Input::ClusterRemoved
            | Input::BudgetChanged { .. }
            | Input::ModuleConfigured(_)
            | Input::ModuleRemoved(_)
            | Input::Armed { .. }
            | Input::SwitchReceived { .. }
            | Input::BalancerProbed(_)
            | Input::Leave => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.batches.push(std::mem::take(&mut self.batch));
        if now >= self.next && !self.lazy {
            self.next = now + self.pulse;
            self.sent += 1;
            for to in self.others.clone() {
                let hello = self.datagram(to, "hello");
                self.outputs.push_back(Output::Transmit(hello));
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

impl Subject for Toy {
    fn node_output(output: &Output) -> Option<&Output> {
        Some(output)
    }

    fn letters(&self) -> Vec<Transmit> {
        self.others.iter().map(|to| self.datagram(*to, "is dead")).collect()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn app() -> ModuleName {
    ModuleName::new("app").unwrap()
}

fn world(seed: u64) -> World<Toy> {
    let cast = Cast::new(3).module(SimModule::watched("app").unwrap());
    let mut world = World::new(seed, cast, Toy::new);
    world.start_all();
    world
}

fn heard(world: &World<Toy>, node: NodeId, from: NodeId) -> u32 {
    world.machine(node).unwrap().heard.get(&from).copied().unwrap_or(0)
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let story = |seed| {
        let mut world = world(seed);
        world.trace(100_000);
        world.net().loss(0.2);
        world.net().duplication(0.1);
        world.run_for(ms(3000)).unwrap();
        world.fail::<()>("the end").unwrap_err().trace
    };
    assert_eq!(story(1), story(1));
    assert_ne!(story(1), story(2));
}

#[test]
fn the_network_carries_what_is_not_cut() {
    let mut world = world(1);
    world.net().cut_one_way(id(1), id(2));
    world.run_for(ms(1050)).unwrap();
    assert_eq!(heard(&world, id(2), id(1)), 1, "what was on its way arrives");
    assert!((10..=11).contains(&heard(&world, id(1), id(2))));
    world.net().heal();
    world.run_for(ms(1000)).unwrap();
    assert!(heard(&world, id(2), id(1)) >= 9);
}

#[test]
fn what_waits_at_a_pause_is_taken_in_one_turn() {
    let mut world = world(1);
    world.run_for(ms(1000)).unwrap();
    let before = world.machine(id(1)).unwrap().batches.len();
    world.pause(id(1), ms(950));
    world.run_for(ms(949)).unwrap();
    assert_eq!(
        world.machine(id(1)).unwrap().batches.len(),
        before,
        "no turn while it stands still"
    );
    world.run_for(ms(2)).unwrap();
    let batch = world.machine(id(1)).unwrap().batches[before];
    assert!((18..=20).contains(&batch), "{batch}");
}

#[test]
fn a_guardian_announces_a_crash_three_times_and_a_silent_one_never() {
    let mut world = world(1);
    world.run_for(ms(1000)).unwrap();
    let before = heard(&world, id(2), id(1));
    world.crash(id(1));
    world.run_for(ms(30)).unwrap();
    assert_eq!(heard(&world, id(2), id(1)), before + 3);
    let before = heard(&world, id(2), id(3));
    world.crash_silently(id(3));
    world.run_for(ms(1000)).unwrap();
    assert_eq!(heard(&world, id(2), id(3)), before);
}

#[test]
fn a_counter_grows_with_each_start_and_a_script_outlives_its_agent() {
    let mut world = world(1);
    let node = id(1);
    world.command(node, &app(), Command::Start, Origin::Boot);
    world.run_for(ms(1)).unwrap();
    world.crash(node);
    assert_eq!(world.running_scripts(node, &app()), [Script::StartBoth]);
    world.run_for(ms(400)).unwrap();
    assert_eq!(world.processes(node, &app()).len(), 1);
    world.restart(node);
    assert_eq!(world.hosts[&node].disk.counter, 2);
    world.run_for(ms(400)).unwrap();
    assert!(world.machine(node).unwrap().ends.is_empty(), "its end is told to nobody");
    world.power_off(node);
    assert!(world.processes(node, &app()).is_empty());
}

#[test]
fn a_watched_process_that_dies_is_reported_once() {
    let mut world = world(1);
    let node = id(1);
    world.command(node, &app(), Command::Start, Origin::Boot);
    world.run_for(ms(500)).unwrap();
    let process = *world.processes(node, &app()).first().unwrap();
    assert!(world.kill_process(node, &app()));
    world.run_for(ms(10)).unwrap();
    assert_eq!(world.machine(node).unwrap().died, [process]);
    assert!(!world.kill_process(node, &app()));
}

#[test]
fn scripts_go_wrong_as_told() {
    let mut world = world(1);
    let node = id(1);
    world.fail_script(node, &app(), Script::StartBoth);
    world.command(node, &app(), Command::Start, Origin::Boot);
    world.run_for(ms(500)).unwrap();
    world.hang_script(node, &app(), Script::StartBoth);
    world.command(node, &app(), Command::Start, Origin::Boot);
    world.run_for(ms(1500)).unwrap();
    assert!(world.processes(node, &app()).is_empty());
    world.mend_scripts(node);
    world.command(node, &app(), Command::Start, Origin::Boot);
    world.run_for(ms(500)).unwrap();
    assert_eq!(world.processes(node, &app()).len(), 1);
    let ends: Vec<ScriptEnd> =
        world.machine(node).unwrap().ends.iter().map(|(end, _)| end.clone()).collect();
    let exited = |code| ScriptEnd::Exited { code };
    assert_eq!(ends, [exited(1), ScriptEnd::TimedOut, exited(0)]);
}

#[test]
fn a_machine_that_breaks_the_law_of_deadlines_fails_the_run() {
    let mut world = World::new(0x1f3a, Cast::new(2), |birth| Toy { lazy: true, ..Toy::new(birth) });
    world.start_all();
    let failure = world.run_for(ms(1000)).unwrap_err();
    assert!(failure.what.contains("not later than now"), "{failure}");
    let text = failure.to_string();
    let replay = "SAFEKIT_SEED=0x1f3a cargo test --profile sim -p safekit-farm --all-features --test sim -- --nocapture";
    assert!(text.starts_with("seed 0x1f3a, step") && text.ends_with(replay), "{text}");
}

#[derive(Debug)]
struct NobodyStops;

impl Invariant<Toy> for NobodyStops {
    fn observe(
        &mut self,
        world: &World<Toy>,
        occurrence: &Occurrence<'_, Toy>,
    ) -> Result<(), String> {
        if let Occurrence::AgentEnded { node } = occurrence {
            return Err(format!("{node} ends at {:?}", world.now()));
        }
        Ok(())
    }
}

#[test]
fn an_invariant_that_does_not_hold_fails_the_run() {
    let mut world = World::new(1, Cast::new(2), Toy::new).with(NobodyStops);
    world.start_all();
    world.later(ms(700), |world| world.crash(id(2)));
    let failure = world.run_for(ms(1000)).unwrap_err();
    assert_eq!((failure.at, failure.what.as_str()), (ms(700), "node id 2 ends at 700ms"));
    assert!(failure.trace.lines().count() <= 50 && failure.trace.contains("agent is killed"));
    assert_eq!(world.run_for(ms(1)).unwrap_err(), failure, "a failed run goes nowhere");
}
