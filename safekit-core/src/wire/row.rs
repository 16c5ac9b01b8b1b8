//! A row: everything that a node tells, in one self-contained piece with a version. Rows are relayed as they are.

use std::collections::BTreeMap;

use super::WireError;
use super::bytes::{Reader, put_count, put_incarnation, put_node_set};
use super::window::is_later;
use crate::ids::{Epoch, Incarnation, LanSet, MODULES_MAX, ModuleKey, NODES_MAX, NodeId, NodeSet};
use crate::module::state::{FarmState, ModuleState, Readiness};

/// The most bytes of all extensions of a row.
pub(super) const EXTENSION_BYTES_MAX: usize = 96;
const NODE_SET_BYTES_MAX: usize = 1 + NODES_MAX / 8;
const HEARING_BYTES: usize = 3;
const MODULE_BYTES: usize = 14;
/// The most bytes of a row: 128 nodes heard, a view of 128, 32 modules, and all extensions. In this order: id,
/// incarnation, version, flags, signature, epoch, hears, view, modules, extensions.
pub(super) const BYTES_MAX: usize = 1
    + 12
    + 4
    + 1
    + 8
    + 8
    + (NODE_SET_BYTES_MAX + NODES_MAX * HEARING_BYTES)
    + (NODE_SET_BYTES_MAX + 8)
    + (1 + MODULES_MAX * MODULE_BYTES)
    + EXTENSION_BYTES_MAX;

const FLAG_JOINING: u8 = 1;
const FLAG_OVER: u8 = 2;
const FLAG_OUT: u8 = 4;
const FLAG_ARMED: u8 = 8;
const FLAG_VIEW: u8 = 16;
const FLAGS: u8 = FLAG_JOINING | FLAG_OVER | FLAG_OUT | FLAG_ARMED | FLAG_VIEW;

/// What one node tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Row {
    /// Whose it is.
    pub(crate) node: NodeId,
    /// The life of the node that tells it.
    pub(crate) incarnation: Incarnation,
    /// How many changes of the row there were within that life; [`u32::MAX`] in a tombstone.
    pub(crate) version: u32,
    /// Whether it is still joining: in no view, heard, silent in claims.
    pub(crate) joining: bool,
    /// Whether all lives of the incarnation's counter are over.
    pub(crate) over: bool,
    /// Whether it is in no view and has let go of everything.
    pub(crate) out: bool,
    /// Whether it is prepared for the view that it announces.
    pub(crate) armed: bool,
    /// Whom it hears, itself left out: the edges of the graph that views are made of.
    pub(crate) hears: BTreeMap<NodeId, Hearing>,
    /// What it tells of its modules; at most [`MODULES_MAX`].
    pub(crate) modules: BTreeMap<ModuleKey, ModuleFacts>,
    /// The number of the view that it announces; only grows within a life. 0: none yet.
    pub(crate) epoch: Epoch,
    /// The view that it announces; `None`: it wants to be in none.
    pub(crate) view: Option<ViewName>,
    /// Signature of its cluster.xml: eight bytes of SHA-256 over the canonical text.
    pub(crate) cluster_signature: u64,
    /// What a later version adds: fields of (type:u8, length:u8, bytes), kept and relayed as they are; at most 96 bytes.
    pub(crate) extension: Vec<u8>,
}

/// How one node hears another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hearing {
    /// Check of the incarnation that is heard, see [`super::incarnation_check`].
    pub(crate) check: u16,
    /// On which lans, one bit each.
    pub(crate) lans: LanSet,
}

/// Names a view: who is in it, and a digest of all that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ViewName {
    /// Its members, one bit each.
    pub(crate) members: NodeSet,
    /// Digest of members, incarnations, groups and sharing: eight bytes of SHA-256. Different views differ in it.
    pub(crate) digest: u64,
}

/// What a node tells of one of its modules.
///
/// Example: [`Membership`](crate::membership::Membership).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModuleFacts {
    /// Whether it takes load here: a farm module that is UP (Ready).
    pub takes: bool,
    /// Its state there.
    pub state: ModuleState,
    /// Lans whose heartbeats count for it, one bit each.
    pub lans: LanSet,
    /// Low half (32 bits) of the configuration's signature: where two nodes differ, the log names the module.
    pub config: u32,
    /// Signature of what the shares are computed from, the same on all nodes; 0: the module shares nothing by itself.
    pub sharing: u32,
}

