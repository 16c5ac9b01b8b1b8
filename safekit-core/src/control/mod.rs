//! What a person or an embedder may ask of a node, and what comes back.
//!
//! Example: [`ModuleCommand`].

mod report;
mod request;

pub use report::{
    BootReport, BudgetReport, ClusterConfinfoReport, ClusterModuleReport, ClusterStateReport,
    ConfigurationReport, DoneReport, ErrorCode, ErrorReport, InstalledModuleReport, LevelReport,
    LogReport, MemberReport, ModuleBootReport, ModuleConfinfoReport, ModuleListReport,
    ModuleReport, NodeConfinfoReport, PeerModuleReport, PortReport, PortsReport, ScriptReport,
    StateReport, ViewReport, WatchReport,
};
pub use request::{
    BootRequest, ClusterConfcheckRequest, ClusterConfigRequest, ClusterKeysRequest, CommandRequest,
    EmptyRequest, ErrdRequest, InstallRequest, PrintLevel, PrintRequest,
};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ModuleName;

/// Who gave a command. Told in the log with each command.
///
/// Example: [`ModuleCommand`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// A person or program through the control socket: the user's name, as the operating system vouches for it.
    User(String),
    /// A detector named by `-i`: a script or checker. It counts against the restart budget and does not reset it.
    Detector(String),
    /// The process monitor.
    Errd,
    /// The restart budget is used up.
    Maxloop,
    /// The agent starts, and the module is to be started with it.
    Boot,
    /// The agent is told to end, and stops its modules.
    Shutdown,
    /// The node itself, as the second half of a `stopstart`.
    Automatic,
}

impl Origin {
    /// Tells whether the command comes from an administrator: it then resets the restart budget.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// An order about one module.
///
/// Example: [`ModuleCommand`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Command {
    /// Start the module: STOP -> WAIT -> UP.
    Start,
    /// Stop it, drain first: UP -> WAIT -> STOP.
    Stop,
    /// Stop and start the application; the module stays UP.
    Restart,
    /// Stop the module wholly, then start it.
    Stopstart,
    /// Stop without drain and without waiting for anything that runs.
    Forcestop,
}

impl Command {
    /// Returns the word of the command line and of the scripts' arguments.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Stopstart => "stopstart",
            Self::Forcestop => "forcestop",
        }
    }
}

/// An order to the process monitor of a module (`safekit errd`).
///
/// ```
/// use safekit_core::control::WatchSwitch;
///
/// assert_eq!(WatchSwitch::Enable("backup".to_owned()).to_string(), "enable backup");
/// assert_eq!(serde_json::to_string(&WatchSwitch::Off)?, r#""off""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WatchSwitch {
    /// Watch again what is to be watched.
    On,
    /// Watch nothing, until it is switched on or a configuration is applied.
    Off,
    /// Watch the processes of a class of the user's own, until it is disabled or the module stops.
    Enable(String),
    /// Watch them no longer.
    Disable(String),
}

impl fmt::Display for WatchSwitch {
    /// Writes it as the command line has it, without `errd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off => f.write_str("off"),
            Self::Enable(class) => write!(f, "enable {class}"),
            Self::Disable(class) => write!(f, "disable {class}"),
        }
    }
}

/// A command with its addressee and its sender.
///
/// ```
/// use safekit_core::control::{Command, ModuleCommand, Origin};
/// use safekit_core::ids::ModuleName;
///
/// let order = ModuleCommand {
///     module: ModuleName::new("web")?,
///     command: Command::Restart,
///     origin: Origin::Detector("disk".to_owned()),
/// };
/// assert_eq!(order.command.as_str(), "restart");
/// assert!(!order.origin.is_administrator(), "it counts against maxloop");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleCommand {
    /// Which module.
    pub module: ModuleName,
    /// What to do.
    pub command: Command,
    /// Who says so.
    pub origin: Origin,
}

/// Why a node does not do what it was asked. Nothing has changed.
///
/// ```
/// use safekit_core::control::{Accepted, Refusal};
///
/// /// What a person is told.
/// fn answer(answer: Result<Accepted, Refusal>) -> String {
///     answer.map_or_else(|refusal| format!("not done: {refusal}"), |accepted| accepted.text)
/// }
///
/// assert_eq!(answer(Ok(Accepted { text: "draining, 15 s".to_owned() })), "draining, 15 s");
/// assert_eq!(
///     answer(Err(Refusal::NoCluster)),
///     "not done: the cluster is not configured on this node: run 'safekit cluster config' first"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No module of that name is configured on this node. The caller's mistake: install and configure it first.
    #[error(
        "module {module} is not configured on this node: run 'safekit module install' and 'safekit config' first"
    )]
    UnknownModule {
        /// The name that was asked for.
        module: ModuleName,
    },
    /// The cluster is not configured. The caller's mistake: configure it first.
    #[error("the cluster is not configured on this node: run 'safekit cluster config' first")]
    NoCluster,
    /// The agent is ending, and stops its modules before: nothing is started any more.
    #[error("the agent of this node is ending: nothing is started here until it runs again")]
    Ending,
    /// The module is in the middle of something else. Ask again when it has ended.
    #[error("module {module} is busy: {doing}; try again when it has ended, or use forcestop")]
    Busy {
        /// The module.
        module: ModuleName,
        /// What it is doing, for people: "`stop_both` runs since 3 s".
        doing: String,
    },
    /// No `<proc>` has that class, or the module switches it by itself. The caller's mistake.
    #[error("module {module} has no class '{class}' of its own to enable or disable: {known}")]
    UnknownClass {
        /// The module.
        module: ModuleName,
        /// The class that was asked for.
        class: String,
        /// Which there are, for people.
        known: String,
    },
    /// The command does not fit the state, as restart of a stopped module.
    #[error("module {module} is {state}: {command} needs a module that is {needed}")]
    WrongState {
        /// The module.
        module: ModuleName,
        /// Its state, as shown to people.
        state: String,
        /// The command's word.
        command: &'static str,
        /// The state it needs.
        needed: &'static str,
    },
}

/// A command was taken: what happens next, for people ("draining, 15 s", "already stopped").
///
/// Example: [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// A sentence without full stop.
    pub text: String,
}
