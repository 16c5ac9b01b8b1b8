//! An event as a line of the log.

use std::time::Duration;

use super::text::action_text;
use super::{
    Names, cause_text, duration_text, end_text, fault_text, join_text, member_text, message,
    module_fault_text,
};
use crate::config::model::ProcAction;
use crate::control::{Command, Origin, WatchSwitch};
use crate::event::{DrainSkip, Event, ModuleRefusal, Recovery, Severity};
use crate::ids::{ModuleName, NodeId};
use crate::membership::{MemberReason, MemberState};
use crate::module::script::{Script, ScriptEnd};

/// A line of the log, without its time.
///
/// ```
/// use safekit_core::event::{Event, Severity};
/// use safekit_core::explain::{Line, Names, line};
///
/// let Line { module, origin, severity, text } = line(&Event::ViewLeft, &Names::default());
/// assert_eq!((module, origin, severity), (None, "membership", Severity::Event));
/// assert!(!text.ends_with('.'));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The module whose log it belongs to; `None`: it is about the node.
    pub module: Option<ModuleName>,
    /// The part of the program that says it: `membership`, `module`, `errd`, `user`, `agent`.
    pub origin: &'static str,
    /// How important it is; its letter is [`Severity::letter`].
    pub severity: Severity,
    /// The sentence, without full stop.
    pub text: String,
}

