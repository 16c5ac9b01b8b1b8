//! Sockets with the options that the edge wants.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(not(target_os = "linux"))]
use fallback::enlarge_receive_buffer;
#[cfg(target_os = "linux")]
use linux::enlarge_receive_buffer;

/// Binds a non-blocking UDP socket. `SO_REUSEADDR` stays off: an address that somebody else has is an error, not a
/// quiet sharing of datagrams. The receive buffer is as near to `receive_bytes` as the operating system allows.
pub(in crate::runtime) fn bind_udp(
    address: SocketAddr,
    receive_bytes: usize,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    enlarge_receive_buffer(&socket, receive_bytes);
    socket.bind(&address.into())?;
    Ok(socket)
}
