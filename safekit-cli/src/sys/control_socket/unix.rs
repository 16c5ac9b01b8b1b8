//! A Unix socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::Stream;

/// Connects; each read and write of the connection waits for `limit` at most.
///
/// # Errors
/// What the operating system says.
pub(crate) fn connect(socket: &Path, limit: Duration) -> io::Result<Box<dyn Stream>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(Box::new(stream))
}
