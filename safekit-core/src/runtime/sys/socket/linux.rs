//! Socket options on Linux.

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Enlarges the receive buffer, beyond `net.core.rmem_max` where that is permitted, up to it otherwise.
pub(super) fn enlarge_receive_buffer(socket: &Socket, size_bytes: usize) {
    if set_socket_recv_buffer_size_force(socket, size_bytes).is_err() {
        // Refused or cut: the default works too, with less room for a burst.
        drop(socket.set_recv_buffer_size(size_bytes));
    }
}

/// Whether [`connect_udp_beside`] does anything here.
#[cfg(test)]
pub(super) const SEPARATES_SENDERS: bool = true;

/// Binds a socket to the address of another one and connects it, so that it alone gets what comes from there.
///
/// The other one shares its address for that moment only: no other program can take part afterwards.
pub(super) fn connect_udp_beside(
    main: SockRef<'_>,
    to: SocketAddr,
    receive_bytes: usize,
) -> io::Result<Socket> {
    let own = main.local_addr()?;
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    if to.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    enlarge_receive_buffer(&socket, receive_bytes);
    socket.set_reuse_address(true)?;
    main.set_reuse_address(true)?;
    let bound = socket.bind(&own);
    main.set_reuse_address(false)?;
    bound?;
    socket.connect(&to.into())?;
    Ok(socket)
}
