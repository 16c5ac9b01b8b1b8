//! What kinds of lines stand in the logs: the table that the reference of messages is written from.
//!
//! In: an [`Event`]. Out: its row ([`message()`]): origin, level, form, what it means, what to do.
//!
//! Always: an event without a row does not compile, for [`message()`] names every variant; a sentence that does not have the
//! form of its row fails wherever it is told in a program built with debug assertions.
//! Not here: the sentences themselves ([`super::line()`]); notices of the edge (`runtime`) and what the agent tells
//! of itself, which have their rows beside them.

/// Makes a constant of each row, and the list of all: a row cannot be missing in it.
macro_rules! messages {
    (
        $(#[$doc:meta])+ $all:ident;
        $($name:ident: $origin:literal, $severity:ident, $form:literal, $interface:expr, $meaning:literal, $remedy:literal;)+
    ) => {
        $(pub(super) const $name: $crate::explain::Message = $crate::explain::Message {
            origin: $origin,
            severity: $crate::event::Severity::$severity,
            form: $form,
            interface: $interface,
            meaning: $meaning,
            remedy: $remedy,
        };)+

        $(#[$doc])+
        pub const $all: &[$crate::explain::Message] = &[$($name),+];
    };
}
#[cfg(feature = "runtime")]
pub(crate) use messages;

mod form;
mod table;
#[cfg(test)]
mod tests;

use super::Line;
use crate::control::Origin;
use crate::event::{DrainSkip, Event, ModuleFault, ModuleRefusal, Recovery, Severity};
use crate::membership::{Fault, MemberState};
use crate::module::script::ScriptEnd;
use crate::module::state::{FarmState, ModuleState, Readiness};
use table as row;

pub use table::MESSAGES;

/// One kind of line of the logs.
///
/// ```
/// use safekit_core::event::Severity;
/// use safekit_core::explain::{MESSAGES, Message};
///
/// // What to look at first in a log: rows of the highest level, and what to do about them.
/// let critical: Vec<&Message> =
///     MESSAGES.iter().filter(|row| row.severity == Severity::Critical).collect();
/// assert!(critical.iter().any(|row| row.form.starts_with("The application may still run")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The part of the program that says it: `membership`, `module`, `errd`, `user`, `agent`, `safekit`.
    pub origin: &'static str,
    /// How important it is.
    pub severity: Severity,
    /// The sentence: `<...>` stands for what differs, `[...]` for what may be left out.
    pub form: &'static str,
    /// The beginning of the form that SafeKit's documentation prints: programs may search for it, it stays. `None`: the sentence
    /// is for people, and may be worded better in another version.
    pub interface: Option<&'static str>,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do about it; empty: nothing.
    pub remedy: &'static str,
}

impl Message {
    /// Tells whether a sentence has the form of this row.
    ///
    /// ```
    /// use safekit_core::explain::MESSAGES;
    ///
    /// let text = "Local state UP Ready: start_both ended after 2 s with exit code 0";
    /// let message = MESSAGES.iter().find(|message| message.is_form_of(text));
    /// assert_eq!(message.unwrap().interface, Some("Local state UP Ready"));
    /// ```
    #[must_use]
    pub fn is_form_of(&self, text: &str) -> bool {
        form::fits(self.form, text)
    }

    /// Tells whether a line is one of this row: origin, level and form.
    #[must_use]
    pub fn is_row_of(&self, line: &Line) -> bool {
        self.origin == line.origin && self.severity == line.severity && self.is_form_of(&line.text)
    }
}

/// Returns the row of an event.
///
/// ```
/// use safekit_core::event::Event;
/// use safekit_core::explain::message;
///
/// assert_eq!(message(&Event::ViewLeft).origin, "membership");
/// ```
#[must_use]
pub fn message(event: &Event) -> &'static Message {
    match event {
        Event::MemberChanged { state, .. } => of_member(*state),
        Event::JoinChanged { joined: true, .. } => &row::JOINED,
        Event::JoinChanged { joined: false, .. } => &row::JOINS,
        Event::ViewInstalled { .. } => &row::VIEW_INSTALLED,
        Event::ViewLeft => &row::VIEW_LEFT,
        Event::Fault(fault) => of_fault(fault),
        Event::CommandAccepted { origin, .. } => of_command(origin),
        Event::StateChanged { to, .. } => of_state(*to),
        Event::ScriptStarted { .. } => &row::SCRIPT_STARTED,
        Event::ScriptEnded { end, .. } => of_script(end),
        Event::ScriptMissing { .. } => &row::SCRIPT_MISSING,
        Event::ModuleRefused { why, .. } => of_refusal(why),
        Event::DrainStarted { .. } => &row::DRAIN_STARTED,
        Event::DrainSkipped { why, .. } => of_no_drain(*why),
        Event::ProcessDied { .. } => &row::PROCESS_DIED,
        Event::ProcessFault { count, atleast, atmax, .. } => of_process(*count, *atleast, *atmax),
        Event::ProcessRecovered { .. } => &row::PROCESS_RECOVERED,
        Event::ServiceFault { runs: false, .. } => &row::SERVICE_NOT_RUNNING,
        Event::ServiceFault { runs: true, .. } => &row::SERVICE_RUNNING,
        Event::ServiceRecovered { runs: true, .. } => &row::SERVICE_RECOVERED,
        Event::ServiceRecovered { runs: false, .. } => &row::SERVICE_GONE,
        Event::HandlerStarted { .. } => &row::HANDLER_STARTED,
        Event::HandlerEnded { end, .. } => of_handler(end),
        Event::WatchSwitched { origin, .. } => of_switch(origin),
        Event::BudgetUsed { .. } => &row::BUDGET_USED,
        Event::BudgetExhausted { .. } => &row::BUDGET_EXHAUSTED,
        Event::Recovered { what, .. } => of_recovery(*what),
        Event::EdgeFailed { .. } => &row::EDGE_FAILED,
        Event::EdgeRecovered { .. } => &row::EDGE_RECOVERED,
        Event::ModuleFaulty { fault, .. } => match fault {
            ModuleFault::MayStillRun { .. } => &row::MAY_STILL_RUN,
            ModuleFault::NotSaved { .. } => &row::NOT_SAVED,
            ModuleFault::ServicesUnknown { .. } => &row::SERVICES_UNKNOWN,
        },
        Event::InvariantBroken { .. } => &row::INVARIANT_BROKEN,
    }
}

