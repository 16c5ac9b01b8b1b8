//! When lists of one kind are asked for, and what the one under way is worth when it comes.
//!
//! A death after which there may be too few is looked at at once: the health answer waits for it. When several processes die
//! together (a whole group is killed) each list is out of date before it comes, so [`DEATH_LOOKS_MAX`] of these looks
//! may follow one another. Then, and after a death that leaves enough, looks are [`DEATH_LOOK`] apart, and four times as
//! far as the last list took to come: lists of a host with very many processes must not cost a core.
//!
//! Always: one list at a time.

use std::time::{Duration, Instant};

use crate::timer::later;

/// Lists asked for because of deaths are on average so far apart: many short-lived processes must not cost a core.
pub(super) const DEATH_LOOK: Duration = Duration::from_millis(100);
/// So many of them may be asked for without that distance.
pub(super) const DEATH_LOOKS_MAX: u32 = 8;
/// A list that takes long is followed by a pause that is longer by this factor.
const TIMES_AS_FAR: u32 = 4;
/// However long a list takes, looks because of deaths are no further apart.
const DEATH_LOOK_LATEST: Duration = Duration::from_secs(1);

/// How much a death matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// There may be too few now.
    Now,
    /// Enough are left; who has come instead is to be found.
    Soon,
}

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
    /// When the list was asked for that is under way.
    asked_at: Option<Instant>,
    /// How far looks because of deaths are apart.
    distance: Option<Duration>,
    /// Until when the looks because of deaths are paid for, each with its distance.
    paid_until: Option<Instant>,
}

impl Looks {
    /// A watch begins: it is looked at from that moment on.
    pub(super) fn begin(&mut self, now: Instant, from: Instant) -> Look {
        if self.asked.is_some() {
            self.asked = Some(Freshness::Void);
            return Look::Later;
        }
        if from <= now {
            return self.ask(now);
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
    pub(super) fn take(&mut self, now: Instant) -> Option<Freshness> {
        let took = self.asked_at.take().map(|at| now.saturating_duration_since(at));
        let distance = took.map(|took| took.saturating_mul(TIMES_AS_FAR).min(DEATH_LOOK_LATEST));
        self.distance = distance.or(self.distance);
        self.asked.take()
    }

    pub(super) fn ask(&mut self, now: Instant) -> Look {
        self.asked = Some(Freshness::Good);
        self.asked_at = Some(now);
        self.at = None;
        Look::Now
    }

    /// A process has died, or had died before the list was made that has come.
    pub(super) fn after_death(&mut self, now: Instant, urgency: Urgency) -> Look {
        if self.asked == Some(Freshness::Good) {
            self.asked = Some(Freshness::Doubtful);
        }
        if self.asked.is_some() {
            return Look::Later;
        }
        let distance = self.distance();
        let ahead = match urgency {
            Urgency::Now => distance.saturating_mul(DEATH_LOOKS_MAX - 1),
            Urgency::Soon => {
                self.by(later(now, distance));
                return Look::Later;
            }
        };
        let paid = self.paid_until.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        match paid.checked_sub(ahead).filter(|wait| !wait.is_zero()) {
            Some(wait) => {
                let at = later(now, wait);
                // One look for all deaths until then: it is paid for once.
                if self.at.is_none_or(|before| before > at) {
                    self.pay(now);
                    self.by(at);
                }
                Look::Later
            }
            None => {
                self.pay(now);
                self.ask(now)
            }
        }
    }

    fn distance(&self) -> Duration {
        self.distance.unwrap_or(DEATH_LOOK).max(DEATH_LOOK)
    }

    fn pay(&mut self, now: Instant) {
        let from = self.paid_until.map_or(now, |at| at.max(now));
        self.paid_until = Some(later(from, self.distance()));
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
            due = true;
        }
        // One list at a time: what is under way serves this poll too.
        if due && self.asked.is_none() { self.ask(now) } else { Look::Later }
    }

    /// Returns when to look next, beside the polls.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.at
    }
}
