//! Which scripts run in which order, with which arguments, states and time limits.

use super::bench::{Bench, config, s, user};
use crate::config::model::ModuleConfig;
use crate::control::{Command, Origin};
use crate::event::{Event, ModuleFault};
use crate::explain::Cause;
use crate::module::script::{LargeUserlogs, Script, ScriptEnd};
use crate::module::state::ModuleState;
use crate::node::AgentStart;

#[test]
fn start_runs_prestart_and_start_both_and_ends_ready() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.story(), ["STOP NotReady stopped"]);
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "WAIT Transient starting",
            "  transition STOP WAIT start",
            "  prestart STOP WAIT start",
            "UP Transient starting",
            "  transition WAIT UP start",
            "  start_both WAIT UP start",
            "UP Ready ready",
        ]
    );
}

#[test]
fn stop_runs_stop_both_nicely_and_then_by_force() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stop, user()).unwrap();
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
}

#[test]
fn restart_stays_up() {
    let mut bench = Bench::up(config());
    bench.command(Command::Restart, user()).unwrap();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "UP Transient restarting",
            "  stop_both UP UP restart",
            "  stop_both force UP UP restart",
            "  start_both UP UP restart",
            "UP Ready ready",
        ]
    );
}

#[test]
fn stopstart_stops_wholly_and_starts_automatically() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stopstart, user()).unwrap();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "UP Transient restarting",
            "  stop_both UP WAIT stopstart",
            "WAIT Transient restarting",
            "  transition UP WAIT stopstart",
            "  stop_both force WAIT STOP stopstart",
            "  poststop WAIT STOP stopstart",
            "  transition WAIT STOP stopstart",
            "STOP NotReady stopped",
            "WAIT Transient starting",
            "  transition STOP WAIT start",
            "  prestart STOP WAIT start",
            "UP Transient starting",
            "  transition WAIT UP start",
            "  start_both WAIT UP start",
            "UP Ready ready",
        ]
    );
    assert_eq!(
        bench.commands(),
        [(Command::Stopstart, user()), (Command::Start, Origin::Automatic)]
    );
}

