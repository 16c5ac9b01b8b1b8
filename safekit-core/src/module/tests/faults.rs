//! What a module does about dead and missing processes, and about what it cannot do.

use super::bench::{Bench, POLL, config, ms, proc, process, s, user, watching};
use crate::config::model::{ModuleConfig, ProcAction, ProcClass, ProcConfig};
use crate::control::{Command, Origin};
use crate::event::{Event, ModuleFault};
use crate::ids::{ActionId, LanSet};
use crate::module::script::Script;
use crate::module::state::ModuleState;
use crate::module::watch::WatchState;
use crate::module::{Input, Module};
use crate::node::{AgentStart, ModuleSetup, Outcome};

fn nginx(action: ProcAction) -> ModuleConfig {
    watching(vec![proc("nginx", action)])
}

fn seen(config: ModuleConfig) -> Bench {
    let mut bench = Bench::up(config);
    bench.scan(&[process("nginx", 11)]);
    assert_eq!(bench.watched, [11].into());
    bench
}

#[test]
fn a_dead_process_is_acted_upon_without_waiting_for_a_poll() {
    for (action, arguments) in [
        (ProcAction::Restart, "UP UP restart"),
        (ProcAction::Stopstart, "UP WAIT stopstart"),
        (ProcAction::Stop, "UP WAIT stop"),
    ] {
        let mut bench = seen(nginx(action));
        bench.pass(s(60));
        let before = bench.now;
        bench.scan(&[process("nginx", 11)]);
        bench.die(11);
        bench.scan(&[]);
        assert_eq!(bench.now, before);
        assert_eq!(bench.arguments(), arguments);
        assert_eq!(bench.commands().last().map(|(_, origin)| origin), Some(&Origin::Errd));
        assert!(bench.watched.is_empty(), "the class is off before the application stops");
    }
}

#[test]
fn noaction_is_a_line_in_the_log() {
    let mut bench = seen(nginx(ProcAction::NoAction));
    bench.die(11);
    bench.scan(&[]);
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    let fault =
        |event: &Event| matches!(event, Event::ProcessFault { action: ProcAction::NoAction, .. });
    assert!(bench.has(fault));
    bench.pass(POLL);
    bench.scan(&[]);
    assert_eq!(bench.events.iter().filter(|event| fault(event)).count(), 1, "told once");
    bench.pass(POLL);
    bench.scan(&[process("nginx", 12)]);
    assert!(bench.has(|event| matches!(event, Event::ProcessRecovered { count: 1, .. })));
}

#[test]
fn nothing_is_watched_while_stop_both_and_start_both_run() {
    let mut bench = seen(nginx(ProcAction::Restart));
    bench.command(Command::Restart, user()).unwrap();
    assert!(bench.watched.is_empty());
    bench.die(11);
    bench.pass(s(100));
    assert_eq!(bench.scans_wanted, 0);
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert_eq!(bench.commands(), [(Command::Restart, user())]);
}

#[test]
fn a_late_list_does_not_act_on_the_new_life() {
    let mut bench = seen(nginx(ProcAction::Restart));
    bench.pass(POLL);
    assert_eq!(bench.scans_wanted, 1);
    bench.command(Command::Restart, user()).unwrap();
    bench.run_all();
    // The list was made while the application was stopped.
    bench.scan(&[]);
    bench.scan(&[process("nginx", 12)]);
    bench.pass(s(3600));
    assert_eq!(bench.commands(), [(Command::Restart, user())]);
    assert_eq!(bench.watched, [12].into());
}

#[test]
fn a_class_of_its_own_is_watched_from_prestart_to_poststop() {
    let helper = ProcConfig { class: ProcClass::Pre, ..proc("helper", ProcAction::Stop) };
    let mut bench = Bench::new(watching(vec![helper]));
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::Prestart);
    assert_eq!(bench.scans_wanted, 0);
    bench.exit(0);
    assert_eq!(bench.scans_wanted, 1);
    bench.scan(&[process("helper", 5)]);
    assert_eq!(bench.watched, [5].into());
    bench.run_all();
    bench.command(Command::Stop, user()).unwrap();
    bench.run_until(Script::Poststop);
    assert!(bench.watched.is_empty());
}

#[test]
fn a_fault_during_the_start_stops_it_or_is_taken_up_later() {
    for (action, last) in [(ProcAction::Stop, Command::Stop), (ProcAction::Restart, Command::Start)]
    {
        let helper = ProcConfig { class: ProcClass::Pre, ..proc("helper", action.clone()) };
        let mut bench = Bench::new(watching(vec![helper]));
        bench.command(Command::Start, user()).unwrap();
        bench.run_until(Script::StartBoth);
        bench.scan(&[process("helper", 5)]);
        bench.die(5);
        bench.scan(&[]);
        assert_eq!(bench.commands().last().map(|(command, _)| *command), Some(last));
        if action == ProcAction::Restart {
            bench.run_all();
            bench.pass(POLL);
            bench.scan(&[]);
            assert_eq!(bench.commands().last(), Some(&(Command::Restart, Origin::Errd)));
        }
    }
}

