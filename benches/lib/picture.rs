//! What the nodes of a lab show to an onlooker: the views that they act by, and who has the shared address.
//!
//! Each node has a thread that reads what it shows and notes when; [`Watch`] puts it together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, recv};
use safekit_core::runtime::{clock, host};

use crate::{Trouble, Try};

/// Something that a node shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It acts together with these from now on.
    View(BTreeSet<u8>),
    /// These share the load of the module, as it sees it.
    Takers(BTreeSet<u8>),
    /// It has the shared address, or not.
    Address(bool),
}

/// A sign, and when it was read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// Who.
    pub node: u8,
    /// What.
    pub sign: Sign,
}

/// What all nodes have shown last.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The view of each node.
    pub views: BTreeMap<u8, BTreeSet<u8>>,
    /// Who shares the load, as each node sees it.
    pub takers: BTreeMap<u8, BTreeSet<u8>>,
    /// Who has the shared address.
    pub holders: BTreeSet<u8>,
    /// Who is to be lost, and who has acted without it since that was said.
    lost: Option<(u8, BTreeSet<u8>)>,
}

impl Picture {
    /// Tells whether so many nodes are all in one view.
    #[must_use]
    pub fn is_whole(&self, nodes: u8) -> bool {
        let all: BTreeSet<u8> = (1..=nodes).collect();
        all.iter().all(|node| self.views.get(node) == Some(&all))
    }

    /// Tells whether the other ones act with a node, or all without it.
    #[must_use]
    pub fn others_act(&self, nodes: u8, victim: u8, with: bool) -> bool {
        every_other(&self.views, nodes, victim, with)
    }

    /// Tells whether each of the others has acted without the node that [`Watch::expect_loss`] was told of. Not all need to at
    /// the same time: one that comes back at once may be taken by some before it is given up by others.
    #[must_use]
    pub fn others_have_acted(&self, nodes: u8) -> bool {
        self.lost.as_ref().is_some_and(|(victim, acted)| {
            (1..=nodes).all(|node| node == *victim || acted.contains(&node))
        })
    }

    /// The same of the load of the module.
    #[must_use]
    pub fn others_share(&self, nodes: u8, victim: u8, with: bool) -> bool {
        every_other(&self.takers, nodes, victim, with)
    }

    /// Tells whether another node than this one has the shared address.
    #[must_use]
    pub fn other_holds(&self, victim: u8) -> bool {
        self.holders.iter().any(|node| *node != victim)
    }

    fn take(&mut self, seen: Seen) {
        if let (Sign::View(members), Some((victim, acted))) = (&seen.sign, &mut self.lost)
            && !members.contains(victim)
        {
            acted.insert(seen.node);
        }
        match seen.sign {
            Sign::View(members) => drop(self.views.insert(seen.node, members)),
            Sign::Takers(takers) => drop(self.takers.insert(seen.node, takers)),
            Sign::Address(true) => drop(self.holders.insert(seen.node)),
            Sign::Address(false) => drop(self.holders.remove(&seen.node)),
        }
    }
}

fn every_other(sets: &BTreeMap<u8, BTreeSet<u8>>, nodes: u8, victim: u8, with: bool) -> bool {
    let mut others = (1..=nodes).filter(|node| *node != victim);
    others.all(|node| sets.get(&node).is_some_and(|set| set.contains(&victim) == with))
}

/// Takes what the threads read.
#[derive(Debug)]
pub struct Watch {
    sender: Sender<Seen>,
    seen: Receiver<Seen>,
    picture: Picture,
    /// Who holds it weakly sees the end.
    looking: Arc<()>,
}

impl Default for Watch {
    fn default() -> Self {
        let (sender, seen) = mpsc::channel();
        Self { sender, seen, picture: Picture::default(), looking: Arc::new(()) }
    }
}

impl Watch {
    /// Returns where a thread puts what it reads.
    #[must_use]
    pub fn sender(&self) -> Sender<Seen> {
        self.sender.clone()
    }

    /// Forgets what a node has shown: it begins anew.
    pub fn reset(&mut self, node: u8) {
        self.catch_up();
        self.picture.views.remove(&node);
    }

    /// Forgets who shares the load.
    pub fn reset_takers(&mut self) {
        self.catch_up();
        self.picture.takers.clear();
    }

    /// Says that a node is to be lost from now on.
    pub fn expect_loss(&mut self, victim: u8) {
        self.catch_up();
        self.picture.lost = Some((victim, BTreeSet::new()));
    }

    /// Takes what has been read meanwhile; returns the picture.
    pub fn catch_up(&mut self) -> &Picture {
        while let Ok(seen) = self.seen.try_recv() {
            self.picture.take(seen);
        }
        &self.picture
    }

    /// Waits until the picture is as it should be; returns when the sign was read that made it so.
    #[must_use]
    pub fn until(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Picture) -> bool,
    ) -> Option<Instant> {
        let end = clock::now() + patience;
        if wanted(&self.picture) {
            return Some(clock::now());
        }
        loop {
            let left = end.saturating_duration_since(clock::now());
            let seen = self.seen.recv_timeout(left).ok()?;
            let at = seen.at;
            self.picture.take(seen);
            if wanted(&self.picture) {
                return Some(at);
            }
        }
    }
}

