//! Random walks: whatever comes in whatever order, some things always hold.

use std::time::Duration;

use super::bench::{Bench, POLL, config, ms, proc, process, s, saved, user, watching};
use crate::config::model::{BootPolicy, ModuleConfig, ProcAction, ProcClass, ProcConfig, ProcKind};
use crate::control::{Command, Origin, WatchSwitch};
use crate::event::{Event, ModuleFault};
use crate::ids::{ActionId, LanSet};
use crate::module::saved::SavedPhase;
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::{FarmState, ModuleState};
use crate::module::watch::ServiceState;
use crate::module::{Input, Join};
use crate::node::{AgentStart, ModuleSetup, Outcome};

const WALKS: u64 = 300;
const STEPS: u32 = 150;

/// Numbers that look random and follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let place = self.roll(u64::try_from(choices.len()).unwrap());
        choices[usize::try_from(place).unwrap()].clone()
    }
}

fn configured(dice: &mut Dice) -> ModuleConfig {
    let actions = [
        ProcAction::Restart,
        ProcAction::Stopstart,
        ProcAction::Stop,
        ProcAction::NoAction,
        ProcAction::Handler("mend".to_owned()),
    ];
    let batch = ProcConfig {
        class: ProcClass::User("batch".to_owned()),
        ..proc("nginx-batch", dice.pick(&actions))
    };
    let helper = ProcConfig {
        class: ProcClass::Pre,
        start_after: dice.pick(&[0, 2]),
        ..proc("helper", dice.pick(&actions))
    };
    let nginx =
        ProcConfig { atmax: dice.pick(&[None, Some(2)]), ..proc("nginx", dice.pick(&actions)) };
    let mut config = match dice.roll(4) {
        0 => config(),
        _ => watching(vec![nginx, helper, batch]),
    };
    // A dice of its own: walks without services are as they would be without these lines.
    let mut own = Dice(dice.0 ^ 0x5e71);
    if let Some(errd) = config.errd.as_mut().filter(|_| own.roll(4) == 0) {
        errd.procs.push(ProcConfig {
            kind: ProcKind::Service,
            restart_services: own.pick(&[Vec::new(), vec!["db".to_owned()]]),
            ..proc("db", own.pick(&actions[..3]))
        });
    }
    config.boot = dice.pick(&[BootPolicy::On, BootPolicy::Off, BootPolicy::Auto]);
    config.boot_delay = dice.pick(&[Duration::ZERO, s(3)]);
    config.drain = dice.pick(&[Duration::ZERO, s(15)]);
    config.loop_interval = dice.pick(&[Duration::ZERO, s(60), s(86_400)]);
    config.maxloop = dice.pick(&[0, 1, 3]);
    if let Some(user) = &mut config.user {
        user.nicestoptimeout = dice.pick(&[Duration::ZERO, s(5), s(300)]);
    }
    config
}

fn begin(dice: &mut Dice) -> Bench {
    let phases = [
        SavedPhase::Stopped,
        SavedPhase::Up,
        SavedPhase::Starting,
        SavedPhase::Stopping,
        SavedPhase::Restarting,
    ];
    let phase = dice.pick(&phases);
    let kept = dice.pick(&[None, Some(saved(phase))]);
    let start =
        dice.pick(&[AgentStart::HostBooted, AgentStart::SameBoot, AgentStart::Reconfigured]);
    let scripts = dice.pick(&[&Script::ALL[..], &Script::ALL[..], &[Script::StartBoth]]);
    let mut config = configured(dice);
    if dice.roll(8) == 0 {
        config.user = None;
    }
    Bench::with_scripts(config, start, kept, scripts)
}

fn end_script(bench: &mut Bench, dice: &mut Dice) {
    if bench.running.is_empty() {
        return;
    }
    if dice.roll(4) > 0 {
        return bench.exit(0);
    }
    bench.end(dice.pick(&[
        ScriptEnd::Exited { code: 0 },
        ScriptEnd::Exited { code: 0 },
        ScriptEnd::Exited { code: 1 },
        ScriptEnd::TimedOut,
        ScriptEnd::Ended,
        ScriptEnd::Signalled { signal: 9 },
        ScriptEnd::NotStarted { error: "no".to_owned() },
    ]));
}

