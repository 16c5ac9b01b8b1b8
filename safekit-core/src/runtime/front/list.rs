//! Keeps connections in one first-in-first-out list per class.
//!
//! A class has one constant time limit, so the head of its list is both the next deadline and the oldest, that is the
//! next to close when room is needed: everything is O(1), no wheel and no tree.
//!
//! Always: a connection is in one list at most; within a list, `since` never falls from head to tail.

use std::time::Instant;

/// What a connection is doing; each class has one limit of [`super::Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Refused, and still read for a moment so that the peer can read the refusal.
    Linger,
    /// Waiting for (the rest of) the head of a request.
    Head,
    /// Kept alive, waiting for the first byte of a next request.
    Idle,
    /// Waiting for the rest of a body.
    Body,
    /// Waiting for a peer that does not read.
    Write,
    /// With the handler.
    Work,
}

impl Class {
    /// All classes.
    pub(super) const ALL: [Self; 6] =
        [Self::Linger, Self::Head, Self::Idle, Self::Body, Self::Write, Self::Work];

    /// The classes that may be closed when room is needed, first the one that is closed first. Work is not among
    /// them: it is bounded by the workers and their queue.
    pub(super) const EVICTED: [Self; 5] =
        [Self::Linger, Self::Head, Self::Idle, Self::Body, Self::Write];

    fn place(self) -> usize {
        match self {
            Self::Linger => 0,
            Self::Head => 1,
            Self::Idle => 2,
            Self::Body => 3,
            Self::Write => 4,
            Self::Work => 5,
        }
    }
}

/// The lists of all classes, over the places of the connections.
#[derive(Debug, Default)]
pub(super) struct Lists {
    nodes: Vec<Node>,
    ends: [Ends; 6],
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    entered: Option<Entered>,
    before: Option<usize>,
    after: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Entered {
    class: Class,
    round: u64,
    since: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    first: Option<usize>,
    last: Option<usize>,
    count: usize,
}

impl Lists {
    /// Puts a connection into a class, at the end of its list, unless it is there already in the same round; a round
    /// is the number of a request of the connection.
    pub(super) fn settle(&mut self, place: usize, class: Class, round: u64, now: Instant) {
        if let Some(Node { entered: Some(entered), .. }) = self.nodes.get(place)
            && entered.class == class
            && entered.round == round
        {
            return;
        }
        self.leave(place);
        if self.nodes.len() <= place {
            self.nodes.resize(place + 1, Node::default());
        }
        let Some(ends) = self.ends.get_mut(class.place()) else { return };
        ends.count += 1;
        let before = ends.last.replace(place);
        if before.is_none() {
            ends.first = Some(place);
        }
        if let Some(node) = before.and_then(|last| self.nodes.get_mut(last)) {
            node.after = Some(place);
        }
        if let Some(node) = self.nodes.get_mut(place) {
            *node =
                Node { entered: Some(Entered { class, round, since: now }), before, after: None };
        }
    }

    /// Takes a connection out of its list.
    pub(super) fn leave(&mut self, place: usize) {
        let Some(node) = self.nodes.get_mut(place) else { return };
        let Some(entered) = node.entered.take() else { return };
        let (before, after) = (node.before.take(), node.after.take());
        if let Some(ends) = self.ends.get_mut(entered.class.place()) {
            ends.count -= 1;
        }
        match before.and_then(|at| self.nodes.get_mut(at)) {
            Some(node) => node.after = after,
            None => {
                if let Some(ends) = self.ends.get_mut(entered.class.place()) {
                    ends.first = after;
                }
            }
        }
        match after.and_then(|at| self.nodes.get_mut(at)) {
            Some(node) => node.before = before,
            None => {
                if let Some(ends) = self.ends.get_mut(entered.class.place()) {
                    ends.last = before;
                }
            }
        }
    }

    /// Returns the oldest connection of a class, and since when it is there.
    pub(super) fn first(&self, class: Class) -> Option<(usize, Instant)> {
        let place = self.ends.get(class.place())?.first?;
        Some((place, self.nodes.get(place)?.entered?.since))
    }

    /// Returns how many connections are in a class.
    pub(super) fn count(&self, class: Class) -> usize {
        self.ends.get(class.place()).map_or(0, |ends| ends.count)
    }

    /// Returns the connection that entered a class right after another one.
    pub(super) fn after(&self, place: usize) -> Option<usize> {
        self.nodes.get(place)?.after
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn members(lists: &Lists, class: Class) -> Vec<usize> {
        let mut found = Vec::new();
        let mut next = lists.first(class).map(|(place, _)| place);
        while let Some(place) = next {
            found.push(place);
            next = lists.after(place);
        }
        found
    }

    #[test]
    fn lists_agree_with_a_plain_model() {
        let base = crate::sim_clock_base();
        let mut lists = Lists::default();
        let mut model: Vec<(usize, Class, u64)> = Vec::new();
        let mut seed = 7_u64;
        for step in 0..20_000_u64 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(seed >> 60).unwrap();
            let class = Class::ALL[usize::try_from((seed >> 40) % 6).unwrap()];
            let round = (seed >> 30) % 2;
            let at = model.iter().position(|entry| entry.0 == place);
            if seed >> 50 & 3 == 0 {
                lists.leave(place);
                if let Some(at) = at {
                    model.remove(at);
                }
            } else {
                lists.settle(place, class, round, base + Duration::from_millis(step));
                if !at.is_some_and(|at| model[at] == (place, class, round)) {
                    if let Some(at) = at {
                        model.remove(at);
                    }
                    model.push((place, class, round));
                }
            }
            for class in Class::ALL {
                let expected: Vec<usize> =
                    model.iter().filter(|entry| entry.1 == class).map(|entry| entry.0).collect();
                assert_eq!(members(&lists, class), expected);
                assert_eq!(lists.count(class), expected.len());
            }
        }
    }

    #[test]
    fn staying_in_a_class_does_not_prolong_the_limit_but_a_next_round_does() {
        let base = crate::sim_clock_base();
        let later = base + Duration::from_secs(1);
        let mut lists = Lists::default();
        lists.settle(3, Class::Head, 0, base);
        lists.settle(3, Class::Head, 0, later);
        assert_eq!(lists.first(Class::Head), Some((3, base)));
        lists.settle(3, Class::Head, 1, later);
        assert_eq!(lists.first(Class::Head), Some((3, later)));
    }
}
