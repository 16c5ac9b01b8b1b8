//! Commands in states and at times where they mean something else.

use super::bench::{Bench, config, ms, s, user};
use crate::config::model::{BootPolicy, ModuleConfig};
use crate::control::{Command, Origin, Refusal};
use crate::event::ModuleFault;
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;
use crate::module::{Input, Join};
use crate::node::{AgentStart, Outcome};

fn starting() -> Bench {
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    bench.forget();
    bench
}

#[test]
fn start_of_a_module_that_is_up_is_accepted() {
    let mut bench = Bench::up(config());
    let answer = bench.command(Command::Start, user()).unwrap();
    assert_eq!(answer.text, "already UP (Ready)");
    assert!(bench.running.is_empty());
}

#[test]
fn stop_of_a_module_that_is_stopped_is_accepted() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.command(Command::Stop, user()).unwrap().text, "already STOP (NotReady)");
    assert!(bench.running.is_empty());
}

#[test]
fn forcestop_of_a_stopped_module_clears_away_what_may_be_left() {
    let mut bench = Bench::new(config());
    bench.forget();
    bench.command(Command::Forcestop, user()).unwrap();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "WAIT Transient stopping",
            "  stop_both force WAIT STOP stop",
            "  poststop WAIT STOP stop",
            "  transition WAIT STOP stop",
            "STOP NotReady stopped",
        ]
    );
}

#[test]
fn restart_and_stopstart_need_a_module_that_is_up() {
    for command in [Command::Restart, Command::Stopstart] {
        let mut bench = Bench::new(config());
        let refusal = bench.command(command, user()).unwrap_err();
        assert!(matches!(refusal, Refusal::WrongState { needed: "UP", .. }), "{refusal}");
        assert!(bench.commands().is_empty());
    }
}

#[test]
fn what_does_not_fit_is_refused_while_something_runs() {
    let mut bench = starting();
    bench.pass(s(3));
    for command in [Command::Start, Command::Restart, Command::Stopstart] {
        let refusal = bench.command(command, user()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "module farm is busy: starting, start_both runs since 3 s; try again when it has ended, \
             or use forcestop"
        );
    }
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
}

#[test]
fn stop_during_start_both_waits_for_its_end() {
    let mut bench = starting();
    bench.command(Command::Stop, user()).unwrap();
    bench.pass(s(299));
    assert!(bench.to_end.is_empty());
    assert_eq!(bench.running_script(), Some(Script::StartBoth));
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "UP Transient stopping",
            "  stop_both UP WAIT stop",
            "WAIT Transient stopping",
            "  transition UP WAIT stop",
            "  stop_both force WAIT STOP stop",
            "  poststop WAIT STOP stop",
            "  transition WAIT STOP stop",
            "STOP NotReady stopped",
        ]
    );
    bench.pass(s(1000));
    assert!(bench.to_end.is_empty());
}

#[test]
fn stop_during_start_both_ends_it_after_nicestoptimeout() {
    let mut bench = starting();
    let (start_both, _) = bench.running[0];
    bench.command(Command::Stop, user()).unwrap();
    bench.pass(s(300));
    assert_eq!(bench.to_end, [start_both]);
    bench.pass(s(5));
    assert_eq!(bench.to_end, [start_both, start_both], "it is told again while it does not end");
    bench.end(ScriptEnd::Ended);
    assert_eq!(bench.arguments(), "UP WAIT stop");
    bench.pass(s(60));
    assert_eq!(bench.to_end.len(), 2);
}

#[test]
fn stop_given_by_start_both_itself_is_answered_at_once_and_follows_its_end() {
    let mut bench = starting();
    let itself = Origin::Detector("start_both".to_owned());
    bench.command(Command::Stop, itself).unwrap();
    bench.pass(ms(10));
    bench.exit(1);
    assert_eq!(bench.arguments(), "UP WAIT stop");
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn stop_during_prestart_does_not_start_the_application() {
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::Prestart);
    bench.command(Command::Stop, user()).unwrap();
    bench.forget();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "  stop_both force WAIT STOP stop",
            "  poststop WAIT STOP stop",
            "  transition WAIT STOP stop",
            "STOP NotReady stopped",
        ]
    );
}

