//! Services of the host in the life of a module.

use super::bench::{Bench, POLL, ms, proc, process, s, saved, user, watching};
use crate::config::model::{ModuleConfig, ProcAction, ProcConfig, ProcKind};
use crate::control::{Command, Origin};
use crate::event::{Event, ModuleFault, Recovery};
use crate::module::saved::SavedPhase;
use crate::module::script::ScriptEnd;
use crate::module::state::ModuleState;
use crate::module::watch::ServiceState::{NotRunning, Running, Unknown};
use crate::node::AgentStart;

fn service(name: &str, restart_services: &[&str]) -> ProcConfig {
    let restart_services = restart_services.iter().map(|name| (*name).to_owned()).collect();
    let kind = ProcKind::Service;
    ProcConfig { kind, restart_services, ..proc(name, ProcAction::Restart) }
}

fn one() -> ModuleConfig {
    watching(vec![service("nginx", &["db", "nginx"])])
}

/// UP (Ready), and its service runs.
fn served(config: ModuleConfig) -> Bench {
    let mut bench = Bench::up(config);
    bench.tell(&[("nginx", Running, Some(11))]);
    assert_eq!(bench.watched, [11].into());
    bench
}

/// Tells what the scripts are called with, one after the other, until none runs.
fn calls(bench: &mut Bench) -> Vec<String> {
    let mut calls = Vec::new();
    while let Some(script) = bench.running_script() {
        calls.push(format!("{} {}", script.as_str(), bench.arguments()));
        bench.exit(0);
    }
    calls
}

#[test]
fn the_scripts_of_a_restart_are_told_which_services_it_is_about() {
    let mut bench = served(one());
    bench.die(11);
    bench.tell(&[("nginx", NotRunning, None)]);
    assert_eq!(bench.commands(), [(Command::Restart, Origin::Errd)]);
    assert_eq!(bench.module.loop_used(bench.now), 1, "it counts as any other");
    let list = bench.running[0].1.arguments.last().cloned();
    assert_eq!(list.as_deref(), Some("db, nginx"), "one argument");
    assert_eq!(
        calls(&mut bench),
        [
            "stop_both UP UP restart -Services db, nginx",
            "stop_both force UP UP restart -Services db, nginx",
            "start_both UP UP restart -Services db, nginx",
        ]
    );
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
}

#[test]
fn no_other_restart_is_about_services() {
    let bare =
        ["stop_both UP UP restart", "stop_both force UP UP restart", "start_both UP UP restart"];
    // An administrator's.
    let mut bench = served(one());
    bench.command(Command::Restart, user()).unwrap();
    assert_eq!(calls(&mut bench), bare);
    // One that is wanted by a process, too.
    let procs = vec![service("nginx", &["nginx"]), proc("httpd", ProcAction::Restart)];
    let mut bench = served(watching(procs));
    bench.scan(&[process("httpd", 21)]);
    bench.die(21);
    bench.scan(&[]);
    assert_eq!(calls(&mut bench), bare);
    // That of a service that names none.
    let mut bench = served(watching(vec![service("nginx", &[])]));
    bench.die(11);
    bench.tell(&[("nginx", NotRunning, None)]);
    assert_eq!(calls(&mut bench), bare);
}

