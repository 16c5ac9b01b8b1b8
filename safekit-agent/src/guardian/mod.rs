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

pub(crate) use channel::{Farewell, FarewellLan, Parent, Started};
use run::rest;
pub(crate) use run::{Config, Limits, run};

use crate::store::Layout;
use crate::store::layout::{LockError, RootLock};

/// How often the agent says that it lives. Well below [`Limits::frozen_after`], so that lost turns do not matter.
pub(crate) const BEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How often a root is tried whose guardian was killed, and whose agent is dying; once a second.
const DYING_TRIES: u32 = 5;

/// Takes the root. An agent whose guardian was killed dies in the same moment, and then lets go; that is waited for, at
/// most 5 s.
///
/// # Errors
/// When another agent has it, or the operating system refuses.
pub(crate) fn take_root(layout: &Layout) -> Result<RootLock, LockError> {
    for _ in 0..DYING_TRIES {
        match layout.lock() {
            Err(LockError::Taken { pid: Some(pid), .. }) if !is_alive(pid) => rest(),
            taken => return taken,
        }
    }
    layout.lock()
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // What cannot be asked for lack of rights is alive.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
