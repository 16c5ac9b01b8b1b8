//! A Unix socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::Stream;

/// Connects; that, and each read and write of the connection, waits for `limit` at most.
///
/// # Errors
/// What the operating system says.
pub(crate) fn connect(socket: &Path, limit: Duration) -> io::Result<Box<dyn Stream>> {
    let address = SocketAddrUnix::new(socket)?;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Set before: connecting to an agent that stands still, with a full queue, is a write that waits, too.
    set_socket_timeout(&fd, Timeout::Send, Some(limit))?;
    rustix::net::connect(&fd, &address)?;
    let stream = UnixStream::from(fd);
    stream.set_read_timeout(Some(limit))?;
    Ok(Box::new(stream))
}
