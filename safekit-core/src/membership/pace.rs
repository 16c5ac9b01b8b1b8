//! When the next heartbeats go out: every pulse, faster while something is not agreed, at once when something changes.

use std::time::{Duration, Instant};

use super::cadence::{ARM_GRACE, EVENT_BURST, EVENT_GAP};

/// The two send deadlines, and what holds events apart.
#[derive(Debug)]
pub(super) struct Pace {
    next: Instant,
    again: Option<Instant>,
    last: Instant,
    /// When the bucket of tokens will be full again.
    full: Instant,
}

impl Pace {
    /// Begins with a heartbeat that is due.
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, again: None, last: now, full: now }
    }

    /// Something changed: to be sent at once, as far as the bucket has tokens.
    pub(super) fn event(&mut self, now: Instant) {
        let token = self.full.checked_sub(EVENT_GAP * (EVENT_BURST - 1)).unwrap_or(now);
        self.next = self.next.min(token.max(now));
    }

    /// The next event may wait a moment: another one probably follows.
    pub(super) fn grace(&mut self, now: Instant) {
        self.next = self.next.max(now + ARM_GRACE);
    }

    /// Somebody lacks the newest row: to be sent to him again, `after` the last heartbeats unless he has it by then.
    pub(super) fn again(&mut self, now: Instant, after: Duration) {
        if self.again.is_none() {
            self.again = Some((self.last + after).max(now));
        }
    }

    /// Tells whether heartbeats to everybody are due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Tells whether heartbeats to those who lack something are due.
    pub(super) fn is_due_again(&self, now: Instant) -> bool {
        self.again.is_some_and(|at| at <= now)
    }

    /// Heartbeats went to everybody; the next ones follow `after` that.
    pub(super) fn sent(&mut self, now: Instant, after: Duration) {
        self.last = now;
        self.full = self.full.max(now) + EVENT_GAP;
        self.next = now + after;
        self.again = None;
    }

    /// Heartbeats went to those who lack something.
    pub(super) fn sent_again(&mut self, now: Instant) {
        self.last = now;
        self.again = None;
    }

    /// Returns the next deadline.
    pub(super) fn deadline(&self) -> Instant {
        self.again.map_or(self.next, |again| again.min(self.next))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;
    use crate::sim_clock_base;

    #[test]
    fn four_events_go_at_once_and_the_others_five_milliseconds_apart() {
        let base = sim_clock_base();
        let mut pace = Pace::new(base);
        let pulse = Duration::from_millis(100);
        let mut sent = Vec::new();
        for tick in 0..300 {
            let now = base + Duration::from_micros(tick * 100);
            pace.event(now);
            if pace.is_due(now) {
                sent.push(tick * 100);
                pace.sent(now, pulse);
            }
        }
        assert_eq!(sent, [0, 100, 200, 300, 5_000, 10_000, 15_000, 20_000, 25_000]);
    }
}
