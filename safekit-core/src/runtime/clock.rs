//! Reads the clocks; nothing else in the product does.

use std::time::{Instant, SystemTime};

/// Returns the present instant of the monotonic clock, for all waiting.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the wall clock, for people and for files; never for waiting.
#[must_use]
pub fn unix_time() -> SystemTime {
    SystemTime::now()
}
