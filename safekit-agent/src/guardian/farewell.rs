//! Sends the letters of a dead agent.
//!
//! Three times: at once, after 6 ms and after 20 ms. The letters are constant bytes; order, repetition and lateness do
//! no harm, so nothing is waited for and an address that cannot be reached is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::channel::{Farewell, FarewellLan};

/// When the copies go out, counted from the death.
pub(super) const COPIES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(6), Duration::from_millis(20)];

/// Letters on their way out.
#[derive(Debug)]
pub(super) struct Sending {
    farewell: Farewell,
    begun: Instant,
    sent: usize,
}

impl Sending {
    /// Begins with the letters of an agent that is dead.
    pub(super) fn new(now: Instant, farewell: Farewell) -> Self {
        Self { farewell, begun: now, sent: 0 }
    }

    /// Returns when the next copy is due; `None` when all are out.
    pub(super) fn due(&self) -> Option<Instant> {
        COPIES.get(self.sent).map(|after| self.begun + *after)
    }

    /// Sends the copies that are due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            self.sent = self.sent.saturating_add(1);
            for lan in &self.farewell.lans {
                send(&self.farewell.letters, lan);
            }
        }
    }
}

#[expect(clippy::disallowed_types, reason = "the guardian has no edge: it outlives it")]
fn send(letters: &[Vec<u8>], lan: &FarewellLan) {
    use std::net::UdpSocket;
    let bind = |address: IpAddr| UdpSocket::bind(SocketAddr::new(address, 0)).ok();
    for to in &lan.to {
        let anywhere: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let own = lan.from.filter(|from| from.is_ipv4() == to.is_ipv4());
        let Some(socket) = own.and_then(bind).or_else(|| bind(anywhere)) else { continue };
        if socket.set_nonblocking(true).is_err() {
            continue;
        }
        for letter in letters {
            // Nobody to tell: the others lose the node by silence then.
            drop(socket.send_to(letter, to));
        }
    }
}
