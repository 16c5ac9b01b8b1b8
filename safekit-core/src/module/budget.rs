//! How many automatic restarts a module may have (XML `maxloop`, `loop_interval`).
//!
//! The count begins with the first automatic action and is forgotten when `loop_interval` has passed since then, or
//! by an administrator's command. An interval of zero: no limit, and nothing is counted.

use std::time::{Duration, Instant};

use super::saved::SavedBudget;
use crate::bug::{Bug, planted};
use crate::config::model::ModuleConfig;

/// What becomes of an automatic action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done, and counted.
    Granted { used: u32 },
    /// It is done; nothing is counted.
    Unlimited,
    /// There were as many as there may be: the module is to stop.
    Exhausted,
}

/// The restart budget of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RestartBudget {
    used: u32,
    /// The age of the count at `since`.
    age: Duration,
    since: Instant,
}

impl RestartBudget {
    /// Takes what was saved, or begins with nothing.
    pub(super) fn new(now: Instant, saved: Option<SavedBudget>) -> Self {
        let saved = saved.unwrap_or_default();
        Self { used: saved.used, age: Duration::from_millis(saved.age_ms), since: now }
    }

    /// Counts an automatic action.
    pub(super) fn count(&mut self, now: Instant, config: &ModuleConfig) -> Verdict {
        if config.loop_interval.is_zero() || planted(Bug::UnlimitedRestarts) {
            return Verdict::Unlimited;
        }
        if self.used(now, config) == 0 {
            *self = Self::new(now, None);
        }
        if self.used >= config.maxloop {
            return Verdict::Exhausted;
        }
        self.used += 1;
        Verdict::Granted { used: self.used }
    }

    /// Forgets what was counted.
    pub(super) fn reset(&mut self, now: Instant) {
        *self = Self::new(now, None);
    }

    /// Returns how many actions count at that moment.
    pub(super) fn used(&self, now: Instant, config: &ModuleConfig) -> u32 {
        if self.age(now) >= config.loop_interval { 0 } else { self.used }
    }

    /// Returns what to keep.
    pub(super) fn saved(&self, now: Instant) -> SavedBudget {
        let age_ms = match self.used {
            0 => 0,
            _ => u64::try_from(self.age(now).as_millis()).unwrap_or(u64::MAX),
        };
        SavedBudget { used: self.used, age_ms }
    }

    fn age(&self, now: Instant) -> Duration {
        self.age.saturating_add(now.saturating_duration_since(self.since))
    }
}
