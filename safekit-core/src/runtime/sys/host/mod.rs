//! The host's boot.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::{boot_id, since_boot};
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::{boot_id, since_boot};
