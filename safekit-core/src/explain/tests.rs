//! The sentences, as a table: those that SafeKit's documentation prints literally come first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Names, duration_text, line};
use crate::config::model::ProcAction;
use crate::control::{Command, Origin, WatchSwitch};
use crate::event::{Event, ModuleFault, Severity};
use crate::ids::{LanId, LanName, ModuleName, NodeId, NodeName, ProcessId};
use crate::membership::{Fault, JoinReason, MemberReason, MemberState};
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;

fn farm() -> ModuleName {
    ModuleName::new("farm").unwrap()
}

fn node(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn names() -> Names {
    let named = |number| (node(number), NodeName::new(&format!("server{number}")).unwrap());
    Names {
        nodes: BTreeMap::from([named(1), named(2)]),
        lans: BTreeMap::from([(LanId::new(0).unwrap(), LanName::new("default").unwrap())]),
        modules: BTreeMap::from([(farm().key(), farm())]),
    }
}

fn told(event: &Event) -> String {
    let line = line(event, &names());
    format!("{} | {} | {}", line.origin, line.severity.letter(), line.text)
}

fn command(command: Command, origin: Origin) -> Event {
    Event::CommandAccepted { module: farm(), command, origin }
}

fn state(to: ModuleState, cause: Cause) -> Event {
    Event::StateChanged { module: farm(), from: ModuleState::WAIT_TRANSIENT, to, cause }
}

fn fault(count: u32, atleast: Option<u32>, atmax: Option<u32>, action: ProcAction) -> Event {
    Event::ProcessFault { module: farm(), name: "nginx".to_owned(), count, atleast, atmax, action }
}

fn service(runs: bool, said: &str, action: ProcAction) -> Event {
    let (name, said) = ("nginx".to_owned(), said.to_owned());
    Event::ServiceFault { module: farm(), name, runs, said, action }
}

fn service_again(runs: bool, said: &str) -> Event {
    let (name, said) = ("nginx".to_owned(), said.to_owned());
    Event::ServiceRecovered { module: farm(), name, runs, said }
}

fn ended(end: ScriptEnd, userlog: Option<&str>) -> Event {
    Event::ScriptEnded {
        module: farm(),
        script: Script::StartBoth,
        end,
        duration: Duration::from_millis(2_150),
        userlog: userlog.map(str::to_owned),
    }
}

#[test]
fn actions_are_told_with_who_called_them() {
    for (event, sentence) in [
        (command(Command::Start, Origin::User("root".into())), "U | Action start called by root"),
        (
            command(Command::Stop, Origin::Detector("start_both".into())),
            "U | Action stop called by start_both",
        ),
        (command(Command::Restart, Origin::Errd), "E | Action restart called by errd"),
        (command(Command::Stop, Origin::Maxloop), "E | Action stop called by maxloop"),
        (command(Command::Start, Origin::Boot), "E | Action start called at boot time"),
        (command(Command::Start, Origin::Automatic), "E | Action start called automatically"),
        (command(Command::Stop, Origin::Shutdown), "U | Action shutdown called by safekit-agent"),
    ] {
        assert_eq!(told(&event), format!("module | {sentence}"));
    }
}

#[test]
fn states_are_told_with_their_cause() {
    let start_both = Cause::ScriptEnded {
        script: Script::StartBoth,
        end: ScriptEnd::Exited { code: 0 },
        duration: Duration::from_millis(2_150),
    };
    let called = Cause::Command { command: Command::Stop, origin: Origin::Maxloop };
    for (event, sentence) in [
        (
            state(ModuleState::UP_READY, start_both),
            "Local state UP Ready: start_both ended after 2.1 s with exit code 0",
        ),
        (
            state(ModuleState::UP_TRANSIENT, called),
            "Local state UP Transient: stop called by maxloop",
        ),
        (
            state(ModuleState::UP_TRANSIENT, Cause::NodeJoining),
            "Local state UP Transient: the node has to join again",
        ),
        (
            state(ModuleState::STOP, Cause::NoScript),
            "Local state STOP NotReady: there was no script to run",
        ),
    ] {
        assert_eq!(told(&event), format!("module | E | {sentence}"));
    }
}

#[test]
fn processes_are_told_with_how_many_there_are() {
    for (event, sentence) in [
        (
            fault(0, Some(1), None, ProcAction::Restart),
            "E | Process nginx not running: 0 found, at least 1 expected; action: restart",
        ),
        (
            fault(3, Some(1), Some(2), ProcAction::NoAction),
            "E | Process nginx running too often: 3 found, 2 is too many; action: none",
        ),
        (
            Event::ProcessDied {
                module: farm(),
                name: "nginx".to_owned(),
                process: ProcessId { pid: 12, started: 1 },
            },
            "I | Process nginx (pid 12) has ended",
        ),
        (
            service(false, "failed (failed)", ProcAction::Restart),
            "E | Service nginx not running: failed (failed); action: restart",
        ),
        (
            service(true, "active (exited)", ProcAction::Handler("mend".to_owned())),
            "E | Service nginx running, and must not: active (exited); action: handler mend",
        ),
        (
            service_again(true, "active (running)"),
            "E | Service nginx running again: active (running)",
        ),
        (
            service_again(false, "inactive (dead)"),
            "E | Service nginx no longer running: inactive (dead)",
        ),
    ] {
        assert_eq!(told(&event), format!("errd | {sentence}"));
    }
}

#[test]
fn scripts_are_told_with_their_output_and_their_end() {
    let log = "userlog_2024-02-12T091410_start_both.ulog";
    for (event, sentence) in [
        (
            ended(ScriptEnd::Exited { code: 0 }, Some(log)),
            "S | Script start_both > userlog_2024-02-12T091410_start_both.ulog ended after 2.1 s with exit code 0",
        ),
        (
            ended(ScriptEnd::Exited { code: 4 }, None),
            "E | Script start_both ended after 2.1 s with exit code 4",
        ),
        (
            ended(ScriptEnd::TimedOut, None),
            "E | Script start_both ended after 2.1 s because its time limit had passed",
        ),
        (
            ended(ScriptEnd::NotStarted { error: "permission denied".to_owned() }, None),
            "E | Script start_both could not be started: permission denied",
        ),
    ] {
        assert_eq!(told(&event), format!("user | {sentence}"));
    }
}

#[test]
fn nodes_and_lans_are_told_by_their_names() {
    let silent = MemberReason::Silent {
        silence: Duration::from_secs(1),
        own_lateness: Duration::from_millis(3),
    };
    let lost = |member| Event::MemberChanged {
        member: node(member),
        state: MemberState::Lost,
        why: silent.clone(),
    };
    assert_eq!(
        told(&lost(2)),
        "membership | E | Lost contact from server2: silent for 1 s, own lateness at most 3 ms"
    );
    assert!(told(&lost(7)).contains("Lost contact from node id 7"));
    let joined = Event::JoinChanged { joined: true, why: JoinReason::AllHeard };
    assert_eq!(
        told(&joined),
        "membership | E | This node has joined: all configured nodes are heard"
    );
    let differs = Fault::ModuleDiffers { member: node(2), module: farm().key() };
    assert_eq!(
        told(&Event::Fault(differs)),
        "membership | E | The configuration of module farm on server2 differs from the one here: install the same module on both and run 'safekit config -m farm'"
    );
}

#[test]
fn a_refused_sender_is_told_by_the_name_of_its_node_and_with_what_to_do() {
    let from = ([10, 0, 0, 2], 4800).into();
    let unknown = |member| told(&Event::Fault(Fault::UnknownKey { from, member }));
    let text = unknown(Some(node(2)));
    assert!(text.contains("Heartbeats from server2 (10.0.0.2:4800) are refused"), "{text}");
    assert!(text.contains("'safekit cluster export', on server2 or here"), "{text}");
    let text = unknown(None);
    assert!(text.contains("Heartbeats from 10.0.0.2:4800 are refused"), "{text}");
    assert!(!text.contains("safekit cluster"), "nothing is to be done here: {text}");
}

#[test]
fn a_line_belongs_to_the_log_of_its_module() {
    let stop = command(Command::Stop, Origin::Maxloop);
    assert_eq!(line(&stop, &names()).module, Some(farm()));
    assert_eq!(line(&Event::ViewLeft, &names()).module, None);
    let exhausted =
        Event::BudgetExhausted { module: farm(), max: 3, interval: Duration::from_secs(86_400) };
    let line = line(&exhausted, &names());
    assert_eq!(line.severity, Severity::Critical);
    assert_eq!(
        line.text,
        "More than 3 automatic actions within 24 h: the module stops, and nobody starts it again"
    );
}

#[test]
fn what_is_wrong_with_a_module_is_told_with_what_to_do() {
    let faulty = |fault| Event::ModuleFaulty { module: farm(), fault };
    let may_run = |end| faulty(ModuleFault::MayStillRun { end });
    let what_to_do =
        "look for its processes and end them by hand, or run 'safekit forcestop -m farm' again";
    for (event, how) in [
        (may_run(Some(ScriptEnd::TimedOut)), "ended because its time limit had passed"),
        (
            may_run(Some(ScriptEnd::NotStarted { error: "denied".to_owned() })),
            "could not be started: denied",
        ),
        (may_run(None), "did not come to its end under the agent before this one"),
    ] {
        assert_eq!(
            told(&event),
            format!(
                "module | C | The application may still run: the last stop_both {how}; {what_to_do}"
            )
        );
    }
    let what = "save the state of the module";
    let again = Event::EdgeRecovered { module: Some(farm()), what };
    assert_eq!(told(&again), "agent | E | Can save the state of the module again");
}

#[test]
fn durations_are_short() {
    for (milliseconds, text) in [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (2_150, "2.1 s"),
        (10_900, "10 s"),
        (119_000, "119 s"),
        (300_000, "5 min"),
        (86_400_000, "24 h"),
    ] {
        assert_eq!(duration_text(Duration::from_millis(milliseconds)), text);
    }
}

fn handler(end: ScriptEnd) -> Event {
    Event::HandlerEnded {
        module: farm(),
        name: "nginx".to_owned(),
        file: "mend".to_owned(),
        end,
        duration: Duration::from_millis(2_100),
        userlog: Some("userlog_x_handler.ulog".to_owned()),
    }
}

#[test]
fn handlers_and_switches_are_told_with_what_follows() {
    let by = || Origin::User("root".to_owned());
    let switched = |switch, origin| Event::WatchSwitched { module: farm(), switch, origin };
    for (event, sentence) in [
        (
            fault(0, Some(1), None, ProcAction::Handler("mend".to_owned())),
            "errd | E | Process nginx not running: 0 found, at least 1 expected; action: handler mend",
        ),
        (
            Event::HandlerStarted {
                module: farm(),
                name: "nginx".to_owned(),
                file: "mend".to_owned(),
            },
            "errd | S | Handler mend of nginx begins",
        ),
        (
            handler(ScriptEnd::Exited { code: 0 }),
            "errd | S | Handler mend of nginx > userlog_x_handler.ulog ended after 2.1 s with exit code 0",
        ),
        (
            handler(ScriptEnd::Exited { code: 3 }),
            "errd | E | Handler mend of nginx > userlog_x_handler.ulog ended after 2.1 s with exit code 3; action: stopstart",
        ),
        (
            handler(ScriptEnd::TimedOut),
            "errd | E | Handler mend of nginx > userlog_x_handler.ulog ended after 2.1 s because its time limit had passed; action: stopstart",
        ),
        (
            handler(ScriptEnd::NotStarted { error: "there is no file mend".to_owned() }),
            "errd | E | Handler mend of nginx could not be started: there is no file mend; action: stopstart",
        ),
        (
            handler(ScriptEnd::Ended),
            "errd | E | Handler mend of nginx > userlog_x_handler.ulog ended after 2.1 s because it was told to: the process is no longer watched",
        ),
        (
            switched(WatchSwitch::Off, by()),
            "errd | U | Action errd off called by root: no process is watched until 'safekit errd on' or a configuration is applied",
        ),
        (
            switched(WatchSwitch::On, Origin::Automatic),
            "errd | E | Action errd on called automatically, a configuration was applied: processes are watched again",
        ),
        (
            switched(
                WatchSwitch::Enable("batch".to_owned()),
                Origin::Detector("start_both".to_owned()),
            ),
            "errd | U | Action errd enable batch called by start_both: its processes are watched while the application runs",
        ),
        (
            switched(WatchSwitch::Disable("batch".to_owned()), by()),
            "errd | U | Action errd disable batch called by root: its processes are not watched any more",
        ),
    ] {
        assert_eq!(told(&event), sentence);
    }
}
