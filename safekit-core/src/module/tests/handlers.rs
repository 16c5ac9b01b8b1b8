//! Handlers of faults, classes of the user's own, and the switch of the process monitor.

use std::sync::Arc;

use super::bench::{Bench, POLL, proc, process, s, saved, user, watching};
use crate::config::model::{ModuleConfig, ProcAction, ProcClass, ProcConfig};
use crate::control::{Command, Origin, Refusal, WatchSwitch};
use crate::event::Event;
use crate::ids::LanSet;
use crate::module::Input;
use crate::module::saved::SavedPhase;
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;
use crate::node::{AgentStart, ModuleSetup};

fn mending() -> ModuleConfig {
    watching(vec![proc("nginx", ProcAction::Handler("mend".to_owned()))])
}

/// UP (Ready), with its process seen and then dead: the handler runs.
fn mended(config: ModuleConfig) -> Bench {
    let mut bench = Bench::up(config);
    bench.scan(&[process("nginx", 11)]);
    bench.die(11);
    bench.scan(&[]);
    assert_eq!(bench.handlers.len(), 1);
    bench
}

#[test]
fn a_handler_mends_a_fault_and_counts_nothing() {
    let mut bench = mended(mending());
    let (_, run) = bench.handlers.last().unwrap();
    assert_eq!(
        (run.file.as_deref(), run.arguments.as_slice()),
        (Some("mend"), &["nginx".to_owned()][..])
    );
    assert_eq!(run.time_limit, Some(s(300)), "that of a graceful stop script");
    assert_eq!(run.vars, [("SERVICES".to_owned(), "nginx".to_owned())]);
    bench.end_handler(ScriptEnd::Exited { code: 0 });
    // It is looked at once, and not only at the next poll, whether it has mended.
    bench.pass(s(1));
    bench.scan(&[process("nginx", 12)]);
    assert!(bench.has(|event| matches!(event, Event::ProcessRecovered { count: 1, .. })));
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert_eq!(bench.module.loop_used(bench.now), 0);
    assert!(bench.commands().is_empty() && bench.running.is_empty());
}

#[test]
fn one_handler_runs_at_a_time_and_again_while_the_fault_lasts() {
    let mut bench = mended(mending());
    for _ in 0..3 {
        bench.pass(POLL);
        bench.scan(&[]);
        assert_eq!(bench.handlers.len(), 1, "the first one still runs");
    }
    bench.end_handler(ScriptEnd::Exited { code: 0 });
    for _ in 0..5 {
        bench.pass(POLL);
        bench.scan(&[]);
        assert_eq!(bench.handlers.len(), 1, "asked for at each poll");
        bench.end_handler(ScriptEnd::Exited { code: 0 });
        bench.pass(s(1));
        bench.scan(&[]);
        assert!(bench.handlers.is_empty(), "and not in between");
    }
    assert_eq!(bench.module.loop_used(bench.now), 0);
}

#[test]
fn a_list_from_before_the_end_of_a_handler_does_not_begin_it_again() {
    let mut bench = mended(mending());
    bench.pass(POLL);
    assert_eq!(bench.scans_wanted, 1, "the list is being made");
    bench.end_handler(ScriptEnd::Exited { code: 0 });
    bench.scan(&[]);
    assert!(bench.handlers.is_empty());
    bench.scan(&[process("nginx", 12)]);
    assert!(bench.has(|event| matches!(event, Event::ProcessRecovered { count: 1, .. })));
    assert!(bench.handlers.is_empty());
}

#[test]
fn any_other_end_of_a_handler_leads_to_a_counted_stopstart() {
    for end in [
        ScriptEnd::Exited { code: 3 },
        ScriptEnd::Signalled { signal: 11 },
        ScriptEnd::TimedOut,
        ScriptEnd::NotStarted { error: "no such file".to_owned() },
    ] {
        let mut bench = mended(mending());
        bench.end_handler(end.clone());
        assert_eq!(bench.commands(), [(Command::Stopstart, Origin::Errd)], "{end:?}");
        assert_eq!(bench.module.loop_used(bench.now), 1);
        bench.run_all();
        assert_eq!(bench.module.state(), ModuleState::UP_READY);
    }
}

