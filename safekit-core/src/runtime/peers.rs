//! A receive buffer of its own for each node that a lan sends to, so that no stranger can crowd out its heartbeats.
//!
//! The operating system gives a datagram to the socket that is connected to its sender, if there is one. Who floods the
//! lan's address fills the buffer of the lan's own socket, and loses his own datagrams only; who forges the address of a
//! node fills the buffer of that node. What comes from a node by a translated address still comes in, by the lan's socket.
//!
//! In: the addresses that were sent to. Out: datagrams. Where a socket cannot be made, nothing is lost but the protection.
//! Not here: whether a datagram is right (`wire`); a sender is known by its key and never by its address.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::sys;
use crate::ids::{LANS_MAX, LanId, NODES_MAX};

/// The sockets of one lan, each connected to one address; `None`: there is no such thing here.
#[derive(Debug, Default)]
pub(super) struct Peers {
    sockets: BTreeMap<SocketAddr, Option<PeerSocket>>,
}

#[derive(Debug)]
pub(super) struct PeerSocket {
    pub(super) socket: UdpSocket,
    token: Token,
    pub(super) readable: bool,
}

impl Peers {
    /// Makes the socket for an address, unless it is there.
    pub(super) fn add(
        &mut self,
        registry: &Registry,
        lan: LanId,
        main: &UdpSocket,
        to: SocketAddr,
    ) {
        if self.sockets.contains_key(&to) {
            return;
        }
        if self.sockets.len() >= NODES_MAX {
            // Of earlier configurations: those of this one come again.
            self.sockets.clear();
        }
        let token = token_of(lan, self.sockets.len());
        match PeerSocket::connect(registry, token, main, to) {
            Ok(socket) => drop(self.sockets.insert(to, Some(socket))),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.sockets.insert(to, None);
            }
            // No way there yet, or no file left: tried again with the next datagram.
            Err(_) => {}
        }
    }

    /// They belong to another lan from now on. What waits in them is found again; one that the operating system does not
    /// watch any more is made anew with the next datagram.
    pub(super) fn move_to(&mut self, registry: &Registry, lan: LanId) {
        let mut number = 0;
        self.sockets.retain(|_, socket| {
            let Some(socket) = socket else { return true };
            (socket.token, socket.readable) = (token_of(lan, number), true);
            number += 1;
            registry.reregister(&mut socket.socket, socket.token, Interest::READABLE).is_ok()
        });
    }

    pub(super) fn mark_readable(&mut self, token: Token) {
        for socket in self.all().filter(|socket| socket.token == token) {
            socket.readable = true;
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.sockets.values().flatten().any(|socket| socket.readable)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut PeerSocket> {
        self.sockets.values_mut().flatten()
    }
}

impl PeerSocket {
    fn connect(
        registry: &Registry,
        token: Token,
        main: &UdpSocket,
        to: SocketAddr,
    ) -> io::Result<Self> {
        let socket = sys::socket::connect_udp_beside(main, to, PEER_BUFFER_BYTES)?;
        let mut socket = UdpSocket::from_std(socket.into());
        registry.register(&mut socket, token, Interest::READABLE)?;
        // Between its binding and its connecting something may have come in, from anybody.
        Ok(Self { socket, token, readable: true })
    }
}

/// Two that have the same are looked at together, which does no harm.
fn token_of(lan: LanId, number: usize) -> Token {
    Token(PEER_TOKENS + usize::from(lan.number()) * NODES_MAX + number)
}

/// The first token of a peer; there is one for each node on each lan.
const PEER_TOKENS: usize = 1_000;
/// The last one.
pub(super) const LAST_PEER_TOKEN: usize = PEER_TOKENS + LANS_MAX * NODES_MAX;
/// Some hundred heartbeats: a node sends ten a second, and a few more when something happens.
const PEER_BUFFER_BYTES: usize = 256 << 10;