/// Ends a handler, or switches the process monitor.
fn watch(bench: &mut Bench, dice: &mut Dice) {
    match dice.roll(2) {
        0 if !bench.handlers.is_empty() => bench.end_handler(dice.pick(&[
            ScriptEnd::Exited { code: 0 },
            ScriptEnd::Exited { code: 1 },
            ScriptEnd::TimedOut,
            ScriptEnd::Signalled { signal: 9 },
        ])),
        _ => drop(bench.switch(dice.pick(&[
            WatchSwitch::On,
            WatchSwitch::On,
            WatchSwitch::Off,
            WatchSwitch::Enable("batch".to_owned()),
            WatchSwitch::Disable("batch".to_owned()),
        ]))),
    }
}

fn step(bench: &mut Bench, dice: &mut Dice) {
    match dice.roll(16) {
        0 => {
            let commands = [
                Command::Start,
                Command::Start,
                Command::Stop,
                Command::Restart,
                Command::Stopstart,
                Command::Forcestop,
            ];
            let check = Origin::Detector("check".to_owned());
            let origins = [user(), check.clone(), check.clone(), check, Origin::Shutdown];
            let origin = dice.pick(&origins);
            let command =
                if origin == Origin::Shutdown { Command::Stop } else { dice.pick(&commands) };
            drop(bench.command(command, origin));
        }
        1..=3 | 12..=14 => end_script(bench, dice),
        4 | 5 => bench.pass(dice.pick(&[ms(1), ms(300), s(1), POLL, s(15), s(400)])),
        6 | 7 if bench.scans_wanted > 0 => {
            let lists = [
                vec![],
                vec![process("nginx", 1), process("helper", 2)],
                vec![process("nginx", 3), process("nginx", 4), process("helper", 2)],
            ];
            bench.scan(&dice.pick(&lists));
        }
        6 | 7 if bench.asked.is_some() => {
            let state = dice.pick(&ServiceState::ALL);
            bench.tell(&[("db", state, dice.pick(&[None, Some(4)]))]);
        }
        6 | 7 => bench.input(Input::BalancerProbed),
        8 => bench.die(u32::try_from(dice.roll(5)).unwrap()),
        9 => {
            let join = dice.pick(&[Join::Joined, Join::Joined, Join::Joining]);
            bench.input(Input::JoinChanged(join));
        }
        10 => bench.input(Input::OthersChanged { ready: dice.roll(2) == 0 }),
        11 => watch(bench, dice),
        _ => match dice.roll(3) {
            0 => {
                let id = ActionId((1 << 40) | dice.roll(60));
                bench.running.retain(|(running, _)| *running != id);
                bench.handlers.retain(|(running, _)| *running != id);
                let outcome = Outcome::Failed { error: "no".to_owned() };
                bench.input(Input::ActionFinished { id, outcome });
            }
            1 => {
                let loop_interval = bench.module.config().loop_interval;
                let config = ModuleConfig { loop_interval, ..configured(dice) };
                bench.input(Input::Configured(Box::new(ModuleSetup {
                    config: config.into(),
                    scripts: Script::ALL.into_iter().collect(),
                    lans: LanSet::ALL,
                    sharing: 0,
                    saved: None,
                    start: AgentStart::Reconfigured,
                })));
            }
            _ => drop(bench.command(Command::Start, Origin::Boot)),
        },
    }
}

/// Keeps in mind what the steps so far allow.
#[derive(Default)]
struct Memory {
    /// The application was stopped by a script, and not started by one since.
    stopped: bool,
    /// Automatic restarts since an administrator's command.
    automatic: u32,
    /// The interval was never short.
    limited: bool,
    /// The last `stop_both` did not come to its own end.
    unfinished: bool,
}

impl Memory {
    fn hear(&mut self, event: &Event, seed: u64) {
        if let Event::ScriptStarted { script: Script::StopBoth, .. } = event {
            self.stopped = true;
        }
        if let Event::ScriptEnded { script: Script::StartBoth, .. } = event {
            self.stopped = false;
        }
        if let Event::ScriptEnded { script: Script::StopBoth, end, .. } = event {
            self.unfinished = !matches!(end, ScriptEnd::Exited { .. });
        }
        if let Event::CommandAccepted { command, origin, .. } = event {
            let counts = matches!(command, Command::Restart | Command::Stopstart)
                && matches!(origin, Origin::Errd | Origin::Detector(_));
            self.automatic += u32::from(counts);
            if origin.is_administrator() {
                self.automatic = 0;
            }
        }
        if let Event::BudgetExhausted { .. } = event {
            self.automatic -= 1;
        }
        if let Event::StateChanged { from, to, .. } = event {
            assert_ne!(from, to, "seed {seed}");
        }
        assert!(!matches!(event, Event::InvariantBroken { .. }), "seed {seed}: {event:?}");
    }