impl Row {
    /// Makes the row of a node that has said nothing yet.
    #[must_use]
    pub(crate) fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            version: 0,
            joining: true,
            over: false,
            out: true,
            armed: false,
            hears: BTreeMap::new(),
            modules: BTreeMap::new(),
            epoch: Epoch(0),
            view: None,
            cluster_signature: 0,
            extension: Vec::new(),
        }
    }

    /// Makes the row that ends all lives of a counter: later than any row of it, earlier than any of a higher one.
    #[must_use]
    pub(crate) fn tombstone(node: NodeId, counter: u32) -> Self {
        let incarnation = Incarnation { counter, random: u32::MAX, life: u32::MAX };
        Self { version: u32::MAX, joining: false, over: true, ..Self::new(node, incarnation) }
    }

    /// Tells whether this row says something later than another one of the same node.
    #[must_use]
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.incarnation, row.version);
        is_later(&key(self), &key(other))
    }

    /// Returns the bytes.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            80 + self.hears.len() * HEARING_BYTES + self.modules.len() * MODULE_BYTES,
        );
        out.push(self.node.number());
        put_incarnation(&mut out, self.incarnation);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.push(self.flags());
        out.extend_from_slice(&self.cluster_signature.to_be_bytes());
        out.extend_from_slice(&self.epoch.0.to_be_bytes());
        put_node_set(&mut out, self.hears.keys().copied().collect::<NodeSet>());
        for hearing in self.hears.values() {
            out.extend_from_slice(&hearing.check.to_be_bytes());
            out.push(hearing.lans.0);
        }
        if let Some(view) = self.view {
            put_node_set(&mut out, view.members);
            out.extend_from_slice(&view.digest.to_be_bytes());
        }
        put_count(&mut out, self.modules.len().min(MODULES_MAX));
        for (key, facts) in self.modules.iter().take(MODULES_MAX) {
            out.extend_from_slice(&key.0.to_be_bytes());
            put_facts(&mut out, facts);
        }
        out.extend_from_slice(&self.extension);
        out
    }

    /// Reads what [`Row::encode`] gives.
    ///
    /// # Errors
    /// [`WireError::Truncated`] and [`WireError::Value`]: a well-formed row has exactly one encoding.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > BYTES_MAX {
            return Err(WireError::Value { what: "length of a row" });
        }
        let mut reader = Reader::new("row", bytes);
        let mut row = Self::new(reader.node()?, reader.incarnation()?);
        row.version = reader.u32()?;
        let flags = reader.u8()?;
        row.joining = flags & FLAG_JOINING != 0;
        row.over = flags & FLAG_OVER != 0;
        row.out = flags & FLAG_OUT != 0;
        row.armed = flags & FLAG_ARMED != 0;
        row.cluster_signature = reader.u64()?;
        row.epoch = Epoch(reader.u64()?);
        row.hears = read_hears(&mut reader, row.node)?;
        if flags & FLAG_VIEW != 0 {
            row.view = Some(ViewName { members: reader.node_set()?, digest: reader.u64()? });
        }
        row.modules = read_modules(&mut reader)?;
        row.extension = read_extension(reader.rest())?;
        row.check(flags)?;
        Ok(row)
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(self.joining, FLAG_JOINING)
            | flag(self.over, FLAG_OVER)
            | flag(self.out, FLAG_OUT)
            | flag(self.armed, FLAG_ARMED)
            | flag(self.view.is_some(), FLAG_VIEW)
    }

    /// Checks what cannot be said of any node.
    fn check(&self, flags: u8) -> Result<(), WireError> {
        if flags & !FLAGS != 0 {
            return Err(WireError::Value { what: "flags of a row" });
        }
        if self.over && *self != Self::tombstone(self.node, self.incarnation.counter) {
            return Err(WireError::Value { what: "end of a life" });
        }
        if !self.over && self.version == u32::MAX {
            return Err(WireError::Value { what: "version of a row" });
        }
        match self.view {
            Some(view) if self.out || self.joining || !view.members.contains(self.node) => {
                Err(WireError::Value { what: "view of a row" })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn read_hears(
    reader: &mut Reader<'_>,
    node: NodeId,
) -> Result<BTreeMap<NodeId, Hearing>, WireError> {
    let nodes = reader.node_set()?;
    if nodes.contains(node) {
        return Err(WireError::Value { what: "heard nodes" });
    }
    let mut hears = BTreeMap::new();
    for heard in nodes.iter() {
        let hearing = Hearing { check: reader.u16()?, lans: LanSet(reader.u8()?) };
        if hearing.lans.is_empty() {
            return Err(WireError::Value { what: "lans of a heard node" });
        }
        hears.insert(heard, hearing);
    }
    Ok(hears)
}

fn read_modules(reader: &mut Reader<'_>) -> Result<BTreeMap<ModuleKey, ModuleFacts>, WireError> {
    let count = usize::from(reader.u8()?);
    if count > MODULES_MAX {
        return Err(WireError::Value { what: "number of modules" });
    }
    let mut modules = BTreeMap::new();
    for _ in 0..count {
        let key = ModuleKey(reader.u32()?);
        if modules.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(WireError::Value { what: "order of modules" });
        }
        modules.insert(key, read_facts(reader)?);
    }
    Ok(modules)
}

fn put_facts(out: &mut Vec<u8>, facts: &ModuleFacts) {
    let state = match facts.state.state {
        FarmState::Stop => 0,
        FarmState::Wait => 2,
        FarmState::Up => 4,
    };
    let readiness = match facts.state.readiness {
        Readiness::NotReady => 0,
        Readiness::Transient => 8,
        Readiness::Ready => 16,
    };
    out.push(u8::from(facts.takes) | state | readiness);
    out.push(facts.lans.0);
    out.extend_from_slice(&facts.config.to_be_bytes());
    out.extend_from_slice(&facts.sharing.to_be_bytes());
}

fn read_facts(reader: &mut Reader<'_>) -> Result<ModuleFacts, WireError> {
    let wrong = || WireError::Value { what: "state of a module" };
    let bits = reader.u8()?;
    let state = match bits & 6 {
        0 => FarmState::Stop,
        2 => FarmState::Wait,
        4 => FarmState::Up,
        _ => return Err(wrong()),
    };
    let readiness = match bits & !7 {
        0 => Readiness::NotReady,
        8 => Readiness::Transient,
        16 => Readiness::Ready,
        _ => return Err(wrong()),
    };
    Ok(ModuleFacts {
        takes: bits & 1 != 0,
        state: ModuleState { state, readiness },
        lans: LanSet(reader.u8()?),
        config: reader.u32()?,
        sharing: reader.u32()?,
    })
}

/// Checks that the bytes are fields, and keeps them as they are.
fn read_extension(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    if bytes.len() > EXTENSION_BYTES_MAX {
        return Err(WireError::Value { what: "extension of a row" });
    }
    let mut reader = Reader::new("extension", bytes);
    while !reader.rest().is_empty() {
        reader.u8()?;
        let length = usize::from(reader.u8()?);
        reader.take(length)?;
    }
    Ok(bytes.to_vec())
}