#[test]
fn the_strongest_of_several_actions_is_done() {
    let procs = vec![proc("nginx", ProcAction::Restart), proc("php", ProcAction::Stopstart)];
    let mut bench = Bench::up(watching(procs));
    bench.scan(&[process("nginx", 1), process("php", 2)]);
    bench.die(1);
    bench.die(2);
    bench.scan(&[]);
    bench.pass(ms(100));
    bench.scan(&[]);
    assert_eq!(bench.commands(), [(Command::Stopstart, Origin::Errd)]);
    let faults = |event: &&Event| matches!(event, Event::ProcessFault { .. });
    assert_eq!(bench.events.iter().filter(faults).count(), 2);
}

#[test]
fn what_cannot_be_saved_is_told_once_and_saved_later() {
    let mut bench = Bench::new(config());
    bench.disk_hangs = true;
    bench.command(Command::Start, user()).unwrap();
    let first = bench.saves.len();
    for number in 0..3 {
        assert_eq!(bench.saves.len(), first + number);
        let error = format!("disk full {number}");
        bench.answer_saves(&Outcome::Failed { error: error.clone() });
        assert_eq!(bench.module.faults(), [ModuleFault::NotSaved { error }]);
        bench.pass(s(5));
    }
    assert_eq!(bench.module.faults().len(), 1, "nothing is saved yet");
    let recovered = |event: &&Event| matches!(event, Event::EdgeRecovered { .. });
    assert_eq!(bench.events.iter().filter(recovered).count(), 0);
    bench.answer_saves(&Outcome::Done);
    assert!(bench.module.faults().is_empty());
    bench.pass(s(60));
    assert_eq!(bench.saves.len(), first + 3);
    let failed = |event: &&Event| matches!(event, Event::EdgeFailed { .. });
    assert_eq!(bench.events.iter().filter(failed).count(), 1);
    assert_eq!(bench.events.iter().filter(recovered).count(), 1);
    assert_eq!(Module::number_of(ActionId((1 << 40) | 1)), 1);
}

#[test]
fn a_disk_that_does_not_answer_is_a_fault_until_it_does() {
    let mut bench = Bench::new(config());
    let failed = |event: &&Event| matches!(event, Event::EdgeFailed { .. });
    let recovered = |event: &&Event| matches!(event, Event::EdgeRecovered { .. });
    // A busy disk is none.
    bench.disk_hangs = true;
    bench.command(Command::Start, user()).unwrap();
    bench.pass(ms(4_999));
    assert_eq!(bench.module.faults(), []);
    bench.answer_saves(&Outcome::Done);
    bench.pass(s(60));
    assert_eq!(bench.module.faults(), []);
    assert_eq!(bench.events.iter().filter(failed).count(), 0);

    bench.run_until(Script::StartBoth);
    bench.exit(0);
    bench.pass(s(4));
    assert_eq!(bench.module.faults(), []);
    // What is saved meanwhile does not make the time begin anew.
    bench.command(Command::Stop, user()).unwrap();
    bench.pass(s(1));
    let error = "the disk has not answered for 5 s".to_owned();
    assert_eq!(bench.module.faults(), [ModuleFault::NotSaved { error }]);
    bench.pass(s(60));
    assert_eq!(bench.events.iter().filter(failed).count(), 1, "told once");
    bench.answer_saves(&Outcome::Done);
    assert_eq!(bench.module.faults(), []);
    assert_eq!(bench.events.iter().filter(recovered).count(), 1);
}

#[test]
fn a_new_configuration_takes_effect_without_touching_the_module() {
    let mut bench = seen(nginx(ProcAction::Restart));
    let mut procs = vec![proc("nginx", ProcAction::Restart), proc("php", ProcAction::NoAction)];
    let configure = |bench: &mut Bench, config: ModuleConfig| {
        let setup = ModuleSetup {
            config: config.into(),
            scripts: [Script::StartBoth].into(),
            lans: LanSet::ALL,
            sharing: 0,
            saved: None,
            start: AgentStart::Reconfigured,
        };
        bench.input(Input::Configured(Box::new(setup)));
    };
    configure(&mut bench, ModuleConfig { maxloop: 1, ..watching(procs.clone()) });
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert!(bench.running.is_empty());
    assert_eq!(bench.watched, [11].into(), "what is the same goes on being watched");
    bench.scan(&[process("nginx", 11), process("php", 12)]);
    assert_eq!(bench.watched, [11, 12].into());
    procs.remove(0);
    configure(&mut bench, watching(procs));
    assert_eq!(bench.watched, [12].into());
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::STOP, "stop_both is not installed any more");
}

#[test]
fn the_state_of_each_process_can_be_seen() {
    let mut bench = Bench::up(watching(vec![proc("nginx", ProcAction::NoAction)]));
    let state = |bench: &Bench| bench.module.watched()[0].state;
    assert_eq!(state(&bench), WatchState::Init);
    bench.scan(&[process("nginx", 1)]);
    assert_eq!(state(&bench), WatchState::Up);
    bench.die(1);
    bench.scan(&[]);
    assert_eq!(state(&bench), WatchState::Down);
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(state(&bench), WatchState::Init);
}
