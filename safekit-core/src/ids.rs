//! Names and numbers of things, each a type of its own.
//!
//! Example: [`NodeId`].

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The most nodes that a cluster may have.
pub const NODES_MAX: usize = 128;
/// The most lans that a cluster may have.
pub const LANS_MAX: usize = 8;
/// The most modules that a cluster may have.
pub const MODULES_MAX: usize = 32;
/// The most bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;

/// A configured node: its place in cluster.xml, from 1 to [`NODES_MAX`]. The same number means the same node on every node.
///
/// ```
/// use safekit_core::ids::{NODES_MAX, NodeId};
///
/// let second = NodeId::new(2).ok_or("a place from 1 to 128")?;
/// assert_eq!(second.number(), 2);
/// assert_eq!(second.to_string(), "node id 2");
/// assert_eq!(NodeId::new(0), None);
/// assert_eq!(NodeId::new(NODES_MAX + 1), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(#[serde(deserialize_with = "node_place")] u8);

fn node_place<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let place = u8::deserialize(from)?;
    let node = NodeId::new(usize::from(place));
    node.map(NodeId::number).ok_or_else(|| D::Error::custom("a node is from 1 to 128"))
}

impl NodeId {
    /// Makes the id of the node at a place in cluster.xml, counted from 1; `None` beyond [`NODES_MAX`].
    #[must_use]
    pub fn new(place: usize) -> Option<Self> {
        let id = u8::try_from(place).ok()?;
        (1..=NODES_MAX).contains(&place).then_some(Self(id))
    }

    /// Returns its place, counted from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node id {}", self.0)
    }
}

/// A configured lan: its place in cluster.xml, from 0 to [`LANS_MAX`] - 1.
///
/// Example: [`LanSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LanId(#[serde(deserialize_with = "lan_place")] u8);

fn lan_place<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let place = u8::deserialize(from)?;
    let lan = LanId::new(usize::from(place));
    lan.map(LanId::number).ok_or_else(|| D::Error::custom("a lan is from 0 to 7"))
}

impl LanId {
    /// Makes the id of the lan at a place in cluster.xml, counted from 0; `None` from [`LANS_MAX`] on.
    #[must_use]
    pub fn new(place: usize) -> Option<Self> {
        let id = u8::try_from(place).ok()?;
        (place < LANS_MAX).then_some(Self(id))
    }

    /// Returns its place, counted from 0.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// A set of lans, one bit each.
///
/// ```
/// use safekit_core::ids::{LanId, LanSet};
///
/// let [first, second] = [LanId::new(0).ok_or("a lan")?, LanId::new(1).ok_or("another")?];
/// let mut heard = LanSet::default();
/// heard.insert(second);
/// assert!(heard.contains(second) && !heard.contains(first));
/// assert_eq!(heard.and(LanSet::ALL), heard);
/// # Ok::<(), &str>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LanSet(pub u8);

impl LanSet {
    /// All lans there can be.
    pub const ALL: Self = Self(u8::MAX);

    /// Adds a lan.
    pub fn insert(&mut self, lan: LanId) {
        self.0 |= 1 << lan.0;
    }

    /// Tells whether a lan is in the set.
    #[must_use]
    pub fn contains(self, lan: LanId) -> bool {
        self.0 & (1 << lan.0) != 0
    }

    /// Returns what both sets have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Tells whether the set has no lan.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A set of nodes, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeSet(u128);

impl NodeSet {
    /// No node.
    pub(crate) const EMPTY: Self = Self(0);

    /// Makes the set of the nodes whose bits are set; bit 0 is the node with id 1.
    #[must_use]
    pub(crate) fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Returns one bit for each node; bit 0 is the node with id 1.
    #[must_use]
    pub(crate) fn bits(self) -> u128 {
        self.0
    }

    /// Makes the set of one node.
    #[must_use]
    pub(crate) fn only(node: NodeId) -> Self {
        Self(1 << (u32::from(node.0) - 1))
    }

    /// Adds a node.
    pub(crate) fn insert(&mut self, node: NodeId) {
        self.0 |= Self::only(node).0;
    }

    /// Takes a node out.
    pub(crate) fn remove(&mut self, node: NodeId) {
        self.0 &= !Self::only(node).0;
    }

    /// Tells whether a node is in the set.
    #[must_use]
    pub(crate) fn contains(self, node: NodeId) -> bool {
        self.0 & Self::only(node).0 != 0
    }

    /// Returns what both sets have.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns what either set has.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns what this set has and the other one has not.
    #[must_use]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Tells whether every node of this set is in the other one.
    #[must_use]
    pub(crate) fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Tells whether the set has no node.
    #[must_use]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns how many nodes there are.
    #[must_use]
    pub(crate) fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Returns the node with the lowest id.
    #[must_use]
    pub(crate) fn first(self) -> Option<NodeId> {
        u8::try_from(self.0.trailing_zeros())
            .ok()
            .filter(|_| self.0 != 0)
            .map(|bit| NodeId(bit + 1))
    }

    /// Gives the nodes, lowest id first.
    pub(crate) fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let node = rest.first()?;
            rest.remove(node);
            Some(node)
        })
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

/// Why a text cannot be a name.
///
/// ```
/// use safekit_core::ids::{ModuleName, NameError, NodeName};
///
/// assert_eq!(NodeName::new("node 1"), Err(NameError::Character(' ')));
/// assert_eq!(NodeName::new(&"n".repeat(65)), Err(NameError::TooLong));
/// assert_eq!(ModuleName::new("lastconfig"), Err(NameError::Reserved));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is too long.
    #[error("a name has at most {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// A character is not allowed.
    #[error(
        "{0:?} is not allowed: use letters, digits, '-', '_' and '.', beginning with a letter or digit"
    )]
    Character(char),
    /// The name has a meaning of its own.
    #[error("'lastconfig' is reserved")]
    Reserved,
}

