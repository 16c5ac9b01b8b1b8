//! Reads the clocks; nothing else in the product does.
//!
//! Example: [`now()`].

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use crate::runtime::sys;

/// Returns the present instant, for all waiting. Goes on while the host is suspended, so that a loop sees how long it
/// stood still: a node that slept must not believe that it was heard meanwhile.
///
/// On Linux `CLOCK_BOOTTIME` is what counts, where [`Instant::now`] (`CLOCK_MONOTONIC`) stands still with the host.
/// After a suspension the two differ by as much as it took: whoever hands in times of its own takes all of them from here.
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
    static BASE: OnceLock<Option<Base>> = OnceLock::new();
    let read = sys::host::since_boot();
    let base = BASE.get_or_init(|| {
        let since_boot = *read.as_ref().ok()?;
        Some(Base { instant: Instant::now(), since_boot })
    });
    match (base, read) {
        (Some(base), Ok(since_boot)) => base.at(since_boot),
        // No such clock on this operating system.
        _ => Instant::now(),
    }
}

/// One moment on both clocks.
struct Base {
    instant: Instant,
    since_boot: Duration,
}

impl Base {
    fn at(&self, since_boot: Duration) -> Instant {
        let passed = since_boot.saturating_sub(self.since_boot);
        self.instant.checked_add(passed).unwrap_or(self.instant)
    }
}

/// Returns the wall clock, for people and for files; never for waiting.
///
/// Example: [`now()`].
#[must_use]
pub fn unix_time() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_counts() {
        let base = Base { instant: Instant::now(), since_boot: Duration::from_secs(100) };
        let slept = Duration::from_secs(3600);
        assert_eq!(base.at(base.since_boot), base.instant);
        assert_eq!(base.at(base.since_boot + slept), base.instant + slept);
    }

    /// Where the operating system tells the time since the boot: it is what counts a suspension.
    #[test]
    fn it_moves_with_the_time_since_the_boot() {
        if sys::host::since_boot().is_err() {
            return;
        }
        let base = now();
        let since_boot = || sys::host::since_boot().unwrap();
        let (before, at, after) = (since_boot(), now(), since_boot());
        let (later_before, later, later_after) = (since_boot(), now(), since_boot());
        assert!(at >= base);
        let moved = later - at;
        assert!(moved >= later_before - after && moved <= later_after - before);
    }
}
