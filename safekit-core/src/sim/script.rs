//! The model of scripts: how long they run, what they do to the application, and how they fail.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{ActionId, ModuleName};
use crate::module::script::{Script, ScriptRun};

/// What goes wrong with a script.
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