fn checked(text: &str) -> Result<String, NameError> {
    let first = text.chars().next().ok_or(NameError::Empty)?;
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Character(first));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(text.to_owned()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name_type! {
    /// The name of a node in cluster.xml.
    ///
    /// 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
    ///
    /// ```
    /// use safekit_core::ids::NodeName;
    ///
    /// let name = NodeName::new("node1.example.org")?;
    /// assert_eq!(name.as_str(), "node1.example.org");
    /// # Ok::<(), safekit_core::ids::NameError>(())
    /// ```
    NodeName
}
name_type! {
    /// The name of a lan in cluster.xml.
    ///
    /// Characters as in [`NodeName`].
    ///
    /// ```
    /// use safekit_core::ids::LanName;
    ///
    /// assert_eq!(LanName::new("backup-lan")?.to_string(), "backup-lan");
    /// # Ok::<(), safekit_core::ids::NameError>(())
    /// ```
    LanName
}
name_type! {
    /// The name of a module: the folder it is installed in, and what `-m` takes.
    ///
    /// Characters as in [`NodeName`]; `lastconfig` is reserved.
    ///
    /// ```
    /// use safekit_core::ids::{ModuleKey, ModuleName};
    ///
    /// let web = ModuleName::new("web")?;
    /// let key: ModuleKey = web.key();
    /// assert_eq!(key, ModuleName::new("web")?.key(), "the same on every node");
    /// # Ok::<(), safekit_core::ids::NameError>(())
    /// ```
    ModuleName
}

impl NodeName {
    /// Checks a text.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        checked(text).map(Self)
    }
}

impl LanName {
    /// Checks a text.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        checked(text).map(Self)
    }
}

impl ModuleName {
    /// Checks a text.
    ///
    /// # Errors
    /// See [`NameError`]; `lastconfig` is reserved.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text == "lastconfig" {
            return Err(NameError::Reserved);
        }
        checked(text).map(Self)
    }

    /// Returns the number that stands for the module in heartbeats: the first four bytes of SHA-256 of the name.
    #[must_use]
    pub fn key(&self) -> ModuleKey {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(self.0.as_bytes());
        let mut bytes = [0; 4];
        for (to, from) in bytes.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        ModuleKey(u32::from_be_bytes(bytes))
    }
}

/// What stands for a module in heartbeats. Two modules of one node whose keys collide are refused at installation.
///
/// Example: [`ModuleName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModuleKey(pub u32);

/// One life of a node's agent; tells a restart, and a long pause, from a late datagram.
///
/// Ordered: a greater incarnation is a later one. `counter` is kept by the guardian across restarts, `random` tells
/// two processes with the same counter apart (a cloned machine), `life` counts the pauses inside one process.
///
/// ```
/// use safekit_core::ids::Incarnation;
///
/// let first = Incarnation { counter: 12, random: 0x5eed, life: 0 };
/// let after_a_pause = Incarnation { life: 1, ..first };
/// let restarted = Incarnation { counter: 13, random: 0x0bad, life: 0 };
/// assert!(first < after_a_pause && after_a_pause < restarted);
/// assert_eq!(after_a_pause.to_string(), "12.1");
/// assert_eq!(Incarnation { life: u32::MAX, ..first }.to_string(), "12", "whichever");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// Grows with each start of the agent.
    pub counter: u32,
    /// Drawn at each start.
    pub random: u32,
    /// Grows with each pause that others may have noticed.
    pub life: u32,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A letter ends all lives of a counter: there is none to be named.
        if self.life == u32::MAX {
            return write!(f, "{}", self.counter);
        }
        write!(f, "{}.{}", self.counter, self.life)
    }
}

/// The number of a view; within one incarnation of a node it only grows.
///
/// ```
/// use safekit_core::ids::Epoch;
///
/// assert!(Epoch(41) < Epoch(42));
/// assert_eq!(Epoch(42).to_string(), "42");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names an order to the edge until its end is reported. Never used twice within a node's life.
///
/// ```
/// use safekit_core::ids::ActionId;
/// use safekit_core::node::{Input, Outcome};
///
/// // Taken from the order, and given back with its end.
/// let id = ActionId(7);
/// let input = Input::ActionFinished { id, outcome: Outcome::Done };
/// assert!(matches!(input, Input::ActionFinished { id: ActionId(7), .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub u64);

/// Names a command until it is answered; chosen by who gives the command.
///
/// ```
/// use safekit_core::ids::CommandId;
///
/// // Any number that the caller does not use twice at a time.
/// let mut last = CommandId(0);
/// let mut next = || {
///     last = CommandId(last.0 + 1);
///     last
/// };
/// assert_ne!(next(), next());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// A process of this host: a pid alone may be used again, with its start time it is unique within one boot.
///
/// ```
/// use safekit_core::ids::ProcessId;
///
/// let before = ProcessId { pid: 4711, started: 90_210 };
/// let after = ProcessId { pid: 4711, started: 98_765 };
/// assert_ne!(before, after, "the pid was used again");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The operating system's number.
    pub pid: u32,
    /// When it started, in the operating system's own unit (Linux: clock ticks since boot, field 22 of /proc/PID/stat).
    pub started: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_checked_wherever_they_come_from() {
        for (place, node, lan) in
            [(0, false, true), (7, true, true), (8, true, false), (129, false, false)]
        {
            let text = place.to_string();
            assert_eq!(serde_json::from_str::<NodeId>(&text).is_ok(), node, "{place}");
            assert_eq!(serde_json::from_str::<LanId>(&text).is_ok(), lan, "{place}");
        }
    }
}
