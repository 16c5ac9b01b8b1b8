//! A further member of a farm, in this process, that notes what it sees and when.
//!
//! It is no special part: a [`FarmNode`] and an [`Edge`], joined with the cluster's own keys, as an embedder has them.
//! What it notes is seen from outside the node that something happens to.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use safekit_core::Machine;
use safekit_core::config::ClusterConfig;
use safekit_core::config::model::Host;
use safekit_core::event::Event;
use safekit_core::ids::{LanId, ModuleName, NodeId, NodeName};
use safekit_core::membership::{MemberState, MembershipConfig, NodeConfig};
use safekit_core::module::saved::SavedModule;
use safekit_core::node::{Input, Node, Output, Start};
use safekit_core::runtime::{Edge, EdgeConfig, Keep, clock, host};
use safekit_core::wire::{Datagram, Key, KeyRing, Seal};
use safekit_farm::FarmNode;

use crate::{Trouble, Try};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When the loop had it.
    pub at: Instant,
    /// What.
    pub sight: Sight,
}

/// One of the things that are seen.
#[derive(Clone, Debug)]
pub enum Sight {
    /// A datagram came.
    Datagram {
        /// From where.
        from: IpAddr,
        /// Its bytes.
        size_bytes: usize,
        /// Whose end it announces, where it is a letter.
        letter: Option<NodeId>,
    },
    /// A member stands otherwise.
    Member {
        /// Who.
        member: NodeId,
        /// How.
        state: MemberState,
    },
    /// A view is in force: its shares may be taken.
    View(BTreeSet<NodeId>),
}

