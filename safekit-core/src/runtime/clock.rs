//! Reads the clocks; nothing else in the product does.
//!
//! Example: [`now()`].

use std::time::{Instant, SystemTime};

/// Returns the present instant of the monotonic clock, for all waiting.
///
/// # Example
/// ```
/// use std::time::{Duration, SystemTime};
/// use safekit_core::runtime::clock;
///
/// let begin = clock::now();
/// let deadline = begin + Duration::from_millis(50);
/// assert!(clock::now() >= begin && deadline > begin);
/// assert!(clock::unix_time() > SystemTime::UNIX_EPOCH);
/// ```
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the wall clock, for people and for files; never for waiting.
///
/// Example: [`now()`].
#[must_use]
pub fn unix_time() -> SystemTime {
    SystemTime::now()
}