    fn check(&mut self, bench: &mut Bench, seed: u64) {
        for event in std::mem::take(&mut bench.events) {
            self.hear(&event, seed);
        }
        self.limited &= bench.module.config().loop_interval == s(86_400);
        if self.limited {
            assert!(self.automatic <= 3, "seed {seed}: {} automatic restarts", self.automatic);
        }
        let state = bench.module.state();
        if state == ModuleState::UP_READY {
            assert!(bench.joined, "seed {seed}: Ready only where the node has joined");
            assert!(bench.running.is_empty(), "seed {seed}: Ready, and a script runs");
            assert!(!self.stopped, "seed {seed}: Ready, and the application was stopped");
        }
        if state.state == FarmState::Stop {
            assert!(bench.running.is_empty(), "seed {seed}: a stopped module runs nothing");
            assert!(bench.watched.is_empty(), "seed {seed}: a stopped module watches nothing");
            let told = bench
                .module
                .faults()
                .iter()
                .any(|fault| matches!(fault, ModuleFault::MayStillRun { .. }));
            assert_eq!(told, self.unfinished, "seed {seed}: whether the application may still run");
            assert_eq!(bench.saves.last().map(|it| it.may_still_run), Some(told), "seed {seed}");
        }
        for (_, run) in &bench.running {
            let told = run.arguments.iter().any(|argument| argument == "-Services");
            let restart = run.arguments.iter().any(|argument| argument == "restart");
            assert!(!told || restart, "seed {seed}: {:?}", run.arguments);
        }
        let on = bench.handlers.iter().filter(|(id, _)| !bench.to_end.contains(id)).count();
        assert!(on <= 3, "seed {seed}: few handlers at a time");
        let stopping = bench.running.iter().any(|(_, run)| run.script == Script::StopBoth);
        if stopping || state.state == FarmState::Stop {
            let both = |name: &str| name.starts_with("nginx");
            let left = bench.handlers.iter().filter(|(id, run)| {
                !bench.to_end.contains(id) && (!stopping || both(&run.arguments[0]))
            });
            assert_eq!(left.count(), 0, "seed {seed}: no handler mends what is being stopped");
        }
        let drained = bench.module.drain_until().is_none_or(|until| until > bench.now);
        assert!(drained, "seed {seed}: a drain ends in its time");
        assert_eq!(bench.module.takes(), state == ModuleState::UP_READY, "seed {seed}");
        assert_eq!(
            bench.told.last().map(|(told, _)| *told),
            Some(state),
            "seed {seed}: it is told"
        );
        assert!(bench.scans_wanted < 2, "seed {seed}: one list at a time");
    }
}

fn walk(seed: u64) -> u32 {
    let mut ready = 0;
    let mut dice = Dice(seed);
    let mut bench = begin(&mut dice);
    let mut memory = Memory { limited: true, ..Memory::default() };
    for _ in 0..STEPS {
        // The bench itself asserts: one script at a time, bounded outputs, deadlines later than now.
        step(&mut bench, &mut dice);
        memory.check(&mut bench, seed);
        ready += u32::from(bench.module.state() == ModuleState::UP_READY);
    }
    // In the end every module can be stopped.
    drop(bench.command(Command::Forcestop, user()));
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP, "seed {seed}");
    ready
}

#[test]
fn whatever_comes_some_things_always_hold() {
    let ready: u32 = (0..WALKS).map(walk).sum();
    assert!(ready > 2_000, "the walks are no test when nothing is ever Ready: {ready}");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn the_walks_find_planted_bugs() {
    use crate::bug::{Bug, plant};
    for bug in
        [Bug::ForgottenTimer, Bug::DoubleStart, Bug::ReadyBeforeJoined, Bug::UnlimitedRestarts]
    {
        plant(Some(bug));
        let found = (0..WALKS).find(|seed| std::panic::catch_unwind(|| walk(*seed)).is_err());
        plant(None);
        assert!(found.is_some(), "{bug:?}");
    }
}

#[test]
fn the_same_walk_gives_the_same_story() {
    let walk = || {
        let mut dice = Dice(42);
        let mut bench = begin(&mut dice);
        for _ in 0..STEPS {
            step(&mut bench, &mut dice);
        }
        (bench.story(), bench.saves)
    };
    assert_eq!(walk(), walk());
}
