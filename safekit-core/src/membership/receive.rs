//! What a datagram changes: only what is known. Nothing is judged here.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::machine::{Membership, Phase};
use super::{Fault, NodeConfig, Output};
use crate::bug::{Bug, planted};
use crate::ids::{LanId, NodeId};
use crate::wire::{Datagram, Header, Heartbeat, Letter, Row, WireError, is_later, name_check};

impl Membership {
    /// Takes a datagram, or refuses it without any effect.
    pub(super) fn receive(&mut self, now: Instant, lan: LanId, from: SocketAddr, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Living | Phase::LettingGo { .. }) {
            return;
        }
        if planted(Bug::JudgeBeforeReceive) && self.turns.since_last(now) > self.cadence.gap() {
            self.decide(now);
        }
        match self.seal.open(bytes) {
            Ok(Datagram::Heartbeat(heartbeat)) => self.receive_heartbeat(now, lan, from, heartbeat),
            Ok(Datagram::Letter(letter)) => self.receive_letter(now, from, letter),
            Err(error) => self.refuse(now, from, &error),
        }
    }

    fn refuse(&mut self, now: Instant, from: SocketAddr, error: &WireError) {
        let member = self.node_at(from);
        let counts = &mut self.refused;
        let (count, fault) = match error {
            WireError::Length { .. } | WireError::Magic => (&mut counts.foreign, None),
            WireError::Version { version } => {
                (&mut counts.other_version, Some(Fault::OtherVersion { version: *version, from }))
            }
            WireError::UnknownKey { .. } => {
                (&mut counts.unknown_key, Some(Fault::UnknownKey { from, member }))
            }
            WireError::Tag => (&mut counts.bad_tag, Some(Fault::BadTag { from, member })),
            WireError::Truncated { .. } | WireError::Trailing { .. } | WireError::Value { .. } => {
                (&mut counts.malformed, None)
            }
        };
        *count = count.saturating_add(1);
        if let Some(fault) = fault {
            if let Some(member) = member {
                self.refused_nodes.take(now, member, fault.clone());
            }
            self.fault(now, fault);
        }
    }

    /// Returns the node that cluster.xml gives an address to.
    fn node_at(&self, from: SocketAddr) -> Option<NodeId> {
        let has = |node: &NodeConfig| node.addresses.values().any(|address| *address == from);
        let mut nodes = self.config.nodes.iter();
        nodes.find(|(id, node)| **id != self.config.me && has(node)).map(|(id, _)| *id)
    }

    /// Tells whether cluster.xml gives a sender's id the name that the sender has.
    fn is_known(&mut self, now: Instant, from: SocketAddr, member: NodeId, name: u16) -> bool {
        let known = self.config.nodes.get(&member).map(|node| name_check(&node.name));
        if known != Some(name) {
            self.misunderstand(now, from, Fault::OtherName { member, from });
        }
        known == Some(name)
    }

    /// Refuses a datagram of a node that has a key of this cluster, and another cluster.xml.
    fn misunderstand(&mut self, now: Instant, from: SocketAddr, fault: Fault) {
        self.refused.misaddressed = self.refused.misaddressed.saturating_add(1);
        if let Some(sender) = self.node_at(from) {
            self.refused_nodes.take(now, sender, fault.clone());
        }
        self.fault(now, fault);
    }

    fn receive_letter(&mut self, now: Instant, from: SocketAddr, letter: Letter) {
        if !self.is_known(now, from, letter.node, letter.name) {
            return;
        }
        let mut row = letter.row();
        if planted(Bug::LetterEndsNewLife)
            && let Some(known) = self.table.row(letter.node)
        {
            row.incarnation.counter = row.incarnation.counter.max(known.incarnation.counter);
        }
        self.take_row(now, row);
    }

    fn receive_heartbeat(
        &mut self,
        now: Instant,
        lan: LanId,
        from: SocketAddr,
        heartbeat: Heartbeat,
    ) {
        let header = heartbeat.header;
        let member = header.sender;
        let me = self.config.me;
        if !self.is_known(now, from, member, header.name) {
            return;
        }
        if member == me {
            // What this node, or another one that runs under its name, has sent.
            self.refused.misaddressed = self.refused.misaddressed.saturating_add(1);
            return;
        }
        if header.receiver != me {
            return self.misunderstand(now, from, Fault::OtherName { member: me, from });
        }
        if lan != header.lan {
            return self.misunderstand(now, from, Fault::OtherLan { member });
        }
        if !self.admit(now, lan, &header) {
            self.refused.old = self.refused.old.saturating_add(1);
            return;
        }
        if let (Some(marks), Some(peer)) = (heartbeat.marks, self.peers.get_mut(&member)) {
            peer.marks = Some(marks);
        }
        for row in heartbeat.rows {
            self.take_row(now, row);
        }
        let heard = self.hearing.get(&member);
        let expected =
            heard.is_some_and(|(life, lans)| *life == header.incarnation && lans.contains(lan));
        self.pending |= !expected;
        self.ask_to_send_again(now, member);
    }

    /// Tells whether a datagram is of the sender's latest life and later than all before, and takes note of it.
    fn admit(&mut self, now: Instant, lan: LanId, header: &Header) -> bool {
        let former = self.table.row(header.sender).is_some_and(|row| {
            row.incarnation != header.incarnation
                && !is_later(&header.incarnation, &row.incarnation)
        });
        let stood_still = self.turns.since_last(now) > self.cadence.gap();
        let echoed = self.echoed(now, header);
        let Some(peer) = self.peers.get_mut(&header.sender) else { return false };
        if former {
            if stood_still {
                peer.forget_former();
            }
            let double = peer.hear_former(now, header, echoed, self.cadence.wait_max());
            self.pace.again(now, self.cadence.fast);
            if double {
                self.fault(now, Fault::DuplicateNode { member: header.sender });
            }
            return false;
        }
        if !peer.admit(lan, header) {
            return false;
        }
        peer.hear(now, lan, header);
        if let Some(sent) = echoed {
            self.pending |= peer.acked.is_none();
            peer.acknowledge(sent);
        }
        true
    }

    /// Returns when this node sent what a datagram echoes, where that was in its present life.
    fn echoed(&self, now: Instant, header: &Header) -> Option<Instant> {
        let echo = header.echo.filter(|it| it.incarnation == self.identity.incarnation())?;
        let sent = self.base.checked_add(Duration::from_micros(echo.stamp));
        sent.filter(|sent| *sent <= now)
    }

    /// Takes a row that is newer than the known one of its node.
    fn take_row(&mut self, now: Instant, row: Row) {
        let node = row.node;
        if node == self.config.me {
            self.pending |= self.identity.see(row.incarnation);
            return;
        }
        if !self.peers.contains_key(&node) {
            return;
        }
        let epoch = row.epoch;
        let told_anew = *self.peer_modules(node) != row.modules;
        if !self.table.merge(now, row) {
            return;
        }
        if let Some(row) = self.table.row(node) {
            self.graph.take(row);
        }
        self.pending = true;
        self.agreement.see(epoch);
        if told_anew {
            self.outputs.push_back(Output::PeerModulesChanged { member: node });
        }
        if self.somebody_lacks(node) {
            self.pace.event(now);
        }
        if let Some(row) = self.table.row(node).filter(|row| !row.over) {
            for fault in self.differences(row) {
                self.fault(now, fault);
            }
        }
    }

    /// Tells whether somebody who is heard lacks the row of a node and does not hear that node: then it is relayed at once.
    /// To one that joins only the end of a node is.
    fn somebody_lacks(&self, node: NodeId) -> bool {
        let Some(known) = self.table.known(node) else { return false };
        let hear_it = self.graph.links().heard_by(node);
        let deaf =
            self.hearing.keys().filter(|other| **other != node && !hear_it.contains(**other));
        let mut peers = deaf
            .filter(|other| known.row.over || self.graph.is_joined(**other))
            .filter_map(|other| self.peers.get(other));
        peers.any(|peer| !peer.has(node, known.mark))
    }

    /// A datagram showed what its sender has: where that is not the newest own row, it is sent again.
    fn ask_to_send_again(&mut self, now: Instant, member: NodeId) {
        if now.saturating_duration_since(self.changed) >= super::cadence::FAST_FOR {
            return;
        }
        let me = self.config.me;
        let lacks = |mark| self.peers.get(&member).is_some_and(|peer| !peer.has_mine(me, mark));
        if self.table.known(me).is_some_and(|known| lacks(known.mark)) {
            self.pace.again(now, self.cadence.fast);
        }
    }
}
