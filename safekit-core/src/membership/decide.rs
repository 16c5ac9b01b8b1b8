//! What follows from what is known: the steps of one judgement, always all of them and in this order.
//!
//! hearing → graph → joining ends → wanted view → propose (release) → install (claim) → publish

use std::time::Instant;

use super::cadence::ARM_WAIT;
use super::choice::{self, Choice, Rows};
use super::identity::Verdict;
use super::machine::{Membership, Phase};
use super::status::Evidence;
use super::{Fault, JoinReason, Output, View};
use crate::bug::{Bug, planted};
use crate::ids::{NodeId, NodeSet};
use crate::wire::{Hearing, incarnation_check};

impl Membership {
    /// Judges everything once, and sets when to judge again at the latest.
    pub(super) fn decide(&mut self, now: Instant) {
        self.judge_identity(now);
        if self.judge_once(now) {
            // Somebody who never agrees counts as unheard from here on.
            self.judge_once(now);
        }
        self.publish(now);
        self.pending = false;
        self.judge_at = self.next_judgement(now);
    }

    /// Refutes a later life of this node, or stays out while another process lives it.
    fn judge_identity(&mut self, now: Instant) {
        let mine = incarnation_check(self.identity.incarnation());
        let elsewhere = self.hearing.keys().any(|node| {
            let hears = self.table.row(*node).and_then(|row| row.hears.get(&self.config.me));
            hears.is_some_and(|hearing| hearing.check != mine)
        });
        match self.identity.judge(now, elsewhere) {
            Verdict::Undisputed => {}
            Verdict::Refuted { known } => {
                let counter = self.identity.incarnation().counter;
                self.outputs.push_back(Output::CounterTaken { counter });
                self.become_joining(now, JoinReason::Refuted { known });
            }
            Verdict::Double { known } => {
                self.fault(now, Fault::DuplicateNode { member: self.config.me });
                if self.joining.is_none() {
                    self.become_joining(now, JoinReason::Refuted { known });
                }
            }
        }
    }

    /// Goes through the steps, and tells whether somebody is treated as unheard since.
    fn judge_once(&mut self, now: Instant) -> bool {
        self.judge_hearing(now);
        self.judge_joining(now);
        if self.joining.is_none() && self.phase == Phase::Living {
            self.judge_view(now);
        }
        self.judge_agreement(now)
    }

    /// Finds out who is heard, after everything that waited was received.
    fn judge_hearing(&mut self, now: Instant) {
        self.hearing.clear();
        for (node, peer) in &mut self.peers {
            let lost_after = self.cadence.lost_after(*node);
            let lans = peer.judge(now, lost_after);
            let row = self.table.row(*node);
            let evidence = Evidence { peer, row, lost_after, turns: &self.turns };
            self.outputs.extend(self.roll.judge(now, *node, &evidence));
            if let Some(row) = row
                && !lans.is_empty()
                && !row.over
                && peer.incarnation == Some(row.incarnation)
                && !self.shunned.contains(now, *node, row.incarnation)
            {
                self.hearing.insert(*node, (row.incarnation, lans));
            }
        }
        let hearing =
            |(life, lans): &(_, _)| Hearing { check: incarnation_check(*life), lans: *lans };
        self.draft.incarnation = self.identity.incarnation();
        self.draft.hears =
            self.hearing.iter().map(|(node, heard)| (*node, hearing(heard))).collect();
        self.draft.joining = self.joining.is_some();
        self.graph.take(&self.draft);
    }

