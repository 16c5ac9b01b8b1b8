//! What becomes of a module when the agent, or the host, has started again.

use std::sync::Arc;

use super::bench::{Bench, POLL, config, proc, process, s, saved, user, watching};
use crate::config::model::{BootPolicy, ModuleConfig, ProcAction};
use crate::control::{Command, Origin, WatchSwitch};
use crate::event::{Event, ModuleFault, Recovery};
use crate::explain::Cause;
use crate::ids::LanSet;
use crate::module::saved::{SavedModule, SavedPhase};
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;
use crate::module::{Input, Join};
use crate::node::{AgentStart, ModuleSetup};

fn recovery(bench: &Bench) -> Option<Recovery> {
    bench.events.iter().find_map(|event| {
        let Event::Recovered { what, .. } = event else { return None };
        Some(*what)
    })
}

fn same_boot(config: ModuleConfig, phase: SavedPhase) -> Bench {
    Bench::begin(config, AgentStart::SameBoot, Some(saved(phase)))
}

fn with_boot(boot: BootPolicy) -> ModuleConfig {
    ModuleConfig { boot, ..config() }
}

fn nginx() -> ModuleConfig {
    watching(vec![proc("nginx", ProcAction::Restart)])
}

#[test]
fn an_application_that_outlived_the_agent_is_ready_without_a_script() {
    let mut bench = same_boot(nginx(), SavedPhase::Up);
    assert_eq!(bench.state(), "UP (Transient) recovering");
    bench.scan(&[process("nginx", 4)]);
    assert_eq!(recovery(&bench), Some(Recovery::Adopted));
    assert_eq!(bench.state(), "UP (Ready) ready");
    assert_eq!(bench.watched, [4].into());
    assert!(bench.running.is_empty());
}

#[test]
fn an_adopted_application_is_watched_like_another() {
    let mut bench = same_boot(nginx(), SavedPhase::Up);
    bench.scan(&[process("nginx", 4)]);
    bench.die(4);
    bench.scan(&[]);
    assert_eq!(bench.arguments(), "UP UP restart");
}

#[test]
fn an_adopted_application_is_not_ready_before_the_node_has_joined() {
    let mut bench = same_boot(nginx(), SavedPhase::Up);
    bench.input(Input::JoinChanged(Join::Joining));
    bench.scan(&[process("nginx", 4)]);
    assert_eq!(bench.state(), "UP (Transient) joining");
    bench.input(Input::JoinChanged(Join::Joined));
    assert_eq!(bench.state(), "UP (Ready) ready");
}

#[test]
fn a_process_that_died_with_the_agent_is_restarted_through_the_budget() {
    let mut bench = same_boot(nginx(), SavedPhase::Up);
    bench.scan(&[process("sshd", 4)]);
    assert_eq!(recovery(&bench), Some(Recovery::ProcessesGone));
    assert_eq!(bench.arguments(), "UP UP restart");
    assert_eq!(bench.commands(), [(Command::Restart, Origin::Errd)]);
    assert_eq!(bench.module.loop_used(bench.now), 1);
}

#[test]
fn what_is_done_about_a_process_that_died_with_the_agent_is_what_its_proc_says() {
    for (action, command, arguments) in [
        (ProcAction::Stop, Command::Stop, "UP WAIT stop"),
        (ProcAction::Stopstart, Command::Stopstart, "UP WAIT stopstart"),
    ] {
        let procs = vec![proc("httpd", ProcAction::Restart), proc("nginx", action)];
        let mut bench = same_boot(watching(procs), SavedPhase::Up);
        bench.scan(&[process("sshd", 4)]);
        assert_eq!(recovery(&bench), Some(Recovery::ProcessesGone));
        assert_eq!(bench.commands(), [(command, Origin::Errd)], "the stronger one of two");
        assert_eq!(bench.arguments(), arguments);
        let faults = |event: &&Event| matches!(event, Event::ProcessFault { .. });
        assert_eq!(bench.events.iter().filter(faults).count(), 2);
    }
}

#[test]
fn an_adopted_application_that_is_watched_no_longer_is_ready_after_one_poll() {
    let mut bench = same_boot(nginx(), SavedPhase::Up);
    bench.switch(WatchSwitch::Off).unwrap();
    // The list that was asked for before shows nothing.
    bench.scan(&[]);
    assert_eq!(recovery(&bench), Some(Recovery::AdoptedUnwatched));
    assert_eq!(bench.state(), "UP (Transient) recovering");
    bench.pass(POLL);
    assert_eq!(bench.state(), "UP (Ready) ready");
}

