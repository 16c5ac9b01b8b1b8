//! Which life this node has, and what to do when somebody knows a later one.

use std::collections::VecDeque;
use std::time::Instant;

use super::Start;
use super::cadence::REFUTE_WINDOW;
use crate::ids::Incarnation;

/// Higher counters taken within [`REFUTE_WINDOW`] before this node holds that it is there twice.
const REFUTES_MAX: usize = 3;

/// The own incarnation.
#[derive(Debug)]
pub(super) struct Identity {
    incarnation: Incarnation,
    later: Option<Incarnation>,
    refutes: VecDeque<Instant>,
    /// Until when this node stays out, because another process has its id.
    double: Option<Instant>,
}

/// What to do about a later life of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: there is none.
    Undisputed,
    /// A higher counter was taken: begin a new life.
    Refuted {
        /// The later life.
        known: Incarnation,
    },
    /// Another process has this id: stay out as long as it is heard.
    Double {
        /// Its life.
        known: Incarnation,
    },
}

impl Identity {
    /// Begins the first life of a start.
    pub(super) fn new(start: Start) -> Self {
        Self {
            incarnation: Incarnation { counter: start.counter, random: start.random, life: 0 },
            later: None,
            refutes: VecDeque::new(),
            double: None,
        }
    }

    /// Returns the present life.
    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Begins the next life of the same start.
    pub(super) fn next_life(&mut self) {
        self.incarnation.life = self.incarnation.life.saturating_add(1);
    }

    /// Takes note of a life of this node that somebody knows, and tells whether it is later than the present one.
    pub(super) fn see(&mut self, known: Incarnation) -> bool {
        let later = known > self.incarnation;
        if later {
            self.later = self.later.max(Some(known));
        }
        later
    }

    /// Tells whether another process has this id.
    pub(super) fn is_double(&self) -> bool {
        self.double.is_some()
    }

    /// Returns when to ask again whether another process has this id.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.double
    }

    /// Decides what to do about a later life. `elsewhere`: somebody who is heard says that he hears it. A node that is
    /// there twice stays out until nobody has said so for [`REFUTE_WINDOW`].
    pub(super) fn judge(&mut self, now: Instant, elsewhere: bool) -> Verdict {
        let Some(known) = self.later else { return Verdict::Undisputed };
        let lately = |at: &Instant| now.saturating_duration_since(*at) < REFUTE_WINDOW;
        self.refutes.retain(lately);
        if self.double.is_none() && self.refutes.len() >= REFUTES_MAX
            || self.double.is_some() && elsewhere
        {
            self.double = Some(now + REFUTE_WINDOW);
        }
        if self.double.is_some_and(|until| now < until) {
            return Verdict::Double { known };
        }
        self.double = None;
        self.refutes.push_back(now);
        self.later = None;
        self.incarnation = Incarnation {
            counter: known.counter.saturating_add(1),
            random: self.incarnation.random,
            life: 0,
        };
        Verdict::Refuted { known }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Identity, Verdict};
    use crate::ids::Incarnation;
    use crate::membership::Start;
    use crate::sim_clock_base;

    #[test]
    fn refutes_three_times_and_then_stays_out_while_the_other_one_is_heard() {
        let base = sim_clock_base();
        let at = |seconds| base + Duration::from_secs(seconds);
        let mut identity = Identity::new(Start { counter: 1, random: 5 });
        let own = identity.incarnation();
        assert!(!identity.see(own), "the own life is no later one");
        for counter in [7, 20, 30] {
            let known = Incarnation { counter, random: 9, life: 3 };
            assert!(identity.see(known));
            assert_eq!(identity.judge(at(1), true), Verdict::Refuted { known });
            let next = Incarnation { counter: counter + 1, random: 5, life: 0 };
            assert_eq!(identity.incarnation(), next);
            assert_eq!(identity.judge(at(1), true), Verdict::Undisputed);
        }
        let known = Incarnation { counter: 40, random: 9, life: 0 };
        assert!(identity.see(known));
        assert_eq!(identity.judge(at(2), false), Verdict::Double { known });
        assert_eq!(identity.judge(at(11), true), Verdict::Double { known }, "heard again");
        assert_eq!(identity.judge(at(20), false), Verdict::Double { known });
        assert_eq!(identity.deadline(), Some(at(21)));
        assert_eq!(identity.judge(at(21), false), Verdict::Refuted { known });
        assert!(!identity.is_double());
    }
}