/// Reads lines of a node's output, on a thread of its own, until it ends; `read` finds the sign in a line.
///
/// # Errors
/// When there is no thread.
pub fn read_lines(
    node: u8,
    output: impl Read + Send + 'static,
    sender: Sender<Seen>,
    read: impl Fn(&str) -> Option<Sign> + Send + 'static,
) -> Try<()> {
    let work = move || {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|size_bytes| size_bytes > 0) {
            let at = clock::now();
            if let Some(sign) = read(&String::from_utf8_lossy(&line)) {
                // Nobody looks any more.
                drop(sender.send(Seen { at, node, sign }));
            }
            line.clear();
        }
    };
    thread("lines", work).map(drop)
}

/// Hears on a thread of its own, as long as the watch is there, whether a node has the shared address.
///
/// # Errors
/// When there is no thread.
pub fn hear_addresses(node: u8, socket: OwnedFd, address: [u8; 4], watch: &Watch) -> Try<()> {
    // The socket keeps the node's network alive.
    let (sender, looking) = (watch.sender(), Arc::downgrade(&watch.looking));
    set_socket_timeout(&socket, Timeout::Recv, Some(LOOK_AROUND))
        .map_err(|error| Trouble::io("limit a wait")(error.into()))?;
    let work = move || {
        let mut bytes = [0; 8192];
        while looking.strong_count() > 0 {
            let size_bytes = match recv(&socket, bytes.as_mut_slice(), RecvFlags::empty()) {
                Ok((size_bytes, _)) => size_bytes,
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(_) => return,
            };
            let at = clock::now();
            let mut rest = bytes.get(..size_bytes).unwrap_or_default();
            while let Some((message, behind)) = first_message(rest) {
                rest = behind;
                let has = match message.get(4..6) {
                    Some(kind) if kind == RTM_NEWADDR => true,
                    Some(kind) if kind == RTM_DELADDR => false,
                    Some(_) | None => continue,
                };
                if message.windows(4).any(|window| window == address)
                    && sender.send(Seen { at, node, sign: Sign::Address(has) }).is_err()
                {
                    return;
                }
            }
        }
    };
    thread("addresses", work).map(drop)
}

/// Splits the first netlink message off.
fn first_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, _) = bytes.split_first_chunk::<4>()?;
    let length =
        usize::try_from(u32::from_ne_bytes(*length)).ok().filter(|length| *length >= 16)?;
    let message = bytes.get(..length)?;
    Some((message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// Finds the numbers of nodes named `node1`, `node2`, ... in a text.
#[must_use]
pub fn named_nodes(text: &str) -> BTreeSet<u8> {
    text.split(' ').filter_map(|word| word.strip_prefix("node")?.parse().ok()).collect()
}

/// Starts a thread that reads before whatever else waits for a processor, where that is allowed: how late the onlooker is
/// is nobody's detection time.
pub(crate) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Try<JoinHandle<()>> {
    let urgent = move || {
        drop(host::take_realtime_priority());
        work();
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(urgent);
    thread.map_err(Trouble::io("start a thread"))
}

/// How often who waits for news looks whether they are still wanted.
const LOOK_AROUND: Duration = Duration::from_millis(500);

const RTM_NEWADDR: [u8; 2] = 20_u16.to_ne_bytes();
const RTM_DELADDR: [u8; 2] = 21_u16.to_ne_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_others_have_to_act() {
        let mut watch = Watch::default();
        let sender = watch.sender();
        let show = |node, members: &[u8]| {
            let sign = Sign::View(members.iter().copied().collect());
            sender.send(Seen { at: clock::now(), node, sign }).unwrap();
        };
        for node in 1..=3 {
            show(node, &[1, 2, 3]);
        }
        assert!(watch.catch_up().is_whole(3));
        show(2, &[2, 3]);
        let gone = |picture: &Picture| picture.others_act(3, 1, false);
        assert_eq!(watch.until(Duration::ZERO, gone), None, "node 3 has not acted");
        show(3, &[2, 3]);
        assert!(watch.until(Duration::ZERO, gone).is_some());
        show(2, &[1, 2, 3]);
        show(3, &[1, 2, 3]);
        watch.expect_loss(1);
        show(2, &[2, 3]);
        show(2, &[1, 2, 3]);
        show(3, &[2, 3]);
        let acted = |picture: &Picture| picture.others_have_acted(3);
        assert!(watch.until(Duration::ZERO, gone).is_none(), "not at the same time");
        assert!(watch.catch_up().others_have_acted(3), "each in its turn");
        watch.expect_loss(1);
        assert!(watch.until(Duration::ZERO, acted).is_none(), "that was another loss");
        watch.reset(2);
        assert!(!watch.catch_up().others_act(3, 1, false), "what begins anew has not acted");
    }

    #[test]
    fn messages_are_told_apart() {
        let message = |kind: [u8; 2], size: u32| {
            let mut bytes = size.to_ne_bytes().to_vec();
            bytes.extend(kind);
            bytes.resize(usize::try_from(size.next_multiple_of(4)).unwrap(), 7);
            bytes
        };
        let bytes = [message(RTM_NEWADDR, 18), message(RTM_DELADDR, 16)].concat();
        let (first, rest) = first_message(&bytes).unwrap();
        assert_eq!((first.len(), rest.len()), (18, 16));
        assert_eq!(first_message(rest).unwrap().1.len(), 0);
        assert_eq!(first_message(&bytes[..10]), None);
        assert_eq!(named_nodes("farm membership: node1 node12 (view 3)"), [1, 12].into());
    }
}
