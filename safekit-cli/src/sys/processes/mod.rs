//! Lists the processes of this host, ends them, and keeps those of a command together.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use fallback::{code, end_group, list, own_group, send};
#[cfg(target_os = "linux")]
pub(crate) use linux::{code, end_group, list, own_group, send};

/// What a process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To end.
    Terminate,
    /// Nothing: it is ended.
    Kill,
}
