//! The sequences of a module's life, as lists to read from top to bottom.
//!
//! Pure: what runs and in which order, with which arguments and time limits; not when, and not what comes of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::script::Script;
use super::state::FarmState;
use crate::config::BETWEEN_SERVICES;
use crate::config::model::{ProcClass, UserConfig};

use FarmState::{Stop, Up, Wait};

/// Precedes the list of the services that a restart is about.
const SERVICES: &str = "-Services";

/// One step of a plan. The next one follows when it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Run a script; nothing where it is not installed.
    Run(Call),
    /// Be WAIT (Transient).
    EnterWait,
    /// Be UP (Transient).
    EnterUp,
    /// Watch a class of processes.
    WatchOn(ProcClass),
    /// Watch it no longer.
    WatchOff(ProcClass),
    /// Serve on for that time, with a negative health answer.
    Drain(Duration),
}

/// How a script is called; the action word is the journey's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) script: Script,
    /// Whether `force` is the first argument.
    pub(super) manner: Manner,
    pub(super) from: FarmState,
    pub(super) to: FarmState,
    pub(super) limit: Limit,
}

/// The two ways to call `stop_both`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Nice,
    Force,
}

/// Which of the configured time limits holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Start,
    NiceStop,
    ForceStop,
}

impl Limit {
    /// Returns the time; `None`: without limit.
    pub(super) fn time(self, user: &UserConfig) -> Option<Duration> {
        match self {
            Self::Start => user.starttimeout,
            Self::NiceStop => Some(user.nicestoptimeout),
            Self::ForceStop => Some(user.forcestoptimeout),
        }
    }
}

impl Call {
    /// Returns the arguments; `services` are those that a restart is about.
    pub(super) fn arguments(&self, word: &str, services: &[String]) -> Vec<String> {
        let force = match self.manner {
            Manner::Nice => None,
            Manner::Force => Some("force"),
        };
        let states = [self.from.as_str(), self.to.as_str(), word];
        let mut arguments: Vec<String> =
            force.into_iter().chain(states).map(str::to_owned).collect();
        let told = matches!(self.script, Script::StopBoth | Script::StartBoth);
        if told && !services.is_empty() {
            arguments.extend([SERVICES.to_owned(), services.join(BETWEEN_SERVICES)]);
        }
        arguments
    }
}

/// STOP -> WAIT -> UP; the module is WAIT already.
pub(super) fn start() -> VecDeque<Step> {
    VecDeque::from([
        run(Script::Transition, Stop, Wait, Limit::Start),
        run(Script::Prestart, Stop, Wait, Limit::Start),
        Step::WatchOn(ProcClass::Pre),
        Step::EnterUp,
        run(Script::Transition, Wait, Up, Limit::Start),
        run(Script::StartBoth, Wait, Up, Limit::Start),
        Step::WatchOn(ProcClass::Both),
    ])
}

/// UP -> UP; the module is UP (Transient) already.
pub(super) fn restart(drain: Option<Duration>) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::WatchOff(ProcClass::Both)]);
    steps.extend(drain.map(Step::Drain));
    steps.extend([
        run(Script::StopBoth, Up, Up, Limit::NiceStop),
        force(Up, Up),
        run(Script::StartBoth, Up, Up, Limit::Start),
        Step::WatchOn(ProcClass::Both),
    ]);
    steps
}

/// UP -> WAIT -> STOP; the module is UP (Transient) already.
pub(super) fn stop_from_up(drain: Option<Duration>) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::WatchOff(ProcClass::Both)]);
    steps.extend(drain.map(Step::Drain));
    steps.extend([
        run(Script::StopBoth, Up, Wait, Limit::NiceStop),
        Step::EnterWait,
        run(Script::Transition, Up, Wait, Limit::ForceStop),
    ]);
    steps.extend(stop_from_wait());
    steps
}

/// WAIT -> STOP; the module is WAIT already. Also what a forcestop does, whatever ran before.
pub(super) fn stop_from_wait() -> VecDeque<Step> {
    VecDeque::from([
        Step::WatchOff(ProcClass::Both),
        force(Wait, Stop),
        Step::WatchOff(ProcClass::Pre),
        run(Script::Poststop, Wait, Stop, Limit::ForceStop),
        run(Script::Transition, Wait, Stop, Limit::ForceStop),
    ])
}

fn run(script: Script, from: FarmState, to: FarmState, limit: Limit) -> Step {
    Step::Run(Call { script, manner: Manner::Nice, from, to, limit })
}

fn force(from: FarmState, to: FarmState) -> Step {
    let (script, limit) = (Script::StopBoth, Limit::ForceStop);
    Step::Run(Call { script, manner: Manner::Force, from, to, limit })
}
