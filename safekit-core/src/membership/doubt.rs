//! Whether a change of the graph is acted upon at once, or after quiet: the first of two survivors to notice a death
//! must not be thrown out while the second one still waits.

use std::time::{Duration, Instant};

use super::graph::Shape;
use crate::bug::{Bug, planted};

/// A change that is not clear to everybody at once.
#[derive(Debug)]
pub(super) struct Doubt {
    shape: Shape,
    changed: Instant,
    waiting: Option<Instant>,
}

impl Doubt {
    /// Begins without a graph.
    pub(super) fn new(now: Instant) -> Self {
        Self { shape: Shape::new(), changed: now, waiting: None }
    }

    /// Takes note of the graph.
    pub(super) fn observe(&mut self, now: Instant, shape: Shape) {
        if shape != self.shape {
            self.shape = shape;
            self.changed = now;
        }
    }

    /// Returns since when the graph is as it is.
    pub(super) fn quiet_since(&self) -> Instant {
        self.changed
    }

    /// Ends the waiting: what is wanted is what is there, or is clear.
    pub(super) fn end(&mut self) {
        self.waiting = None;
    }

    /// Tells whether to wait longer: until the graph was quiet for `settle`, and no longer than `longest` in all.
    pub(super) fn wait(&mut self, now: Instant, settle: Duration, longest: Duration) -> bool {
        let since = *self.waiting.get_or_insert(now);
        let waits =
            now < self.changed + settle && now < since + longest && !planted(Bug::NoSettling);
        if !waits {
            self.waiting = None;
        }
        waits
    }

    /// Returns when to ask again.
    pub(super) fn deadline(&self, settle: Duration, longest: Duration) -> Option<Instant> {
        self.waiting.map(|since| (self.changed + settle).min(since + longest))
    }
}
