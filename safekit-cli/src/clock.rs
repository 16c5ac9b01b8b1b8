//! The one place of the command that waits and reads a clock.

use std::thread;
use std::time::{Duration, Instant};

/// Returns the time of the moment.
#[expect(clippy::disallowed_methods, reason = "the command's one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "the command has nothing else to do meanwhile")]
pub(crate) fn sleep(time: Duration) {
    thread::sleep(time);
}
