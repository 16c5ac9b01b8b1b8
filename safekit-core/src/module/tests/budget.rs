//! How many automatic restarts there are.

use std::time::Duration;

use super::bench::{Bench, POLL, config, ms, proc, process, s, saved, user, watching};
use crate::config::model::{ModuleConfig, ProcAction};
use crate::control::{Command, Origin};
use crate::event::Event;
use crate::module::io::{BudgetChange, Input};
use crate::module::saved::{SavedBudget, SavedModule, SavedPhase};
use crate::module::state::ModuleState;
use crate::node::AgentStart;

const HOUR: Duration = Duration::from_secs(3600);

fn detector() -> Origin {
    Origin::Detector("check".to_owned())
}

/// Restarts by a detector, until one is no restart; returns how many there were.
fn restarts(bench: &mut Bench, most: u32) -> u32 {
    for count in 0..most {
        bench.command(Command::Restart, detector()).unwrap();
        bench.run_all();
        if bench.module.state() == ModuleState::STOP {
            return count;
        }
    }
    most
}

#[test]
fn the_fourth_detection_stops_the_module() {
    let mut bench = Bench::up(config());
    assert_eq!(restarts(&mut bench, 10), 3);
    let last: Vec<_> = bench.commands().into_iter().rev().take(2).collect();
    assert_eq!(last, [(Command::Stop, Origin::Maxloop), (Command::Restart, detector())]);
    assert!(bench.has(|event| matches!(event, Event::BudgetExhausted { max: 3, .. })));
    assert_eq!(bench.phase(), SavedPhase::Stopped);
    assert!(!bench.saves.last().unwrap().started, "it is not to come back by itself");
}

#[test]
fn the_process_monitor_is_counted_like_a_detector() {
    let mut bench = Bench::up(watching(vec![proc("nginx", ProcAction::Restart)]));
    for life in 1..=4 {
        assert_eq!(bench.module.state(), ModuleState::UP_READY);
        bench.scan(&[process("nginx", life)]);
        bench.die(life);
        bench.pass(ms(100));
        bench.scan(&[]);
        bench.run_all();
    }
    assert_eq!(bench.module.state(), ModuleState::STOP);
    let last: Vec<_> = bench.commands().into_iter().rev().take(2).collect();
    assert_eq!(last, [(Command::Stop, Origin::Maxloop), (Command::Restart, Origin::Errd)]);
}

#[test]
fn a_wrong_process_name_stops_the_module_by_maxloop() {
    let mut bench = Bench::up(watching(vec![proc("PROCESS_NAME", ProcAction::Restart)]));
    for _ in 0..400 {
        bench.pass(ms(250));
        if bench.scans_wanted > 0 {
            bench.scan(&[process("nginx", 1)]);
        }
        bench.run_all();
    }
    assert_eq!(bench.module.state(), ModuleState::STOP);
    assert_eq!(bench.commands().last(), Some(&(Command::Stop, Origin::Maxloop)));
    let restarts = bench.commands().iter().filter(|(c, _)| *c == Command::Restart).count();
    assert_eq!(restarts, 4);
}

#[test]
fn detections_farther_apart_than_the_interval_never_stop_the_module() {
    let mut bench = Bench::up(ModuleConfig { loop_interval: HOUR, ..config() });
    for _ in 0..20 {
        assert_eq!(restarts(&mut bench, 1), 1);
        bench.pass(HOUR / 3);
    }
}

#[test]
fn the_interval_counts_from_the_first_detection() {
    let mut bench = Bench::up(ModuleConfig { loop_interval: HOUR, ..config() });
    assert_eq!(restarts(&mut bench, 1), 1);
    bench.pass(HOUR - s(10));
    assert_eq!(restarts(&mut bench, 2), 2);
    assert_eq!(bench.module.loop_used(bench.now), 3);
    bench.pass(s(10));
    assert_eq!(bench.module.loop_used(bench.now), 0);
    assert_eq!(restarts(&mut bench, 10), 3);
}

#[test]
fn an_administrators_command_resets_the_count() {
    for command in [Command::Start, Command::Restart, Command::Stopstart] {
        let mut bench = Bench::up(config());
        assert_eq!(restarts(&mut bench, 3), 3);
        bench.command(command, user()).unwrap();
        bench.run_all();
        assert_eq!(bench.module.loop_used(bench.now), 0, "{command:?}");
        assert_eq!(restarts(&mut bench, 10), 3, "{command:?}");
    }
}

