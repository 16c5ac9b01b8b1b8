//! Sockets with the options that the edge wants.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

#[cfg(not(target_os = "linux"))]
use fallback as system;
#[cfg(target_os = "linux")]
use linux as system;

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
    system::enlarge_receive_buffer(&socket, receive_bytes);
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Whether [`connect_udp_beside`] does anything on this operating system.
#[cfg(test)]
pub(in crate::runtime) const SEPARATES_SENDERS: bool = system::SEPARATES_SENDERS;

/// Makes a socket that gets what comes from `to` to the address of `main`; that one gets what comes from anybody else.
///
/// # Errors
/// When the operating system refuses, or has nothing of the kind.
pub(in crate::runtime) fn connect_udp_beside(
    main: &UdpSocket,
    to: SocketAddr,
    receive_bytes: usize,
) -> io::Result<Socket> {
    system::connect_udp_beside(SockRef::from(main), to, receive_bytes)
}
