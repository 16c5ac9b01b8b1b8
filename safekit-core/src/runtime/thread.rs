//! Starts threads: the only place of the edge that does, so that each has a name.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a named thread. Linux shows the first 15 bytes of the name.
///
/// # Errors
/// The operating system has no thread to give.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}
