//! The UDP sockets of the lans.
//!
//! Each node that is sent to has a socket of its own for what comes from it (`peers`).
//!
//! In: datagrams, as [`Input::DatagramReceived`]. Out: datagrams. No error of a socket stops anything: it is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::ids::LanId;
use crate::membership::Transmit;
use crate::node::Input;
use crate::runtime::lookout::Lookout;
use crate::runtime::peers::Peers;
use crate::runtime::search::{Search, SearchJob};
use crate::runtime::{clock, sys};

/// Lans whose addresses could not be bound; all others are bound and work.
///
/// ```
/// use std::sync::Arc;
/// use safekit_core::ids::{LanId, ModuleName};
/// use safekit_core::module::saved::SavedModule;
/// use safekit_core::runtime::{BindError, Edge, EdgeConfig, Keep, LanBindError, LanCounters};
///
/// # struct Nothing;
/// # impl Keep for Nothing {
/// #     fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> std::io::Result<()> { Ok(()) }
/// # }
/// let [good, bad] = [LanId::new(0).ok_or("a lan")?, LanId::new(1).ok_or("another")?];
/// let mut edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)))?;
/// // 198.51.100.0/24 is for documentation: no host has such an address.
/// let lans = [(good, "127.0.0.1:0".parse()?), (bad, "198.51.100.7:4800".parse()?)];
/// let Err(BindError { failed }) = edge.bind_lans(&lans) else { return Err("it has a fault".into()) };
/// let fault: &LanBindError = &failed[0];
/// assert_eq!((failed.len(), fault.lan), (1, bad));
/// // The other one works.
/// let counters: &LanCounters = &edge.lan_counters()[&good];
/// assert_eq!((counters.received, counters.send_errors), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct BindError {
    /// Each lan that is without a socket, and why.
    pub failed: Vec<LanBindError>,
}

/// Why a lan is without a socket.
///
/// Example: [`BindError`].
#[derive(Debug)]
pub struct LanBindError {
    /// The lan.
    pub lan: LanId,
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub error: io::Error,
}

/// What a lan's socket has done so far.
///
/// Example: [`BindError`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LanCounters {
    /// Datagrams received and handed in.
    pub received: u64,
    /// Datagrams dropped because they were larger than any of ours can be.
    pub oversized: u64,
    /// Errors at receiving.
    pub receive_errors: u64,
    /// Datagrams given to the operating system.
    pub sent: u64,
    /// Datagrams that the operating system did not take.
    pub send_errors: u64,
    /// What it said last.
    pub last_send_error: Option<String>,
}

/// The sockets, by lan.
#[derive(Debug)]
pub(super) struct Lans {
    sockets: BTreeMap<LanId, LanSocket>,
    /// One byte more than the largest datagram, to see that one is larger.
    buffer: Vec<u8>,
    /// Datagrams for lans without socket.
    unbound: u64,
    search: Search,
}

#[derive(Debug)]
struct LanSocket {
    /// What was asked for.
    wanted: SocketAddr,
    socket: UdpSocket,
    /// The same socket, for the thread that searches.
    beside: Arc<socket2::Socket>,
    readable: bool,
    peers: Peers,
    lookout: Lookout,
    counters: LanCounters,
    last_send_code: Option<i32>,
}

impl BindError {
    fn text(&self) -> String {
        let text = |failed: &LanBindError| format!("lan {}: {failed}", failed.lan.number());
        let texts: Vec<String> = self.failed.iter().map(text).collect();
        texts.join("; ")
    }
}

impl fmt::Display for LanBindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lan: _, address, error } = self;
        let kind = error.kind();
        let advice = if kind == io::ErrorKind::AddrInUse {
            "another program has this address and port: stop it (ss -ulpn shows it) or choose another port"
        } else if kind == io::ErrorKind::AddrNotAvailable {
            "this host has no such address: correct addr or laddr in cluster.xml, or bring the interface up"
        } else if kind == io::ErrorKind::PermissionDenied {
            "not permitted: run as root or choose a port above 1023"
        } else {
            "heartbeats cannot use it"
        };
        write!(f, "cannot bind UDP {address}: {advice} ({error})")
    }
}

impl Lans {
    pub(super) fn new() -> Self {
        Self {
            sockets: BTreeMap::new(),
            buffer: vec![0; DATAGRAM_BYTES_MAX + 1],
            unbound: 0,
            search: Search::default(),
        }
    }