/// What a sentence is before it has a module.
type Said = (&'static str, Severity, String);

/// Tells an event.
///
/// # Example
/// ```
/// use safekit_core::control::{Command, Origin};
/// use safekit_core::event::Event;
/// use safekit_core::explain::{Names, line};
/// use safekit_core::ids::ModuleName;
///
/// let module = ModuleName::new("farm")?;
/// let event = Event::CommandAccepted { module, command: Command::Restart, origin: Origin::Errd };
/// assert_eq!(line(&event, &Names::default()).text, "Action restart called by errd");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[must_use]
pub fn line(event: &Event, names: &Names) -> Line {
    let (origin, severity, text) = said(event, names);
    let line = Line { module: event.module().cloned(), origin, severity, text };
    debug_assert!(message(event).is_row_of(&line), "not as its row says: {line:?}");
    line
}

fn said(event: &Event, names: &Names) -> Said {
    match event {
        Event::MemberChanged { member, state, why } => member_said(*member, *state, why, names),
        Event::JoinChanged { joined, why } => {
            let verb = if *joined { "has joined" } else { "has to join" };
            membership(format!("This node {verb}: {}", join_text(why)))
        }
        Event::ViewInstalled { epoch, members } => {
            membership(format!("farm membership: {} (view {epoch})", names.list(members)))
        }
        Event::ViewLeft => {
            membership("farm membership: none, this node is in no view any more".to_owned())
        }
        Event::Fault(fault) => membership(fault_text(fault, names)),
        Event::CommandAccepted { command, origin, .. } => command_said(*command, origin),
        Event::StateChanged { to, cause, .. } => {
            module(format!("Local state {} {}: {}", to.state, to.readiness, cause_text(cause)))
        }
        Event::ScriptStarted { script, arguments, .. } => (
            "user",
            Severity::Script,
            format!("Script {} {}", script.as_str(), arguments.join(" ")),
        ),
        Event::ScriptEnded { script, end, duration, userlog, .. } => {
            script_said(*script, end, *duration, userlog.as_deref())
        }
        Event::ScriptMissing { script, .. } => {
            let script = script.as_str();
            module(format!("Script {script} is not installed: nothing was done in its place"))
        }
        Event::ModuleRefused { why, .. } => module(refusal_text(why)),
        Event::DrainStarted { duration, .. } => module(format!(
            "Draining for {}: the health answer is negative, the application serves on",
            duration_text(*duration)
        )),
        Event::DrainSkipped { why, .. } => drain_said(*why),
        Event::ProcessDied { name, process, .. } => {
            ("errd", Severity::Info, format!("Process {name} (pid {}) has ended", process.pid))
        }
        Event::ProcessFault { name, count, atleast, atmax, action, .. } => {
            fault_said(name, *count, (*atleast, *atmax), action)
        }
        Event::ProcessRecovered { name, count, .. } => {
            ("errd", Severity::Event, format!("Process {name} running again: {count} found"))
        }
        Event::ServiceFault { name, runs, said, action, .. } => {
            service_said(name, *runs, said, Some(action))
        }
        Event::ServiceRecovered { name, runs, said, .. } => service_said(name, *runs, said, None),
        Event::HandlerStarted { name, file, .. } => {
            ("errd", Severity::Script, format!("Handler {file} of {name} begins"))
        }
        Event::HandlerEnded { name, file, end, duration, userlog, .. } => {
            handler_said((name, file), end, *duration, userlog.as_deref())
        }
        Event::WatchSwitched { switch, origin, .. } => switch_said(switch, origin),
        Event::BudgetUsed { used, max, .. } => {
            module(format!("Automatic action {used} of {max} that are allowed"))
        }
        Event::BudgetExhausted { max, interval, .. } => exhausted_said(*max, *interval),
        Event::Recovered { what, .. } => module(recovery_text(*what).to_owned()),
        Event::EdgeFailed { what, error, .. } => agent(format!("Cannot {what}: {error}")),
        Event::EdgeRecovered { what, .. } => agent(format!("Can {what} again")),
        Event::ModuleFaulty { module, fault } => {
            ("module", Severity::Critical, module_fault_text(module, fault))
        }
        Event::InvariantBroken { what, .. } => {
            ("agent", Severity::Critical, format!("A fault of this program: {what}"))
        }
    }
}

fn membership(text: String) -> Said {
    ("membership", Severity::Event, text)
}

fn module(text: String) -> Said {
    ("module", Severity::Event, text)
}

fn agent(text: String) -> Said {
    ("agent", Severity::Event, text)
}

fn member_said(member: NodeId, state: MemberState, why: &MemberReason, names: &Names) -> Said {
    let (node, why) = (names.node(member), member_text(why, names));
    match state {
        MemberState::Lost => membership(format!("Lost contact from {node}: {why}")),
        MemberState::Joining => {
            ("membership", Severity::Info, format!("{node} is heard and joins: {why}"))
        }
        MemberState::Alive => membership(format!("{node} is there: {why}")),
        MemberState::Left => membership(format!("{node} has left: {why}")),
    }
}

fn command_said(command: Command, origin: &Origin) -> Said {
    let severity = match origin {
        Origin::User(_) | Origin::Detector(_) | Origin::Shutdown => Severity::User,
        Origin::Errd | Origin::Maxloop | Origin::Boot | Origin::Automatic => Severity::Event,
    };
    ("module", severity, action_text(command, origin))
}

fn script_said(script: Script, end: &ScriptEnd, time: Duration, userlog: Option<&str>) -> Said {
    let severity = match end {
        ScriptEnd::Exited { code: 0 } => Severity::Script,
        ScriptEnd::Exited { .. }
        | ScriptEnd::Signalled { .. }
        | ScriptEnd::TimedOut
        | ScriptEnd::Ended
        | ScriptEnd::NotStarted { .. } => Severity::Event,
    };
    let (script, time, how) = (script.as_str(), duration_text(time), end_text(end));
    let log = userlog.map(|userlog| format!(" > {userlog}")).unwrap_or_default();
    let text = match end {
        ScriptEnd::NotStarted { .. } => format!("Script {script} {how}"),
        ScriptEnd::Exited { .. }
        | ScriptEnd::Signalled { .. }
        | ScriptEnd::TimedOut
        | ScriptEnd::Ended => format!("Script {script}{log} ended after {time} {how}"),
    };
    ("user", severity, text)
}

/// A `<proc>` and the file of its handler.
type Handler<'a> = (&'a str, &'a str);

fn handler_said(
    (name, file): Handler<'_>,
    end: &ScriptEnd,
    time: Duration,
    userlog: Option<&str>,
) -> Said {
    let (time, how) = (duration_text(time), end_text(end));
    let log = userlog.map(|userlog| format!(" > {userlog}")).unwrap_or_default();
    let ended = format!("Handler {file} of {name}{log} ended after {time} {how}");
    let (severity, text) = match end {
        ScriptEnd::Exited { code: 0 } => (Severity::Script, ended),
        ScriptEnd::Ended => (Severity::Event, format!("{ended}: the process is no longer watched")),
        ScriptEnd::NotStarted { .. } => {
            (Severity::Event, format!("Handler {file} of {name} {how}; action: stopstart"))
        }
        ScriptEnd::Exited { .. } | ScriptEnd::Signalled { .. } | ScriptEnd::TimedOut => {
            (Severity::Event, format!("{ended}; action: stopstart"))
        }
    };
    ("errd", severity, text)
}

fn switch_said(switch: &WatchSwitch, origin: &Origin) -> Said {
    let (word, what) = match switch {
        WatchSwitch::On => ("errd on".to_owned(), "processes are watched again"),
        WatchSwitch::Off => (
            "errd off".to_owned(),
            "no process is watched until 'safekit errd on' or a configuration is applied",
        ),
        WatchSwitch::Enable(class) => {
            (format!("errd enable {class}"), "its processes are watched while the application runs")
        }
        WatchSwitch::Disable(class) => {
            (format!("errd disable {class}"), "its processes are not watched any more")
        }
    };
    let (severity, by) = match origin {
        Origin::User(by) | Origin::Detector(by) => (Severity::User, format!("called by {by}")),
        Origin::Errd | Origin::Maxloop | Origin::Boot | Origin::Shutdown | Origin::Automatic => {
            (Severity::Event, "called automatically, a configuration was applied".to_owned())
        }
    };
    ("errd", severity, format!("Action {word} {by}: {what}"))
}

fn exhausted_said(max: u32, interval: Duration) -> Said {
    let interval = duration_text(interval);
    let text = format!(
        "More than {max} automatic actions within {interval}: the module stops, and nobody starts it again"
    );
    ("module", Severity::Critical, text)
}

fn drain_said(why: DrainSkip) -> Said {
    let (severity, why) = match why {
        DrainSkip::Configured => (Severity::Info, "it is configured so"),
        DrainSkip::NoProber => (Severity::Event, "no balancer asked in the last 60 s"),
        DrainSkip::NobodyElse => (Severity::Event, "the module is Ready on no other node"),
        DrainSkip::NotReady => (Severity::Info, "the module was not Ready"),
        DrainSkip::Command => (Severity::Info, "the action is automatic"),
    };
    ("module", severity, format!("No drain: {why}"))
}

/// How many processes there should be: `atleast` and `atmax`.
type Bounds = (Option<u32>, Option<u32>);

fn fault_said(name: &str, count: u32, bounds: Bounds, action: &ProcAction) -> Said {
    let what = match bounds {
        (Some(least), _) if count < least => {
            format!("Process {name} not running: {count} found, at least {least} expected")
        }
        (_, Some(most)) => {
            format!("Process {name} running too often: {count} found, {most} is too many")
        }
        (_, None) => format!("Process {name}: {count} found"),
    };
    ("errd", Severity::Event, format!("{what}; action: {}", action_done(action)))
}

/// `action` is what is done about a fault; `None`: it has gone by.
fn service_said(name: &str, runs: bool, said: &str, action: Option<&ProcAction>) -> Said {
    let what = match (runs, action) {
        (true, Some(_)) => "running, and must not",
        (false, Some(_)) => "not running",
        (true, None) => "running again",
        (false, None) => "no longer running",
    };
    let done = action.map(|action| format!("; action: {}", action_done(action)));
    let done = done.unwrap_or_default();
    ("errd", Severity::Event, format!("Service {name} {what}: {said}{done}"))
}

fn action_done(action: &ProcAction) -> String {
    match action {
        ProcAction::NoAction => "none".to_owned(),
        ProcAction::Handler(file) => format!("handler {file}"),
        ProcAction::Restart | ProcAction::Stopstart | ProcAction::Stop => {
            action.as_str().to_owned()
        }
    }
}

fn refusal_text(why: &ModuleRefusal) -> String {
    match why {
        ModuleRefusal::NotStopped => "The module is not removed: it is not stopped".to_owned(),
        ModuleRefusal::KeyTaken { by } => format!(
            "The module is not taken: in heartbeats its name cannot be told from that of module {by}; rename it"
        ),
        ModuleRefusal::TooMany => {
            format!(
                "The module is not taken: a node has at most {} modules",
                crate::ids::MODULES_MAX
            )
        }
    }
}

fn recovery_text(what: Recovery) -> &'static str {
    match what {
        Recovery::Adopted => {
            "The agent has started again: the watched processes are there, no script is run"
        }
        Recovery::AdoptedUnwatched => {
            "The agent has started again: the module was UP, but no process is watched that could show it; \
             UP (Ready) after one poll time"
        }
        Recovery::ServicesUnknown => {
            "The agent has started again: the module was UP, but the host does not tell whether its services run; \
             UP (Ready) after one poll time, or as soon as it does"
        }
        Recovery::ProcessesGone => "The agent has started again: a watched process is gone",
        Recovery::Interrupted => {
            "The agent has started again: the one before ended in the middle of a start or stop, so the \
             application is stopped first"
        }
    }
}