#[test]
fn a_refused_command_resets_nothing() {
    let mut bench = Bench::up(config());
    bench.command(Command::Restart, detector()).unwrap();
    bench.command(Command::Restart, user()).unwrap_err();
    assert_eq!(bench.module.loop_used(bench.now), 1);
}

#[test]
fn the_second_half_of_a_stopstart_resets_nothing() {
    let mut bench = Bench::up(config());
    for used in 1..=3 {
        bench.command(Command::Stopstart, detector()).unwrap();
        bench.run_all();
        assert_eq!(bench.module.loop_used(bench.now), used);
    }
    bench.command(Command::Stopstart, detector()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn a_detectors_stop_is_not_counted() {
    let mut bench = Bench::up(config());
    assert_eq!(restarts(&mut bench, 2), 2);
    bench.command(Command::Stop, detector()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.loop_used(bench.now), 2);
    assert!(!bench.has(|event| matches!(event, Event::BudgetExhausted { .. })));
}

#[test]
fn an_interval_of_zero_is_no_limit() {
    let mut bench = Bench::up(ModuleConfig { loop_interval: Duration::ZERO, ..config() });
    assert_eq!(restarts(&mut bench, 50), 50);
}

#[test]
fn a_maxloop_of_zero_stops_at_the_first_detection() {
    let mut bench = Bench::up(ModuleConfig { maxloop: 0, ..config() });
    assert_eq!(restarts(&mut bench, 1), 0);
}

#[test]
fn the_count_survives_the_agent() {
    let budget = SavedBudget { used: 3, age_ms: 60_000 };
    let kept = SavedModule { budget, ..saved(SavedPhase::Up) };
    let configured = ModuleConfig { loop_interval: HOUR, ..config() };
    let mut bench = Bench::begin(configured, AgentStart::SameBoot, Some(kept));
    bench.pass(POLL);
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert_eq!(bench.module.loop_used(bench.now), 3);
    bench.pass(HOUR - s(71));
    assert_eq!(bench.module.loop_used(bench.now), 3);
    bench.pass(s(1));
    assert_eq!(bench.module.loop_used(bench.now), 0);
}

#[test]
fn what_is_saved_says_how_old_the_count_is() {
    let mut bench = Bench::up(config());
    assert_eq!(restarts(&mut bench, 1), 1);
    bench.pass(s(90));
    bench.command(Command::Restart, detector()).unwrap();
    let budget = bench.saves.last().unwrap().budget;
    assert_eq!(budget.used, 2);
    assert_eq!(budget.age_ms / 1000, 90);
}

#[test]
fn a_script_counts_by_itself_and_the_count_is_forgotten_on_demand() {
    let mut bench = Bench::up(config());
    for used in 1..=3 {
        assert!(!bench.module.is_budget_used_up(bench.now), "{used}");
        bench.input(Input::BudgetChanged(BudgetChange::Counted));
        assert_eq!(bench.module.loop_used(bench.now), used);
    }
    assert!(bench.module.is_budget_used_up(bench.now));
    bench.input(Input::BudgetChanged(BudgetChange::Counted));
    assert_eq!(bench.module.loop_used(bench.now), 3);
    assert!(bench.running.is_empty(), "counting stops nothing");
    // The same count: the next automatic action stops the module.
    assert_eq!(restarts(&mut bench, 1), 0);

    let mut bench = Bench::up(config());
    bench.input(Input::BudgetChanged(BudgetChange::Counted));
    bench.input(Input::BudgetChanged(BudgetChange::Reset));
    assert_eq!(bench.module.loop_used(bench.now), 0);
    assert_eq!(bench.saves.last().unwrap().budget.used, 0, "the agent's next start knows it");
    assert_eq!(restarts(&mut bench, 10), 3);

    let mut bench = Bench::up(ModuleConfig { loop_interval: Duration::ZERO, ..config() });
    bench.input(Input::BudgetChanged(BudgetChange::Counted));
    assert!(!bench.module.is_budget_used_up(bench.now), "without limit nothing is used up");
}

#[test]
fn a_count_that_begins_anew_is_saved() {
    let mut bench = Bench::up(config());
    bench.input(Input::BudgetChanged(BudgetChange::Counted));
    bench.pass(config().loop_interval);
    bench.input(Input::BudgetChanged(BudgetChange::Counted));
    let budget = bench.saves.last().unwrap().budget;
    assert_eq!((budget.used, budget.age_ms), (1, 0), "not that of the count before");
}
