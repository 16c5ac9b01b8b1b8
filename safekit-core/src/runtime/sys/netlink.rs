//! What all talk with the kernel over rtnetlink has in common (netlink(7), rtnetlink(7), RFC 3549).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// Bytes of the header of a message: length, kind, flags, sequence, port.
pub(super) const HEADER_BYTES: usize = 16;

// linux/netlink.h, linux/socket.h
pub(super) const ERROR: u16 = 2;
pub(super) const REQUEST: u16 = 0x1;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

/// Opens a socket on which the kernel has that time for an answer.
pub(super) fn connect(answer_time_max: Duration) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(answer_time_max))?;
    Ok(socket)
}

/// Sends a message to the kernel.
pub(super) fn send(socket: impl AsFd, message: &[u8]) -> io::Result<()> {
    sendto(socket, message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    Ok(())
}

/// Returns what the kernel says next.
pub(super) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<&[u8]> {
    let (size_bytes, _) = recv(socket, &mut *buffer, RecvFlags::empty())?;
    Ok(buffer.get(..size_bytes).unwrap_or_default())
}

/// Makes a request.
pub(super) fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let size_bytes = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(size_bytes.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// Returns the number of the error in the body of a message of kind [`ERROR`]; 0: done.
pub(super) fn error_in(body: &[u8]) -> io::Result<i32> {
    Ok(i32::from_ne_bytes(array_at(body, 0)?).saturating_neg())
}

pub(super) fn u16_at(bytes: &[u8], offset: usize) -> io::Result<u16> {
    array_at(bytes, offset).map(u16::from_ne_bytes)
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> io::Result<u32> {
    array_at(bytes, offset).map(u32::from_ne_bytes)
}

pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> io::Result<[u8; N]> {
    bytes.get(offset..).and_then(<[u8]>::first_chunk).copied().ok_or_else(cut)
}

pub(super) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is cut short")
}

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES, request, u32_at};

    #[test]
    fn a_request_is_as_long_as_it_says() {
        for body_bytes in [0, 8, 32] {
            let bytes = request(22, 0, &vec![0; body_bytes]);
            assert_eq!(bytes.len(), HEADER_BYTES + body_bytes);
            assert_eq!(usize::try_from(u32_at(&bytes, 0).unwrap()).unwrap(), bytes.len());
        }
    }
}
