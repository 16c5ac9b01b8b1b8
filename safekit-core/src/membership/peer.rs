//! The stream of datagrams from one other node: when it was heard, and what it has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{Incarnation, LanId, LanSet, NodeId};
use crate::wire::{Echo, Header, ReplayWindow, RowMark, is_later};

/// One other node as a sender.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The latest life that sent a datagram.
    pub(super) incarnation: Option<Incarnation>,
    /// On which lan it came in last.
    pub(super) lan: Option<LanId>,
    /// What this node has to echo.
    pub(super) echo: Option<Echo>,
    /// When that was sent which the peer has echoed, the newest such moment.
    pub(super) acked: Option<Instant>,
    /// Which rows it has; `None` where nothing is known.
    pub(super) marks: Option<Vec<(NodeId, RowMark)>>,
    /// It sends under a life that is not its latest: it has to be told of the later one.
    pub(super) outdated: bool,
    windows: BTreeMap<LanId, ReplayWindow>,
    heard: BTreeMap<LanId, Instant>,
    last_heard: Option<Instant>,
    double: Option<Double>,
}

/// A former life that goes on sending: another process with the same id.
#[derive(Debug)]
struct Double {
    incarnation: Incarnation,
    sequence: u64,
    since: Instant,
    /// When it went on sending for longer than anything is under way.
    shown: Option<Instant>,
}

impl Peer {
    /// Tells whether a datagram is later than all before, and takes note of it.
    pub(super) fn admit(&mut self, lan: LanId, header: &Header) -> bool {
        let former = |known: Incarnation| {
            header.incarnation != known && !is_later(&header.incarnation, &known)
        };
        if self.incarnation.is_some_and(former) {
            return false;
        }
        self.windows.entry(lan).or_default().admit(header.incarnation, header.sequence)
    }

    /// Takes note of an admitted datagram.
    pub(super) fn hear(&mut self, now: Instant, lan: LanId, header: &Header) {
        if self.incarnation != Some(header.incarnation) {
            self.incarnation = Some(header.incarnation);
            self.marks = None;
            self.echo = None;
            // A later life than both: whether there is another one beside it has to show itself anew.
            self.double.iter_mut().for_each(|double| double.shown = None);
        }
        self.lan = Some(lan);
        self.heard.insert(lan, now);
        self.last_heard = Some(now);
        let stamp = self.echo.map_or(header.stamp, |echo| echo.stamp.max(header.stamp));
        self.echo = Some(Echo { incarnation: header.incarnation, stamp });
    }

    /// Takes note of a datagram of a former life, and tells whether it comes from a second process: it goes on sending for
    /// longer than anything is under way, and what it has heard of this node is later than its first one, or nothing: a copy
    /// behind the same address sends, and hears nobody. `echoed` is when that was sent which the datagram echoes; one that
    /// was recorded echoes what was sent before.
    pub(super) fn hear_former(
        &mut self,
        now: Instant,
        header: &Header,
        echoed: Option<Instant>,
        limit: Duration,
    ) -> bool {
        self.outdated = true;
        match &mut self.double {
            Some(double) if double.incarnation == header.incarnation => {
                let goes_on = header.sequence > double.sequence;
                double.sequence = double.sequence.max(header.sequence);
                let lives = header.echo.is_none() || echoed.is_some_and(|sent| sent > double.since);
                let lasts = now.saturating_duration_since(double.since) >= limit;
                let second = goes_on && lives && lasts;
                if second {
                    double.shown = Some(now);
                }
                second
            }
            Some(_) | None => {
                self.double = Some(Double {
                    incarnation: header.incarnation,
                    sequence: header.sequence,
                    since: now,
                    shown: None,
                });
                false
            }
        }
    }

    /// Tells whether a second process has shown itself within this time.
    pub(super) fn is_double(&self, now: Instant, within: Duration) -> bool {
        let shown = self.double.as_ref().and_then(|double| double.shown);
        shown.is_some_and(|at| now.saturating_duration_since(at) < within)
    }

    /// Forgets datagrams of former lives: this node stood still, and what waited meanwhile shows nothing.
    pub(super) fn forget_former(&mut self) {
        self.double = None;
    }

    /// Takes note of what the peer has echoed.
    pub(super) fn acknowledge(&mut self, sent: Instant) {
        self.acked = self.acked.max(Some(sent));
    }

    /// Tells whether the peer has the row of a node in a version; unknown means no.
    pub(super) fn has(&self, node: NodeId, mark: RowMark) -> bool {
        self.mark(node).is_some_and(|theirs| theirs.covers(mark))
    }

    /// Tells whether the peer has this very version of the row of this node, of which nobody has a newer one. That holds
    /// also for one that is half the range of a mark behind.
    pub(super) fn has_mine(&self, me: NodeId, mark: RowMark) -> bool {
        self.mark(me) == Some(mark)
    }

    fn mark(&self, node: NodeId) -> Option<RowMark> {
        let marks = self.marks.as_ref()?;
        let at = marks.binary_search_by_key(&node, |(id, _)| *id).ok()?;
        marks.get(at).map(|(_, mark)| *mark)
    }

    /// Forgets lans that were silent for too long, and returns those on which the peer is heard.
    pub(super) fn judge(&mut self, now: Instant, lost_after: Duration) -> LanSet {
        self.heard.retain(|_, heard| now.saturating_duration_since(*heard) < lost_after);
        self.lans()
    }

    /// Returns the lans on which it is heard.
    pub(super) fn lans(&self) -> LanSet {
        let mut lans = LanSet::default();
        for lan in self.heard.keys() {
            lans.insert(*lan);
        }
        lans
    }

    /// Returns when the first of its lans will have been silent for too long.
    pub(super) fn silence_deadline(&self, lost_after: Duration) -> Option<Instant> {
        self.heard.values().min().map(|heard| *heard + lost_after)
    }

    /// Returns when it was heard last in this node's life.
    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.last_heard
    }

    /// Sets the clocks of silence forward by a time in which this node stood still.
    pub(super) fn forgive(&mut self, now: Instant, gap: Duration) {
        for heard in self.heard.values_mut() {
            *heard = now.min(*heard + gap);
        }
    }

    /// Forgets that it was heard: this node begins a new life.
    pub(super) fn forget(&mut self) {
        self.heard.clear();
        self.last_heard = None;
        self.acked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_far_behind_lacks_the_newest_version_of_mine() {
        let me = NodeId::new(1).unwrap();
        let mark = |version| RowMark { incarnation: 7, version };
        let marks = Some(vec![(me, mark(0))]);
        let peer = Peer { marks, ..Peer::default() };
        assert!(peer.has_mine(me, mark(0)));
        for behind in [1, 32_766, 32_769, 40_000, 65_535] {
            assert!(!peer.has_mine(me, mark(behind)), "{behind}");
        }
    }
}
