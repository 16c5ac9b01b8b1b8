//! Network interfaces.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::addresses;
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::addresses;
