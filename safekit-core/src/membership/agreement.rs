//! What this node proposes, and what all members of it have agreed upon.
//!
//! ```text
//! no view ──propose──► proposed ──every member's newest row says the same (epoch, view)──► installed
//!    ▲                    │ ▲                                                                  │
//!    └─────propose none───┘ └──────────────────────────propose─────────────────────────────────┘
//! ```
//!
//! Always: the number grows whenever what is proposed changes. Not here: who is asked when to agree (`decide`).

use std::sync::Arc;
use std::time::Instant;

use super::{Output, View, choice};
use crate::bug::{Bug, planted};
use crate::ids::Epoch;
use crate::wire::{Row, ViewName};

/// Proposal and installed view.
#[derive(Debug)]
pub(super) struct Agreement {
    epoch: Epoch,
    highest: Epoch,
    proposal: Option<Proposal>,
    since: Instant,
    /// Since when the proposal has its present number.
    numbered: Instant,
    armed: bool,
    arming: Epoch,
    installed: Option<(Epoch, Arc<View>)>,
}

/// A view with its name.
#[derive(Debug)]
struct Proposal {
    view: Arc<View>,
    name: ViewName,
}

impl Agreement {
    /// Begins without a view.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            epoch: Epoch(0),
            highest: Epoch(0),
            proposal: None,
            since: now,
            numbered: now,
            armed: true,
            arming: Epoch(0),
            installed: None,
        }
    }

    /// Proposes another view, or none, and returns what has to be told: what it does not give must be let go.
    pub(super) fn propose(&mut self, now: Instant, view: Option<View>) -> Output {
        if !planted(Bug::EpochReuse) {
            self.highest = Epoch(self.highest.0.saturating_add(1));
        }
        self.epoch = self.highest;
        self.since = now;
        self.numbered = now;
        self.armed = false;
        self.arming = self.epoch;
        self.proposal =
            view.map(|view| Proposal { name: choice::name(&view), view: Arc::new(view) });
        if self.proposal.is_none() {
            self.installed = None;
        }
        Output::ViewProposed { epoch: self.epoch, view: self.view().cloned() }
    }

    /// Takes note that the preparation for a number has ended, and tells whether it is the one that is waited for.
    pub(super) fn arm(&mut self, epoch: Epoch) -> bool {
        let waited_for = epoch == self.arming && !self.armed;
        self.armed |= waited_for;
        waited_for
    }

    /// Takes note of a number that somebody announces.
    pub(super) fn see(&mut self, epoch: Epoch) {
        self.highest = self.highest.max(epoch);
    }

    /// Takes over the number of one who announces the same view under a higher one.
    pub(super) fn adopt(&mut self, now: Instant, row: &Row) {
        if row.view.is_some() && row.view == self.name() && row.epoch > self.epoch {
            self.epoch = row.epoch;
            self.numbered = now;
            self.see(row.epoch);
        }
    }

    /// Tells whether a member's newest row says the same as this node.
    pub(super) fn is_shared_by(&self, row: &Row) -> bool {
        let number = row.epoch == self.epoch || planted(Bug::StaleView);
        number && row.view.is_some() && row.view == self.name()
    }

    /// Puts the proposal in force, and returns what has to be told; `None` where it is in force already.
    pub(super) fn install(&mut self) -> Option<Output> {
        if self.is_installed() {
            return None;
        }
        let view = Arc::clone(self.view()?);
        self.installed = Some((self.epoch, Arc::clone(&view)));
        Some(Output::ViewInstalled { epoch: self.epoch, view })
    }

    /// Tells whether the proposal is in force under its present number.
    pub(super) fn is_installed(&self) -> bool {
        match (&self.installed, &self.proposal) {
            (Some((epoch, view)), Some(proposal)) => {
                *epoch == self.epoch && Arc::ptr_eq(view, &proposal.view)
            }
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// Returns the number of what is proposed.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns what is proposed.
    pub(super) fn view(&self) -> Option<&Arc<View>> {
        self.proposal.as_ref().map(|proposal| &proposal.view)
    }

    /// Returns the name of what is proposed.
    pub(super) fn name(&self) -> Option<ViewName> {
        self.proposal.as_ref().map(|proposal| proposal.name)
    }

    /// Returns since when it is proposed.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Returns since when it is proposed under its present number.
    pub(super) fn numbered(&self) -> Instant {
        self.numbered
    }

    /// Tells whether the preparation has ended.
    pub(super) fn is_armed(&self) -> bool {
        self.armed
    }

    /// Tells whether this node is in no view and has let go of everything.
    pub(super) fn is_out(&self) -> bool {
        self.proposal.is_none() && self.armed
    }

    /// Returns what is in force.
    pub(super) fn installed(&self) -> Option<&(Epoch, Arc<View>)> {
        self.installed.as_ref()
    }
}
