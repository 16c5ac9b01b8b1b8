//! Every row is that of an event, and every event has the form of its row.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::config::model::ProcAction;
use crate::control::{Command, WatchSwitch};
use crate::explain::{Cause, Names, line};
use crate::ids::{Epoch, ModuleName, NodeId, ProcessId};
use crate::membership::{JoinReason, MemberReason};
use crate::module::script::Script;

fn farm() -> ModuleName {
    ModuleName::new("farm").unwrap()
}

fn node(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn of_members() -> Vec<Event> {
    let changed = |state, why| Event::MemberChanged { member: node(2), state, why };
    let silence = Duration::from_secs(1);
    let from = "192.0.2.7:4800".parse().unwrap();
    let (member, key) = (node(2), farm().key());
    let faults = [
        Fault::UnknownKey { from, member: None },
        Fault::UnknownKey { from, member: Some(member) },
        Fault::BadTag { from, member: None },
        Fault::BadTag { from, member: Some(member) },
        Fault::OtherName { member, from },
        Fault::OtherLan { member },
        Fault::OtherVersion { version: 9, from },
        Fault::DuplicateNode { member },
        Fault::ClusterDiffers { member },
        Fault::ModuleDiffers { member, module: key },
        Fault::NeverAgrees { member },
        Fault::Excluded { view: BTreeSet::from([node(1), member]) },
    ];
    let mut events = vec![
        changed(MemberState::Lost, MemberReason::Silent { silence, own_lateness: silence }),
        changed(MemberState::Joining, MemberReason::Announced),
        changed(MemberState::Alive, MemberReason::Joined),
        changed(MemberState::Left, MemberReason::Announced),
        Event::JoinChanged { joined: true, why: JoinReason::Alone },
        Event::JoinChanged { joined: false, why: JoinReason::Started },
        Event::ViewInstalled { epoch: Epoch::default(), members: BTreeSet::from([member]) },
        Event::ViewLeft,
    ];
    events.extend(faults.map(Event::Fault));
    events
}

fn ends() -> [ScriptEnd; 6] {
    [
        ScriptEnd::Exited { code: 0 },
        ScriptEnd::Exited { code: 3 },
        ScriptEnd::Signalled { signal: 9 },
        ScriptEnd::TimedOut,
        ScriptEnd::Ended,
        ScriptEnd::NotStarted { error: "no".to_owned() },
    ]
}

fn of_scripts() -> Vec<Event> {
    let (module, script, duration) = (farm(), Script::StopBoth, Duration::from_secs(2));
    let mut events = vec![
        Event::ScriptStarted { module: farm(), script, arguments: vec!["force".to_owned()] },
        Event::ScriptStarted { module: farm(), script, arguments: Vec::new() },
        Event::ScriptMissing { module: farm(), script },
        Event::HandlerStarted { module: farm(), name: "web".to_owned(), file: "mend".to_owned() },
        Event::ModuleFaulty { module: farm(), fault: ModuleFault::MayStillRun { end: None } },
        Event::ModuleFaulty {
            module: farm(),
            fault: ModuleFault::NotSaved { error: "full".to_owned() },
        },
        Event::ModuleFaulty {
            module: farm(),
            fault: ModuleFault::ServicesUnknown { error: "no systemctl".to_owned() },
        },
    ];
    for userlog in [None, Some("userlog_x.ulog".to_owned())] {
        for end in ends() {
            let module = module.clone();
            let fault = ModuleFault::MayStillRun { end: Some(end.clone()) };
            events.push(Event::ModuleFaulty { module: module.clone(), fault });
            let (userlog, other) = (userlog.clone(), userlog.clone());
            let (name, file) = ("web".to_owned(), "mend".to_owned());
            let (its, of) = (end.clone(), module.clone());
            events.push(Event::ScriptEnded { module, script, end, duration, userlog });
            let userlog = other;
            events.push(Event::HandlerEnded {
                module: of,
                name,
                file,
                end: its,
                duration,
                userlog,
            });
        }
    }
    events
}

fn of_commands() -> Vec<Event> {
    let origins = [
        Origin::User("root".to_owned()),
        Origin::Detector("check".to_owned()),
        Origin::Errd,
        Origin::Maxloop,
        Origin::Boot,
        Origin::Shutdown,
        Origin::Automatic,
    ];
    let switches = [
        WatchSwitch::On,
        WatchSwitch::Off,
        WatchSwitch::Enable("own".to_owned()),
        WatchSwitch::Disable("own".to_owned()),
    ];
    let mut events = Vec::new();
    for origin in origins {
        let given = origin.clone();
        events.push(Event::CommandAccepted {
            module: farm(),
            command: Command::Stop,
            origin: given,
        });
        events.extend(switches.clone().map(|switch| Event::WatchSwitched {
            module: farm(),
            switch,
            origin: origin.clone(),
        }));
    }
    events
}

fn of_processes() -> Vec<Event> {
    let fault = |atleast, atmax, action| Event::ProcessFault {
        module: farm(),
        name: "web".to_owned(),
        count: 1,
        atleast,
        atmax,
        action,
    };
    let process = ProcessId { pid: 12, started: 1 };
    let service = |runs| Event::ServiceFault {
        module: farm(),
        name: "web".to_owned(),
        runs,
        said: "failed (failed)".to_owned(),
        action: ProcAction::Restart,
    };
    let recovered = |runs| Event::ServiceRecovered {
        module: farm(),
        name: "web".to_owned(),
        runs,
        said: "active (running)".to_owned(),
    };
    vec![
        service(false),
        service(true),
        recovered(true),
        recovered(false),
        fault(Some(2), None, ProcAction::Restart),
        fault(Some(1), Some(1), ProcAction::NoAction),
        fault(None, None, ProcAction::Handler("mend".to_owned())),
        Event::ProcessRecovered { module: farm(), name: "web".to_owned(), count: 1 },
        Event::ProcessDied { module: farm(), name: "web".to_owned(), process },
        Event::BudgetUsed { module: farm(), used: 1, max: 3 },
        Event::BudgetExhausted { module: farm(), max: 3, interval: Duration::from_secs(86_400) },
    ]
}

fn of_modules() -> Vec<Event> {
    let states = [
        ModuleState::STOP,
        ModuleState::WAIT_NOT_READY,
        ModuleState::WAIT_TRANSIENT,
        ModuleState::UP_TRANSIENT,
        ModuleState::UP_READY,
    ];
    let mut events: Vec<Event> = Vec::new();
    events.extend(states.map(|to| Event::StateChanged {
        module: farm(),
        from: ModuleState::STOP,
        to,
        cause: Cause::NoScript,
    }));
    let refusals =
        [ModuleRefusal::NotStopped, ModuleRefusal::KeyTaken { by: farm() }, ModuleRefusal::TooMany];
    events.extend(refusals.map(|why| Event::ModuleRefused { module: farm(), why }));
    let skips = [
        DrainSkip::Configured,
        DrainSkip::NoProber,
        DrainSkip::NobodyElse,
        DrainSkip::NotReady,
        DrainSkip::Command,
    ];
    events.extend(skips.map(|why| Event::DrainSkipped { module: farm(), why }));
    let found = [
        Recovery::Adopted,
        Recovery::AdoptedUnwatched,
        Recovery::ServicesUnknown,
        Recovery::ProcessesGone,
        Recovery::Interrupted,
    ];
    events.extend(found.map(|what| Event::Recovered { module: farm(), what }));
    let what = "open it";
    events.extend([
        Event::DrainStarted { module: farm(), duration: Duration::from_secs(15) },
        Event::EdgeFailed { module: None, what, error: "no".to_owned() },
        Event::EdgeRecovered { module: None, what },
        Event::InvariantBroken { module: Some(farm()), what },
    ]);
    events
}

#[test]
fn every_event_has_its_row_and_every_row_its_event() {
    let mut unused: Vec<&Message> = MESSAGES.iter().collect();
    let events = [of_members(), of_scripts(), of_commands(), of_processes(), of_modules()];
    for event in events.iter().flatten() {
        let (row, line) = (message(event), line(event, &Names::default()));
        assert!(row.is_row_of(&line), "{line:?}\nis not as its row: {row:?}");
        assert!(MESSAGES.contains(row), "{row:?}");
        unused.retain(|message| *message != row);
    }
    assert_eq!(unused, Vec::<&Message>::new(), "rows of nothing");
}

#[test]
fn what_is_documented_begins_the_sentence() {
    for message in MESSAGES {
        let begin = message.interface.unwrap_or_default();
        assert!(message.form.starts_with(begin), "{message:?}");
        assert!(!message.meaning.is_empty() && !message.meaning.ends_with('.'), "{message:?}");
        assert!(!message.remedy.ends_with('.'), "{message:?}");
    }
}

#[test]
fn forms_are_held_against_the_whole_sentence() {
    for (form, text, fits) in [
        ("Can <what> again", "Can write it again", true),
        ("Can <what> again", "Can write it", false),
        ("Can <what> again", "We Can write it again", false),
        ("Script <script>[ > <userlog>] ended", "Script a > b ended", true),
        ("Script <script>[ > <userlog>] ended", "Script a ended", true),
        ("Script <script>[ > <userlog>] ended", "Script a ended by", false),
        ("plain", "plain", true),
        ("plain", "plainer", false),
        // The same letters are not counted twice.
        ("a<x>aa", "aa", false),
        ("<x> and <y>", "one and two and three", true),
    ] {
        assert_eq!(form::fits(form, text), fits, "{form} | {text}");
    }
}
