//! File descriptors in the loop.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// Something with a file descriptor, kept open while the loop watches it.
///
/// Example: [`WatchToken`](crate::runtime::WatchToken).
pub type Source = Box<dyn AsFd + Send>;

/// Adds a descriptor to the loop: reported once each time it becomes readable.
pub(in crate::runtime) fn register(
    registry: &Registry,
    source: &impl AsFd,
    token: Token,
) -> io::Result<()> {
    registry.register(&mut SourceFd(&source.as_fd().as_raw_fd()), token, Interest::READABLE)
}

/// Takes a descriptor out of the loop, before it is closed.
pub(in crate::runtime) fn deregister(registry: &Registry, source: &impl AsFd) {
    // It was registered: nothing can fail but what its closing does anyway.
    drop(registry.deregister(&mut SourceFd(&source.as_fd().as_raw_fd())));
}
