//! Reads the clocks: the only place of the edge that does.

use std::time::{Instant, SystemTime};

/// Returns the time that all waiting is measured with; it never goes back.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the wall clock, for what people read; it may jump.
pub(crate) fn unix_time() -> SystemTime {
    SystemTime::now()
}
