//! What must hold in every run, and what an invariant gets to see.

use std::fmt;
use std::time::Duration;

use crate::control::ModuleCommand;
use crate::ids::{CommandId, ModuleName, NodeId};
use crate::module::script::{Script, ScriptRun};
use crate::sim::{Subject, World};

/// Something that happened in a world, in the order in which it happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Occurrence<'a, M: Subject> {
    /// An agent was started.
    AgentStarted {
        /// On this host.
        node: NodeId,
    },
    /// An agent has ended, in whatever way.
    AgentEnded {
        /// On this host.
        node: NodeId,
    },
    /// A host has lost its power: its agent has ended before, its processes are gone.
    HostDied {
        /// Which.
        node: NodeId,
    },
    /// An agent stands still.
    Paused {
        /// On this host.
        node: NodeId,
    },
    /// An agent goes on; its next turn follows.
    Resumed {
        /// On this host.
        node: NodeId,
        /// For how long it stood still.
        after: Duration,
    },
    /// A machine gave this.
    Output {
        /// On this host.
        node: NodeId,
        /// What.
        output: &'a M::Output,
    },
    /// A script begins.
    ScriptStarted {
        /// On this host.
        node: NodeId,
        /// The life of the agent that started it: see [`World::life`].
        life: u64,
        /// Which, with its arguments.
        run: &'a ScriptRun,
    },
    /// A script has ended, in whatever way, or the host with it.
    ScriptEnded {
        /// On this host.
        node: NodeId,
        /// The life of the agent that started it: a script outlives its agent.
        life: u64,
        /// Of this module.
        module: &'a ModuleName,
        /// Which.
        script: Script,
    },
    /// A process of an application has died.
    ProcessDied {
        /// On this host.
        node: NodeId,
        /// Of this module.
        module: &'a ModuleName,
    },
    /// A command was handed to an agent.
    CommandGiven {
        /// On this host.
        node: NodeId,
        /// Its name.
        id: CommandId,
        /// The command.
        command: &'a ModuleCommand,
    },
    /// All outputs of a turn have been taken.
    TurnEnded {
        /// On this host.
        node: NodeId,
    },
}

/// A property that is checked at everything that happens.
pub trait Invariant<M: Subject>: fmt::Debug {
    /// Takes note of what happened.
    ///
    /// # Errors
    /// What does not hold, as a sentence; the run ends with it.
    fn observe(&mut self, world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String>;
}
