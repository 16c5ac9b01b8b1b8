//! What has happened on a node: data for logs, callbacks and programs. The sentence for people is [`crate::explain`]'s.
//!
//! Example: [`Event`].

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::model::ProcAction;
use crate::control::{Command, Origin, WatchSwitch};
use crate::explain::Cause;
use crate::ids::{Epoch, ModuleName, NodeId, ProcessId};
use crate::membership::{Fault, JoinReason, MemberReason, MemberState};
use crate::module::script::{Script, ScriptEnd};
use crate::module::state::ModuleState;

/// How important an event is; the letters of the module log.
///
/// ```
/// use safekit_core::event::Severity;
///
/// // The log that everybody reads leaves out what is for the verbose one only.
/// let shown = |severity: Severity| severity < Severity::Info;
/// assert!(shown(Severity::Critical) && !shown(Severity::Info));
/// assert_eq!(Severity::Critical.letter(), 'C');
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// C: the application does not run and nobody restarts it, or it may run though it was stopped.
    Critical,
    /// E: something went wrong or changed.
    Event,
    /// U: a person did something.
    User,
    /// S: a script was run.
    Script,
    /// I: for the verbose log only.
    Info,
}

impl Severity {
    /// Returns the letter of the module log.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Critical => 'C',
            Self::Event => 'E',
            Self::User => 'U',
            Self::Script => 'S',
            Self::Info => 'I',
        }
    }
}

/// Something that has happened.
///
/// ```
/// use safekit_core::event::{DrainSkip, Event, ModuleFault, ModuleRefusal, Recovery};
/// use safekit_core::ids::ModuleName;
///
/// /// What is worth waking somebody for.
/// fn alarm(event: &Event) -> Option<String> {
///     match event {
///         Event::BudgetExhausted { module, max, .. } => {
///             Some(format!("{module} failed more than {max} times, and is stopped"))
///         }
///         Event::ModuleFaulty { module, fault: ModuleFault::NotSaved { error } } => {
///             Some(format!("the state of {module} cannot be saved: {error}"))
///         }
///         Event::ModuleRefused { module, why: ModuleRefusal::TooMany } => {
///             Some(format!("{module} is one module too many"))
///         }
///         Event::Recovered { module, what: Recovery::ProcessesGone } => {
///             Some(format!("{module} was found broken after a start of the agent"))
///         }
///         _ => None,
///     }
/// }
///
/// let web = ModuleName::new("web")?;
/// let fault = ModuleFault::NotSaved { error: "no space left on device".to_owned() };
/// let event = Event::ModuleFaulty { module: web.clone(), fault };
/// assert_eq!(event.module(), Some(&web));
/// assert_eq!(
///     alarm(&event).as_deref(),
///     Some("the state of web cannot be saved: no space left on device")
/// );
/// let event = Event::DrainSkipped { module: web, why: DrainSkip::NobodyElse };
/// assert_eq!(alarm(&event), None);
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A member is heard, lost, or has left.
    MemberChanged {
        /// Which.
        member: NodeId,
        /// How it stands.
        state: MemberState,
        /// The evidence.
        why: MemberReason,
    },
    /// This node has joined, or has to join again.
    JoinChanged {
        /// Whether it has joined.
        joined: bool,
        /// Why.
        why: JoinReason,
    },
    /// Another view is in force.
    ViewInstalled {
        /// Its number.
        epoch: Epoch,
        /// Its members.
        members: BTreeSet<NodeId>,
    },
    /// This node is in no view any more.
    ViewLeft,
    /// Something keeps a node or a datagram out.
    Fault(Fault),
    /// A command was taken.
    CommandAccepted {
        /// The module.
        module: ModuleName,
        /// The command.
        command: Command,
        /// Who gave it.
        origin: Origin,
    },
    /// A module's state is another one.
    StateChanged {
        /// The module.
        module: ModuleName,
        /// Before.
        from: ModuleState,
        /// Since now.
        to: ModuleState,
        /// Why.
        cause: Cause,
    },
    /// A script begins.
    ScriptStarted {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// A script has ended.
    ScriptEnded {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// How.
        end: ScriptEnd,
        /// After how long.
        duration: Duration,
        /// Its userlog file.
        userlog: Option<String>,
    },
    /// A script that does the work is not installed: nothing is run in its place.
    ScriptMissing {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
    },
    /// A configured module is not taken, or not let go. Nothing has changed.
    ModuleRefused {
        /// The module.
        module: ModuleName,
        /// Why.
        why: ModuleRefusal,
    },
    /// The health answer is negative, the application serves on until the drain ends.
    DrainStarted {
        /// The module.
        module: ModuleName,
        /// For how long.
        duration: Duration,
    },
    /// No drain, and why.
    DrainSkipped {
        /// The module.
        module: ModuleName,
        /// Why.
        why: DrainSkip,
    },
    /// A watched process has died.
    ProcessDied {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// The process.
        process: ProcessId,
    },
    /// Fewer, or more, processes than there should be.
    ProcessFault {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// How many there are.
        count: u32,
        /// How many there should be at least.
        atleast: Option<u32>,
        /// How many are too many.
        atmax: Option<u32>,
        /// What is done about it.
        action: ProcAction,
    },
    /// A service does not run and should, or the other way round.
    ServiceFault {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// Whether it runs.
        runs: bool,
        /// The host's own words, such as `failed (failed)`.
        said: String,
        /// What is done about it.
        action: ProcAction,
    },
    /// A service is as it should be again.
    ServiceRecovered {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// Whether it runs.
        runs: bool,
        /// The host's own words, such as `active (running)`.
        said: String,
    },
    /// The handler of a `<proc>` begins.
    HandlerStarted {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// The handler's file, as configured.
        file: String,
    },
    /// The handler of a `<proc>` has ended. Any end but exit code 0, and an end by order, leads to stopstart.
    HandlerEnded {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// The handler's file, as configured.
        file: String,
        /// How.
        end: ScriptEnd,
        /// After how long.
        duration: Duration,
        /// Its userlog file.
        userlog: Option<String>,
    },
    /// The process monitor was switched.
    WatchSwitched {
        /// The module.
        module: ModuleName,
        /// How.
        switch: WatchSwitch,
        /// Who did it; [`Origin::Automatic`]: a configuration was applied.
        origin: Origin,
    },
    /// There are as many processes as there should be again.
    ProcessRecovered {
        /// The module.
        module: ModuleName,
        /// The `<proc>`.
        name: String,
        /// How many there are.
        count: u32,
    },
    /// An automatic action was counted.
    BudgetUsed {
        /// The module.
        module: ModuleName,
        /// Actions so far.
        used: u32,
        /// Actions allowed.
        max: u32,
    },
    /// The budget is used up: the module is stopped.
    BudgetExhausted {
        /// The module.
        module: ModuleName,
        /// Actions allowed.
        max: u32,
        /// Within that time.
        interval: Duration,
    },
    /// What a former agent left behind was found, and what is made of it.
    Recovered {
        /// The module.
        module: ModuleName,
        /// What is made of it.
        what: Recovery,
    },
    /// Something on this host failed that the module does not depend on; told so that it is mended.
    EdgeFailed {
        /// The module, where it is about one.
        module: Option<ModuleName>,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: String,
    },
    /// What failed before, and was told by [`Event::EdgeFailed`], works again.
    EdgeRecovered {
        /// The module, where it is about one.
        module: Option<ModuleName>,
        /// What was tried.
        what: &'static str,
    },
    /// A module has come to where only a person can help.
    ModuleFaulty {
        /// The module.
        module: ModuleName,
        /// What is wrong.
        fault: ModuleFault,
    },
    /// A fault of this program: the module concerned goes to its safe state.
    InvariantBroken {
        /// The module, where it is about one.
        module: Option<ModuleName>,
        /// What does not hold.
        what: &'static str,
    },
}

