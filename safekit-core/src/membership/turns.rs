//! How late this node's own loop was: evidence that a silence is not its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest gaps between two turns of the loop, newest last, each longer than all after it.
#[derive(Debug)]
pub(super) struct Turns {
    last: Instant,
    longest: VecDeque<(Instant, Duration)>,
}

/// Gaps remembered; beyond it the oldest is forgotten. They fall strictly, so 64 reach far back.
const REMEMBERED_MAX: usize = 64;

impl Turns {
    /// Begins to count.
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, longest: VecDeque::new() }
    }

    /// Takes note of a turn, and returns the time since the one before.
    pub(super) fn turn(&mut self, now: Instant) -> Duration {
        let gap = now.saturating_duration_since(self.last);
        self.last = now;
        if gap > Duration::ZERO {
            while self.longest.back().is_some_and(|(_, shorter)| *shorter <= gap) {
                self.longest.pop_back();
            }
            if self.longest.len() == REMEMBERED_MAX {
                self.longest.pop_front();
            }
            self.longest.push_back((now, gap));
        }
        gap
    }

    /// Returns the time since the last turn.
    pub(super) fn since_last(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// Returns the longest gap that ended after a moment.
    pub(super) fn longest_since(&self, moment: Instant) -> Duration {
        self.longest.iter().find(|(at, _)| *at > moment).map_or(Duration::ZERO, |(_, gap)| *gap)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Turns;
    use crate::sim_clock_base;

    #[test]
    fn knows_the_longest_gap_since_a_moment() {
        let base = sim_clock_base();
        let at = |ms| base + Duration::from_millis(ms);
        let mut turns = Turns::new(at(0));
        for ms in [10, 300, 310, 400, 420] {
            turns.turn(at(ms));
        }
        assert_eq!(turns.longest_since(at(0)), Duration::from_millis(290));
        assert_eq!(turns.longest_since(at(305)), Duration::from_millis(90));
        assert_eq!(turns.longest_since(at(405)), Duration::from_millis(20));
        assert_eq!(turns.longest_since(at(420)), Duration::ZERO);
    }
}
