//! Exit codes of the command.
//!
//! Always: an error is never a number that also stands for a state, so that no mistake is read as "UP".

use std::process::ExitCode;

use safekit_core::control::ErrorCode;
use safekit_core::module::state::FarmState;

/// How the command ended, as a number for scripts and monitoring. The numbers of errors are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Exit {
    /// 0: done. Of `state -lq`: the module is STOP.
    Done,
    /// 1: of `state -lq` only: the module is WAIT.
    StateWait,
    /// 2: of `state -lq` only: the module is UP.
    StateUp,
    /// 1: of `incloop` and `checkloop` only: the limit is reached.
    LimitReached,
    /// 2: of `boundcmd` only: the time is over.
    TimeOver,
    /// Of `boundcmd` only: the code with which its command ended; 128 and the number of the signal that ended it.
    OfCommand(u8),
    /// 64: asked wrongly, or by somebody who may not. Nothing has changed; asking again in the same way will not help.
    Usage,
    /// 65: a configuration file has faults. Nothing has changed.
    Configuration,
    /// 69: no agent answers.
    AgentDown,
    /// 70: the agent, its host or this command failed.
    Internal,
    /// 75: refused in the state of the moment, or the awaited state did not or cannot come. May be asked again later.
    Refused,
}

impl Exit {
    /// All of them but those of `boundcmd`.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::StateWait,
        Self::LimitReached,
        Self::StateUp,
        Self::Usage,
        Self::Configuration,
        Self::AgentDown,
        Self::Internal,
        Self::Refused,
    ];

    /// Returns the number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::StateWait | Self::LimitReached => 1,
            Self::StateUp | Self::TimeOver => 2,
            Self::OfCommand(code) => code,
            Self::Usage => 64,
            Self::Configuration => 65,
            Self::AgentDown => 69,
            Self::Internal => 70,
            Self::Refused => 75,
        }
    }

    /// Returns what it says, for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "done; of `state -lq`: STOP; of `incloop` and `checkloop`: the limit is not reached"
            }
            Self::StateWait => "of `state -lq` only: WAIT",
            Self::StateUp => "of `state -lq` only: UP",
            Self::LimitReached => "of `incloop` and `checkloop` only: the limit is reached",
            Self::TimeOver => "of `boundcmd` only: the time is over",
            Self::OfCommand(_) => "of `boundcmd` only: the code of its command",
            Self::Usage => "asked wrongly, or by somebody who may not; nothing has changed",
            Self::Configuration => "a configuration file has faults; nothing has changed",
            Self::AgentDown => "no agent answers",
            Self::Internal => "the agent, its host or this command failed",
            Self::Refused => {
                "refused in the state of the moment, or the awaited state did not or cannot come"
            }
        }
    }

    /// Returns what `state -lq` says by its exit code.
    #[must_use]
    pub fn of_state(state: FarmState) -> Self {
        match state {
            FarmState::Stop => Self::Done,
            FarmState::Wait => Self::StateWait,
            FarmState::Up => Self::StateUp,
        }
    }

    /// Returns what stands for an error of the agent.
    #[must_use]
    #[expect(
        clippy::match_same_arms,
        reason = "a kind that this version does not know is no kind of the others"
    )]
    pub fn of_error(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Usage | ErrorCode::Forbidden => Self::Usage,
            ErrorCode::Configuration => Self::Configuration,
            ErrorCode::Refused => Self::Refused,
            ErrorCode::Internal => Self::Internal,
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_are_documented() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|exit| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 1, 2, 64, 65, 69, 70, 75]);
    }

    #[test]
    fn no_error_is_read_as_a_state() {
        for code in [
            ErrorCode::Usage,
            ErrorCode::Forbidden,
            ErrorCode::Configuration,
            ErrorCode::Refused,
            ErrorCode::Internal,
        ] {
            assert!(Exit::of_error(code).number() >= 64, "{code:?}");
        }
    }
}
