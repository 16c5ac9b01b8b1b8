//! What can be seen of a module from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::journey::{Doing, Goal, State};
use super::{ACTION_BITS, Module, PastRun, PresentRun, Timer};
use crate::config::model::ModuleConfig;
use crate::event::ModuleFault;
use crate::explain::Cause;
use crate::ids::{ActionId, LanSet, ModuleKey};
use crate::module::script::Script;
use crate::module::state::{FarmState, ModuleState};
use crate::module::watch::Watched;

impl Module {
    /// Returns the number that its actions begin with.
    #[must_use]
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Returns the number of the module that an action belongs to.
    #[must_use]
    pub(crate) fn number_of(id: ActionId) -> u32 {
        u32::try_from(id.0 >> ACTION_BITS).unwrap_or(0)
    }

    /// Returns what stands for it in heartbeats.
    #[must_use]
    pub fn key(&self) -> ModuleKey {
        self.key
    }

    /// Returns the configuration it goes by.
    #[must_use]
    pub fn config(&self) -> &ModuleConfig {
        &self.config
    }

    /// Returns the scripts that it has.
    #[must_use]
    pub fn scripts(&self) -> &BTreeSet<Script> {
        &self.scripts
    }

    /// Returns the lans whose heartbeats count for it.
    #[must_use]
    pub fn lans(&self) -> LanSet {
        self.lans
    }

    /// Returns the signature of what its shares are computed from.
    #[must_use]
    pub fn sharing(&self) -> u32 {
        self.sharing
    }

    /// Returns where it is, and whether that is settled: what the health answer and the heartbeats tell.
    #[must_use]
    pub fn state(&self) -> ModuleState {
        self.state.shown()
    }

    /// Returns where it goes when nothing else happens: STOP, or UP while it starts, restarts, waits for its boot
    /// delay, and while it stops only to start again.
    #[must_use]
    pub fn goal(&self) -> FarmState {
        match &self.state {
            State::Stopped => {
                let boots = self.boot_waits || self.timers.deadline(Timer::Boot).is_some();
                if boots { FarmState::Up } else { FarmState::Stop }
            }
            State::Waiting(journey) | State::Moving(journey) => match journey.goal {
                Goal::Stop => FarmState::Stop,
                Goal::Up | Goal::Again => FarmState::Up,
            },
            State::Adopted(_) | State::Joining | State::Ready => FarmState::Up,
        }
    }

    /// Returns the token of the health answer's reason header.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.state.reason()
    }

    /// Tells whether it takes load: only when it is UP (Ready).
    #[must_use]
    pub fn takes(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Returns since when it has its state.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Returns why it has its state.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns the script that runs.
    #[must_use]
    pub fn present_run(&self) -> Option<PresentRun> {
        let running = self.state.running()?;
        let (script, arguments) = (running.script, running.arguments.clone());
        Some(PresentRun { script, arguments, since: running.since })
    }

    /// Returns the last run of each script.
    #[must_use]
    pub fn past_runs(&self) -> &BTreeMap<Script, PastRun> {
        &self.past
    }

    /// Returns what is wrong with it and needs a person.
    #[must_use]
    pub fn faults(&self) -> Vec<ModuleFault> {
        let unsaved = self.save_error.clone().map(|error| ModuleFault::NotSaved { error });
        let unknown = self.monitor.services_unknown().map(str::to_owned);
        let unknown = unknown.map(|error| ModuleFault::ServicesUnknown { error });
        self.unstopped().into_iter().chain(unsaved).chain(unknown).collect()
    }

    /// Returns when the drain ends.
    #[must_use]
    pub fn drain_until(&self) -> Option<Instant> {
        match &self.state.journey()?.doing {
            Doing::Draining { until, .. } => Some(*until),
            Doing::Nothing | Doing::Script(_) => None,
        }
    }

    /// Returns how many automatic actions count at that moment.
    #[must_use]
    pub fn loop_used(&self, now: Instant) -> u32 {
        self.budget.used(now, &self.config)
    }

    /// Tells whether the next automatic action would stop the module.
    #[must_use]
    pub fn is_budget_used_up(&self, now: Instant) -> bool {
        !self.config.loop_interval.is_zero() && self.loop_used(now) >= self.config.maxloop
    }

    /// Tells whether the process monitor is switched off.
    #[must_use]
    pub fn is_errd_off(&self) -> bool {
        self.monitor.is_off()
    }

    /// Returns the classes of the user's own that are enabled.
    #[must_use]
    pub fn enabled_classes(&self) -> &BTreeSet<String> {
        self.monitor.enabled()
    }

    /// Returns how each `<proc>` stands.
    #[must_use]
    pub fn watched(&self) -> Vec<Watched> {
        self.monitor.watched()
    }
}
