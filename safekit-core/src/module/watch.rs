//! Which processes belong to a module, and whether there are as many as there should be.
//!
//! The matching of one `<proc>` is in `matcher`, what is seen of it in `entry`, and where it is a service in `service`;
//! what is made of lists in `monitor`, when they are asked for in `looks`, what there is to say in `notice`.
//!
//! Example: [`ProcessPattern`].

mod entry;
mod looks;
mod matcher;
mod monitor;
mod notice;
mod service;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Instant;

use crate::ids::ProcessId;

pub use matcher::ProcessPattern;
pub(super) use monitor::{Begin, Monitor, Switch};
pub(super) use notice::{Notice, Wanted};
pub use service::{ServiceInfo, ServiceState, Services};

/// A process of the host.
///
/// Example: [`ProcessPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The process.
    pub id: ProcessId,
    /// Its parent.
    pub parent_pid: u32,
    /// The kernel's name for it, cut at 15 bytes on Linux.
    pub name: String,
    /// The file name of its executable, without folder and without " (deleted)"; empty where it cannot be read.
    pub executable: String,
    /// Its command line, argument by argument.
    pub arguments: Vec<String>,
}

/// How a `<proc>` stands.
///
/// Example: [`Watched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WatchState {
    /// Not watched, or not judged yet.
    Init,
    /// As many processes as there should be.
    Up,
    /// Fewer, or more.
    Down,
}

impl WatchState {
    /// Returns the word of rules and of `safekit state -v`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A `<proc>` at one moment.
///
/// ```
/// use safekit_core::ids::ProcessId;
/// use safekit_core::module::watch::{WatchState, Watched};
///
/// fn tell(watched: &Watched) -> String {
///     let Watched { name, state, processes, .. } = watched;
///     format!("proc.{name} is {} with {} processes", state.as_str(), processes.len())
/// }
///
/// // As `Module::watched` of a running module gives them.
/// let nginx = Watched {
///     name: "nginx".to_owned(),
///     state: WatchState::Up,
///     since: None,
///     processes: [ProcessId { pid: 4711, started: 90_210 }].into(),
///     class: "both".to_owned(),
///     service: None,
/// };
/// assert_eq!(tell(&nginx), "proc.nginx is up with 1 processes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its name in the configuration.
    pub name: String,
    /// How it stands.
    pub state: WatchState,
    /// Since when; `None` where it is not watched.
    pub since: Option<Instant>,
    /// The processes that match, as far as they are known.
    pub processes: BTreeSet<ProcessId>,
    /// Its class.
    pub class: String,
    /// What the host says of the service; empty where nothing was asked yet; `None` where it is processes.
    pub service: Option<String>,
}