impl Event {
    /// Returns the module that it is about; `None`: it is about the node.
    #[must_use]
    pub fn module(&self) -> Option<&ModuleName> {
        match self {
            Self::MemberChanged { .. }
            | Self::JoinChanged { .. }
            | Self::ViewInstalled { .. }
            | Self::ViewLeft
            | Self::Fault(_) => None,
            Self::CommandAccepted { module, .. }
            | Self::StateChanged { module, .. }
            | Self::ScriptStarted { module, .. }
            | Self::ScriptEnded { module, .. }
            | Self::ScriptMissing { module, .. }
            | Self::ModuleRefused { module, .. }
            | Self::DrainStarted { module, .. }
            | Self::DrainSkipped { module, .. }
            | Self::ProcessDied { module, .. }
            | Self::ProcessFault { module, .. }
            | Self::ProcessRecovered { module, .. }
            | Self::ServiceFault { module, .. }
            | Self::ServiceRecovered { module, .. }
            | Self::HandlerStarted { module, .. }
            | Self::HandlerEnded { module, .. }
            | Self::WatchSwitched { module, .. }
            | Self::BudgetUsed { module, .. }
            | Self::BudgetExhausted { module, .. }
            | Self::Recovered { module, .. }
            | Self::ModuleFaulty { module, .. } => Some(module),
            Self::EdgeFailed { module, .. }
            | Self::EdgeRecovered { module, .. }
            | Self::InvariantBroken { module, .. } => module.as_ref(),
        }
    }
}

/// What is wrong with a module and needs a person.
///
/// Example: [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleFault {
    /// The application may run though the module was stopped: its last `stop_both` did not come to its own end.
    MayStillRun {
        /// How it ended; `None`: it was run by a former agent.
        end: Option<ScriptEnd>,
    },
    /// The host does not tell whether watched services run: nobody would notice where one did not.
    ServicesUnknown {
        /// Why, and what to do.
        error: String,
    },
    /// What must survive the agent cannot be saved: after its death the next one goes by what was saved last.
    NotSaved {
        /// What the operating system says.
        error: String,
    },
}

/// Why a module is not taken, or not let go.
///
/// Example: [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleRefusal {
    /// It cannot be removed: it is not stopped.
    NotStopped,
    /// Its name gives the same key as another module's: one of the two needs another name.
    KeyTaken {
        /// The other module.
        by: ModuleName,
    },
    /// There are as many modules as there can be.
    TooMany,
}

/// Why there is no drain.
///
/// Example: [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainSkip {
    /// `drain="0"`.
    Configured,
    /// No balancer has asked in the last 60 s.
    NoProber,
    /// No other node is Ready: nobody could take the clients.
    NobodyElse,
    /// The module was not Ready: no balancer sends clients.
    NotReady,
    /// The command was automatic.
    Command,
}

/// What is made of what a former agent left.
///
/// Example: [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// All watched processes live: the module is UP, no script was run.
    Adopted,
    /// Nothing is watched: UP (Transient), Ready after one poll.
    AdoptedUnwatched,
    /// The host does not tell whether the watched services run: UP (Transient), Ready after one poll, or sooner when it
    /// does tell.
    ServicesUnknown,
    /// Some watched processes are gone: restart.
    ProcessesGone,
    /// The agent died in the middle of a start, stop or restart: stop, and start again where that was wanted.
    Interrupted,
}
