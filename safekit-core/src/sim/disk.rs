//! What a host keeps when its agent dies, and when it loses power.

use std::collections::BTreeMap;

use crate::ids::ModuleName;
use crate::module::saved::SavedModule;

/// The disk of a host. A write is there when it has ended, and in the order of the orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// What was kept of each module.
    pub(super) modules: BTreeMap<ModuleName, SavedModule>,
    /// The counter of the guardian.
    pub(super) counter: u32,
    /// Whether writes fail.
    pub(super) full: bool,
}
