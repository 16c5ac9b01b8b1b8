//! What a host keeps when its agent dies, and when it loses power.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::ModuleName;
use crate::module::saved::SavedModule;

/// The disk of a host. A write is there when it has ended, and in the order of the orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// What was kept of each module, and since when.
    pub(super) modules: BTreeMap<ModuleName, (SavedModule, Duration)>,
    /// The counter of the guardian.
    pub(super) counter: u32,
    /// Whether writes fail.
    pub(super) full: bool,
}

impl Disk {
    /// Returns what was kept of a module, the age of its budget counted up to now.
    pub(super) fn load(&self, module: &ModuleName, now: Duration) -> Option<SavedModule> {
        let (saved, at) = self.modules.get(module)?;
        let mut saved = saved.clone();
        let since = u64::try_from((now - *at).as_millis()).unwrap_or(u64::MAX);
        saved.budget.age_ms = saved.budget.age_ms.saturating_add(since);
        Some(saved)
    }
}
