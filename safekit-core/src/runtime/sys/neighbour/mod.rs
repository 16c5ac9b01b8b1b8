//! Neighbours: which hardware addresses the kernel looks for on the network.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::Neighbours;
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::Neighbours;
