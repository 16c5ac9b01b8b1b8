//! `safekit-agent run`: the small parent that starts the agent, says so when it dies, and starts it again.
//!
//! In: signals, the agent's death (pidfd) and what the agent says ([`channel`]). Out: the agent's letters of farewell,
//! the next agent, the exit code, READY and STOPPING to the service manager.
//!
//! ```text
//!            started                    dead
//! Resting ─────────────► Running ──────────────► letters (0, 6, 20 ms), and meanwhile
//!    ▲                      │ no beat for 10 s:       ├─ exit code 0, 64, 65, or asked to stop ─► Ending ─► exit
//!    │                      └─ SIGKILL, dead          └─ anything else ─┐
//!    └──────────── 0 s, 1 s, 2 s, 4 s ... 30 s ─────────────────────────┘
//! ```
//!
//! Always: a letter goes out only after the kernel has said that the whole process is dead, never about a live one (one
//! that hangs in the kernel and cannot be killed is left to silence); each agent gets a counter greater than the one before;
//! the agent does not outlive the guardian; one thread.
//! Not here: keys, the format of letters, anything about modules. The guardian must have no reason to fail.

pub(crate) mod channel;
mod counter;
mod farewell;
mod notify;
mod run;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use channel::{Farewell, FarewellLan, Parent, ParentError, Started};
pub(crate) use run::{Config, Limits, run};

/// How often the agent says that it lives. Well below [`Limits::frozen_after`], so that lost turns do not matter.
pub(crate) const BEAT_INTERVAL: Duration = Duration::from_secs(1);
