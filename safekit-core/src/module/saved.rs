//! What is kept of a module so that it survives the agent.
//!
//! Example: [`SavedModule`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::ProcessId;

/// What is kept of a module on disk.
///
/// ```
/// use safekit_core::module::saved::{SavedBudget, SavedModule, SavedPhase};
///
/// let saved = SavedModule {
///     phase: SavedPhase::Up,
///     started: true,
///     watched: Vec::new(),
///     budget: SavedBudget { used: 1, age_ms: 90_000 },
///     may_still_run: false,
///     errd_off: false,
///     classes: [].into(),
/// };
/// // It can be kept in any format that has an implementation of serde.
/// let text = serde_json::to_string(&saved)?;
/// assert_eq!(
///     text,
///     r#"{"phase":"up","started":true,"watched":[],"budget":{"used":1,"age_ms":90000}}"#
/// );
/// assert_eq!(serde_json::from_str::<SavedModule>(&text)?, saved);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedModule {
    /// What the module was doing.
    pub phase: SavedPhase,
    /// Whether it was started and has not been stopped since, but by the end of the agent: what `boot="auto"` goes by.
    pub started: bool,
    /// Processes that were watched when it was saved.
    pub watched: Vec<ProcessId>,
    /// Automatic actions counted so far, and how long ago the count began.
    pub budget: SavedBudget,
    /// Whether the application may run though the module was stopped: its last `stop_both` did not come to its own end.
    /// Left out where it is not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_still_run: bool,
    /// Whether the process monitor was switched off. Left out where it is not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub errd_off: bool,
    /// The classes of processes that were enabled. Left out where there are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub classes: BTreeSet<String>,
}

/// What a module was doing.
///
/// Example: [`SavedModule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SavedPhase {
    /// Stopped.
    Stopped,
    /// UP, with no script of ours running.
    Up,
    /// On the way to UP.
    Starting,
    /// On the way to STOP.
    Stopping,
    /// Between `stop_both` and `start_both` of a restart or stopstart.
    Restarting,
}

/// The restart budget as kept on disk.
///
/// Example: [`SavedModule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBudget {
    /// Automatic actions counted.
    pub used: u32,
    /// Milliseconds from the begin of the count to the moment of saving. Whoever hands it back adds the time that has
    /// passed since, by the host's boot clock while the host is up.
    pub age_ms: u64,
}
