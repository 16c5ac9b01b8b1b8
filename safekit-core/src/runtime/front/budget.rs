//! Counts bytes that many connections hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that may be held at a time by all together.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    held: AtomicUsize,
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0) })
    }

    /// Returns the bytes held at this time.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// What one owner holds of a budget; given back when it is dropped, on whichever path.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    /// Makes an owner that holds nothing yet.
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Changes what is held to so many bytes; `false`, and no change, when the budget does not allow it.
    #[must_use]
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else {
            self.budget.held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
            return true;
        };
        let fits = |held: usize| held.checked_add(more).filter(|sum| *sum <= self.budget.limit);
        let taken =
            self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.bytes = bytes;
        }
        taken
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_passed_and_comes_back() {
        let budget = Budget::new(10);
        let mut one = Charge::new(&budget);
        let mut other = Charge::new(&budget);
        assert!(one.resize(6));
        assert!(!other.resize(5));
        assert_eq!(budget.held(), 6);
        assert!(one.resize(5));
        assert!(other.resize(5));
        assert!(!other.resize(usize::MAX));
        drop(one);
        assert_eq!(budget.held(), 5);
        drop(other);
        assert_eq!(budget.held(), 0);
    }
}