    /// Returns all rows, the own one as it is being written.
    fn rows(&self) -> Rows<'_> {
        let mut rows: Rows<'_> =
            self.table.iter().map(|known| (known.row.node, &known.row)).collect();
        rows.insert(self.config.me, &self.draft);
        rows
    }

    /// Ends joining when all are heard, when everybody is heard whom the heard ones hear, or after one loss time.
    fn judge_joining(&mut self, now: Instant) {
        let Some(since) = self.joining else { return };
        if self.identity.is_double() {
            return;
        }
        let me = self.config.me;
        let mutual = self.graph.neighbours(me);
        let peers_heard = || {
            let known = |node: &NodeId| mutual.contains(*node) || *node == me;
            mutual.iter().any(|node| self.graph.is_joined(node))
                && mutual
                    .iter()
                    .all(|node| self.table.row(node).is_none_or(|row| row.hears.keys().all(known)))
        };
        let why = if self.peers.keys().all(|node| mutual.contains(*node)) {
            JoinReason::AllHeard
        } else if peers_heard() {
            JoinReason::PeersHeard
        } else if now >= since + self.cadence.lost() {
            JoinReason::Alone
        } else {
            return;
        };
        self.joining = None;
        self.draft.joining = false;
        self.outputs.push_back(Output::JoinChanged { joined: true, why });
    }

    /// Proposes the view that follows from the graph, unless it is in doubt.
    fn judge_view(&mut self, now: Instant) {
        let choice = Choice::new(&self.graph, self.config.me);
        self.doubt.observe(now, self.graph.shape(choice.component));
        let wanted = choice.members.map(|members| choice::view(members, &self.rows(), &self.graph));
        if wanted.is_some() {
            self.excluded = None;
        }
        let same = wanted.as_ref() == self.agreement.view().map(AsRef::as_ref);
        // Whoever begins without a view and is to stay without one has yet to say so.
        if same && (wanted.is_some() || self.excluded.is_some()) {
            self.doubt.end();
            return;
        }
        // A first view waits for those who are about to join too: all nodes that start together begin with one view.
        let early = self.agreement.view().is_none() && choice.joining_near;
        if (choice.whole && !early) || self.is_plain(wanted.as_ref()) {
            self.doubt.end();
        } else if self.doubt.wait(now, self.cadence.settle, self.cadence.wait_max()) {
            return;
        }
        if wanted.is_none() {
            let fault = Fault::Excluded { view: choice.excluded_by.iter().collect() };
            self.excluded = Some(fault.clone());
            self.fault(now, fault);
        }
        if same {
            return;
        }
        self.outputs.push_back(self.agreement.propose(now, wanted));
        if planted(Bug::ClaimBeforeAgreement) {
            self.outputs.extend(self.agreement.install());
        }
    }

    /// Tells whether a change is clear to everybody although not everybody hears everybody: members that nobody
    /// hears any more are gone, or only what modules do has changed.
    fn is_plain(&self, wanted: Option<&View>) -> bool {
        let (Some(wanted), Some(present)) = (wanted, self.agreement.view()) else { return false };
        let gone = |node: &NodeId| {
            !wanted.members.contains_key(node) && self.graph.neighbours(*node).is_empty()
        };
        let only_gone = wanted.members.len() < present.members.len()
            && wanted.members.keys().all(|node| present.members.contains_key(node))
            && present.members.keys().all(|node| wanted.members.contains_key(node) || gone(node));
        let lives = |view: &View| -> Vec<_> {
            view.members.iter().map(|(node, member)| (*node, member.incarnation)).collect()
        };
        only_gone || lives(wanted) == lives(present)
    }

    /// Installs the proposal once all its members say the same; tells whether one of them never does.
    fn judge_agreement(&mut self, now: Instant) -> bool {
        let Some(view) = self.agreement.view().cloned() else { return false };
        let me = self.config.me;
        let others: Vec<NodeId> = view.members.keys().copied().filter(|node| *node != me).collect();
        for node in &others {
            if let Some(row) = self.table.row(*node) {
                self.agreement.adopt(now, row);
            }
        }
        if self.agreement.is_installed() {
            return false;
        }
        let shares = |node: &NodeId| {
            self.table.row(*node).is_some_and(|row| self.agreement.is_shared_by(row))
        };
        let silent: Vec<NodeId> = others.iter().copied().filter(|node| !shares(node)).collect();
        if silent.is_empty() {
            if self.is_armed(now, &others) && self.is_let_go(now, &view) {
                self.outputs.extend(self.agreement.install());
            }
            return false;
        }
        if now < self.patience_ends() {
            return false;
        }
        for node in silent {
            if let Some((incarnation, _)) = self.hearing.get(&node) {
                self.shunned.add(now, node, *incarnation);
                self.fault(now, Fault::NeverAgrees { member: node });
            }
        }
        true
    }

    /// Returns when a member that does not agree has no reason left: nobody's doubt lasts longer than two loss times, or
    /// than the settling time after the last change of the graph.
    fn patience_ends(&self) -> Instant {
        let since = self.agreement.numbered().max(self.doubt.quiet_since());
        since + self.cadence.wait_max() + self.cadence.settle
    }

    /// Tells whether all members are prepared, or the preparation took too long.
    fn is_armed(&self, now: Instant, others: &[NodeId]) -> bool {
        let armed = |node: &NodeId| self.table.row(*node).is_some_and(|row| row.armed);
        (self.agreement.is_armed() && others.iter().all(armed))
            || now >= self.agreement.since() + ARM_WAIT
    }

    /// Tells whether everybody outside a view whom a member hears has let go, or has had two loss times for it.
    fn is_let_go(&self, now: Instant, view: &View) -> bool {
        if now >= self.agreement.since() + self.cadence.wait_max() {
            return true;
        }
        let members: NodeSet = view.members.keys().copied().collect();
        self.graph.nodes().filter(|node| !members.contains(*node)).all(|node| {
            let heard = !self.graph.neighbours(node).and(members).is_empty();
            !heard || self.table.row(node).is_some_and(|row| row.out)
        })
    }

    /// Puts the own row into the table, and sends it at once, if anything in it has changed.
    fn publish(&mut self, now: Instant) {
        self.draft.epoch = self.agreement.epoch();
        self.draft.view = self.agreement.name();
        self.draft.armed = self.agreement.is_armed();
        self.draft.out = self.agreement.is_out();
        let published = self.table.row(self.config.me);
        let version = published.map_or(0, |row| row.version);
        self.draft.version = version;
        if published == Some(&self.draft) {
            return;
        }
        // After 2^32 changes in one life others see no further ones; the next life begins far earlier.
        self.draft.version = version.saturating_add(1).min(u32::MAX - 1);
        self.table.merge(now, self.draft.clone());
        self.changed = now;
        self.pace.event(now);
        if !self.agreement.is_armed() && self.agreement.since() == now {
            self.pace.grace(now);
        }
    }

    /// Returns when silence or a wait ends next.
    fn next_judgement(&self, now: Instant) -> Option<Instant> {
        let silence = self
            .peers
            .iter()
            .filter_map(|(node, peer)| peer.silence_deadline(self.cadence.lost_after(*node)));
        let joining = self.joining.map(|since| since + self.cadence.lost());
        let (settle, longest) = (self.cadence.settle, self.cadence.wait_max());
        let doubt = self.doubt.deadline(settle, longest);
        let since = self.agreement.since();
        let waits = self.agreement.view().is_some() && !self.agreement.is_installed();
        let agreement = [since + ARM_WAIT, since + longest, self.patience_ends()];
        let agreement = agreement.into_iter().filter(|_| waits);
        silence
            .chain(joining)
            .chain(doubt)
            .chain(agreement)
            .chain(self.shunned.deadline(now))
            .chain(self.identity.deadline())
            .filter(|at| *at > now)
            .min()
    }
}
