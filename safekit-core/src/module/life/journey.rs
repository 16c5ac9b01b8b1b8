//! What a module's state holds: a settled place, or a journey to one.

use std::collections::VecDeque;
use std::time::Instant;

use crate::control::Command;
use crate::explain::Cause;
use crate::ids::ActionId;
use crate::module::plan::Step;
use crate::module::saved::SavedPhase;
use crate::module::script::{LargeUserlogs, Script};
use crate::module::state::ModuleState;

/// Where a module is, finer than what is shown.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// STOP (NotReady).
    Stopped,
    /// WAIT (Transient).
    Waiting(Journey),
    /// UP (Transient), with a plan under way.
    Moving(Journey),
    /// UP (Transient): a former agent left the application running, and what is left of it is not known yet.
    Adopted(Proof),
    /// UP (Transient): the application runs, the node has not joined.
    Joining,
    /// UP (Ready).
    Ready,
}

/// What shows that an application outlived its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The list of processes.
    Processes,
    /// Nothing but time: no process is watched.
    Time,
    /// Time, or that it can be known after all how the services stand.
    Unknown,
}

/// A plan under way.
#[derive(Clone, Debug)]
pub(super) struct Journey {
    /// What began it; its word is the scripts' last argument.
    pub(super) command: Command,
    pub(super) goal: Goal,
    /// Why it began: that is also why it ends, unless it ends in UP.
    pub(super) cause: Cause,
    pub(super) steps: VecDeque<Step>,
    /// The services that a restart is about, in the order of their start; empty: all of the application.
    pub(super) services: Vec<String>,
    /// What its next script finds.
    pub(super) large_userlogs: LargeUserlogs,
    pub(super) doing: Doing,
}

/// Where a journey ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// UP.
    Up,
    /// STOP.
    Stop,
    /// STOP, and a start follows.
    Again,
}

/// What a journey waits for.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// Nothing: the next step can be done.
    Nothing,
    /// The end of a script.
    Script(Running),
    /// The end of the drain.
    Draining { since: Instant, until: Instant },
}

/// A script that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) action: ActionId,
    pub(super) script: Script,
    pub(super) arguments: Vec<String>,
    pub(super) since: Instant,
    /// Whether it was told to end.
    pub(super) ending: bool,
}

impl State {
    pub(super) fn shown(&self) -> ModuleState {
        match self {
            Self::Stopped => ModuleState::STOP,
            Self::Waiting(_) => ModuleState::WAIT_TRANSIENT,
            Self::Moving(_) | Self::Adopted(_) | Self::Joining => ModuleState::UP_TRANSIENT,
            Self::Ready => ModuleState::UP_READY,
        }
    }

    /// Returns the token of the health answer's reason header.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Waiting(journey) | Self::Moving(journey) => journey.reason(),
            Self::Adopted(_) => "recovering",
            Self::Joining => "joining",
            Self::Ready => "ready",
        }
    }

    pub(super) fn phase(&self) -> SavedPhase {
        match self {
            Self::Stopped => SavedPhase::Stopped,
            Self::Waiting(journey) | Self::Moving(journey) => match (journey.goal, journey.command)
            {
                (Goal::Stop, _) => SavedPhase::Stopping,
                (Goal::Up, Command::Start) => SavedPhase::Starting,
                (Goal::Up | Goal::Again, _) => SavedPhase::Restarting,
            },
            Self::Adopted(_) | Self::Joining | Self::Ready => SavedPhase::Up,
        }
    }

    pub(super) fn journey(&self) -> Option<&Journey> {
        match self {
            Self::Waiting(journey) | Self::Moving(journey) => Some(journey),
            Self::Stopped | Self::Adopted(_) | Self::Joining | Self::Ready => None,
        }
    }

    pub(super) fn journey_mut(&mut self) -> Option<&mut Journey> {
        match self {
            Self::Waiting(journey) | Self::Moving(journey) => Some(journey),
            Self::Stopped | Self::Adopted(_) | Self::Joining | Self::Ready => None,
        }
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.journey()?.doing {
            Doing::Script(running) => Some(running),
            Doing::Nothing | Doing::Draining { .. } => None,
        }
    }
}

impl Journey {
    pub(super) fn new(command: Command, goal: Goal, steps: VecDeque<Step>, cause: Cause) -> Self {
        let (large_userlogs, doing) = (LargeUserlogs::Keep, Doing::Nothing);
        Self { command, goal, cause, steps, services: Vec::new(), large_userlogs, doing }
    }

    /// Returns why a state on the way is entered. UP is explained by what came last; who asks why a module is stopped
    /// wants to know who stopped it, and not which of its scripts was the last.
    pub(super) fn cause(&self, last: &Cause) -> Cause {
        match self.goal {
            Goal::Up => last.clone(),
            Goal::Stop | Goal::Again => self.cause.clone(),
        }
    }

    /// Tells whether it calls that script again.
    pub(super) fn has_to_call(&self, script: Script) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Run(call) if call.script == script))
    }

    /// Returns the last argument of the scripts. A forced stop is a stop to them: they know no other word for it.
    pub(super) fn word(&self) -> &'static str {
        match self.command {
            Command::Forcestop => Command::Stop.as_str(),
            Command::Start | Command::Stop | Command::Restart | Command::Stopstart => {
                self.command.as_str()
            }
        }
    }

    fn reason(&self) -> &'static str {
        match (&self.doing, self.goal) {
            (Doing::Draining { .. }, _) => "draining",
            (_, Goal::Stop) => "stopping",
            (_, Goal::Up) if self.command == Command::Start => "starting",
            (_, Goal::Up | Goal::Again) => "restarting",
        }
    }
}
