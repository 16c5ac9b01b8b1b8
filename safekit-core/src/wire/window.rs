//! Refuses what was received already, or before.

use crate::bug::{Bug, planted};
use crate::ids::Incarnation;

/// What came last from one node on one lan; by default nothing. Only later datagrams of the same life, or a later life, pass: a replayed
/// datagram never does, a reordered one is dropped as if it were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplayWindow {
    newest: Option<(Incarnation, u64)>,
}

impl ReplayWindow {
    /// Takes note of a datagram, and tells whether it is newer than all before.
    #[must_use]
    pub(crate) fn admit(&mut self, incarnation: Incarnation, sequence: u64) -> bool {
        let this = Some((incarnation, sequence));
        let later = is_later(&this, &self.newest);
        if later {
            self.newest = this;
        }
        later
    }
}

/// Tells whether the first is later than the second: the one question by which anything old is refused.
pub(crate) fn is_later<T: Ord>(first: &T, second: &T) -> bool {
    first > second || (planted(Bug::StaleRows) && first != second)
}

#[cfg(test)]
mod tests {
    use super::ReplayWindow;
    use crate::ids::Incarnation;

    #[test]
    fn passes_each_datagram_once_and_in_order() {
        let first = Incarnation { counter: 1, random: 9, life: 0 };
        let later = Incarnation { counter: 1, random: 9, life: 1 };
        let mut window = ReplayWindow::default();
        assert!(window.admit(first, 5));
        assert!(!window.admit(first, 5), "the same again");
        assert!(!window.admit(first, 4), "an older one");
        assert!(window.admit(first, 9), "a gap is no harm");
        assert!(window.admit(later, 1), "a later life begins anew");
        assert!(!window.admit(first, 100), "the former life is over");
    }
}
