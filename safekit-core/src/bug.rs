//! Faults of the machines that a test can switch on, to show that the simulation finds them.
//!
//! Without the feature `planted-bugs` the question is answered `false` at compile time, and nothing of this is in the program.
//!
//! Example: `plant`.

/// A fault that somebody could have made.
///
/// Example: `plant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "planted-bugs"),
    allow(dead_code, unreachable_pub, reason = "without the feature nothing can be planted")
)]
pub enum Bug {
    /// What a view gives is claimed when it is proposed, not when all members agree.
    ClaimBeforeAgreement,
    /// A new view takes no new number.
    EpochReuse,
    /// What another view gives to somebody else is not let go.
    SkippedRelease,
    /// Members agree when their views are equal, whatever their numbers.
    StaleView,
    /// Silence is judged before the waiting datagrams are read.
    JudgeBeforeReceive,
    /// Older rows and datagrams are taken.
    StaleRows,
    /// A doubtful change of the graph is acted upon at once.
    NoSettling,
    /// A letter about a former life ends the living process too.
    LetterEndsNewLife,
    /// A timer is not set where a state needs it.
    ForgottenTimer,
    /// A second start begins while the first one runs.
    DoubleStart,
    /// A module is Ready before the node has joined.
    ReadyBeforeJoined,
    /// The restart budget is never counted.
    UnlimitedRestarts,
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches one fault on for this thread, or all off.
    ///
    /// ```
    /// use safekit_core::bug::{Bug, plant, planted};
    ///
    /// plant(Some(Bug::UnlimitedRestarts));
    /// assert!(planted(Bug::UnlimitedRestarts) && !planted(Bug::StaleView));
    /// plant(None);
    /// assert!(!planted(Bug::UnlimitedRestarts));
    /// ```
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Tells whether a fault is switched on in this thread.
    ///
    /// Example: `plant`.
    #[must_use]
    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(not(feature = "planted-bugs"))]
mod switch {
    use super::Bug;

    /// Tells that no fault is switched on.
    pub(crate) const fn planted(_: Bug) -> bool {
        false
    }
}

#[cfg(not(feature = "planted-bugs"))]
pub(crate) use switch::planted;
#[cfg(feature = "planted-bugs")]
pub use switch::{plant, planted};
