//! Files that other programs write to as well.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::{create_log, open_log};
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::{create_log, open_log};