fn of_member(state: MemberState) -> &'static Message {
    match state {
        MemberState::Lost => &row::MEMBER_LOST,
        MemberState::Joining => &row::MEMBER_JOINS,
        MemberState::Alive => &row::MEMBER_THERE,
        MemberState::Left => &row::MEMBER_LEFT,
    }
}

fn of_fault(fault: &Fault) -> &'static Message {
    match fault {
        Fault::UnknownKey { .. } => &row::KEY_UNKNOWN,
        Fault::BadTag { .. } => &row::TAG_BAD,
        Fault::OtherName { .. } => &row::NAME_OTHER,
        Fault::OtherLan { .. } => &row::LAN_OTHER,
        Fault::OtherVersion { .. } => &row::VERSION_OTHER,
        Fault::DuplicateNode { .. } => &row::NODE_TWICE,
        Fault::ClusterDiffers { .. } => &row::CLUSTER_DIFFERS,
        Fault::ModuleDiffers { .. } => &row::MODULE_DIFFERS,
        Fault::NeverAgrees { .. } => &row::NEVER_AGREES,
        Fault::Excluded { .. } => &row::EXCLUDED,
    }
}

fn of_command(origin: &Origin) -> &'static Message {
    match origin {
        Origin::User(_) | Origin::Detector(_) => &row::ACTION_CALLED,
        Origin::Errd => &row::ACTION_BY_ERRD,
        Origin::Maxloop => &row::ACTION_BY_MAXLOOP,
        Origin::Boot => &row::ACTION_AT_BOOT,
        Origin::Shutdown => &row::ACTION_SHUTDOWN,
        Origin::Automatic => &row::ACTION_AUTOMATIC,
    }
}

