//! When the health answer turns negative before the application is stopped, and when not.

use std::time::Duration;

use super::bench::{Bench, config, proc, process, s, saved, user, watching};
use crate::config::model::{ModuleConfig, ProcAction};
use crate::control::{Command, Origin};
use crate::event::{DrainSkip, Event};
use crate::module::saved::SavedPhase;
use crate::module::state::ModuleState;
use crate::module::{Input, Join};
use crate::node::AgentStart;

fn ready() -> Bench {
    Bench::up(config()).in_a_farm()
}

fn skip(bench: &Bench) -> Option<DrainSkip> {
    bench.events.iter().find_map(|event| {
        let Event::DrainSkipped { why, .. } = event else { return None };
        Some(*why)
    })
}

#[test]
fn the_health_answer_is_negative_before_the_application_stops() {
    for command in [Command::Stop, Command::Restart, Command::Stopstart] {
        let mut bench = ready();
        let answer = bench.command(command, user()).unwrap();
        assert_eq!(answer.text, "draining, 15 s left; forcestop ends it");
        assert_eq!(bench.state(), "UP (Transient) draining");
        assert!(!bench.module.takes());
        bench.pass(s(14));
        assert!(bench.running.is_empty());
        assert_eq!(bench.module.drain_until(), Some(bench.now + s(1)));
        bench.pass(s(1));
        assert_eq!(bench.running.len(), 1, "{command:?}");
        assert_eq!(bench.module.drain_until(), None);
    }
}

#[test]
fn the_end_of_the_agent_drains_too() {
    let mut bench = ready();
    bench.command(Command::Stop, Origin::Shutdown).unwrap();
    assert_eq!(bench.state(), "UP (Transient) draining");
}

#[test]
fn a_second_stop_tells_what_is_left_and_changes_nothing() {
    let mut bench = ready();
    bench.command(Command::Stop, user()).unwrap();
    bench.pass(s(6));
    let answer = bench.command(Command::Stop, user()).unwrap();
    assert_eq!(answer.text, "draining, 9 s left; forcestop ends it");
    bench.pass(s(9));
    assert_eq!(bench.arguments(), "UP WAIT stop");
}

#[test]
fn a_stop_during_the_drain_of_a_restart_keeps_the_drain() {
    let mut bench = ready();
    bench.command(Command::Restart, user()).unwrap();
    bench.pass(s(6));
    let answer = bench.command(Command::Stop, user()).unwrap();
    assert_eq!(answer.text, "draining, 9 s left; forcestop ends it");
    bench.pass(s(9));
    assert_eq!(bench.arguments(), "UP WAIT stop");
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn forcestop_ends_the_drain() {
    let mut bench = ready();
    bench.command(Command::Stop, user()).unwrap();
    bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(bench.arguments(), "force WAIT STOP stop");
    bench.run_all();
    bench.forget();
    bench.pass(s(60));
    assert!(bench.story().is_empty(), "the drain's timer is stopped");
}

#[test]
fn no_drain_when_it_is_configured_so() {
    let mut bench = Bench::up(ModuleConfig { drain: Duration::ZERO, ..config() }).in_a_farm();
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!((skip(&bench), bench.running.len()), (Some(DrainSkip::Configured), 1));
}

#[test]
fn no_drain_when_no_balancer_asked_within_a_minute() {
    let mut bench = ready();
    bench.pass(s(61));
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!((skip(&bench), bench.running.len()), (Some(DrainSkip::NoProber), 1));
    let mut bench = ready();
    bench.pass(s(60));
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!((skip(&bench), bench.running.len()), (None, 0));
}

#[test]
fn a_balancer_of_the_former_agent_is_taken_to_be_there_for_a_minute() {
    for (passed, skipped) in [(s(1), None), (s(61), Some(DrainSkip::NoProber))] {
        let adopted = Some(saved(SavedPhase::Up));
        let config = watching(vec![proc("nginx", ProcAction::Restart)]);
        let mut bench = Bench::begin(config, AgentStart::SameBoot, adopted);
        bench.scan(&[process("nginx", 4)]);
        bench.input(Input::OthersChanged { ready: true });
        bench.pass(passed);
        bench.command(Command::Stop, Origin::Shutdown).unwrap();
        assert_eq!(skip(&bench), skipped, "asked by nobody after {passed:?}");
        assert_eq!(bench.running.is_empty(), skipped.is_none());
    }
}

#[test]
fn no_drain_when_no_other_node_is_ready() {
    let mut bench = ready();
    bench.input(Input::OthersChanged { ready: false });
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!((skip(&bench), bench.running.len()), (Some(DrainSkip::NobodyElse), 1));
}

#[test]
fn no_drain_when_the_module_was_not_ready_for_the_time_of_a_drain() {
    for (passed, skipped) in [(s(14), None), (s(15), Some(DrainSkip::NotReady))] {
        let mut bench = ready();
        bench.input(Input::JoinChanged(Join::Joining));
        bench.pass(passed);
        bench.command(Command::Stop, user()).unwrap();
        assert_eq!(skip(&bench), skipped, "not Ready for {passed:?}");
        assert_eq!(bench.running.is_empty(), skipped.is_none());
    }
}

#[test]
fn a_stop_that_finds_an_agent_just_started_is_drained() {
    // As after a reload: it has heard nobody yet, and nobody has asked it.
    let config = watching(vec![proc("nginx", ProcAction::Restart)]);
    let mut bench = Bench::begin(config, AgentStart::SameBoot, Some(saved(SavedPhase::Up)));
    bench.input(Input::JoinChanged(Join::Joining));
    bench.command(Command::Stop, Origin::Shutdown).unwrap();
    assert_eq!((skip(&bench), bench.state().as_str()), (None, "UP (Transient) draining"));
}

#[test]
fn no_drain_of_what_is_broken() {
    for origin in [Origin::Detector("check".to_owned()), Origin::Errd, Origin::Automatic] {
        let mut bench = ready();
        bench.command(Command::Restart, origin).unwrap();
        assert_eq!((skip(&bench), bench.running.len()), (Some(DrainSkip::Command), 1));
    }
}

#[test]
fn the_drain_ends_though_the_node_has_to_join_again() {
    let mut bench = ready();
    bench.command(Command::Stop, user()).unwrap();
    bench.input(Input::JoinChanged(Join::Joining));
    bench.input(Input::JoinChanged(Join::Joined));
    assert_eq!(bench.state(), "UP (Transient) draining");
    bench.pass(s(15));
    assert_eq!(bench.arguments(), "UP WAIT stop");
}
