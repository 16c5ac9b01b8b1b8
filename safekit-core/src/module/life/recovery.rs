//! What becomes of a module when the agent starts: what a former agent left, and the start at boot.

use std::time::{Duration, Instant};

use super::journey::{Goal, Journey, Proof, State};
use super::{Module, Timer};
use crate::config::model::{BootPolicy, ProcClass};
use crate::control::{Command, Origin};
use crate::event::{Event, Recovery};
use crate::explain::Cause;
use crate::module::plan;
use crate::module::saved::{SavedModule, SavedPhase};
use crate::module::watch::Begin;
use crate::node::AgentStart;
use crate::timer::later;

/// An application that cannot be seen is believed to run after one poll, and not before this time.
pub(super) const PROOF_MIN: Duration = Duration::from_secs(10);

impl Module {
    /// Goes on from what was saved.
    pub(super) fn recover(&mut self, now: Instant, start: AgentStart, saved: Option<&SavedModule>) {
        // Nothing outlives the host.
        let may_still_run = saved.is_some_and(|saved| saved.may_still_run);
        self.may_still_run = may_still_run && start != AgentStart::HostBooted;
        match (start, saved.map(|saved| saved.phase)) {
            (AgentStart::Reconfigured | AgentStart::ClusterChanged, _)
            | (AgentStart::SameBoot, None) => {}
            (AgentStart::HostBooted, _) => {
                self.monitor.disable_classes();
                if self.started && !self.starts_at_boot() {
                    self.cause = Cause::HostBooted;
                }
                self.started = self.starts_at_boot();
                self.schedule_boot(now);
            }
            (AgentStart::SameBoot, Some(SavedPhase::Stopped)) => {
                // Stopped by the end of the agent, not by a person: it comes back with the agent.
                if self.started && !self.starts_at_boot() {
                    self.cause = Cause::FormerAgentEnded;
                } else if self.started {
                    self.schedule_boot(now);
                }
            }
            (AgentStart::SameBoot, Some(SavedPhase::Up)) => self.adopt(now),
            (AgentStart::SameBoot, Some(SavedPhase::Starting | SavedPhase::Restarting)) => {
                self.clear_away(now, Goal::Again);
            }
            (AgentStart::SameBoot, Some(SavedPhase::Stopping)) => {
                let again = self.started && self.starts_at_boot();
                self.clear_away(now, if again { Goal::Again } else { Goal::Stop });
            }
        }
    }

    pub(super) fn starts_at_boot(&self) -> bool {
        match self.config.boot {
            BootPolicy::On => true,
            BootPolicy::Auto => self.started,
            BootPolicy::Off | BootPolicy::Ignore => false,
        }
    }

    fn schedule_boot(&mut self, now: Instant) {
        if !self.starts_at_boot() {
            return;
        }
        if self.config.boot_delay.is_zero() {
            self.boot(now);
        } else {
            self.timers.set(Timer::Boot, later(now, self.config.boot_delay));
        }
    }

    /// Starts because the agent has started; waits where there is no cluster yet.
    pub(super) fn boot(&mut self, now: Instant) {
        self.boot_waits = self.lacks_cluster();
        if !self.boot_waits {
            drop(self.command(now, Command::Start, &Origin::Boot));
        }
    }

    /// The application was UP, and the host has not gone down since.
    fn adopt(&mut self, now: Instant) {
        self.monitor.enable(now, ProcClass::Pre, Begin::Adopted);
        self.monitor.enable(now, ProcClass::Both, Begin::Adopted);
        if self.monitor.tests_presence() {
            self.become_adopted(now, Proof::Processes);
        } else {
            self.become_adopted(now, Proof::Time);
            self.recovered(Recovery::AdoptedUnwatched);
        }
    }

    /// The list of processes has come.
    pub(super) fn prove(&mut self, now: Instant) {
        let State::Adopted(proof) = self.state else { return };
        if proof == Proof::Time || self.monitor.has_to_look(now) {
            return;
        }
        let unknown = self.monitor.services_unknown().is_some();
        if unknown && proof == Proof::Unknown {
            // Until its time has passed.
        } else if self.monitor.is_missing_any() {
            self.recovered(Recovery::ProcessesGone);
            self.monitor.judge_missing(now);
            self.hear_monitor(now);
        } else if unknown {
            self.recovered(Recovery::ServicesUnknown);
            self.await_proof(now, Proof::Unknown);
        } else {
            self.recovered(Recovery::Adopted);
            self.become_up(now, Cause::ProcessesSeen);
        }
    }

    /// Nothing is watched any more that could show whether the application runs: a poll time has to do.
    pub(super) fn prove_by_time(&mut self, now: Instant) {
        if matches!(self.state, State::Adopted(Proof::Processes)) && !self.monitor.tests_presence()
        {
            self.recovered(Recovery::AdoptedUnwatched);
            self.await_proof(now, Proof::Time);
        }
    }

    /// The agent died in the middle of something: stop whatever may be there.
    fn clear_away(&mut self, now: Instant, goal: Goal) {
        self.recovered(Recovery::Interrupted);
        let command = match goal {
            Goal::Stop => Command::Stop,
            Goal::Up | Goal::Again => Command::Stopstart,
        };
        let (steps, cause) = (plan::stop_from_up(None), Cause::AgentRestarted);
        self.become_moving(now, Journey::new(command, goal, steps, cause.clone()), cause.clone());
        self.advance(now, cause);
    }

    fn recovered(&mut self, what: Recovery) {
        self.event(Event::Recovered { module: self.name(), what });
    }
}
