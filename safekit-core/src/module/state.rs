//! Where a module is, and whether that is settled.
//!
//! Example: [`ModuleState`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a module is.
///
/// Example: [`ModuleState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FarmState {
    /// Stopped, ready to be started.
    Stop,
    /// Starting, stopping, or waiting for a resource.
    Wait,
    /// The application runs, or `start_both` or `stop_both` is being run.
    Up,
}

impl FarmState {
    /// Returns the word of the command line, of the logs and of the scripts' arguments.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Wait => "WAIT",
            Self::Up => "UP",
        }
    }
}

impl fmt::Display for FarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a state is settled.
///
/// Example: [`ModuleState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Readiness {
    /// Settled, and not serving.
    NotReady,
    /// On the way to somewhere else.
    Transient,
    /// Settled and serving.
    Ready,
}

impl Readiness {
    /// Returns the word of the command line and of the logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "NotReady",
            Self::Transient => "Transient",
            Self::Ready => "Ready",
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state with its readiness: what `safekit state` and heartbeats tell.
///
/// ```
/// use safekit_core::module::state::{FarmState, ModuleState, Readiness};
///
/// let state = ModuleState { state: FarmState::Up, readiness: Readiness::Transient };
/// assert_eq!(state, ModuleState::UP_TRANSIENT);
/// assert_eq!(state.to_string(), "UP (Transient)");
/// // What a load balancer goes by.
/// let serves = |state: ModuleState| state == ModuleState::UP_READY;
/// assert!(!serves(state));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleState {
    /// Where the module is.
    pub state: FarmState,
    /// Whether that is settled.
    pub readiness: Readiness,
}

impl ModuleState {
    /// STOP (NotReady).
    pub const STOP: Self = Self { state: FarmState::Stop, readiness: Readiness::NotReady };
    /// WAIT (Transient).
    pub const WAIT_TRANSIENT: Self =
        Self { state: FarmState::Wait, readiness: Readiness::Transient };
    /// WAIT (NotReady).
    pub const WAIT_NOT_READY: Self =
        Self { state: FarmState::Wait, readiness: Readiness::NotReady };
    /// UP (Transient).
    pub const UP_TRANSIENT: Self = Self { state: FarmState::Up, readiness: Readiness::Transient };
    /// UP (Ready): the only one for which the health answer is 200.
    pub const UP_READY: Self = Self { state: FarmState::Up, readiness: Readiness::Ready };
}

impl fmt::Display for ModuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.state, self.readiness)
    }
}
