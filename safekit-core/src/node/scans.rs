//! One list of the host's processes at a time, for all modules that wait for one.
//!
//! In: who wants a list, the end of the order. Out: whether to order one, and whom the result is for.
//! Always: a module gets only a list that was ordered after it asked.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ids::ActionId;
use crate::timer::later;

/// A list that could not be made is ordered again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// Who waits for a list of processes, and the list under way. Modules are named by their numbers.
#[derive(Debug, Default)]
pub(super) struct Scans {
    wanted: BTreeSet<u32>,
    flight: Option<(ActionId, BTreeSet<u32>)>,
    retry_at: Option<Instant>,
    failing: bool,
}

impl Scans {
    /// Takes note that a module wants a list.
    pub(super) fn want(&mut self, module: u32) {
        self.wanted.insert(module);
    }

    /// Forgets a module.
    pub(super) fn forget(&mut self, module: u32) {
        self.wanted.remove(&module);
        if let Some((_, modules)) = &mut self.flight {
            modules.remove(&module);
        }
    }

    /// Tells whether a list has to be ordered now.
    pub(super) fn is_due(&self) -> bool {
        !self.wanted.is_empty() && self.flight.is_none() && self.retry_at.is_none()
    }

    /// A list was ordered.
    pub(super) fn ordered(&mut self, id: ActionId) {
        self.flight = Some((id, std::mem::take(&mut self.wanted)));
    }

    /// The list has come; returns whom it is for, nobody where it was not the one under way.
    pub(super) fn finished(&mut self, id: ActionId) -> BTreeSet<u32> {
        self.take(id).inspect(|_| self.failing = false).unwrap_or_default()
    }

    /// The list could not be made; tells whether that is news.
    pub(super) fn failed(&mut self, now: Instant, id: ActionId) -> bool {
        let Some(modules) = self.take(id) else { return false };
        self.wanted.extend(modules);
        self.retry_at = Some(later(now, RETRY));
        !std::mem::replace(&mut self.failing, true)
    }

    fn take(&mut self, id: ActionId) -> Option<BTreeSet<u32>> {
        let (_, modules) = self.flight.take_if(|(flying, _)| *flying == id)?;
        Some(modules)
    }

    /// Lets a retry go.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.retry_at.take_if(|at| *at <= now);
    }

    /// Returns when the next retry is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at
    }
}