#[test]
fn an_application_that_is_not_watched_is_ready_after_one_poll() {
    for configured in [config(), watching(vec![])] {
        let mut bench = same_boot(configured, SavedPhase::Up);
        assert_eq!(recovery(&bench), Some(Recovery::AdoptedUnwatched));
        bench.pass(POLL - s(1));
        assert_eq!(bench.state(), "UP (Transient) recovering");
        bench.pass(s(1));
        assert_eq!(bench.state(), "UP (Ready) ready");
        assert!(bench.running.is_empty());
    }
}

#[test]
fn an_interrupted_start_is_stopped_and_done_again() {
    for phase in [SavedPhase::Starting, SavedPhase::Restarting] {
        let mut bench = same_boot(config(), phase);
        assert_eq!(recovery(&bench), Some(Recovery::Interrupted));
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
        assert_eq!(bench.module.loop_used(bench.now), 0);
    }
}

#[test]
fn an_interrupted_stop_is_done_again_and_stays_stopped() {
    let kept = SavedModule { started: false, ..saved(SavedPhase::Stopping) };
    let configured = with_boot(BootPolicy::On);
    let mut bench = Bench::begin(configured, AgentStart::SameBoot, Some(kept));
    assert_eq!(bench.arguments(), "UP WAIT stop");
    bench.run_all();
    assert_eq!(bench.module.state(), ModuleState::STOP);
    assert_eq!(bench.phase(), SavedPhase::Stopped);
}

#[test]
fn a_stopped_module_stays_stopped_when_the_agent_starts_again() {
    let kept = SavedModule { started: false, ..saved(SavedPhase::Stopped) };
    for boot in [BootPolicy::On, BootPolicy::Auto, BootPolicy::Off, BootPolicy::Ignore] {
        let bench = Bench::begin(with_boot(boot), AgentStart::SameBoot, Some(kept.clone()));
        assert_eq!(bench.module.state(), ModuleState::STOP);
        let bench = Bench::begin(with_boot(boot), AgentStart::SameBoot, None);
        assert_eq!(bench.module.state(), ModuleState::STOP);
    }
}

#[test]
fn that_an_application_may_still_run_outlives_the_agent_and_not_the_host() {
    let mut bench = Bench::up(with_boot(BootPolicy::Off));
    bench.command(Command::Forcestop, user()).unwrap();
    assert_eq!(bench.running_script(), Some(Script::StopBoth));
    bench.end(ScriptEnd::TimedOut);
    let cut_short = bench.saves.last().cloned();
    bench.run_all();
    let stopped = bench.saves.last().cloned();
    let fault = [ModuleFault::MayStillRun { end: None }];
    for kept in [&cut_short, &stopped] {
        let mut bench =
            Bench::begin(with_boot(BootPolicy::Off), AgentStart::SameBoot, kept.clone());
        assert_eq!(bench.module.faults(), fault);
        bench.command(Command::Forcestop, user()).unwrap();
        bench.run_all();
        assert_eq!(bench.module.faults(), []);
        assert!(!bench.saves.last().unwrap().may_still_run);
        let booted = Bench::begin(with_boot(BootPolicy::Off), AgentStart::HostBooted, kept.clone());
        assert_eq!(booted.module.faults(), []);
    }
}

#[test]
fn a_module_that_the_end_of_the_agent_stopped_comes_back_with_the_agent() {
    let mut bench = Bench::up(with_boot(BootPolicy::Auto));
    bench.command(Command::Stop, Origin::Shutdown).unwrap();
    bench.run_all();
    let kept = bench.saves.last().cloned();
    for (boot, state) in [
        (BootPolicy::On, ModuleState::WAIT_TRANSIENT),
        (BootPolicy::Auto, ModuleState::WAIT_TRANSIENT),
        (BootPolicy::Off, ModuleState::STOP),
        (BootPolicy::Ignore, ModuleState::STOP),
    ] {
        let bench = Bench::begin(with_boot(boot), AgentStart::SameBoot, kept.clone());
        assert_eq!(bench.module.state(), state, "{boot:?}");
        if state == ModuleState::STOP {
            assert_eq!(*bench.module.cause(), Cause::FormerAgentEnded);
        }
    }
}

