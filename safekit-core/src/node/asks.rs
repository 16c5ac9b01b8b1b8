//! One question about the host's services at a time, for all modules that wait for an answer.
//!
//! In: who wants to know of which services, the end of the order. Out: what to order, and whom the answer is for.
//! Always: a module gets only an answer that was ordered after it asked; one for all of the names that it asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::ActionId;

/// The names that each module asks for. Modules are named by their numbers.
pub(super) type Askers = BTreeMap<u32, BTreeSet<String>>;

/// Who waits to hear of services, and the question under way.
#[derive(Debug, Default)]
pub(super) struct Asks {
    wanted: Askers,
    flight: Option<(ActionId, Askers)>,
}

impl Asks {
    /// Takes note that a module wants to know of these services.
    pub(super) fn want(&mut self, module: u32, services: BTreeSet<String>) {
        self.wanted.insert(module, services);
    }

    /// Forgets a module.
    pub(super) fn forget(&mut self, module: u32) {
        self.wanted.remove(&module);
        if let Some((_, askers)) = &mut self.flight {
            askers.remove(&module);
        }
    }

    /// Returns the names to ask the host for now; `None`: nothing has to be ordered.
    pub(super) fn due(&self) -> Option<BTreeSet<String>> {
        let due = !self.wanted.is_empty() && self.flight.is_none();
        due.then(|| self.wanted.values().flatten().cloned().collect())
    }

    /// A question was ordered.
    pub(super) fn ordered(&mut self, id: ActionId) {
        self.flight = Some((id, std::mem::take(&mut self.wanted)));
    }

    /// The order has ended; returns whom that is for, `None` where it was another order.
    pub(super) fn finished(&mut self, id: ActionId) -> Option<Askers> {
        let (_, askers) = self.flight.take_if(|(flying, _)| *flying == id)?;
        Some(askers)
    }
}
