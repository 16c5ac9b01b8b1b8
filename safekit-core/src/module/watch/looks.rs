//! When lists of one kind are asked for, and what the one under way is worth when it comes.
//!
//! Always: one list at a time; lists asked for because of deaths are [`DEATH_LOOK`] apart.

use std::time::{Duration, Instant};

use crate::timer::later;

/// Lists asked for because of deaths are at least so far apart: many short-lived processes must not cost a core.
pub(super) const DEATH_LOOK: Duration = Duration::from_millis(100);

/// Whether the list that was asked for says what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Good,
    /// A process has died since: who is missing in the list may have come after it was made.
    Doubtful,
    /// The watch has begun since.
    Void,
}

/// What is to be done about a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A list is wanted now, and counts as asked for.
    Now,
    /// Nothing yet.
    Later,
}

/// The looks at one kind of thing.
#[derive(Debug, Default)]
pub(super) struct Looks {
    asked: Option<Freshness>,
    /// When to ask next, beside the polls.
    at: Option<Instant>,
    death_looked_at: Option<Instant>,
}

impl Looks {
    /// A watch begins: it is looked at from that moment on.
    pub(super) fn begin(&mut self, now: Instant, from: Instant) -> Look {
        if self.asked.is_some() {
            self.asked = Some(Freshness::Void);
            return Look::Later;
        }
        if from <= now {
            return self.ask();
        }
        self.by(from);
        Look::Later
    }

    /// Nothing of the kind is watched any more.
    pub(super) fn end(&mut self) {
        self.at = None;
    }

    /// What was asked for before this moment does not count; there is a look soon.
    pub(super) fn doubt(&mut self, now: Instant) {
        if self.asked.is_some() {
            self.asked = Some(Freshness::Void);
        } else {
            self.by(later(now, DEATH_LOOK));
        }
    }

    /// The list has come; `None` where none was asked for.
    pub(super) fn take(&mut self) -> Option<Freshness> {
        self.asked.take()
    }

    pub(super) fn ask(&mut self) -> Look {
        self.asked = Some(Freshness::Good);
        self.at = None;
        Look::Now
    }

    pub(super) fn after_death(&mut self, now: Instant) -> Look {
        if self.asked == Some(Freshness::Good) {
            self.asked = Some(Freshness::Doubtful);
        }
        if self.asked.is_some() {
            return Look::Later;
        }
        let earliest = self.death_looked_at.map(|at| later(at, DEATH_LOOK));
        match earliest.filter(|at| *at > now) {
            Some(at) => {
                self.by(at);
                Look::Later
            }
            None => {
                self.death_looked_at = Some(now);
                self.ask()
            }
        }
    }

    /// Looks at that moment at the latest.
    pub(super) fn by(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// Time has passed; `polled` tells whether a poll is due.
    pub(super) fn handle_timeout(&mut self, now: Instant, polled: bool) -> Look {
        let mut due = polled;
        if self.at.is_some_and(|at| at <= now) {
            self.at = None;
            self.death_looked_at = Some(now);
            due = true;
        }
        // One list at a time: what is under way serves this poll too.
        if due && self.asked.is_none() { self.ask() } else { Look::Later }
    }

    /// Returns when to look next, beside the polls.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }
}
