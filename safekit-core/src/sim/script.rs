//! The model of scripts: how long they run, what they do to the application, and how they fail.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{ActionId, ModuleName};
use crate::module::script::{Script, ScriptRun};

/// What goes wrong with a script.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::module::script::Script;
/// use safekit_core::module::state::ModuleState;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, ScriptFault, SimModule, World};
///
/// let module = SimModule::watched("web")?;
/// let web = module.config.name.clone();
/// let mut world = World::new(7, Cast::new(1).module(module), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// let node = world.nodes()[0];
/// world.fault_script(node, &web, Script::StartBoth, ScriptFault::Hangs);
/// world.start_all();
/// world.run_for(Duration::from_secs(60))?;
/// assert_ne!(world.state(node, &web), Some(ModuleState::UP_READY));
/// assert_eq!(world.running_scripts(node, &web), [Script::StartBoth]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptFault {
    /// It exits with 1 and has done nothing.
    Fails,
    /// It never ends and does nothing.
    Hangs,
    /// It does what it should, but takes so long.
    Slow(Duration),
}

/// A script that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// The life of the agent that started it: a script outlives its agent, and then reports to nobody.
    pub(super) life: u64,
    /// The order it came from.
    pub(super) id: ActionId,
    /// What runs.
    pub(super) run: ScriptRun,
    /// Since when.
    pub(super) since: Duration,
    /// What goes wrong with it.
    pub(super) fault: Option<ScriptFault>,
}

/// Tells whether a run has the word `force` in front.
pub(super) fn is_forced(run: &ScriptRun) -> bool {
    run.arguments.first().is_some_and(|argument| argument == "force")
}

/// The faults of a host's scripts, by module.
pub(super) type ScriptFaults = BTreeMap<(ModuleName, Script), ScriptFault>;