#[test]
fn a_stop_in_the_middle_of_the_restart_is_about_all() {
    let mut bench = served(one());
    bench.die(11);
    bench.tell(&[("nginx", NotRunning, None)]);
    bench.command(Command::Stop, user()).unwrap();
    bench.end(ScriptEnd::Exited { code: 0 });
    let calls = calls(&mut bench);
    assert!(!calls.is_empty() && calls.iter().all(|call| !call.contains("-Services")), "{calls:?}");
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn the_fault_is_told_with_the_words_of_the_host() {
    let mut bench = served(one());
    bench.die(11);
    bench.tell(&[("nginx", NotRunning, None)]);
    let told = |event: &Event| {
        matches!(event, Event::ServiceFault { name, runs: false, said, action: ProcAction::Restart, .. }
            if name == "nginx" && said == "not-running")
    };
    assert!(bench.has(told));
    assert!(!bench.has(|event| matches!(event, Event::ProcessFault { .. })));
}

#[test]
fn what_cannot_be_known_is_a_fault_that_stands_and_no_action() {
    let mut bench = served(one());
    for _ in 0..3 {
        bench.pass(POLL);
        if bench.asked.is_some() {
            bench.tell(&[("nginx", Unknown, None)]);
        }
    }
    let faults = || ModuleFault::ServicesUnknown { error: "unknown".to_owned() };
    assert_eq!(bench.module.faults(), [faults()]);
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert!(bench.commands().is_empty());
    bench.pass(POLL);
    bench.tell(&[("nginx", Running, Some(11))]);
    assert!(bench.module.faults().is_empty());
    let count = |wanted: fn(&&Event) -> bool| bench.events.iter().filter(wanted).count();
    assert_eq!(count(|event| matches!(event, Event::EdgeFailed { .. })), 1);
    assert_eq!(count(|event| matches!(event, Event::EdgeRecovered { .. })), 1);
    // A module that is stopped has to know nothing.
    bench.pass(POLL);
    bench.tell(&[("nginx", Unknown, None)]);
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    assert!(bench.module.faults().is_empty());
}

#[test]
fn a_new_agent_waits_for_the_services_and_for_the_processes() {
    let procs = vec![service("nginx", &[]), proc("httpd", ProcAction::Restart)];
    let begin =
        || Bench::begin(watching(procs.clone()), AgentStart::SameBoot, Some(saved(SavedPhase::Up)));
    let mut bench = begin();
    bench.scan(&[process("httpd", 21)]);
    assert_eq!(bench.state(), "UP (Transient) recovering");
    bench.tell(&[("nginx", Running, Some(11))]);
    assert_eq!(bench.state(), "UP (Ready) ready");
    assert!(bench.running.is_empty());
    let mut bench = begin();
    bench.tell(&[("nginx", NotRunning, None)]);
    bench.scan(&[process("httpd", 21)]);
    assert_eq!(bench.arguments(), "UP UP restart");
    assert!(
        bench.has(|event| matches!(event, Event::Recovered { what: Recovery::ProcessesGone, .. }))
    );
}

#[test]
fn a_new_agent_that_cannot_know_believes_in_the_end_and_sooner_when_it_can() {
    let begin = || Bench::begin(one(), AgentStart::SameBoot, Some(saved(SavedPhase::Up)));
    let mut bench = begin();
    bench.tell(&[("nginx", Unknown, None)]);
    let unknown =
        |event: &Event| matches!(event, Event::Recovered { what: Recovery::ServicesUnknown, .. });
    assert!(bench.has(unknown));
    bench.pass(POLL - s(1));
    assert_eq!(bench.state(), "UP (Transient) recovering");
    bench.pass(s(1));
    assert_eq!(bench.state(), "UP (Ready) ready");
    assert!(bench.running.is_empty());

    for (state, end) in [(Running, "UP (Ready) ready"), (NotRunning, "UP (Transient) restarting")] {
        let mut bench = begin();
        bench.tell(&[("nginx", Unknown, None)]);
        bench.pass(ms(1_000));
        bench.tell(&[("nginx", Unknown, None)]);
        bench.pass(ms(1_000));
        bench.tell(&[("nginx", state, None)]);
        assert_eq!(bench.state(), end);
        let told = bench.events.iter().filter(|event| unknown(event));
        assert_eq!(told.count(), 1);
    }
}

#[test]
fn an_agent_that_dies_in_the_restart_leaves_a_stopstart_of_all() {
    let mut bench = served(one());
    bench.die(11);
    bench.tell(&[("nginx", NotRunning, None)]);
    let kept = bench.saves.last().unwrap().clone();
    assert_eq!(kept.phase, SavedPhase::Restarting);
    let mut bench = Bench::begin(one(), AgentStart::SameBoot, Some(kept));
    let calls = calls(&mut bench);
    assert!(calls.iter().any(|call| call.starts_with("start_both")), "{calls:?}");
    assert!(calls.iter().all(|call| !call.contains("-Services")), "{calls:?}");
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
}
