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
    double: bool,
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
    Double,
}

impl Identity {
    /// Begins the first life of a start.
    pub(super) fn new(start: Start) -> Self {
        Self {
            incarnation: Incarnation { counter: start.counter, random: start.random, life: 0 },
            later: None,
            refutes: VecDeque::new(),
            double: false,
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
        self.double
    }

    /// Decides what to do about a later life. `elsewhere`: somebody who is heard says that he hears it.
    pub(super) fn judge(&mut self, now: Instant, elsewhere: bool) -> Verdict {
        let Some(known) = self.later else { return Verdict::Undisputed };
        while self
            .refutes
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= REFUTE_WINDOW)
        {
            self.refutes.pop_front();
        }
        self.double = if self.double { elsewhere } else { self.refutes.len() >= REFUTES_MAX };
        if self.double {
            return Verdict::Double;
        }
        if self.refutes.len() == REFUTES_MAX {
            self.refutes.pop_front();
        }
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
