//! Socket options that every operating system has.

use std::io;
use std::net::SocketAddr;

use socket2::{SockRef, Socket};

/// Enlarges the receive buffer as far as the operating system does without rights.
pub(super) fn enlarge_receive_buffer(socket: &Socket, size_bytes: usize) {
    // Refused or cut: the default works too, with less room for a burst.
    drop(socket.set_recv_buffer_size(size_bytes));
}

/// Whether [`connect_udp_beside`] does anything here.
#[cfg(test)]
pub(super) const SEPARATES_SENDERS: bool = false;

/// Not known here: what comes from everybody comes by one socket.
pub(super) fn connect_udp_beside(
    _main: SockRef<'_>,
    _to: SocketAddr,
    _receive_bytes: usize,
) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}
