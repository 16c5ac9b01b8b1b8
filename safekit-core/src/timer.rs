//! The deadlines of a machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The longest time that anything waits: a hundred years.
const WAIT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Returns the moment that comes so long after another one; very long waits end after a hundred years.
#[must_use]
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait.min(WAIT_MAX)).unwrap_or(now)
}

/// At most one deadline for each kind of timer. `K` is the machine's `enum Timer`; its order breaks ties.
#[derive(Clone, Debug)]
pub(crate) struct Timers<K> {
    deadlines: BTreeMap<K, Instant>,
}

impl<K: Ord + Copy> Timers<K> {
    /// Makes a set with no deadline.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { deadlines: BTreeMap::new() }
    }

    /// Sets a timer, instead of what it was set to.
    pub(crate) fn set(&mut self, timer: K, deadline: Instant) {
        self.deadlines.insert(timer, deadline);
    }

    /// Stops a timer; harmless where it is not set.
    pub(crate) fn stop(&mut self, timer: K) {
        self.deadlines.remove(&timer);
    }

    /// Returns when a timer is due.
    #[must_use]
    pub(crate) fn deadline(&self, timer: K) -> Option<Instant> {
        self.deadlines.get(&timer).copied()
    }

    /// Returns the earliest deadline.
    #[must_use]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.values().min().copied()
    }

    /// Takes out the first timer that is due, by deadline and then by order of the timers.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<K> {
        let (timer, _) = self
            .deadlines
            .iter()
            .filter(|(_, deadline)| **deadline <= now)
            .min_by_key(|(timer, deadline)| (**deadline, **timer))?;
        let timer = *timer;
        self.deadlines.remove(&timer);
        Some(timer)
    }
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timers;
    use crate::sim_clock_base;

    #[test]
    fn expires_by_deadline_then_by_order() {
        let base = sim_clock_base();
        let mut timers = Timers::new();
        timers.set(2, base + Duration::from_millis(5));
        timers.set(1, base + Duration::from_millis(5));
        timers.set(3, base + Duration::from_millis(1));
        timers.set(4, base + Duration::from_millis(9));
        let due = base + Duration::from_millis(5);
        assert_eq!(timers.next(), Some(base + Duration::from_millis(1)));
        assert_eq!(
            [timers.expire(due), timers.expire(due), timers.expire(due)],
            [Some(3), Some(1), Some(2)]
        );
        assert_eq!(timers.expire(due), None);
        timers.stop(4);
        assert_eq!(timers.next(), None);
    }
}
