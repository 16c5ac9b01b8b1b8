//! What a node takes and gives: the whole border between deciding and doing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::model::ModuleConfig;
use crate::control::{Accepted, ModuleCommand, Origin, Refusal, WatchSwitch};
use crate::event::Event;
use crate::ids::{ActionId, CommandId, Epoch, LanId, LanSet, ModuleName, ProcessId};
use crate::membership::{MembershipConfig, Transmit, View};
use crate::module::BudgetChange;
use crate::module::saved::SavedModule;
use crate::module::script::{ScriptEnd, ScriptRun};
use crate::module::state::ModuleState;
use crate::module::watch::{ProcessInfo, Services};

/// What a node takes.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// Bytes came in on a lan's socket.
    DatagramReceived {
        /// The lan of the socket.
        lan: LanId,
        /// Where from.
        from: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// The cluster is configured, or configured anew: membership begins a new life, modules go on.
    ClusterConfigured(Box<MembershipConfig>),
    /// The cluster is no longer configured: membership ends, modules stay, and none of them can be started. Whoever wants
    /// the others told gives [`Input::Leave`] first and waits for [`Output::Left`].
    ClusterRemoved,
    /// A module is configured, or configured anew.
    ModuleConfigured(Box<ModuleSetup>),
    /// A module is no longer configured; only for a stopped one, refused by an event otherwise.
    ModuleRemoved(ModuleName),
    /// Somebody asks something of a module. Answered once by [`Output::CommandAnswered`].
    CommandReceived {
        /// The caller's name for it.
        id: CommandId,
        /// The command.
        command: ModuleCommand,
    },
    /// A script has counted an automatic action of its own, or somebody has forgotten the count.
    BudgetChanged {
        /// Which module; ignored where it is not configured.
        module: ModuleName,
        /// How.
        change: BudgetChange,
    },
    /// Somebody switches the process monitor of a module. Answered once by [`Output::CommandAnswered`].
    SwitchReceived {
        /// The caller's name for it.
        id: CommandId,
        /// Which module.
        module: ModuleName,
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
    /// The preparation that [`Output::ViewProposed`] asked for has ended. Only while a module with a virtual IP is
    /// configured ([`ModuleSetup::sharing`] other than 0); otherwise there is nothing to prepare, and the node says so
    /// to its membership by itself.
    Armed {
        /// The epoch that it was for; another one is ignored.
        epoch: Epoch,
    },
    /// A watched process is dead.
    ProcessExited(ProcessId),
    /// A balancer asked for the health answer of a module, once or more since the last turn of the loop.
    BalancerProbed(ModuleName),
    /// Leave the cluster: every module is stopped already, or goes on without this agent. Ends with [`Output::Left`].
    Leave,
}

/// A configured module, and what is known of it from before.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Debug)]
pub struct ModuleSetup {
    /// What userconfig.xml says.
    pub config: Arc<ModuleConfig>,
    /// Which scripts there are to run, as file names in its bin folder.
    pub scripts: BTreeSet<crate::module::script::Script>,
    /// The lans of its configuration by their ids in cluster.xml: heartbeats on these count for it. When the cluster
    /// is configured anew and they change, the module is handed in again as [`AgentStart::ClusterChanged`].
    pub lans: LanSet,
    /// Signature of what its shares are computed from; 0 where it shares nothing by itself (no virtual IP).
    pub sharing: u32,
    /// What was saved of it; `None` for a module never started.
    pub saved: Option<SavedModule>,
    /// What this start of the agent is.
    pub start: AgentStart,
}

/// What the node was before this start of the agent.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentStart {
    /// The host has started anew: nothing of the application can be left.
    HostBooted,
    /// The same boot of the host: the application may be running.
    SameBoot,
    /// The agent goes on; only the configuration is new.
    Reconfigured,
    /// The agent goes on, and so does the configuration; only the ids of the lans may be others, and whether the module is
    /// started with the agent.
    ClusterChanged,
}

/// What a node gives.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Do this, and say how it ended by [`Input::ActionFinished`].
    Action {
        /// Its name.
        id: ActionId,
        /// What to do.
        action: Action,
    },
    /// Something has happened: for logs and callbacks.
    Event(Event),
    /// The answer to a command.
    CommandAnswered {
        /// The command.
        id: CommandId,
        /// What is done, or why nothing is.
        answer: Result<Accepted, Refusal>,
    },
    /// The state of a module is another one. The health answer is positive only for [`ModuleState::UP_READY`].
    StateChanged {
        /// The module.
        module: ModuleName,
        /// Its state.
        state: ModuleState,
        /// Why the health answer is negative, as a token for the `reason` header; "ready" where it is positive.
        reason: &'static str,
    },
    /// See [`crate::membership::Output::ViewProposed`].
    ViewProposed {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Option<Arc<View>>,
    },
    /// See [`crate::membership::Output::ViewInstalled`].
    ViewInstalled {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Arc<View>,
    },
    /// The guardian must be given this counter and the letter that belongs to it.
    CounterTaken {
        /// The counter.
        counter: u32,
    },
    /// The node has left the cluster.
    Left,
}

/// An order to the edge. Each one ends, and its end is reported.
///
/// A script begins only when no [`Action::SaveModule`] of its module is under way: a new agent must not find less on the
/// disk than what the scripts of a dead one were about to do. After five seconds it begins all the same: a disk that does
/// not answer must not keep an application from being stopped.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Run a script of a module.
    RunScript(Box<ScriptRun>),
    /// End a running script with all its group, now. It ends by [`Outcome::Done`] once the signal is sent; the
    /// script's own end is reported as usual.
    EndScript {
        /// The action that started it.
        run: ActionId,
        /// The module it belongs to.
        module: ModuleName,
    },
    /// List all processes of the host. Ends by [`Outcome::Processes`].
    ScanProcesses,
    /// Ask the host how these services stand; they are named as in the configuration. Ends by [`Outcome::Services`].
    AskServices {
        /// Their names; never none.
        services: BTreeSet<String>,
    },
    /// From now on report the death of these processes, and of no others, for this module. One that is dead already
    /// is reported at once. Ends by [`Outcome::Done`].
    WatchProcesses {
        /// The module.
        module: ModuleName,
        /// The processes.
        processes: BTreeSet<ProcessId>,
    },
    /// Keep this, so that it survives the agent. Ends by [`Outcome::Done`] or [`Outcome::Failed`].
    SaveModule {
        /// The module.
        module: ModuleName,
        /// What to keep.
        saved: SavedModule,
    },
}

/// How an order ended.
///
/// Example: [`Node`](super::Node).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// As it should.
    Done,
    /// A script has ended.
    Script {
        /// How.
        end: ScriptEnd,
        /// How long it ran.
        duration: Duration,
        /// The name of its userlog file, where it has one.
        userlog: Option<String>,
    },
    /// All processes of the host; threads, kernel threads and zombies left out.
    Processes(Arc<[ProcessInfo]>),
    /// How services stand. One that is not in it counts as one of which nothing can be known.
    Services(Services),
    /// It could not be done.
    Failed {
        /// What the operating system says, for people.
        error: String,
    },
}