    /// Makes exactly these sockets; those that are there already stay as they are, with what waits in them.
    pub(super) fn bind(
        &mut self,
        registry: &Registry,
        lans: &[(LanId, SocketAddr)],
    ) -> Result<(), BindError> {
        let mut old = std::mem::take(&mut self.sockets);
        let is = |socket: &LanSocket, address: SocketAddr| {
            socket.wanted == address && address.port() != 0
        };
        for (lan, address) in lans {
            if old.get(lan).is_some_and(|socket| is(socket, *address)) {
                self.sockets.extend(old.remove_entry(lan));
            }
        }
        let made: BTreeSet<LanId> = self.sockets.keys().copied().collect();
        let mut missing = Vec::new();
        for (lan, address) in lans.iter().filter(|(lan, _)| !made.contains(lan)) {
            let former = old.iter().find(|(_, socket)| is(socket, *address)).map(|(lan, _)| *lan);
            let moved = former.and_then(|former| old.remove(&former)).and_then(|mut socket| {
                socket.move_to(registry, *lan).ok()?;
                Some(socket)
            });
            match moved {
                Some(socket) => drop(self.sockets.insert(*lan, socket)),
                None => missing.push((*lan, *address)),
            }
        }
        // Closed before others are bound: a lan may take over the address of another one.
        drop(old);
        let mut failed = Vec::new();
        for (lan, address) in missing {
            match LanSocket::bind(registry, lan, address) {
                Ok(socket) => {
                    self.sockets.insert(lan, socket);
                }
                Err(error) => failed.push(LanBindError { lan, address, error }),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(BindError { failed }) }
    }

    /// Notes that something waits at a socket.
    pub(super) fn mark_readable(&mut self, token: Token) {
        for (lan, socket) in &mut self.sockets {
            if token_of(*lan) == token {
                socket.readable = true;
            }
            socket.peers.mark_readable(token);
        }
    }

    /// Tells whether something waits that the budget of the last turn left there.
    pub(super) fn has_waiting(&self) -> bool {
        self.sockets.values().any(|socket| socket.readable || socket.peers.has_waiting())
    }

    /// Receives all that waits: [`RECEIVE_ROUND`] datagrams of each socket in turn, [`RECEIVE_ROUNDS_MAX`] times, those
    /// of peers [`PEER_ROUNDS_MAX`] times.
    pub(super) fn receive(&mut self, inputs: &mut Vec<Input>) {
        for round in 0..RECEIVE_ROUNDS_MAX {
            let peers_too = round < PEER_ROUNDS_MAX;
            let mut again = false;
            for (lan, socket) in &mut self.sockets {
                socket.receive(*lan, peers_too, &mut self.buffer, inputs);
                again |= socket.readable || (peers_too && socket.peers.has_waiting());
            }
            if !again {
                return;
            }
        }
    }

    /// Sends a datagram, or counts why it was not sent.
    pub(super) fn transmit(&mut self, registry: &Registry, transmit: &Transmit) {
        let now = clock::now();
        self.take_found(now);
        let Some(lan) = self.sockets.get_mut(&transmit.lan) else {
            self.unbound = self.unbound.saturating_add(1);
            return;
        };
        lan.peers.add(registry, transmit.lan, &lan.socket, transmit.to);
        if self.search.is_possible() && lan.lookout.is_due(now, transmit.to) {
            let job = SearchJob {
                lan: transmit.lan,
                own: lan.wanted.ip(),
                to: transmit.to,
                bytes: transmit.bytes.clone(),
                socket: Arc::clone(&lan.beside),
            };
            if self.search.submit(job) {
                return lan.lookout.begin(transmit.to);
            }
        }
        let sent = lan.socket.send_to(&transmit.bytes, transmit.to);
        lan.count_sent(sent.map(|_| ()));
    }

    /// Takes what has come of the searches.
    fn take_found(&mut self, now: Instant) {
        while let Some(found) = self.search.poll() {
            // A lan that has gone meanwhile needs nothing any more.
            if let Some(lan) = self.sockets.get_mut(&found.lan) {
                lan.lookout.end(now, found.to, found.reached);
                lan.count_sent(found.sent);
            }
        }
    }

    pub(super) fn counters(&self) -> BTreeMap<LanId, LanCounters> {
        self.sockets.iter().map(|(lan, socket)| (*lan, socket.counters.clone())).collect()
    }

    pub(super) fn unbound(&self) -> u64 {
        self.unbound
    }

    pub(super) fn addresses(&self) -> BTreeMap<LanId, SocketAddr> {
        self.sockets
            .iter()
            .map(|(lan, socket)| (*lan, socket.socket.local_addr().unwrap_or(socket.wanted)))
            .collect()
    }
}

impl LanSocket {
    fn bind(registry: &Registry, lan: LanId, wanted: SocketAddr) -> io::Result<Self> {
        let socket = sys::socket::bind_udp(wanted, RECEIVE_BUFFER_BYTES)?;
        let beside = Arc::new(socket.try_clone()?);
        let mut socket = UdpSocket::from_std(socket.into());
        registry.register(&mut socket, token_of(lan), Interest::READABLE)?;
        Ok(Self {
            wanted,
            socket,
            beside,
            readable: true,
            peers: Peers::default(),
            lookout: Lookout::default(),
            counters: LanCounters::default(),
            last_send_code: None,
        })
    }

