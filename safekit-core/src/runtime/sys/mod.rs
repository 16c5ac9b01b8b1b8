//! What differs between operating systems, one folder for each concern. Each concern shows the same functions
//! everywhere; `fallback.rs` answers `Unsupported` where nothing is built yet.

pub(super) mod files;
pub(super) mod host;
pub(super) mod local;
pub(super) mod neighbour;
pub(super) mod netif;
#[cfg(target_os = "linux")]
mod netlink;
pub(super) mod process;
pub(super) mod readiness;
pub(super) mod service;
pub(super) mod socket;
