//! What clients got, by node and in all: counted by the balancer and the client, read by the screen and the story.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use safekit_cli::screen::Clients;

/// What counts as recent.
const RECENT: Duration = Duration::from_secs(5);
/// Time between two marks of the history.
const MARK: Duration = Duration::from_millis(250);

/// Requests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// All others.
    pub(crate) lost: u64,
}

impl Count {
    /// Returns what came since an earlier count.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(before.answered),
            lost: self.lost.saturating_sub(before.lost),
        }
    }

    fn add(&mut self, answered: bool) {
        let counter = if answered { &mut self.answered } else { &mut self.lost };
        *counter = counter.saturating_add(1);
    }
}

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// What the client saw.
    pub(crate) client: Count,
    /// What the balancer saw of each node.
    pub(crate) nodes: BTreeMap<IpAddr, Count>,
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    inner: Mutex<Snapshot>,
}

impl Counts {
    /// Counts a request of the client.
    pub(crate) fn of_client(&self, answered: bool) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).client.add(answered);
    }

    /// Counts a request that was handed to a node.
    pub(crate) fn of_node(&self, node: IpAddr, answered: bool) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.nodes.entry(node).or_default().add(answered);
    }

    /// Returns what was counted so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The counts of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct History {
    marks: VecDeque<(Instant, Snapshot)>,
}

impl History {
    /// Notes the counts of the moment, unless the last note is younger than a mark.
    pub(crate) fn note(&mut self, now: Instant, snapshot: &Snapshot) {
        let age = |at: &Instant| now.saturating_duration_since(*at);
        if self.marks.back().is_none_or(|(at, _)| age(at) >= MARK) {
            self.marks.push_back((now, snapshot.clone()));
        }
        // The oldest one kept is the last that is old enough to count from.
        while self.marks.get(1).is_some_and(|(at, _)| age(at) >= RECENT) {
            self.marks.pop_front();
        }
    }

    /// Returns what is shown of the client (`None`) or of a node.
    pub(crate) fn clients(&self, snapshot: &Snapshot, node: Option<IpAddr>) -> Clients {
        let of = |snapshot: &Snapshot| match node {
            None => snapshot.client,
            Some(node) => snapshot.nodes.get(&node).copied().unwrap_or_default(),
        };
        let all = of(snapshot);
        let recent = self.marks.front().map_or(all, |(_, before)| all.since(of(before)));
        Clients {
            recent_answered: recent.answered,
            recent_lost: recent.lost,
            answered: all.answered,
            lost: all.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_is_what_came_in_the_last_five_seconds() {
        let (counts, mut history, begin) = (Counts::default(), History::default(), Instant::now());
        let node = IpAddr::from([127, 0, 0, 1]);
        // One request each half second, every fourth is lost.
        for number in 0..40_u32 {
            counts.of_client(number % 4 != 0);
            counts.of_node(node, number % 4 != 0);
            history.note(begin + Duration::from_millis(500) * number, &counts.snapshot());
        }
        let expected = Clients { recent_answered: 8, recent_lost: 2, answered: 30, lost: 10 };
        let other = IpAddr::from([127, 0, 0, 2]);
        let seen = counts.snapshot();
        assert_eq!(history.clients(&seen, None), expected);
        assert_eq!(history.clients(&seen, Some(node)), expected);
        assert_eq!(history.clients(&seen, Some(other)), Clients::default());
        assert!(history.marks.len() <= 12, "{}", history.marks.len());
    }
}
