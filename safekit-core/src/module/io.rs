//! What a module takes and gives. The node translates.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::control::{Accepted, Command, Origin, Refusal, WatchSwitch};
use crate::event::Event;
use crate::ids::{ActionId, CommandId, ProcessId};
use crate::module::state::ModuleState;
use crate::module::watch::{ProcessInfo, Services};
use crate::node::{Action, ModuleSetup, Outcome};

/// What a module takes.
///
/// Example: [`Module`](super::Module).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// Somebody asks something of the module. Answered once by [`Output::CommandAnswered`].
    CommandReceived {
        /// The caller's name for it.
        id: CommandId,
        /// What to do.
        command: Command,
        /// Who says so.
        origin: Origin,
    },
    /// The count of automatic actions is changed from outside.
    BudgetChanged(BudgetChange),
    /// Somebody switches the process monitor. Answered once by [`Output::CommandAnswered`].
    SwitchReceived {
        /// The caller's name for it.
        id: CommandId,
        /// What to do.
        switch: WatchSwitch,
        /// Who says so.
        origin: Origin,
    },
    /// An order has ended.
    ActionFinished {
        /// Which.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
    /// The node has joined, or has to join.
    JoinChanged(Join),
    /// The module's state on the other nodes has changed.
    OthersChanged {
        /// Whether it is Ready on any of them.
        ready: bool,
    },
    /// A balancer asked for the health answer.
    BalancerProbed,
    /// The list that [`Output::ScanWanted`] asked for; made after it was asked for.
    ProcessesScanned(Arc<[ProcessInfo]>),
    /// How the services stand that [`Output::ServicesWanted`] asked for; asked of the host after that.
    ServicesAsked(Services),
    /// A process is dead; not necessarily one of this module.
    ProcessExited(ProcessId),
    /// The configuration is another one; what was saved and how the agent started is not looked at.
    Configured(Box<ModuleSetup>),
}

/// What a script or a person does to the count of automatic actions; the module itself stays as it is.
///
/// ```
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::BudgetChange;
/// use safekit_core::node::Input;
///
/// // An administrator has mended the cause (`safekit resetloop`).
/// let input = Input::BudgetChanged { module: ModuleName::new("web")?, change: BudgetChange::Reset };
/// assert!(matches!(input, Input::BudgetChanged { change: BudgetChange::Reset, .. }));
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetChange {
    /// One more automatic action is counted (`incloop`). With a budget that is used up already nothing changes.
    Counted,
    /// The count is forgotten (`resetloop`).
    Reset,
}

/// How the node stands to its cluster.
///
/// Example: [`Module`](super::Module).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Join {
    /// No cluster is configured: nothing can be started.
    NoCluster,
    /// It has not heard who is there yet: nothing is Ready.
    Joining,
    /// It has joined.
    Joined,
}

/// What a module gives.
///
/// Example: [`Module`](super::Module).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Do this, and say how it ended by [`Input::ActionFinished`].
    Action {
        /// Its name.
        id: ActionId,
        /// What to do.
        action: Action,
    },
    /// A list of all processes is wanted; not asked for again until it has come.
    ScanWanted,
    /// It is wanted how these services of the host stand; not asked for again until that has come.
    ServicesWanted(BTreeSet<String>),
    /// Something has happened.
    Event(Event),
    /// The answer to a command.
    CommandAnswered {
        /// The command.
        id: CommandId,
        /// What is done, or why nothing is.
        answer: Result<Accepted, Refusal>,
    },
    /// State or reason are others.
    StateChanged {
        /// The state.
        state: ModuleState,
        /// Why the health answer is negative, as a token; "ready" where it is positive.
        reason: &'static str,
    },
}
