//! Says when the kernel is to look anew for nodes that are silent (`search` has it do so).
//!
//! In: what was sent to whom, who was heard, and what came of each search. Out: whether one is due.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// To whom datagrams go on one lan.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    peers: BTreeMap<SocketAddr, Peer>,
}

#[derive(Debug)]
struct Peer {
    /// When something came from that address.
    heard_at: Instant,
    /// When the kernel is to look for it anew, since it was silent.
    look_at: Option<Instant>,
    /// A search is under way.
    searched: bool,
}

impl Lookout {
    /// Notes that something came from an address. After a silence the next datagram there has the kernel look at once:
    /// who is heard may still not be reached.
    pub(super) fn heard(&mut self, now: Instant, from: SocketAddr) {
        if let Some(peer) = self.peers.get_mut(&from) {
            if peer.is_silent(now) {
                peer.look_at = Some(now);
            }
            peer.heard_at = now;
        }
    }

    /// Something is about to be sent: tells whether the kernel is to look for the receiver before it.
    pub(super) fn is_due(&mut self, now: Instant, to: SocketAddr) -> bool {
        if !self.peers.contains_key(&to) && self.peers.len() >= PEERS_MAX {
            // Of earlier configurations: those of this one come again.
            self.peers.clear();
        }
        let interval = self.interval(now);
        let peer =
            self.peers.entry(to).or_insert(Peer { heard_at: now, look_at: None, searched: false });
        if peer.is_silent(now) && peer.look_at.is_none() {
            peer.look_at = Some(now);
        }
        let due = !peer.searched && peer.look_at.is_some_and(|at| at <= now);
        if due {
            peer.look_at = Some(now + interval);
        }
        due
    }

    /// Returns the time between two looks for one node: longer where many are silent, so that a node asks no more often
    /// than once each [`LOOK_GAP`].
    fn interval(&self, now: Instant) -> Duration {
        let silent = self.peers.values().filter(|peer| peer.is_silent(now)).count();
        let silent = u32::try_from(silent).unwrap_or(u32::MAX);
        LOOK_GAP.saturating_mul(silent).clamp(LOOK_INTERVAL, LOOK_INTERVAL_MAX)
    }

    /// The kernel is being asked to look.
    pub(super) fn begin(&mut self, to: SocketAddr) {
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.searched = true;
        }
    }

    /// It has been asked, or holds nothing back for that node (`reached`): if that one is heard too, the search is over.
    pub(super) fn end(&mut self, now: Instant, to: SocketAddr, reached: bool) {
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.searched = false;
            if reached && !peer.is_silent(now) {
                peer.look_at = None;
            }
        }
    }
}

impl Peer {
    fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= SILENT_AFTER
    }
}

/// The most addresses of a lan that are looked for: there are 128 nodes.
const PEERS_MAX: usize = 128;
/// Silence after which somebody is looked for. Longer than a usual pulse; with a long one it is a question more a pulse.
const SILENT_AFTER: Duration = Duration::from_millis(150);
/// How often somebody who is silent is looked for: each time is one broadcast on the lan.
const LOOK_INTERVAL: Duration = Duration::from_millis(90);
/// How often at least: the kernel itself looks once a second.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Time for one such broadcast of a node, where many are silent.
const LOOK_GAP: Duration = Duration::from_millis(12);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn peer(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    /// Sends to these every 10 ms for a second, and returns when each was looked for.
    fn looks(ports: std::ops::RangeInclusive<u16>, heard: &[u16]) -> BTreeMap<u16, Vec<u64>> {
        let base = clock::now();
        let mut lookout = Lookout::default();
        let mut looks = BTreeMap::new();
        for ms in (0..1000).step_by(10) {
            let now = base + Duration::from_millis(ms);
            heard.iter().for_each(|port| lookout.heard(now, peer(*port)));
            for port in ports.clone().filter(|port| lookout.is_due(now, peer(*port))) {
                looks.entry(port).or_insert_with(Vec::new).push(ms);
            }
        }
        looks
    }

    #[test]
    fn only_the_silent_are_looked_for() {
        let looks = looks(1..=3, &[1]);
        let often = [150, 240, 330, 420, 510, 600, 690, 780, 870, 960].to_vec();
        assert_eq!(looks, [(2, often.clone()), (3, often)].into());
    }

    #[test]
    fn many_silent_ones_are_looked_for_in_turn() {
        let looks = looks(1..=40, &[]);
        assert_eq!(looks.len(), 40, "nobody is forgotten");
        // 40 times 12 ms.
        assert!(looks.values().all(|at| *at == [150, 630]), "{looks:?}");
    }

    #[test]
    fn who_is_heard_after_a_silence_is_looked_for_at_once_until_it_is_reached() {
        let base = clock::now();
        let at = |ms| base + Duration::from_millis(ms);
        let mut lookout = Lookout::default();
        assert!(!lookout.is_due(at(0), peer(1)), "somebody new");
        lookout.heard(at(100), peer(1));
        assert!(!lookout.is_due(at(101), peer(1)), "that was no silence");
        assert!(lookout.is_due(at(300), peer(1)));
        lookout.heard(at(310), peer(1));
        assert!(lookout.is_due(at(311), peer(1)), "heard, and perhaps not reached");
        lookout.heard(at(400), peer(1));
        assert!(lookout.is_due(at(401), peer(1)), "still not reached");
        lookout.end(at(402), peer(1), true);
        assert!(!lookout.is_due(at(500), peer(1)));
        // Silent, and nothing held back: it is not asked for, but looked at again.
        lookout.end(at(600), peer(1), true);
        assert!(lookout.is_due(at(601), peer(1)) && lookout.is_due(at(691), peer(1)));
    }
}