#[test]
fn forcestop_stops_by_force_only() {
    let mut bench = Bench::up(config()).in_a_farm();
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
fn scripts_that_are_not_installed_are_skipped() {
    let scripts = [Script::StopBoth];
    let mut bench = Bench::with_scripts(config(), AgentStart::Reconfigured, None, &scripts);
    bench.command(Command::Start, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    assert!(
        bench.has(|event| matches!(event, Event::ScriptMissing { script: Script::StartBoth, .. }))
    );
    bench.forget();
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    assert_eq!(
        bench.story(),
        [
            "UP Transient stopping",
            "  stop_both UP WAIT stop",
            "WAIT Transient stopping",
            "  stop_both force WAIT STOP stop",
            "STOP NotReady stopped",
        ]
    );
}

#[test]
fn an_application_that_nothing_stops_is_told_once() {
    let scripts = [Script::StartBoth];
    let mut bench = Bench::with_scripts(config(), AgentStart::Reconfigured, None, &scripts);
    bench.command(Command::Start, user()).unwrap();
    bench.run_all();
    bench.forget();
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::STOP);
    let missing =
        |event: &&Event| matches!(event, Event::ScriptMissing { script: Script::StopBoth, .. });
    assert_eq!(bench.events.iter().filter(missing).count(), 1);
}

#[test]
fn the_first_script_of_a_start_finds_large_userlogs_emptied() {
    // Whichever it is: most modules have no prestart.
    for scripts in [&Script::ALL[..], &[Script::StartBoth, Script::StopBoth]] {
        let mut bench = Bench::with_scripts(config(), AgentStart::Reconfigured, None, scripts);
        let mut run_all = |command| {
            bench.command(command, user()).unwrap();
            let mut found = Vec::new();
            while let Some((_, run)) = bench.running.last() {
                found.push(run.large_userlogs == LargeUserlogs::Empty);
                bench.exit(0);
            }
            found
        };
        let started = run_all(Command::Start);
        assert!(started[0] && !started[1..].contains(&true), "{scripts:?}: {started:?}");
        assert!(!run_all(Command::Restart).contains(&true), "{scripts:?}");
        let again = run_all(Command::Stopstart);
        assert_eq!(again.iter().filter(|found| **found).count(), 1, "{scripts:?}: {again:?}");
        assert!(!run_all(Command::Stop).contains(&true), "{scripts:?}");
    }
}

#[test]
fn without_user_no_script_runs_and_none_is_missed() {
    let mut bench = Bench::new(ModuleConfig { user: None, ..config() });
    bench.command(Command::Start, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    bench.command(Command::Stopstart, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::STOP);
    assert!(!bench.has(|event| matches!(event, Event::ScriptMissing { .. })));
}

#[test]
fn each_script_has_its_own_time_limit() {
    let mut configured = config();
    if let Some(user) = &mut configured.user {
        user.starttimeout = Some(s(100));
    }
    let mut bench = Bench::new(configured);
    bench.command(Command::Start, user()).unwrap();
    let mut limits = Vec::new();
    let mut note = |bench: &mut Bench| {
        while let Some(script) = bench.running_script() {
            let limit = bench.time_limit().map(|limit| limit.as_secs());
            let force = bench.arguments().starts_with("force");
            limits.push((script, force, limit));
            bench.exit(0);
        }
    };
    note(&mut bench);
    bench.command(Command::Stop, user()).unwrap();
    note(&mut bench);
    let (start, nice, force) = (Some(100), Some(300), Some(200));
    assert_eq!(
        limits,
        [
            (Script::Transition, false, start),
            (Script::Prestart, false, start),
            (Script::Transition, false, start),
            (Script::StartBoth, false, start),
            (Script::StopBoth, false, nice),
            (Script::Transition, false, force),
            (Script::StopBoth, true, force),
            (Script::Poststop, false, force),
            (Script::Transition, false, force),
        ]
    );
}

#[test]
fn start_scripts_have_no_time_limit_by_default() {
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    assert_eq!(bench.time_limit(), None);
    bench.pass(s(7 * 24 * 3600));
    assert_eq!(bench.running_script(), Some(Script::StartBoth));
    assert!(bench.to_end.is_empty());
}

#[test]
fn a_stop_script_that_exceeds_its_limit_is_followed_by_the_next_phase() {
    let mut bench = Bench::up(config());
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(bench.arguments(), "UP WAIT stop");
    bench.end(ScriptEnd::TimedOut);
    bench.run_until(Script::StopBoth);
    assert_eq!(bench.arguments(), "force WAIT STOP stop");
    bench.end(ScriptEnd::TimedOut);
    assert_eq!(bench.running_script(), Some(Script::Poststop));
    bench.end(ScriptEnd::TimedOut);
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

fn may_still_run(bench: &Bench) -> Option<ScriptEnd> {
    bench.module.faults().into_iter().find_map(|fault| match fault {
        ModuleFault::MayStillRun { end } => end,
        ModuleFault::NotSaved { .. } | ModuleFault::ServicesUnknown { .. } => None,
    })
}

/// Counts the lines about it.
fn told(bench: &Bench) -> usize {
    let told = |event: &&Event| matches!(event, Event::ModuleFaulty { .. });
    bench.events.iter().filter(told).count()
}

/// Goes to STOP with a forced `stop_both` that ends like this.
fn stop_badly(bench: &mut Bench, nicely: ScriptEnd, forced: ScriptEnd) {
    bench.command(Command::Stop, user()).unwrap();
    bench.run_until(Script::StopBoth);
    bench.end(nicely);
    bench.run_until(Script::StopBoth);
    assert_eq!((may_still_run(bench), told(bench)), (None, 0), "the forced call may still do it");
    bench.end(forced);
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn an_application_that_no_stop_both_has_stopped_may_still_run_and_that_is_said() {
    let not_started = ScriptEnd::NotStarted { error: "denied".to_owned() };
    for end in [ScriptEnd::TimedOut, not_started, ScriptEnd::Signalled { signal: 9 }] {
        let mut bench = Bench::up(config());
        stop_badly(&mut bench, ScriptEnd::TimedOut, end.clone());
        assert_eq!((may_still_run(&bench), told(&bench)), (Some(end), 1));
        let line = bench.events.iter().position(|it| matches!(it, Event::ModuleFaulty { .. }));
        let stop = bench.events.iter().rposition(|it| matches!(it, Event::StateChanged { .. }));
        assert_eq!(line, stop.map(|stop| stop + 1), "at the moment of STOP");
        // A forced stop that comes to its end takes it away.
        bench.command(Command::Forcestop, user()).unwrap();
        assert!(may_still_run(&bench).is_some());
        bench.run_all();
        assert_eq!((may_still_run(&bench), told(&bench)), (None, 1));
    }
}

#[test]
fn an_application_that_one_of_both_calls_has_stopped_is_stopped() {
    let mut bench = Bench::up(config());
    stop_badly(&mut bench, ScriptEnd::TimedOut, ScriptEnd::Exited { code: 1 });
    assert_eq!((may_still_run(&bench), told(&bench)), (None, 0));
}

#[test]
fn an_application_that_is_up_again_is_no_fault() {
    let mut bench = Bench::up(config());
    stop_badly(&mut bench, ScriptEnd::TimedOut, ScriptEnd::TimedOut);
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    assert!(may_still_run(&bench).is_some(), "it could run twice");
    bench.run_all();
    assert_eq!((may_still_run(&bench), bench.module.state()), (None, ModuleState::UP_READY));
}

#[test]
fn exit_codes_are_told_and_not_acted_upon() {
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    bench.exit(3);
    assert_eq!(bench.module.state(), ModuleState::UP_READY);
    let past = &bench.module.past_runs()[&Script::StartBoth];
    assert_eq!(past.end, ScriptEnd::Exited { code: 3 });
    assert_eq!(past.userlog.as_deref(), Some("userlog_start_both.ulog"));
}

#[test]
fn an_application_that_could_not_be_started_is_not_called_ready() {
    for end in [ScriptEnd::TimedOut, ScriptEnd::NotStarted { error: "denied".to_owned() }] {
        let mut bench = Bench::new(config());
        bench.command(Command::Start, user()).unwrap();
        bench.run_until(Script::StartBoth);
        bench.end(end);
        let start_both = Origin::Detector("start_both".to_owned());
        assert_eq!(bench.commands().last(), Some(&(Command::Stop, start_both)));
        assert_eq!(bench.arguments(), "UP WAIT stop");
        bench.run_all();
        assert_eq!(bench.module.state(), ModuleState::STOP);
        assert!(!bench.told.contains(&(ModuleState::UP_READY, "ready")));
    }
}

#[test]
fn a_stop_is_explained_by_what_began_it_and_not_by_its_last_script() {
    let called = |command, origin| Cause::Command { command, origin };
    let errd = called(Command::Stop, Origin::Errd);
    let person = called(Command::Stop, user());
    let first = called(Command::Stopstart, user());
    for (command, origin, cause) in [
        (Command::Stop, user(), person),
        (Command::Stop, Origin::Errd, errd),
        (Command::Forcestop, user(), called(Command::Forcestop, user())),
        (Command::Stopstart, user(), first),
    ] {
        let mut bench = Bench::up(config());
        bench.command(command, origin).unwrap();
        bench.run_all();
        let mut causes = bench.events.iter().filter_map(|event| {
            let Event::StateChanged { to, cause, .. } = event else { return None };
            let stops = [ModuleState::STOP, ModuleState::WAIT_TRANSIENT].contains(to);
            stops.then(|| cause.clone())
        });
        let on_the_way = if command == Command::Forcestop { 1 } else { 2 };
        assert!(causes.by_ref().take(on_the_way).all(|found| found == cause), "{command:?}");
    }
    // Who turns a start back is who stops it, from that moment.
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    let detector = Origin::Detector("check".to_owned());
    bench.command(Command::Stop, detector.clone()).unwrap();
    assert_eq!(*bench.module.cause(), called(Command::Stop, detector.clone()));
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    assert_eq!(*bench.module.cause(), called(Command::Stop, detector), "the first one began it");
    // A stop that comes while a stopstart stops leaves out the start.
    let mut bench = Bench::up(config());
    bench.command(Command::Stopstart, user()).unwrap();
    bench.command(Command::Stop, Origin::Shutdown).unwrap();
    bench.run_all();
    assert_eq!(*bench.module.cause(), called(Command::Stop, Origin::Shutdown));
    // What made the start fail is told by its script's line; the stop is called by it.
    let mut bench = Bench::new(config());
    bench.command(Command::Start, user()).unwrap();
    bench.run_until(Script::StartBoth);
    bench.end(ScriptEnd::TimedOut);
    bench.run_all();
    let start_both = Origin::Detector("start_both".to_owned());
    assert_eq!(*bench.module.cause(), called(Command::Stop, start_both));
}

#[test]
fn up_is_explained_by_the_script_that_brought_it_there() {
    let bench = Bench::up(config());
    let is_start =
        |cause: &Cause| matches!(cause, Cause::ScriptEnded { script: Script::StartBoth, .. });
    assert!(is_start(bench.module.cause()));
}

#[test]
fn a_state_is_explained_by_who_asked_for_it_and_not_by_a_script_that_is_missing() {
    let scripts = [Script::StartBoth];
    let mut bench = Bench::with_scripts(config(), AgentStart::Reconfigured, None, &scripts);
    bench.command(Command::Start, user()).unwrap();
    let cause = |command| Cause::Command { command, origin: user() };
    assert_eq!(*bench.module.cause(), cause(Command::Start));
    bench.run_all();
    bench.command(Command::Stop, user()).unwrap();
    assert_eq!(bench.module.state(), ModuleState::STOP);
    assert_eq!(*bench.module.cause(), cause(Command::Stop));
}
