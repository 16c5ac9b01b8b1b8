//! Runs scripts.
//!
//! Starting can block (a slow disk, a network file system), so it happens on a worker of the module; from then on the
//! loop watches the script's process. A script has ended when its process is dead, whoever keeps its output open.
//!
//! ```text
//! Starting ──started──► Running ──dead──► (reported)
//!    │                     └──time limit, EndScript──► killed ──dead, or 10 s──► (reported)
//!    └──not started, start limit, EndScript──► (reported)
//! ```
//!
//! The time limit is the script's own and begins when it was started. Until then the start limit holds, which no script
//! without a time limit has; whatever is not started within a minute is told to people.
//!
//! Always: each run is reported exactly once, each child is reaped exactly once.

mod child;
mod runs;
mod starter;

pub(super) use child::ScriptChild;
pub(super) use runs::{RunReport, Runs};
pub(super) use starter::{
    ScriptJob, StartJob, Started, Starter, Withdrawn, leftovers_patience, without_ours,
};
