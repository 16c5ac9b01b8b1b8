//! Crowds of connections that mean no good.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, bind, connect, shutdown, socket_with, sockopt,
};
use safekit_core::runtime::clock;

use crate::usage;

#[expect(clippy::disallowed_types, reason = "the other end of the edge under test")]
type Stream = std::net::TcpStream;

/// What each of a crowd does.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Says this, then a byte a second, and comes again when it is closed. Empty: says nothing at all.
    Hold {
        /// What it says first.
        first: Vec<u8>,
        /// Whether a byte follows each second.
        drips: bool,
    },
    /// Says this once, as much of it as is taken, reads nothing, and comes again when it is closed.
    Unread(Vec<u8>),
    /// Says this, reads what comes until the end, and comes again.
    Talk(Vec<u8>),
    /// Ends its side at once, and comes again.
    HalfClose,
    /// Resets right after the connection is made, and comes again.
    Reset,
}

/// A crowd.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Whom it bothers.
    pub to: SocketAddrV4,
    /// What each does.
    pub manner: Manner,
    /// How many connections at a time.
    pub connections: usize,
}

struct Guest {
    stream: Stream,
    said: usize,
    next: std::time::Instant,
}

impl Crowd {
    /// Goes on, on this thread, which is kept on a processor, until it is told to stop; returns how many connections were
    /// made.
    pub fn run(&self, cpu: usize, stop: &AtomicBool) -> u64 {
        usage::pin(None, cpu);
        let mut guests: Vec<Option<Guest>> = (0..self.connections).map(|_| None).collect();
        let (mut made, mut number) = (0, 0_usize);
        while !stop.load(Ordering::Relaxed) {
            let mut busy = false;
            for place in &mut guests {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if place.is_none() {
                    number = number.wrapping_add(1);
                    *place = self.come(number).ok();
                    made += u64::from(place.is_some());
                    busy = true;
                }
                if let Some(guest) = place {
                    match self.go_on(guest) {
                        Ok(did) => busy |= did,
                        Err(_) => *place = None,
                    }
                }
            }
            if !busy {
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
        made
    }

    /// Connects from one of many addresses: no bound for one address may stop all of them.
    fn come(&self, number: usize) -> io::Result<Guest> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        let [first, second, third, _] = self.to.ip().octets();
        let last = u8::try_from(100 + number % 100).unwrap_or(100);
        let from = SocketAddrV4::new(Ipv4Addr::new(first, second, third, last), 0);
        bind(&socket, &SocketAddr::V4(from))?;
        match connect(&socket, &SocketAddr::V4(self.to)) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        if matches!(self.manner, Manner::Reset) {
            sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        }
        Ok(Guest { stream: Stream::from(socket), said: 0, next: clock::now() })
    }

    /// Does what is to be done; an error ends the connection. Tells whether it did anything.
    fn go_on(&self, guest: &mut Guest) -> io::Result<bool> {
        let over = || Err(io::ErrorKind::ConnectionAborted.into());
        let (mut did, words) = match &self.manner {
            Manner::Hold { first, .. } => (guest.say(first)?, first.len()),
            Manner::Unread(words) => return guest.say(words),
            Manner::Talk(words) => (guest.say(words)?, words.len()),
            Manner::HalfClose => {
                shutdown(&guest.stream, Shutdown::Write)?;
                (true, 0)
            }
            Manner::Reset => return over(),
        };
        if let Manner::Hold { drips: true, .. } = self.manner
            && guest.said >= words
            && clock::now() >= guest.next
        {
            guest.stream.write_all(b"a")?;
            guest.next = clock::now() + Duration::from_secs(1);
            did = true;
        }
        let mut scratch = [0; 4096];
        match guest.stream.read(&mut scratch) {
            Ok(0) => over(),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(did),
            Err(error) => Err(error),
        }
    }
}

impl Guest {
    /// Says what is left of some words, as much as is taken now; tells whether anything was.
    fn say(&mut self, words: &[u8]) -> io::Result<bool> {
        let rest = words.get(self.said..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        match self.stream.write(rest) {
            Ok(count) => {
                self.said += count;
                Ok(true)
            }
            // Not connected yet, or the other side reads no more.
            Err(error)
                if [io::ErrorKind::WouldBlock, io::ErrorKind::NotConnected]
                    .contains(&error.kind()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
