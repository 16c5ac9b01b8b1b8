//! One list of the host's processes at a time, for all modules that wait for one.
//!
//! In: who wants a list, the end of the order. Out: whether to order one, whom the result is for, and that none comes.
//! Always: a module gets only a list that was ordered after it asked.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ids::ActionId;
use crate::timer::later;

/// A list that could not be made is ordered again after this time.
const RETRY: Duration = Duration::from_secs(1);
/// After this time a list is told to be missing: far more than ten thousand processes need. It is waited for all the same,
/// since another one would be held up by what holds it up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who waits for a list of processes, and the list under way. Modules are named by their numbers.
#[derive(Debug, Default)]
pub(super) struct Scans {
    wanted: BTreeSet<u32>,
    flight: Option<(ActionId, BTreeSet<u32>)>,
    /// When the list under way is told to be missing.
    late_at: Option<Instant>,
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
    pub(super) fn ordered(&mut self, now: Instant, id: ActionId) {
        self.flight = Some((id, std::mem::take(&mut self.wanted)));
        self.late_at = Some(later(now, PATIENCE));
    }

    /// The list has come; returns whom it is for, nobody where it was not the one under way, and whether there was none
    /// before.
    pub(super) fn finished(&mut self, id: ActionId) -> (BTreeSet<u32>, bool) {
        let Some(modules) = self.take(id) else { return (BTreeSet::new(), false) };
        (modules, std::mem::replace(&mut self.failing, false))
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
        self.late_at = None;
        Some(modules)
    }

    /// Lets a retry go; tells whether it is news that a list does not come.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        self.retry_at.take_if(|at| *at <= now);
        let late = self.late_at.take_if(|at| *at <= now).is_some();
        late && !std::mem::replace(&mut self.failing, true)
    }

    /// Returns when there is something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at.into_iter().chain(self.late_at).min()
    }
}
