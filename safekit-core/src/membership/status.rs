//! How each member stands for people and programs, with the evidence. Nothing is decided by it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::peer::Peer;
use super::turns::Turns;
use super::{MemberReason, MemberState, Output};
use crate::ids::{Incarnation, NodeId};
use crate::wire::Row;

/// The last told state of each other node.
#[derive(Debug)]
pub(super) struct Roll {
    standings: BTreeMap<NodeId, Standing>,
}

/// How one stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The state.
    pub(super) state: MemberState,
    /// Why; `None` while it was never heard, or has never answered.
    pub(super) why: Option<MemberReason>,
    incarnation: Option<Incarnation>,
}

/// What a standing is judged by.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// Its stream.
    pub(super) peer: &'a Peer,
    /// Its newest row.
    pub(super) row: Option<&'a Row>,
    /// The silence after which it is lost.
    pub(super) lost_after: Duration,
    /// This node's own lateness.
    pub(super) turns: &'a Turns,
}

impl Roll {
    /// Begins with nobody heard.
    pub(super) fn new(nodes: impl Iterator<Item = NodeId>) -> Self {
        let never = Standing { state: MemberState::Lost, why: None, incarnation: None };
        Self { standings: nodes.map(|node| (node, never.clone())).collect() }
    }

    /// Returns how a node stands.
    pub(super) fn standing(&self, node: NodeId) -> Option<&Standing> {
        self.standings.get(&node)
    }

    /// Judges one node, and returns what has to be told where it changed.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        member: NodeId,
        evidence: &Evidence<'_>,
    ) -> Option<Output> {
        let standing = self.standings.get_mut(&member)?;
        let life = evidence.row.map(|row| row.incarnation);
        let heard = evidence.peer.lan.filter(|_| !evidence.peer.lans().is_empty());
        let silence = evidence.peer.last_heard().map(|last| now.saturating_duration_since(last));
        let state = match (evidence.row, heard) {
            (Some(row), _) if row.over => MemberState::Left,
            (Some(row), Some(_))
                if evidence.peer.incarnation == Some(row.incarnation)
                    && (row.joining || evidence.peer.acked.is_some()) =>
            {
                if row.joining {
                    MemberState::Joining
                } else {
                    MemberState::Alive
                }
            }
            // A later life is known by hearsay, and its own datagram is under way; or nothing that was heard answers this
            // life: who has recorded a dead node can send that.
            (_, Some(_)) => return None,
            // After a goodbye the next life is known from others before it is heard itself.
            (Some(row), None) if row.joining && standing.state == MemberState::Left => return None,
            (_, None) => MemberState::Lost,
        };
        let known =
            standing.state == state && (standing.incarnation == life || state == MemberState::Lost);
        if known {
            return None;
        }
        let why = match (state, heard) {
            (MemberState::Left, _) => MemberReason::Announced,
            (MemberState::Alive, _)
                if standing.state == MemberState::Joining && standing.incarnation == life =>
            {
                MemberReason::Joined
            }
            (MemberState::Joining | MemberState::Alive, Some(lan)) => {
                MemberReason::Heard { incarnation: life?, lan }
            }
            (MemberState::Joining | MemberState::Alive | MemberState::Lost, _) => {
                let last = evidence.peer.last_heard().unwrap_or(now);
                let own_lateness = evidence.turns.longest_since(last);
                let silence = silence.unwrap_or(evidence.lost_after);
                MemberReason::Silent { silence, own_lateness }
            }
        };
        *standing = Standing { state, why: Some(why.clone()), incarnation: life };
        Some(Output::MemberChanged { member, state, why })
    }

    /// This node begins a new life: nobody is heard any more. Returns what has to be told.
    pub(super) fn forget(&mut self) -> Vec<Output> {
        let mut told = Vec::new();
        for (member, standing) in &mut self.standings {
            if matches!(standing.state, MemberState::Joining | MemberState::Alive) {
                standing.state = MemberState::Lost;
                standing.why = Some(MemberReason::OwnPause);
                told.push(Output::MemberChanged {
                    member: *member,
                    state: MemberState::Lost,
                    why: MemberReason::OwnPause,
                });
            }
        }
        told
    }
}
