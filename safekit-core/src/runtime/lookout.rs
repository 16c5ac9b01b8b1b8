//! Has the kernel look anew for nodes that are silent.
//!
//! By itself the kernel asks once a second where a neighbour is that does not answer, and holds what is sent to it until
//! then: a link that works again would not be used for up to a second.
//!
//! In: what was sent to whom, and who was heard. Out: nothing but that. Where this process may not change the table of
//! neighbours, or the operating system has none, all is as the kernel does it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::runtime::sys::neighbour::Neighbours;

/// Whom datagrams go to on one lan, and when something came from there.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    peers: BTreeMap<SocketAddr, Peer>,
    /// When the kernel may be asked again, for whomever.
    free_at: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    asked_at: Instant,
}

impl Lookout {
    /// Notes that something came from an address.
    pub(super) fn heard(&mut self, now: Instant, from: SocketAddr) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.heard_at = now;
        }
    }

    /// Something is about to be sent: tells whether the kernel should look for the receiver anew before that.
    pub(super) fn is_due(&mut self, now: Instant, to: SocketAddr) -> bool {
        if !self.peers.contains_key(&to) && self.peers.len() >= PEERS_MAX {
            // Of earlier configurations: those of this one come again.
            self.peers.clear();
        }
        let new = || Peer { heard_at: now, asked_at: now };
        let peer = self.peers.entry(to).or_insert_with(new);
        let since = |at: Instant| now.saturating_duration_since(at);
        if since(peer.heard_at) < SILENT_AFTER
            || since(peer.asked_at) < LOOK_INTERVAL
            || self.free_at.is_some_and(|at| now < at)
        {
            return false;
        }
        peer.asked_at = now;
        self.free_at = now.checked_add(LOOK_GAP);
        true
    }
}

/// Looks for a receiver on the network of an own address; without `neighbours` nobody is looked for, and none are left
/// where this process may not.
pub(super) fn look_for(neighbours: &mut Option<Neighbours>, own: IpAddr, to: IpAddr) {
    let Some(table) = neighbours else { return };
    match table.ask_anew(own, to) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            *neighbours = None;
        }
        // An interface that has gone: it is tried again.
        Ok(_) | Err(_) => {}
    }
}

/// The most addresses of a lan that are looked for: there are 128 nodes.
const PEERS_MAX: usize = 128;
/// Silence after which somebody is looked for.
const SILENT_AFTER: Duration = Duration::from_millis(250);
/// How often somebody who is silent is looked for: each time is one broadcast on the lan.
const LOOK_INTERVAL: Duration = Duration::from_millis(90);
/// Between two such broadcasts of a node, however many are silent.
const LOOK_GAP: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn looks_for_the_silent_only_and_not_for_all_at_once() {
        let base = clock::now();
        let at = |ms| base + Duration::from_millis(ms);
        let peer = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let mut lookout = Lookout::default();
        let mut looks = BTreeMap::new();
        for ms in (0..1000).step_by(10) {
            lookout.heard(at(ms), peer(1));
            for port in 1..=3 {
                if lookout.is_due(at(ms), peer(port)) {
                    looks.entry(port).or_insert_with(Vec::new).push(ms);
                }
            }
        }
        assert_eq!(looks.get(&1), None, "it is heard");
        assert_eq!(looks[&2], [250, 340, 430, 520, 610, 700, 790, 880, 970]);
        assert_eq!(looks[&3], [270, 360, 450, 540, 630, 720, 810, 900, 990]);

        // As many as there can be take turns.
        let mut lookout = Lookout::default();
        let mut asked = 0;
        for ms in (0..1250).step_by(1) {
            let due = (1..=120).filter(|port| lookout.is_due(at(ms), peer(*port))).count();
            asked += due;
        }
        assert_eq!(asked, 50);
        // Somebody new is no reason to ask.
        assert!(!lookout.is_due(at(2000), peer(4711)));
    }
}
