//! Starts threads, each with a name; nothing else in the product does.

use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Starts a named thread; the kernel shows the first 15 bytes of the name.
///
/// # Errors
/// When the operating system gives no more threads.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}

/// Lets a worker wait; never called on the loop.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