/// The member.
#[derive(Debug)]
pub struct Observer {
    sightings: Receiver<Sighting>,
    view: BTreeSet<NodeId>,
    sent: Sent,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    /// Joins the farm as the node with this number, with what lies in another node's folder of the cluster.
    ///
    /// # Errors
    /// When the folder cannot be read, or the node's address is taken.
    pub fn join(cluster: &Path, me: u8) -> Try<Self> {
        let config = membership(cluster, me)?;
        let seal = Seal::new(&config.keys);
        let own = config.nodes.get(&config.me).map(|node| node.addresses.clone());
        let lans: Vec<(LanId, SocketAddr)> = own.into_iter().flatten().collect();
        let edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)));
        let mut edge = edge.map_err(|error| Trouble::failed(error.to_string()))?;
        edge.bind_lans(&lans).map_err(|error| Trouble::failed(error.to_string()))?;
        let counter = host::since_boot().map_err(Trouble::io("read the time since boot"))?;
        // Later than every observer before: they may have had the same place in the farm.
        let counter = u32::try_from(counter.as_millis() / 10).unwrap_or(u32::MAX);
        let node = Node::new(clock::now(), Start { counter, random: std::process::id() });
        let mut node = FarmNode::new(node);
        node.handle_input(clock::now(), Input::ClusterConfigured(Box::new(config)));
        let (sender, sightings) = mpsc::channel();
        let end = Arc::new(AtomicBool::new(false));
        let sent = Sent::default();
        let watch =
            Watch { edge, node, seal, sender, sent: Arc::clone(&sent), end: Arc::clone(&end) };
        let thread = std::thread::Builder::new().name("observer".to_owned());
        let thread = thread.spawn(|| watch.turn()).map_err(Trouble::io("start the observer"))?;
        Ok(Self { sightings, view: BTreeSet::new(), sent, end, thread: Some(thread) })
    }

    /// Returns the last heartbeats that it has sent to an address, the oldest first: genuine, and taken already.
    #[must_use]
    pub fn sent_to(&self, address: SocketAddr) -> Vec<Vec<u8>> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|(to, _)| *to == address).map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Forgets what was seen so far.
    pub fn forget(&mut self) {
        while self.next(Duration::ZERO).is_some() {}
    }

    /// Returns what is seen from now on, up to what is wanted, which is the last then; without it, what was seen until
    /// the patience ended.
    #[must_use]
    pub fn until(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&Sight) -> bool,
    ) -> Vec<Sighting> {
        let end = clock::now() + patience;
        let mut seen = Vec::new();
        while let Some(sighting) = self.next(end.saturating_duration_since(clock::now())) {
            let last = wanted(&sighting.sight);
            seen.push(sighting);
            if last {
                break;
            }
        }
        seen
    }

    /// Waits until so many members are in the view in force, if they are not yet.
    ///
    /// # Errors
    /// When they never are.
    pub fn wait_members(&mut self, count: usize, patience: Duration) -> Try<()> {
        self.forget();
        if self.view.len() != count {
            let full = |sight: &Sight| matches!(sight, Sight::View(it) if it.len() == count);
            drop(self.until(patience, full));
        }
        if self.view.len() == count {
            return Ok(());
        }
        Err(Trouble::failed(format!("never {count} members in view, but {:?}", self.view)))
    }

    fn next(&mut self, patience: Duration) -> Option<Sighting> {
        let sighting = self.sightings.recv_timeout(patience).ok()?;
        if let Sight::View(members) = &sighting.sight {
            self.view = members.clone();
        }
        Some(sighting)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What it has sent, and where.
type Sent = Arc<Mutex<VecDeque<(SocketAddr, Vec<u8>)>>>;
/// The most datagrams that are kept of it.
const SENT_MAX: usize = 512;

/// The observer's own thread.
struct Watch {
    edge: Edge,
    node: FarmNode,
    seal: Seal,
    sender: Sender<Sighting>,
    sent: Sent,
    end: Arc<AtomicBool>,
}

impl Watch {
    fn turn(mut self) {
        let mut inputs = Vec::new();
        let mut seen = Vec::new();
        while !self.end.load(Ordering::Acquire) {
            let look = clock::now() + Duration::from_millis(200);
            let deadline = self.node.poll_timeout().map_or(look, |deadline| deadline.min(look));
            if self.edge.wait(Some(deadline), &mut inputs).is_err() {
                return;
            }
            let now = clock::now();
            for input in inputs.drain(..) {
                seen.extend(self.datagram(now, &input));
                self.node.handle_input(now, input);
            }
            self.node.handle_timeout(now);
            while let Some(output) = self.node.poll_output() {
                seen.extend(self.output(output));
            }
            for sighting in seen.drain(..) {
                // Whoever looked has gone.
                drop(self.sender.send(sighting));
            }
        }
    }

    fn datagram(&self, at: Instant, input: &Input) -> Option<Sighting> {
        let Input::DatagramReceived { from, bytes, .. } = input else { return None };
        let letter = match self.seal.open(bytes) {
            Ok(Datagram::Letter(letter)) => Some(letter.node),
            Ok(Datagram::Heartbeat(_)) | Err(_) => None,
        };
        let sight = Sight::Datagram { from: from.ip(), size_bytes: bytes.len(), letter };
        Some(Sighting { at, sight })
    }

    fn output(&mut self, output: safekit_farm::node::Output) -> Option<Sighting> {
        let safekit_farm::node::Output::Node(output) = output else { return None };
        let sight = if let Output::Event(Event::MemberChanged { member, state, .. }) = &output {
            Sight::Member { member: *member, state: *state }
        } else if let Output::ViewInstalled { view, .. } = &output {
            Sight::View(view.members.keys().copied().collect())
        } else {
            if let Output::Transmit(transmit) = &output {
                let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
                sent.push_back((transmit.to, transmit.bytes.clone()));
                if sent.len() > SENT_MAX {
                    sent.pop_front();
                }
            }
            drop(self.edge.perform(output));
            return None;
        };
        Some(Sighting { at: clock::now(), sight })
    }
}

/// Reads what a node needs to join.
fn membership(folder: &Path, me: u8) -> Try<MembershipConfig> {
    let read = |file: &str| {
        fs::read(folder.join(file)).map_err(Trouble::io(&format!("read the cluster's {file}")))
    };
    let parsed = safekit_core::config::cluster::parse("cluster_ip.xml", &read("cluster_ip.xml")?);
    let cluster: ClusterConfig =
        parsed.model.ok_or_else(|| Trouble::failed("the cluster's configuration has faults"))?;
    let me = NodeId::new(me.into()).ok_or_else(|| Trouble::failed("no such node"))?;
    let node = |(id, name): (&NodeId, &NodeName)| {
        let address = |lan: &safekit_core::config::model::LanConfig| match lan.nodes.get(id)?.addr {
            Host::Ip(address) => Some((lan.id, SocketAddr::new(address, cluster.port))),
            Host::Name(_) => None,
        };
        let addresses = cluster.lans.iter().filter_map(address).collect();
        (*id, NodeConfig { name: name.clone(), addresses })
    };
    let mut config = MembershipConfig::new(me, cluster.nodes.iter().map(node).collect());
    config.pulse = cluster.pulse;
    config.lost_after = cluster.pulse.saturating_mul(cluster.slost_count);
    config.cluster_signature = cluster.signature.0;
    let keys = String::from_utf8_lossy(&read("keys")?).into_owned();
    config.keys =
        key_ring(&keys).ok_or_else(|| Trouble::failed("the cluster's keys are unreadable"))?;
    Ok(config)
}

/// Reads the file of keys as agents keep it.
fn key_ring(text: &str) -> Option<KeyRing> {
    let cluster = text.lines().find_map(|line| line.strip_prefix("cluster "))?;
    let cluster = u32::from_str_radix(cluster, 16).ok()?;
    let keys = text.lines().filter_map(|line| line.strip_prefix("key "));
    let keys = keys.map(|hex| {
        let digits = |place: usize| hex.get(2 * place..2 * place + 2);
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits(place)?, 16).ok()?;
        }
        Some(Key::new(bytes))
    });
    Some(KeyRing { cluster, keys: keys.collect::<Option<_>>()? })
}

/// Keeps nothing: for nodes without modules.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Keep for Nothing {
    fn save(&self, _: &ModuleName, _: &SavedModule) -> io::Result<()> {
        Ok(())
    }
}
