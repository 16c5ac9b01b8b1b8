//! Says as other nodes of a cluster whatever a fuzzer wants, with a right tag and most often plausibly.
//!
//! It reads what the attacked node sends, so that it can echo it, hear it and agree with it: only then is what lies
//! behind the joining reached.

use std::collections::BTreeMap;

use super::Draw;
use crate::ids::{Epoch, Incarnation, LanId, LanSet, ModuleKey, NodeId, NodeName, NodeSet};
use crate::module::state::ModuleState;
use crate::wire::{
    Datagram, Echo, Header, Hearing, HeartbeatWriter, KeyRing, Letter, ModuleFacts, Row, RowMark,
    Seal, ViewName, incarnation_check, name_check,
};

/// The other nodes of a cluster, in the hands of a fuzzer.
///
/// Example: [`crate::fuzz`].
#[derive(Clone, Debug)]
pub struct Forger {
    seal: Seal,
    me: NodeId,
    names: BTreeMap<NodeId, NodeName>,
    heard: Option<Header>,
    told: Option<Row>,
    sequence: u64,
    stamp: u64,
}

impl Forger {
    /// Makes the others of a node: `names` are those of all nodes.
    #[must_use]
    pub fn new(keys: &KeyRing, me: NodeId, names: BTreeMap<NodeId, NodeName>) -> Self {
        let seal = Seal::new(keys);
        Self { seal, me, names, heard: None, told: None, sequence: 0, stamp: 0 }
    }

    /// Takes note of a datagram that the node has sent.
    pub fn hear(&mut self, bytes: &[u8]) {
        let Ok(Datagram::Heartbeat(heartbeat)) = self.seal.open(bytes) else { return };
        self.heard = Some(heartbeat.header);
        if let Some(row) = heartbeat.rows.into_iter().find(|row| row.node == self.me) {
            self.told = Some(row);
        }
    }

    /// Returns what another node could say.
    pub fn forge(&mut self, lan: LanId, draw: &mut Draw<'_>) -> Vec<u8> {
        let sender = self.node(draw);
        let name = self.names.get(&sender).map_or(0, name_check);
        match draw.below(8) {
            0 => {
                let name = if draw.below(8) == 7 { draw.u16() } else { name };
                Letter::new(sender, name, u32::from(draw.byte())).seal(&self.seal)
            }
            1 => {
                let length = usize::from(draw.byte()) * 4;
                crate::wire::fuzz::anything(&self.seal, draw.byte(), draw.take(length))
            }
            _ => self.heartbeat(lan, sender, name, draw),
        }
    }

    fn heartbeat(&mut self, lan: LanId, sender: NodeId, name: u16, draw: &mut Draw<'_>) -> Vec<u8> {
        let incarnation = life(draw);
        self.sequence = match draw.below(8) {
            7 => draw.u64(),
            6 => self.sequence,
            step => self.sequence.wrapping_add(u64::from(step) + 1),
        };
        self.stamp = match draw.below(8) {
            7 => draw.u64(),
            step => self.stamp.wrapping_add(u64::from(step) * 10_000),
        };
        let echo = match (draw.below(8), self.heard) {
            (0, _) | (_, None) => None,
            (1, _) => Some(Echo { incarnation: life(draw), stamp: draw.u64() }),
            (_, Some(heard)) => Some(Echo { incarnation: heard.incarnation, stamp: heard.stamp }),
        };
        let receiver = if draw.below(16) == 15 { self.node(draw) } else { self.me };
        let (sequence, stamp) = (self.sequence, self.stamp);
        let header = Header { sender, receiver, lan, name, incarnation, sequence, stamp, echo };
        let mut writer = HeartbeatWriter::new(&self.seal, &header);
        let rows: Vec<Row> = (0..draw.below(4))
            .map(|place| {
                let node = if place == 0 { sender } else { self.node(draw) };
                let life = if place == 0 { incarnation } else { life(draw) };
                self.row(node, life, draw)
            })
            .collect();
        if draw.flag() {
            let mut marks: BTreeMap<NodeId, RowMark> =
                rows.iter().map(|row| (row.node, RowMark::of(row))).collect();
            if let Some(told) = self.told.as_ref().filter(|_| draw.flag()) {
                marks.insert(self.me, RowMark::of(told));
            }
            writer.marks(&marks.into_iter().collect::<Vec<_>>());
        }
        for row in &rows {
            // What does not fit is for another datagram.
            let _fits: bool = writer.row(&row.encode());
        }
        writer.finish(&self.seal)
    }

    fn row(&self, node: NodeId, incarnation: Incarnation, draw: &mut Draw<'_>) -> Row {
        if draw.below(16) == 15 {
            return Row::tombstone(node, incarnation.counter);
        }
        let mut row = Row::new(node, incarnation);
        row.version = u32::from(draw.byte());
        row.joining = draw.below(8) == 7;
        row.armed = draw.flag();
        row.cluster_signature = u64::from(draw.below(4) == 3);
        for other in self.names.keys().filter(|other| **other != node) {
            if draw.below(8) == 7 {
                continue;
            }
            let check = match &self.heard {
                Some(heard) if *other == self.me => incarnation_check(heard.incarnation),
                Some(_) | None => incarnation_check(life(draw)),
            };
            row.hears.insert(*other, Hearing { check, lans: LanSet(draw.below(3) + 1) });
        }
        let told = self.told.as_ref();
        (row.epoch, row.view) = match draw.below(4) {
            0 => (Epoch(draw.u64() >> draw.below(64)), None),
            1 => (Epoch(u64::from(draw.byte())), Some(self.view(draw))),
            _ => (told.map_or(Epoch(0), |told| told.epoch), told.and_then(|told| told.view)),
        };
        row.view = row.view.filter(|view| !row.joining && view.members.contains(node));
        row.out = row.view.is_none();
        for module in 0..draw.below(3) {
            row.modules.insert(ModuleKey(u32::from(module)), facts(draw));
        }
        row
    }

    fn view(&self, draw: &mut Draw<'_>) -> ViewName {
        let members = self.names.keys().copied().filter(|_| draw.below(4) > 0);
        ViewName { members: members.collect::<NodeSet>(), digest: u64::from(draw.byte()) }
    }

    fn node(&self, draw: &mut Draw<'_>) -> NodeId {
        let number = usize::from(draw.byte());
        let named = self.names.keys().nth(number % self.names.len().max(1));
        match named {
            Some(node) if number < 240 => *node,
            Some(_) | None => NodeId::new(number % 128 + 1).unwrap_or(self.me),
        }
    }
}

/// A life out of few, so that they meet again.
fn life(draw: &mut Draw<'_>) -> Incarnation {
    let byte = draw.byte();
    if byte == u8::MAX {
        return Incarnation { counter: draw.u32(), random: draw.u32(), life: draw.u32() };
    }
    let counter = u32::from(byte & 3) + 1;
    Incarnation { counter, random: u32::from(byte >> 6), life: u32::from(byte >> 2 & 3) }
}

fn facts(draw: &mut Draw<'_>) -> ModuleFacts {
    let takes = draw.flag();
    let state = if takes { ModuleState::UP_READY } else { ModuleState::WAIT_NOT_READY };
    let lans = LanSet(draw.below(4));
    ModuleFacts { takes, state, lans, config: 1, sharing: u32::from(draw.below(3)) }
}