    /// Becomes the socket of another lan.
    fn move_to(&mut self, registry: &Registry, lan: LanId) -> io::Result<()> {
        registry.reregister(&mut self.socket, token_of(lan), Interest::READABLE)?;
        // Whatever waits has to be found again under the other token.
        self.readable = true;
        self.peers.move_to(registry, lan);
        Ok(())
    }

    fn receive(&mut self, lan: LanId, peers_too: bool, buffer: &mut [u8], inputs: &mut Vec<Input>) {
        let before = inputs.len();
        for peer in self.peers.all().filter(|peer| peers_too && peer.readable) {
            peer.readable = self.counters.receive(lan, &peer.socket, buffer, inputs);
        }
        if self.readable {
            self.readable = self.counters.receive(lan, &self.socket, buffer, inputs);
        }
        let now = clock::now();
        for input in inputs.iter().skip(before) {
            if let Input::DatagramReceived { from, .. } = input {
                self.lookout.heard(now, *from);
            }
        }
    }

    fn count_sent(&mut self, sent: io::Result<()>) {
        let Err(error) = sent else {
            self.counters.sent = self.counters.sent.saturating_add(1);
            return;
        };
        self.counters.send_errors = self.counters.send_errors.saturating_add(1);
        let code = error.raw_os_error();
        if self.last_send_code != code || self.counters.last_send_error.is_none() {
            self.last_send_code = code;
            self.counters.last_send_error = Some(error.to_string());
        }
    }
}

impl LanCounters {
    /// Receives at most [`RECEIVE_ROUND`] datagrams of a socket, and tells whether more may wait there.
    fn receive(
        &mut self,
        lan: LanId,
        socket: &UdpSocket,
        buffer: &mut [u8],
        inputs: &mut Vec<Input>,
    ) -> bool {
        for _ in 0..RECEIVE_ROUND {
            match socket.recv_from(buffer) {
                Ok((size_bytes, from)) => match buffer.get(..size_bytes) {
                    Some(bytes) if size_bytes <= DATAGRAM_BYTES_MAX => {
                        self.received = self.received.saturating_add(1);
                        inputs.push(Input::DatagramReceived { lan, from, bytes: bytes.to_vec() });
                    }
                    _ => self.oversized = self.oversized.saturating_add(1),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // A host says that nobody is at the other end: what was sent there is lost, nothing else.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => self.receive_errors = self.receive_errors.saturating_add(1),
            }
        }
        true
    }
}

/// Tokens of lans are 100 and up: one for each lan there can be.
pub(super) fn token_of(lan: LanId) -> Token {
    Token(LAN_TOKENS + usize::from(lan.number()))
}

/// The first token of a lan.
pub(super) const LAN_TOKENS: usize = 100;

/// The largest datagram that is handed in; heartbeats are smaller than the smallest common MTU.
pub(super) const DATAGRAM_BYTES_MAX: usize = 2048;

/// What a socket is asked to hold while the loop does something else: some thousand heartbeats.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// How many datagrams one socket may give before it is the next one's turn.
pub(super) const RECEIVE_ROUND: usize = 64;

/// How many rounds one turn of the loop has: with [`RECEIVE_ROUND`] more than a full receive buffer, so that what
/// waited when the loop woke is handed in before silence is judged, and still an end when a flood goes on.
pub(super) const RECEIVE_ROUNDS_MAX: usize = 192;

/// The same for the socket of a peer, whose buffer is smaller: whoever writes the addresses of all nodes into a flood gets
/// no turn of the loop that is as many times longer.
pub(super) const PEER_ROUNDS_MAX: usize = 12;
