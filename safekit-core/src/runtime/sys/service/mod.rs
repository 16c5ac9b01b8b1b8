//! How the services of the host stand.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::Asker;
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::Asker;
