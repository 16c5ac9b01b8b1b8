//! The edge: the code that touches the world.
//!
//! [`Edge`] is one event loop on one thread: it hands in what comes from outside and does what a node's outputs ask.
//! What can block (starting scripts, listing processes, saving) runs on named, bounded workers, and its result comes
//! back as an input. What differs between operating systems is under `sys/`, one folder for each concern.
//!
//! Not here: decisions. The edge never looks into a datagram and knows no state of a module.
//!
//! Example: [`Edge`].

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub mod clock;
mod edge;
pub mod front;
mod holds;
pub mod host;
mod jobs;
mod lans;
mod lookout;
mod notice;
mod peers;
mod place;
mod reports;
mod script;
mod search;
mod sys;
#[cfg(test)]
#[cfg(unix)]
mod tests;
#[expect(clippy::disallowed_methods, reason = "the one place that starts threads")]
pub(crate) mod thread;
mod userlog;
mod watches;
mod worker;

pub use edge::{Edge, EdgeConfig, EdgeError, EdgeSender, Full, WatchToken};
pub use lans::{BindError, LanBindError, LanCounters};
pub use notice::{EdgeNotice, KillReach, NOTICE_MESSAGES};
pub use place::{Keep, ModulePlace};
pub use sys::readiness::Source;