#[test]
fn after_a_boot_of_the_host_the_boot_policy_decides() {
    for (boot, started, starts) in [
        (BootPolicy::On, true, true),
        (BootPolicy::On, false, true),
        (BootPolicy::Auto, true, true),
        (BootPolicy::Auto, false, false),
        (BootPolicy::Off, true, false),
        (BootPolicy::Ignore, true, false),
    ] {
        for phase in [SavedPhase::Up, SavedPhase::Stopping, SavedPhase::Stopped] {
            let kept = SavedModule { started, ..saved(phase) };
            let bench = Bench::begin(with_boot(boot), AgentStart::HostBooted, Some(kept));
            let state = if starts { ModuleState::WAIT_TRANSIENT } else { ModuleState::STOP };
            assert_eq!(bench.module.state(), state, "{boot:?}, started before: {started}");
            let stays_though_it_ran = started && !starts;
            assert_eq!(*bench.module.cause() == Cause::HostBooted, stays_though_it_ran);
            if starts {
                assert_eq!(bench.commands(), [(Command::Start, Origin::Boot)]);
                assert_eq!(bench.arguments(), "STOP WAIT start");
            } else {
                assert_eq!(bench.phase(), SavedPhase::Stopped, "what was saved is of another boot");
            }
        }
    }
}

#[test]
fn auto_starts_what_was_up_when_the_host_went_down() {
    let mut bench = Bench::up(with_boot(BootPolicy::Auto));
    let up = bench.saves.last().cloned();
    bench.command(Command::Stop, user()).unwrap();
    bench.run_all();
    let stopped = bench.saves.last().cloned();
    let auto = || with_boot(BootPolicy::Auto);
    let bench = Bench::begin(auto(), AgentStart::HostBooted, up);
    assert_eq!(bench.module.state(), ModuleState::WAIT_TRANSIENT);
    let bench = Bench::begin(auto(), AgentStart::HostBooted, stopped);
    assert_eq!(bench.module.state(), ModuleState::STOP);
}

#[test]
fn each_phase_is_saved_before_its_first_script() {
    let mut bench = Bench::new(config());
    let mut phases = Vec::new();
    let mut note = |bench: &mut Bench| {
        while !bench.running.is_empty() {
            phases.push(bench.phase());
            bench.exit(0);
        }
        phases.push(bench.phase());
    };
    bench.command(Command::Start, user()).unwrap();
    note(&mut bench);
    bench.command(Command::Stopstart, user()).unwrap();
    note(&mut bench);
    bench.command(Command::Stop, user()).unwrap();
    note(&mut bench);
    phases.dedup();
    assert_eq!(
        phases,
        [
            SavedPhase::Starting,
            SavedPhase::Up,
            SavedPhase::Restarting,
            SavedPhase::Starting,
            SavedPhase::Up,
            SavedPhase::Stopping,
            SavedPhase::Stopped,
        ]
    );
}

#[test]
fn a_start_at_boot_waits_for_the_cluster() {
    let mut bench = Bench::begin(
        ModuleConfig { boot_delay: s(5), ..with_boot(BootPolicy::On) },
        AgentStart::HostBooted,
        None,
    );
    bench.input(Input::JoinChanged(Join::NoCluster));
    bench.pass(s(100));
    assert_eq!(bench.module.state(), ModuleState::STOP);
    bench.input(Input::JoinChanged(Join::Joining));
    assert_eq!(bench.module.state(), ModuleState::WAIT_TRANSIENT);
}

#[test]
fn a_stopstart_does_not_start_without_a_cluster_before_there_is_one() {
    let mut bench = Bench::up(config());
    bench.input(Input::JoinChanged(Join::NoCluster));
    bench.command(Command::Stopstart, user()).unwrap();
    bench.run_all();
    assert_eq!(bench.state(), "STOP (NotReady) stopped");
    bench.input(Input::JoinChanged(Join::Joined));
    bench.run_all();
    assert_eq!(bench.state(), "UP (Ready) ready");
}

#[test]
fn a_start_at_boot_that_waits_goes_with_the_policy() {
    for waits_for_cluster in [false, true] {
        let policy = |boot| ModuleConfig { boot_delay: s(5), ..with_boot(boot) };
        let join = if waits_for_cluster { Join::NoCluster } else { Join::Joined };
        let mut bench = Bench::begin(policy(BootPolicy::On), AgentStart::HostBooted, None);
        bench.input(Input::JoinChanged(join));
        if waits_for_cluster {
            bench.pass(s(10));
        }
        bench.input(Input::Configured(Box::new(ModuleSetup {
            config: Arc::new(policy(BootPolicy::Off)),
            scripts: Script::ALL.into(),
            lans: LanSet::ALL,
            sharing: 0,
            saved: None,
            start: AgentStart::ClusterChanged,
        })));
        bench.pass(s(100));
        bench.input(Input::JoinChanged(Join::Joined));
        assert_eq!(bench.module.state(), ModuleState::STOP, "{waits_for_cluster}");
    }
}
