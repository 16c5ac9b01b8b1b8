//! Puts a tag under datagrams, and opens those whose tag is right.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::bytes::Reader;
use super::heartbeat::{self, Heartbeat};
use super::letter::{self, Letter};
use super::{DATAGRAM_BYTES_MAX, KeyRing, VERSION, WireError};

/// Bytes of the tag: HMAC-SHA256, cut to 128 bits.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes in front of everything: magic, version, kind, key id, cluster.
pub(super) const FRONT_BYTES: usize = 12;
/// The first bytes of every datagram.
const MAGIC: [u8; 2] = *b"FC";
const KIND_HEARTBEAT: u8 = 1;
const KIND_LETTER: u8 = 2;
/// Keys that may be in use at one time: the old one and the new one while they are exchanged.
const KEYS_MAX: usize = 2;

/// What an authentic datagram says.
///
/// Example: [`Seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// The end of a life.
    Letter(Letter),
}

/// What kind a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Heartbeat,
    Letter,
}

/// The keys of a cluster, ready for use: the first one seals, any of at most two opens.
///
/// ```
/// use std::time::Instant;
/// use safekit_core::Machine;
/// use safekit_core::ids::{LanId, NodeId, NodeName};
/// use safekit_core::membership::{MembershipConfig, NodeConfig};
/// use safekit_core::node::{Input, Node, Output, Start};
/// use safekit_core::wire::{Datagram, Heartbeat, Key, KeyRing, Letter, Seal};
///
/// let lan = LanId::new(0).ok_or("the first lan")?;
/// let [one, two] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
/// let node = |name: &str, address: &str| -> Result<_, Box<dyn std::error::Error>> {
///     Ok(NodeConfig { name: NodeName::new(name)?, addresses: [(lan, address.parse()?)].into() })
/// };
/// let nodes = [(one, node("node1", "10.0.0.1:4800")?), (two, node("node2", "10.0.0.2:4800")?)];
/// let mut config = MembershipConfig::new(one, nodes.into());
/// config.keys = KeyRing { cluster: 7, keys: vec![Key::new([9; 32])] };
/// let seal = Seal::new(&config.keys);
///
/// let now = Instant::now();
/// let mut node = Node::new(now, Start { counter: 12, random: 7 });
/// node.handle_input(now, Input::ClusterConfigured(Box::new(config)));
/// node.handle_timeout(now);
/// let mut heartbeats = Vec::new();
/// while let Some(output) = node.poll_output() {
///     if let Output::Transmit(transmit) = output {
///         let Datagram::Heartbeat(heartbeat) = seal.open(&transmit.bytes)? else { continue };
///         heartbeats.push(heartbeat);
///     }
/// }
/// let first: &Heartbeat = &heartbeats[0];
/// assert_eq!(first.sender(), one);
///
/// // What a guardian sends when the node is dead.
/// let Datagram::Letter(letter) = seal.open(&node.letters()[0].bytes)? else { return Err("a letter".into()) };
/// let Letter { node, counter, .. } = letter;
/// assert_eq!((node, counter), (one, 12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Seal {
    cluster: u32,
    keys: Vec<PreparedKey>,
}

#[derive(Clone)]
struct PreparedKey {
    id: u32,
    mac: Hmac<Sha256>,
}

impl Seal {
    /// Prepares the keys of a cluster; more than two are left out. Without keys the tag is made with an empty key, and
    /// shows damage only.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        let mut keys: Vec<PreparedKey> = ring
            .keys
            .iter()
            .take(KEYS_MAX)
            .map(|key| PreparedKey { id: key_id(key.bytes()), mac: prepared(key.bytes()) })
            .collect();
        if keys.is_empty() {
            keys.push(PreparedKey { id: 0, mac: prepared(&[0; 32]) });
        }
        Self { cluster: ring.cluster, keys }
    }

    /// Checks bytes from the network and reads them.
    ///
    /// # Errors
    /// See [`WireError`]. Nothing behind the first twelve bytes is interpreted before the tag was found right.
    pub fn open(&self, bytes: &[u8]) -> Result<Datagram, WireError> {
        if bytes.len() < FRONT_BYTES + TAG_BYTES || bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(WireError::Length { bytes: bytes.len() });
        }
        let mut front = Reader::new("datagram", bytes);
        if front.take(MAGIC.len())? != MAGIC {
            return Err(WireError::Magic);
        }
        let version = front.u8()?;
        if version != VERSION {
            return Err(WireError::Version { version });
        }
        let kind = front.u8()?;
        let (key_id, cluster) = (front.u32()?, front.u32()?);
        let (sealed, tag) = bytes
            .split_at_checked(bytes.len() - TAG_BYTES)
            .ok_or(WireError::Length { bytes: bytes.len() })?;
        self.verify(cluster, key_id, sealed, tag)?;
        let body = sealed.get(FRONT_BYTES..).ok_or(WireError::Length { bytes: bytes.len() })?;
        match kind {
            KIND_HEARTBEAT => heartbeat::read(body).map(Datagram::Heartbeat),
            KIND_LETTER => letter::read(body).map(Datagram::Letter),
            _ => Err(WireError::Value { what: "kind of datagram" }),
        }
    }

    /// Begins a datagram.
    pub(super) fn front(&self, kind: Kind) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.push(match kind {
            Kind::Heartbeat => KIND_HEARTBEAT,
            Kind::Letter => KIND_LETTER,
        });
        let id = self.keys.first().map_or(0, |key| key.id);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&self.cluster.to_be_bytes());
        out
    }

    /// Ends a datagram with its tag.
    pub(super) fn finish(&self, mut datagram: Vec<u8>) -> Vec<u8> {
        if let Some(key) = self.keys.first() {
            let mut mac = key.mac.clone();
            mac.update(&datagram);
            datagram.extend(mac.finalize().into_bytes().iter().take(TAG_BYTES));
        }
        datagram
    }

    fn verify(
        &self,
        cluster: u32,
        key_id: u32,
        sealed: &[u8],
        tag: &[u8],
    ) -> Result<(), WireError> {
        let unknown = WireError::UnknownKey { cluster, key_id };
        if cluster != self.cluster {
            return Err(unknown);
        }
        let mut result = Err(unknown);
        for key in self.keys.iter().filter(|key| key.id == key_id) {
            let mut mac = key.mac.clone();
            mac.update(sealed);
            // Compares in constant time.
            if mac.verify_truncated_left(tag).is_ok() {
                return Ok(());
            }
            result = Err(WireError::Tag);
        }
        result
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// Returns what names a key without giving it away: the first four bytes of its SHA-256.
fn key_id(key: &[u8; 32]) -> u32 {
    Sha256::digest(key).first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn prepared(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    // HMAC pads a shorter key with zeros to one block: the same tag as with the 32 bytes themselves.
    Hmac::new(&block.into())
}