#[test]
fn a_handler_is_ended_before_stop_both_runs() {
    for command in [Command::Stop, Command::Restart, Command::Stopstart, Command::Forcestop] {
        let mut bench = mended(mending());
        let run = bench.handlers[0].0;
        bench.command(command, user()).unwrap();
        assert_eq!(bench.to_end, [run], "{command:?}");
        bench.end_handler(ScriptEnd::Signalled { signal: 9 });
        bench.run_all();
        assert_eq!(bench.commands().first(), Some(&(command, user())));
        assert!(bench.commands().iter().all(|(_, origin)| *origin != Origin::Errd));
    }
}

#[test]
fn few_handlers_of_a_module_run_at_a_time() {
    let names: Vec<String> = (0..10).map(|number| format!("app{number}")).collect();
    let action = || ProcAction::Handler("mend".to_owned());
    let procs = names.iter().map(|name| proc(name, action())).collect();
    let mut bench = Bench::up(watching(procs));
    bench.pass(POLL);
    bench.scan(&[]);
    bench.pass(POLL);
    bench.scan(&[]);
    assert_eq!(bench.handlers.len(), 3);
    bench.end_handler(ScriptEnd::Exited { code: 0 });
    bench.pass(POLL);
    bench.scan(&[]);
    assert_eq!(bench.handlers.len(), 3, "the next one had to wait for a poll");
}

#[test]
fn its_own_time_limit_comes_first() {
    let nginx = ProcConfig {
        handlertimeout: Some(s(7)),
        ..proc("nginx", ProcAction::Handler("/opt/mend".to_owned()))
    };
    let bench = mended(watching(vec![nginx]));
    assert_eq!(bench.handlers.first().and_then(|(_, run)| run.time_limit), Some(s(7)));
}

fn classed() -> ModuleConfig {
    let extra = ProcConfig {
        class: ProcClass::User("extra".to_owned()),
        ..proc("batch", ProcAction::Restart)
    };
    watching(vec![proc("nginx", ProcAction::Restart), extra])
}

fn enable() -> WatchSwitch {
    WatchSwitch::Enable("extra".to_owned())
}

fn states(bench: &Bench) -> Vec<&'static str> {
    bench.module.watched().iter().map(|watched| watched.state.as_str()).collect()
}

#[test]
fn a_class_is_watched_only_while_it_is_enabled() {
    let mut bench = Bench::up(classed());
    bench.scan(&[process("nginx", 11)]);
    bench.pass(POLL);
    bench.scan(&[process("nginx", 11)]);
    assert_eq!(states(&bench), ["up", "init"]);
    bench.switch(enable()).unwrap();
    bench.scan(&[process("nginx", 11), process("batch", 21)]);
    assert_eq!(states(&bench), ["up", "up"]);
    bench.switch(WatchSwitch::Disable("extra".to_owned())).unwrap();
    assert_eq!(states(&bench), ["up", "init"]);
    assert_eq!(bench.watched, [11].into());
    let switches = bench.events.iter().filter(|it| matches!(it, Event::WatchSwitched { .. }));
    assert_eq!(switches.count(), 2);
    let again = bench.switch(WatchSwitch::Disable("extra".to_owned())).unwrap();
    assert!(again.text.starts_with("already so"), "{}", again.text);
}

#[test]
fn a_class_outlives_a_restart_but_not_a_stop() {
    let mut bench = Bench::up(classed());
    let all = [process("nginx", 11), process("batch", 21)];
    bench.scan(&all);
    bench.switch(enable()).unwrap();
    bench.scan(&all);
    bench.command(Command::Restart, user()).unwrap();
    assert!(bench.watched.is_empty(), "both is off, and so is what goes with it");
    bench.run_all();
    bench.scan(&all);
    assert_eq!(bench.watched, [11, 21].into());
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    assert!(bench.module.enabled_classes().is_empty());
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    bench.scan(&all);
    assert_eq!(bench.watched, [11].into());
}

