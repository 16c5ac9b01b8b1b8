//! What must hold in every run, and what an invariant gets to see.

use std::fmt;
use std::time::Duration;

use crate::control::ModuleCommand;
use crate::ids::{CommandId, ModuleName, NodeId};
use crate::module::script::{Script, ScriptRun};
use crate::sim::{Subject, World};

/// Something that happened in a world, in the order in which it happened.
///
/// Example: [`Invariant`].
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
///
/// One of your own, beside those of this crate:
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{
///     Accusations, Birth, Cast, Epochs, Invariant, Joining, Life, Occurrence, SimModule, World,
/// };
///
/// /// No script runs longer than a minute on any node.
/// #[derive(Debug, Default)]
/// struct Brisk(Option<Duration>);
///
/// impl Invariant<Node> for Brisk {
///     fn observe(
///         &mut self,
///         world: &World<Node>,
///         occurrence: &Occurrence<'_, Node>,
///     ) -> Result<(), String> {
///         match occurrence {
///             Occurrence::ScriptStarted { .. } => self.0 = Some(world.now()),
///             Occurrence::ScriptEnded { script, .. } => {
///                 let took = world.now().saturating_sub(self.0.unwrap_or_default());
///                 if took > Duration::from_secs(60) {
///                     return Err(format!("{} took {took:?}", script.as_str()));
///                 }
///             }
///             _ => {}
///         }
///         Ok(())
///     }
/// }
///
/// fn run(slowest: Duration) -> Result<(), Box<dyn std::error::Error>> {
///     let mut module = SimModule::watched("web")?;
///     module.script_time = (slowest, slowest);
///     let make = |birth: &Birth| {
///         Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
///     };
///     let mut world = World::new(7, Cast::new(1).module(module), make)
///         .with(Life::new())
///         .with(Joining::new())
///         .with(Epochs::new())
///         .with(Accusations)
///         .with(Brisk::default());
///     world.start_all();
///     world.run_for(Duration::from_secs(300))?;
///     Ok(())
/// }
/// assert!(run(Duration::from_secs(2)).is_ok());
/// assert!(run(Duration::from_secs(90)).is_err_and(|error| error.to_string().contains("took 90")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Invariant<M: Subject>: fmt::Debug {
    /// Takes note of what happened.
    ///
    /// # Errors
    /// What does not hold, as a sentence; the run ends with it.
    fn observe(&mut self, world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String>;
}
