//! Runs scripts.
//!
//! Starting can block (a slow disk, a network file system), so it happens on a worker of the module; from then on the
//! loop watches the script's process. A script has ended when its process is dead, whoever keeps its output open.
//!
//! ```text
//! Starting ──started──► Running ──dead──► (reported)
//!    │                     └──time limit, EndScript──► killed ──dead, or 10 s──► (reported)
//!    └──not started, time limit, EndScript──► (reported)
//! ```
//!
//! Always: each run is reported exactly once, each child is reaped exactly once.

mod child;
mod runs;
mod starter;

pub(super) use child::ScriptChild;
pub(super) use runs::{RunReport, Runs};
pub(super) use starter::{ScriptJob, StartJob, Started, Starter, without_ours};