#[test]
fn forcestop_ends_what_runs_at_once() {
    let mut bench = starting();
    let (start_both, _) = bench.running[0];
    bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(bench.to_end, [start_both]);
    assert_eq!(bench.running_script(), Some(Script::StartBoth), "it has not ended yet");
    bench.end(ScriptEnd::Ended);
    assert_eq!(bench.arguments(), "force WAIT STOP stop");
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn a_second_forcestop_ends_the_forced_script_and_goes_on() {
    let mut bench = Bench::up(config());
    bench.command(Command::Forcestop, user()).unwrap();
    let (forced, _) = bench.running[0];
    bench.pass(s(5));
    bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(bench.to_end, [forced]);
    bench.end(ScriptEnd::Ended);
    assert_eq!(bench.running_script(), Some(Script::Poststop));
    bench.run_all();
    let ended = ModuleFault::MayStillRun { end: Some(ScriptEnd::Ended) };
    assert_eq!(bench.module.faults(), [ended], "who ends stop_both leaves the application");
}

#[test]
fn a_second_forcestop_does_not_end_what_has_only_just_begun() {
    let mut bench = Bench::up(config());
    bench.command(Command::Forcestop, user()).unwrap();
    bench.pass(ms(4_999));
    let answer = bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(
        answer.text,
        "stopping, stop_both runs since 4.9 s; another forcestop ends it when it has run for 5 s"
    );
    assert!(bench.to_end.is_empty());
    // What the first one found running was told to end, and is told again.
    let mut bench = starting();
    let (start_both, _) = bench.running[0];
    bench.command(Command::Forcestop, user()).unwrap();
    bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(bench.to_end, [start_both, start_both]);
    bench.end(ScriptEnd::Ended);
    let (forced, _) = bench.running[0];
    bench.command(Command::Forcestop, user()).unwrap();
    assert!(!bench.to_end.contains(&forced));
}

#[test]
fn forcestop_during_a_stop_leaves_out_what_is_nice() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stop, user()).unwrap();
    bench.command(Command::Forcestop, user()).unwrap();
    bench.end(ScriptEnd::Ended);
    assert_eq!(bench.arguments(), "force WAIT STOP stop");
}

#[test]
fn a_second_stop_is_explained() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stop, user()).unwrap();
    bench.pass(s(4));
    let answer = bench.command(Command::Stop, user()).unwrap();
    assert_eq!(answer.text, "stopping, stop_both runs since 4 s");
}

#[test]
fn stop_turns_a_stopstart_into_a_stop() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stopstart, user()).unwrap();
    bench.command(Command::Stop, user()).unwrap();
    bench.forget();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "WAIT Transient stopping",
            "  transition UP WAIT stop",
            "  stop_both force WAIT STOP stop",
            "  poststop WAIT STOP stop",
            "  transition WAIT STOP stop",
            "STOP NotReady stopped",
        ]
    );
}

#[test]
fn stop_turns_a_restart_into_a_stop() {
    let mut bench = Bench::up(config());
    bench.command(Command::Restart, user()).unwrap();
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
    assert_eq!(
        bench.module.past_runs()[&Script::StopBoth].arguments.join(" "),
        "force WAIT STOP stop"
    );
}

#[test]
fn nothing_is_started_without_a_cluster() {
    let mut bench = Bench::new(config());
    bench.input(Input::JoinChanged(Join::NoCluster));
    assert_eq!(bench.command(Command::Start, user()), Err(Refusal::NoCluster));
}

#[test]
fn a_module_is_not_ready_while_the_node_has_not_joined() {
    let mut bench = Bench::new(config());
    bench.input(Input::JoinChanged(Join::Joining));
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    assert_eq!(bench.state(), "UP (Transient) joining");
    assert!(!bench.module.takes());
    bench.input(Input::JoinChanged(Join::Joined));
    assert_eq!(bench.state(), "UP (Ready) ready");
    assert!(bench.module.takes());
    bench.input(Input::JoinChanged(Join::Joining));
    assert_eq!(bench.state(), "UP (Transient) joining");
    assert!(bench.running.is_empty(), "the application is not touched");
}

#[test]
fn the_end_of_a_former_script_means_nothing() {
    let mut bench = starting();
    let id = bench.running[0].0;
    bench.exit(0);
    bench.command(Command::Restart, user()).unwrap();
    let outcome =
        Outcome::Script { end: ScriptEnd::Exited { code: 0 }, duration: ms(1), userlog: None };
    bench.input(Input::ActionFinished { id, outcome });
    assert_eq!(bench.arguments(), "UP UP restart");
}

#[test]
fn a_module_starts_at_boot_after_its_delay() {
    let configured = ModuleConfig { boot: BootPolicy::On, boot_delay: s(20), ..config() };
    let mut bench = Bench::begin(configured, AgentStart::HostBooted, None);
    bench.pass(s(19));
    assert_eq!(bench.module.state(), ModuleState::STOP);
    bench.pass(s(1));
    assert_eq!(bench.module.state(), ModuleState::WAIT_TRANSIENT);
    assert_eq!(bench.commands(), [(Command::Start, Origin::Boot)]);
}

#[test]
fn stop_cancels_the_start_at_boot() {
    let configured = ModuleConfig { boot: BootPolicy::On, boot_delay: s(20), ..config() };
    let mut bench = Bench::begin(configured, AgentStart::HostBooted, None);
    let answer = bench.command(Command::Stop, user()).unwrap();
    assert_eq!(answer.text, "the start at boot is cancelled");
    bench.pass(s(60));
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn start_before_the_boot_delay_is_over_starts_once() {
    let configured = ModuleConfig { boot: BootPolicy::On, boot_delay: s(20), ..config() };
    let mut bench = Bench::begin(configured, AgentStart::HostBooted, None);
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    bench.pass(s(60));
    assert_eq!(bench.commands(), [(Command::Start, user())]);
}