fn of_state(to: ModuleState) -> &'static Message {
    match (to.state, to.readiness) {
        (FarmState::Stop, _) => &row::STATE_STOP,
        (FarmState::Wait, Readiness::NotReady | Readiness::Ready) => &row::STATE_WAIT_NOT_READY,
        (FarmState::Wait, Readiness::Transient) => &row::STATE_WAIT_TRANSIENT,
        (FarmState::Up, Readiness::NotReady | Readiness::Transient) => &row::STATE_UP_TRANSIENT,
        (FarmState::Up, Readiness::Ready) => &row::STATE_UP_READY,
    }
}

fn of_script(end: &ScriptEnd) -> &'static Message {
    match end {
        ScriptEnd::Exited { code: 0 } => &row::SCRIPT_DONE,
        ScriptEnd::Exited { .. } => &row::SCRIPT_FAILED,
        ScriptEnd::Signalled { .. } => &row::SCRIPT_SIGNALLED,
        ScriptEnd::TimedOut => &row::SCRIPT_LATE,
        ScriptEnd::Ended => &row::SCRIPT_ENDED,
        ScriptEnd::NotStarted { .. } => &row::SCRIPT_NOT_STARTED,
    }
}

fn of_refusal(why: &ModuleRefusal) -> &'static Message {
    match why {
        ModuleRefusal::NotStopped => &row::MODULE_NOT_STOPPED,
        ModuleRefusal::KeyTaken { .. } => &row::MODULE_KEY_TAKEN,
        ModuleRefusal::TooMany => &row::MODULES_TOO_MANY,
    }
}

fn of_no_drain(why: DrainSkip) -> &'static Message {
    match why {
        DrainSkip::Configured => &row::NO_DRAIN_CONFIGURED,
        DrainSkip::NoProber => &row::NO_DRAIN_PROBER,
        DrainSkip::NobodyElse => &row::NO_DRAIN_NOBODY,
        DrainSkip::NotReady => &row::NO_DRAIN_NOT_READY,
        DrainSkip::Command => &row::NO_DRAIN_AUTOMATIC,
    }
}

fn of_process(count: u32, atleast: Option<u32>, atmax: Option<u32>) -> &'static Message {
    match (atleast, atmax) {
        (Some(least), _) if count < least => &row::PROCESS_NOT_RUNNING,
        (_, Some(_)) => &row::PROCESS_TOO_OFTEN,
        (_, None) => &row::PROCESS_COUNT,
    }
}

fn of_handler(end: &ScriptEnd) -> &'static Message {
    match end {
        ScriptEnd::Exited { code: 0 } => &row::HANDLER_DONE,
        ScriptEnd::Exited { .. } | ScriptEnd::Signalled { .. } | ScriptEnd::TimedOut => {
            &row::HANDLER_FAILED
        }
        ScriptEnd::Ended => &row::HANDLER_ENDED,
        ScriptEnd::NotStarted { .. } => &row::HANDLER_NOT_STARTED,
    }
}

fn of_switch(origin: &Origin) -> &'static Message {
    match origin {
        Origin::User(_) | Origin::Detector(_) => &row::ERRD_CALLED,
        Origin::Errd | Origin::Maxloop | Origin::Boot | Origin::Shutdown | Origin::Automatic => {
            &row::ERRD_AUTOMATIC
        }
    }
}

fn of_recovery(what: Recovery) -> &'static Message {
    match what {
        Recovery::Adopted => &row::ADOPTED,
        Recovery::AdoptedUnwatched => &row::ADOPTED_UNWATCHED,
        Recovery::ServicesUnknown => &row::ADOPTED_UNKNOWN,
        Recovery::ProcessesGone => &row::PROCESSES_GONE,
        Recovery::Interrupted => &row::INTERRUPTED,
    }
}
