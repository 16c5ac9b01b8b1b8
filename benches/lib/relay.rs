//! Bare datagrams from one thread to another: the floor under every heartbeat.
//!
//! Two mio loops on loopback sockets, as the edge has them, and nothing else: no tag, no machine. It is paced as the
//! heartbeats beside it, so both find the processors equally asleep.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// How a stream of single datagrams is sent.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// How many.
    pub count: u32,
    /// The time between two.
    pub gap: Duration,
    /// Bytes of each.
    pub size_bytes: usize,
}

/// Sends the stream; returns each one-way time, from before the sending to after the receiving.
///
/// # Errors
/// When sockets or threads fail, or a datagram is lost.
pub fn run(stream: Stream) -> Try<Vec<Duration>> {
    let failed = || Trouble::io("send bare datagrams");
    let (mut receiving, into) = open().map_err(failed())?;
    let (mut sending, from) = open().map_err(failed())?;
    let to = into.local_addr().map_err(failed())?;
    let (begun, begins) = mpsc::channel();
    let sender = std::thread::Builder::new().name("bare-sender".to_owned());
    let sender =
        sender.spawn(move || send(stream, &mut sending, &from, to, &begun)).map_err(failed())?;
    let times = receive(stream, &mut receiving, &into, &begins).map_err(failed())?;
    match sender.join() {
        Ok(sent) => sent.map_err(failed())?,
        Err(_) => return Err(Trouble::failed("the bare sender has panicked")),
    }
    Ok(times)
}

fn open() -> std::io::Result<(Poll, UdpSocket)> {
    let poll = Poll::new()?;
    let mut socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
    Ok((poll, socket))
}

fn send(
    stream: Stream,
    poll: &mut Poll,
    socket: &UdpSocket,
    to: SocketAddr,
    begun: &mpsc::Sender<Instant>,
) -> std::io::Result<()> {
    let mut events = Events::with_capacity(8);
    let bytes = vec![0; stream.size_bytes];
    for _ in 0..stream.count {
        poll.poll(&mut events, Some(stream.gap))?;
        let begin = clock::now();
        socket.send_to(&bytes, to)?;
        // The receiver waits for it anyway, or has failed.
        let _ = begun.send(begin);
    }
    Ok(())
}

fn receive(
    stream: Stream,
    poll: &mut Poll,
    socket: &UdpSocket,
    begins: &mpsc::Receiver<Instant>,
) -> std::io::Result<Vec<Duration>> {
    let mut events = Events::with_capacity(8);
    let mut buffer = vec![0; 2048];
    let mut times = Vec::new();
    let lost = std::io::ErrorKind::TimedOut;
    // One wake-up may bring several.
    while times.len() < usize::try_from(stream.count).unwrap_or(usize::MAX) {
        poll.poll(&mut events, Some(stream.gap + Duration::from_secs(5)))?;
        if events.is_empty() {
            return Err(lost.into());
        }
        while socket.recv_from(&mut buffer).is_ok() {
            let end = clock::now();
            let begin = begins.recv().map_err(|_closed| std::io::Error::from(lost))?;
            times.push(end.saturating_duration_since(begin));
        }
    }
    Ok(times)
}

const SOCKET: Token = Token(0);
