//! Connections that ask nothing and stay.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketType, bind, connect, recv, send, socket,
};

use crate::probe::{answer, request};

/// Connections that were answered once and are kept. They come from many addresses, as real ones do: no server has to
/// take all of them from one. They end with their owner, by a reset, which leaves nothing behind on either side.
#[derive(Debug)]
pub struct Idle {
    sockets: Vec<OwnedFd>,
    request: Vec<u8>,
}

impl Idle {
    /// Opens so many, each with one request, as far as the server takes them: see [`Idle::held`].
    #[must_use]
    pub fn open(address: SocketAddr, path: &str, count: usize) -> Self {
        let mut idle = Self { sockets: Vec::new(), request: request(address, path, "") };
        for number in 0..count {
            let Ok(socket) = connected(address, number) else { continue };
            if idle.is_answered(&socket) {
                idle.sockets.push(socket);
            }
        }
        idle
    }

    /// Asks once on each, which makes their time begin anew, and returns how many the server still has.
    pub fn held(&mut self) -> usize {
        let sockets = std::mem::take(&mut self.sockets);
        let held = sockets.into_iter().filter(|socket| self.is_answered(socket)).collect();
        self.sockets = held;
        self.sockets.len()
    }

    fn is_answered(&self, socket: &OwnedFd) -> bool {
        if send(socket, &self.request, SendFlags::NOSIGNAL).is_err() {
            return false;
        }
        let mut bytes = [0; ANSWER_BYTES_MAX];
        let Ok((got, _)) = recv(socket, &mut bytes, RecvFlags::empty()) else { return false };
        answer(bytes.get(..got).unwrap_or_default()).is_some_and(|answer| answer.status == 200)
    }
}

/// Connects from an address that belongs to this number.
fn connected(address: SocketAddr, number: usize) -> rustix::io::Result<OwnedFd> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    set_socket_linger(&socket, Some(Duration::ZERO))?;
    for direction in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&socket, direction, Some(ANSWER_TIME))?;
    }
    let group = u8::try_from(number / EACH).unwrap_or(u8::MAX);
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 77, 201, group), 0))?;
    connect(&socket, &address)?;
    Ok(socket)
}

/// Connections from one address: fewer than a front of the product takes from one.
const EACH: usize = 200;
const ANSWER_BYTES_MAX: usize = 1024;
const ANSWER_TIME: Duration = Duration::from_secs(2);