#[test]
fn start_both_may_enable_a_class() {
    let mut bench = Bench::new(classed());
    let refused = bench.switch(enable());
    assert!(matches!(refused, Err(Refusal::WrongState { .. })), "nothing runs: {refused:?}");
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    bench.switch(enable()).unwrap();
    bench.run_all();
    bench.scan(&[process("nginx", 11), process("batch", 21)]);
    assert_eq!(bench.watched, [11, 21].into());
}

#[test]
fn a_class_that_nobody_has_is_refused_with_those_that_there_are() {
    let mut bench = Bench::up(classed());
    for class in ["extras", "both", "pre"] {
        let refused = bench.switch(WatchSwitch::Enable(class.to_owned())).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(class) && text.contains("there is extra"), "{text}");
    }
}

#[test]
fn a_monitor_that_is_off_watches_nothing_until_it_is_on() {
    let mut bench = Bench::up(classed());
    bench.scan(&[process("nginx", 11)]);
    bench.switch(WatchSwitch::Off).unwrap();
    assert_eq!((states(&bench), bench.watched.len()), (vec!["init", "init"], 0));
    bench.die(11);
    bench.pass(s(3600));
    assert_eq!(bench.scans_wanted, 0);
    // It stays off through a stop and a start.
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    bench.pass(s(3600));
    assert_eq!((bench.scans_wanted, bench.module.state()), (0, ModuleState::UP_READY));
    bench.switch(WatchSwitch::On).unwrap();
    bench.scan(&[process("nginx", 12)]);
    assert_eq!(bench.watched, [12].into());
}

#[test]
fn a_monitor_that_is_switched_off_ends_its_handlers() {
    let mut bench = mended(mending());
    bench.switch(WatchSwitch::Off).unwrap();
    assert_eq!(bench.to_end.len(), 1);
    bench.end_handler(ScriptEnd::Signalled { signal: 9 });
    assert!(bench.commands().is_empty(), "what it was to mend is not watched any more");
}

#[test]
fn a_new_agent_finds_the_monitor_as_it_was_left() {
    let mut bench = Bench::up(classed());
    bench.scan(&[process("nginx", 11)]);
    bench.switch(enable()).unwrap();
    bench.switch(WatchSwitch::Off).unwrap();
    let kept = bench.saves.last().unwrap().clone();
    assert!(kept.errd_off && kept.classes.contains("extra"), "{kept:?}");
    let mut bench = Bench::begin(classed(), AgentStart::SameBoot, Some(kept));
    bench.pass(s(10));
    assert_eq!((bench.scans_wanted, bench.module.state()), (0, ModuleState::UP_READY));
    bench.switch(WatchSwitch::On).unwrap();
    bench.scan(&[process("nginx", 11), process("batch", 21)]);
    assert_eq!(bench.watched, [11, 21].into());
}

#[test]
fn a_configuration_that_is_applied_switches_the_monitor_on_and_a_cluster_does_not() {
    let mut bench = Bench::up(classed());
    bench.scan(&[process("nginx", 11)]);
    bench.switch(WatchSwitch::Off).unwrap();
    for (start, off) in [(AgentStart::ClusterChanged, true), (AgentStart::Reconfigured, false)] {
        bench.input(Input::Configured(Box::new(ModuleSetup {
            config: Arc::new(classed()),
            scripts: Script::ALL.into(),
            lans: LanSet::ALL,
            sharing: 0,
            saved: Some(saved(SavedPhase::Up)),
            start,
        })));
        assert_eq!(bench.module.is_errd_off(), off, "{start:?}");
    }
    let told = |event: &Event| {
        matches!(
            event,
            Event::WatchSwitched { switch: WatchSwitch::On, origin: Origin::Automatic, .. }
        )
    };
    assert!(bench.has(told));
}
