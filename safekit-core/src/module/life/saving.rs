//! What of a module is on the disk, so that the next agent can go on from it.
//!
//! Saved after each input that changes something of it. One that fails is told once, tried again, and told again when it
//! has succeeded; one that has not ended for [`SAVE_LATE`] counts as failed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Module, Order, Timer};
use crate::event::Event;
use crate::module::budget::RestartBudget;
use crate::module::saved::{SavedModule, SavedPhase};
use crate::node::{Action, Outcome};
use crate::timer::later;

/// What is saved, for the log.
pub(crate) const SAVE: &str = "save the state of the module";
/// What could not be saved is saved again after this time: a full disk may have room again.
const SAVE_AGAIN: Duration = Duration::from_secs(5);
/// A saving that takes this long is a fault until it has ended: the disk does not answer. Ten times what a busy disk takes.
const SAVE_LATE: Duration = Duration::from_secs(5);

/// What was saved last, as far as a change has to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    phase: SavedPhase,
    started: bool,
    budget: RestartBudget,
    complete: bool,
    may_still_run: bool,
    errd_off: bool,
    classes: BTreeSet<String>,
}

impl Module {
    /// Takes the end of a saving.
    pub(super) fn handle_saved(&mut self, now: Instant, outcome: Outcome) {
        self.timers.stop(Timer::SaveLate);
        self.wait_for_saving(now);
        if let Outcome::Failed { error } = outcome {
            self.timers.set(Timer::SaveAgain, later(now, SAVE_AGAIN));
            self.fail_to_save(error);
        } else if self.save_error.take().is_some() {
            self.event(Event::EdgeRecovered { module: Some(self.name()), what: SAVE });
        }
    }

    /// Notes that a saving has not ended in time, unless it is known already that nothing is saved.
    pub(super) fn miss_saving(&mut self) {
        if self.save_error.is_none() {
            let seconds = SAVE_LATE.as_secs();
            self.fail_to_save(format!("the disk has not answered for {seconds} s"));
        }
    }

    /// Saves what must survive the agent, where it is another one.
    pub(super) fn save(&mut self, now: Instant) {
        let kept = Kept {
            phase: self.state.phase(),
            started: self.started,
            budget: self.budget,
            complete: self.monitor.is_complete(),
            may_still_run: self.may_still_run,
            errd_off: self.monitor.is_off(),
            classes: self.monitor.enabled().clone(),
        };
        if self.kept.as_ref() == Some(&kept) {
            return;
        }
        self.kept = Some(kept.clone());
        let saved = SavedModule {
            phase: kept.phase,
            started: kept.started,
            watched: self.monitor.processes().iter().copied().collect(),
            budget: self.budget.saved(now),
            may_still_run: kept.may_still_run,
            errd_off: kept.errd_off,
            classes: kept.classes,
        };
        let module = self.name();
        self.order(Order::Save, Action::SaveModule { module, saved });
        self.wait_for_saving(now);
    }

    /// Notes why nothing is saved; told once until something is.
    fn fail_to_save(&mut self, error: String) {
        if self.save_error.replace(error.clone()).is_none() {
            self.event(Event::EdgeFailed { module: Some(self.name()), what: SAVE, error });
        }
    }

    /// Counts the time of a saving that has not ended.
    fn wait_for_saving(&mut self, now: Instant) {
        let saving = self.orders.values().any(|order| *order == Order::Save);
        if saving && self.timers.deadline(Timer::SaveLate).is_none() {
            self.timers.set(Timer::SaveLate, later(now, SAVE_LATE));
        }
    }
}
