//! A light module: no other node matters.

use super::bench::{Bench, config, s, user};
use crate::config::model::{ModuleConfig, ModuleMode};
use crate::control::{Command, Origin};
use crate::event::{DrainSkip, Event};
use crate::module::saved::SavedPhase;
use crate::module::state::ModuleState;
use crate::module::{Input, Join};
use crate::node::AgentStart;

fn light() -> ModuleConfig {
    ModuleConfig { mode: ModuleMode::Light, ..config() }
}

#[test]
fn it_is_ready_while_the_node_still_joins() {
    let mut bench = Bench::new(light());
    bench.input(Input::JoinChanged(Join::Joining));
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    bench.forget();
    for join in [Join::Joined, Join::Joining, Join::NoCluster] {
        bench.input(Input::JoinChanged(join));
    }
    assert_eq!(bench.state(), "UP (Ready) ready");
    assert!(bench.events.is_empty(), "{:?}", bench.events);
}

#[test]
fn it_starts_and_is_found_again_without_a_cluster() {
    let mut bench = Bench::new(light());
    bench.input(Input::JoinChanged(Join::NoCluster));
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    // Nothing is watched: one poll time is what it takes, whoever else is there.
    let saved = super::bench::saved(SavedPhase::Up);
    let mut bench = Bench::begin(light(), AgentStart::SameBoot, Some(saved));
    bench.input(Input::JoinChanged(Join::NoCluster));
    bench.pass(s(10));
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
}

#[test]
fn nobody_takes_its_clients_so_it_does_not_drain() {
    let mut bench = Bench::up(light());
    bench.input(Input::BalancerProbed);
    bench.command(Command::Stop, user()).unwrap();
    let skipped =
        |event: &Event| matches!(event, Event::DrainSkipped { why: DrainSkip::NobodyElse, .. });
    assert!(bench.has(skipped), "{:?}", bench.events);
}

#[test]
fn its_restarts_are_counted_as_those_of_a_farm() {
    let mut bench = Bench::up(light());
    let detector = || Origin::Detector("probe".to_owned());
    for _ in 0..3 {
        bench.command(Command::Restart, detector()).unwrap();
        bench.run_all();
        assert_eq!(bench.module.state(), ModuleState::UP_READY);
    }
    bench.command(Command::Restart, detector()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}
