//! What goes out: to each node what it lacks, on every lan.

use std::time::Instant;

use super::cadence::FAST_FOR;
use super::machine::{Membership, Phase};
use super::table::Known;
use super::{Output, Transmit};
use crate::ids::NodeId;
use crate::wire::{Header, HeartbeatWriter};

/// Datagrams to one node on one lan at one time; what does not fit goes out with the next heartbeat.
const DATAGRAMS_MAX: usize = 8;

impl Membership {
    /// Sends the heartbeats that are due.
    pub(super) fn send_what_is_due(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Living | Phase::LettingGo { .. }) {
            return;
        }
        let everybody: Vec<NodeId> = self.peers.keys().copied().collect();
        if self.pace.is_due(now) {
            for node in everybody {
                self.send_heartbeat(now, node);
            }
            let agreed = self.joining.is_none()
                && (self.agreement.view().is_none() || self.agreement.is_installed());
            let lately = now.saturating_duration_since(self.changed) < FAST_FOR;
            let fast = !agreed && lately;
            let after = if fast { self.cadence.fast } else { self.cadence.pulse };
            self.pace.sent(now, after);
        } else if self.pace.is_due_again(now) {
            for node in everybody {
                if self.needs_another(node) {
                    self.send_heartbeat(now, node);
                }
            }
            self.pace.sent_again(now);
        }
    }

    /// Sends the letter about this life to everybody.
    pub(super) fn send_letter(&mut self) {
        let bytes = self.letter();
        for (lan, to) in self.letter_recipients() {
            self.outputs.push_back(Output::Transmit(Transmit { lan, to, bytes: bytes.clone() }));
        }
    }

    /// Tells whether a node is heard and lacks the newest own row, or does not know its own latest life.
    fn needs_another(&self, node: NodeId) -> bool {
        let Some(peer) = self.peers.get(&node) else { return false };
        let lacks = |mine: &Known| !peer.has_mine(self.config.me, mine.mark);
        peer.outdated
            || (self.hearing.contains_key(&node)
                && self.table.known(self.config.me).is_some_and(lacks))
    }

    fn send_heartbeat(&mut self, now: Instant, node: NodeId) {
        for (lan, to) in self.routes(node) {
            let mut writer = Some(self.begin(now, node, lan));
            if let Some(writer) = &mut writer {
                writer.marks(self.table.marks());
            }
            let mut datagrams = Vec::new();
            let rows: Vec<NodeId> = self.lacked_by(now, node);
            for row in rows {
                while let Some(mut open) = writer.take() {
                    let Some(known) = self.table.known(row) else { break };
                    if open.row(&known.encoded) {
                        writer = Some(open);
                        break;
                    }
                    datagrams.push(open.finish(&self.seal));
                    if datagrams.len() < DATAGRAMS_MAX {
                        writer = Some(self.begin(now, node, lan));
                    }
                }
            }
            datagrams.extend(writer.map(|writer| writer.finish(&self.seal)));
            for bytes in datagrams {
                self.outputs.push_back(Output::Transmit(Transmit { lan, to, bytes }));
            }
        }
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.outdated = false;
        }
    }

    fn begin(&mut self, now: Instant, receiver: NodeId, lan: crate::ids::LanId) -> HeartbeatWriter {
        self.sequence = self.sequence.saturating_add(1);
        let stamp = now.saturating_duration_since(self.base).as_micros();
        let header = Header {
            sender: self.config.me,
            receiver,
            lan,
            name: self.name,
            incarnation: self.identity.incarnation(),
            sequence: self.sequence,
            stamp: u64::try_from(stamp).unwrap_or(u64::MAX),
            echo: self.peers.get(&receiver).and_then(|peer| peer.echo),
        };
        HeartbeatWriter::new(&self.seal, &header)
    }

    /// Returns whose rows a node lacks: the own row first; those of others where the node has joined and is deaf to them,
    /// or has not had them from themselves within a pulse; its own where it does not know its latest life.
    fn lacked_by(&self, now: Instant, node: NodeId) -> Vec<NodeId> {
        let Some(peer) = self.peers.get(&node) else { return Vec::new() };
        let me = self.config.me;
        let heard = self.hearing.contains_key(&node);
        let hears = self.graph.links().hears(node);
        let lacks = |known: &Known| !peer.has(known.row.node, known.mark);
        // One that joins has yet to hear everybody: relayed at once, each would send it the rows of all others.
        let joins = !self.graph.is_joined(node);
        let waits = |known: &Known| {
            !known.row.over
                && (joins || hears.contains(known.row.node))
                && now.saturating_duration_since(known.since) < self.cadence.pulse
        };
        let mine = self.table.known(me).filter(|mine| !peer.has_mine(me, mine.mark)).map(|_| me);
        let its_own = Some(node).filter(|_| peer.outdated && self.table.known(node).is_some());
        let others = self.table.iter().filter(|known| {
            let id = known.row.node;
            heard && id != me && id != node && lacks(known) && !waits(known)
        });
        mine.into_iter().chain(its_own).chain(others.map(|known| known.row.node)).collect()
    }
}
