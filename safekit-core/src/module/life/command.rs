//! What a command does in each state, or why it is refused.
//!
//! A stop that comes while something runs lets it end, up to `nicestoptimeout`, and goes on from there; a script
//! that gives `stop` itself gets its answer at once and is waited for like any other. A forcestop ends what runs; given to a
//! stopped module, it runs the forced scripts all the same.

use std::time::{Duration, Instant};

use super::journey::{Doing, Goal, Journey, State};
use super::{Module, PROBER_FORGOTTEN, Timer};
use crate::bug::{Bug, planted};
use crate::control::{Accepted, Command, Origin, Refusal};
use crate::event::{DrainSkip, Event};
use crate::explain::{Cause, duration_text};
use crate::module::budget::Verdict;
use crate::module::io::BudgetChange;
use crate::module::plan;
use crate::module::script::Script;
use crate::timer::later;

/// A deadline is always later than the moment in which it is set.
const PATIENCE_MIN: Duration = Duration::from_millis(1);
/// For so long a script of a forced stop is not ended by another forcestop: longer than a double click or a repeated
/// line of a shell, which would leave the application running unwatched; shorter than anybody waits who sees it hang.
const FORCE_AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Module {
    /// Does a command, or says why not.
    pub(super) fn command(
        &mut self,
        now: Instant,
        command: Command,
        origin: &Origin,
    ) -> Result<Accepted, Refusal> {
        self.command_about(now, command, origin, Vec::new())
    }

    /// The same; where it is a restart, of these services, which its scripts are told. None: of all the application.
    pub(super) fn command_about(
        &mut self,
        now: Instant,
        command: Command,
        origin: &Origin,
        services: Vec<String>,
    ) -> Result<Accepted, Refusal> {
        self.admit(now, command, origin)?;
        if origin.is_administrator() {
            self.budget.reset(now);
        }
        self.accepted(command, origin);
        match command {
            Command::Start | Command::Restart | Command::Stopstart => self.started = true,
            Command::Stop | Command::Forcestop if *origin == Origin::Shutdown => {}
            Command::Stop | Command::Forcestop => self.started = false,
        }
        let text = match command {
            Command::Start => self.do_start(now, origin),
            Command::Stop => self.do_stop(now, origin),
            Command::Restart | Command::Stopstart => {
                self.do_restart(now, command, origin, services)
            }
            Command::Forcestop => self.do_forcestop(now, origin),
        };
        Ok(Accepted { text })
    }

    pub(super) fn accepted(&mut self, command: Command, origin: &Origin) {
        let (module, origin) = (self.name(), origin.clone());
        self.event(Event::CommandAccepted { module, command, origin });
    }

    /// Refuses what cannot be done now.
    fn admit(&self, now: Instant, command: Command, origin: &Origin) -> Result<(), Refusal> {
        match (&self.state, command) {
            (State::Stopped, Command::Start) if self.lacks_cluster() => Err(Refusal::NoCluster),
            (State::Stopped, Command::Restart | Command::Stopstart) => Err(Refusal::WrongState {
                module: self.name(),
                state: self.state().to_string(),
                command: command.as_str(),
                needed: "UP",
            }),
            (State::Waiting(_) | State::Moving(_), Command::Start) if planted(Bug::DoubleStart) => {
                Ok(())
            }
            (
                State::Waiting(_) | State::Moving(_),
                Command::Start | Command::Restart | Command::Stopstart,
            ) => Err(Refusal::Busy { module: self.name(), doing: self.doing(now) }),
            // A fault that is found while the module stops needs no further line.
            (State::Waiting(journey) | State::Moving(journey), Command::Stop)
                if *origin == Origin::Errd && journey.goal == Goal::Stop =>
            {
                Err(Refusal::Busy { module: self.name(), doing: self.doing(now) })
            }
            (State::Stopped, Command::Start | Command::Stop | Command::Forcestop)
            | (State::Waiting(_) | State::Moving(_), Command::Stop | Command::Forcestop)
            | (State::Adopted(_) | State::Joining | State::Ready, _) => Ok(()),
        }
    }

    fn do_start(&mut self, now: Instant, origin: &Origin) -> String {
        if self.is_serving() {
            return format!("already {}", self.state());
        }
        self.timers.stop(Timer::Boot);
        self.boot_waits = false;
        self.begin_start(now, origin);
        "starting".to_owned()
    }

    fn do_stop(&mut self, now: Instant, origin: &Origin) -> String {
        match &mut self.state {
            State::Stopped => self.cancel_boot(),
            State::Waiting(_) | State::Moving(_) => self.turn_back(now, origin),
            State::Adopted(_) | State::Joining | State::Ready => {
                self.begin_halt(now, Command::Stop, Goal::Stop, origin, Vec::new());
                self.doing(now)
            }
        }
    }

    /// A restart or stopstart; a detector's is counted, and becomes a stop when there were too many.
    fn do_restart(
        &mut self,
        now: Instant,
        command: Command,
        origin: &Origin,
        services: Vec<String>,
    ) -> String {
        if matches!(origin, Origin::Errd | Origin::Detector(_)) {
            let (module, max) = (self.name(), self.config.maxloop);
            match self.budget.count(now, &self.config) {
                Verdict::Granted { used } => self.event(Event::BudgetUsed { module, used, max }),
                Verdict::Unlimited => {}
                Verdict::Exhausted => {
                    let interval = self.config.loop_interval;
                    self.event(Event::BudgetExhausted { module, max, interval });
                    self.accepted(Command::Stop, &Origin::Maxloop);
                    self.started = false;
                    self.begin_halt(now, Command::Stop, Goal::Stop, &Origin::Maxloop, Vec::new());
                    return format!("stopping: {max} automatic actions were allowed");
                }
            }
        }
        let goal = match command {
            Command::Restart => Goal::Up,
            Command::Start | Command::Stop | Command::Stopstart | Command::Forcestop => Goal::Again,
        };
        self.begin_halt(now, command, goal, origin, services);
        self.doing(now)
    }

    /// Counts or forgets for somebody outside; what the module does about a budget that is used up is theirs to say.
    pub(super) fn change_budget(&mut self, now: Instant, change: BudgetChange) {
        let (module, max) = (self.name(), self.config.maxloop);
        match change {
            BudgetChange::Reset => self.budget.reset(now),
            BudgetChange::Counted => {
                if let Verdict::Granted { used } = self.budget.count(now, &self.config) {
                    self.event(Event::BudgetUsed { module, used, max });
                }
            }
        }
    }

    /// Leaves a settled UP, by stop, restart or stopstart.
    pub(super) fn begin_halt(
        &mut self,
        now: Instant,
        command: Command,
        goal: Goal,
        origin: &Origin,
        services: Vec<String>,
    ) {
        let drain = match self.drain_skip(now, origin) {
            None => Some(self.config.drain),
            Some(why) => {
                self.event(Event::DrainSkipped { module: self.name(), why });
                None
            }
        };
        let steps = match goal {
            Goal::Up => plan::restart(drain),
            Goal::Stop | Goal::Again => plan::stop_from_up(drain),
        };
        self.stop_timers();
        let cause = Cause::Command { command, origin: origin.clone() };
        let mut journey = Journey::new(command, goal, steps, cause.clone());
        journey.services = services;
        self.become_moving(now, journey, cause.clone());
        self.advance(now, cause);
    }

    /// Tells why the application is stopped without a drain; `None`: there is one.
    fn drain_skip(&self, now: Instant, origin: &Origin) -> Option<DrainSkip> {
        let probed =
            self.probed_at.is_some_and(|at| now.saturating_duration_since(at) <= PROBER_FORGOTTEN);
        match origin {
            Origin::User(_) | Origin::Shutdown => {}
            Origin::Detector(_)
            | Origin::Errd
            | Origin::Maxloop
            | Origin::Boot
            | Origin::Automatic => return Some(DrainSkip::Command),
        }
        // Whom a balancer still sends clients: the time of the drain is the time that it needs to learn.
        let served = match self.state {
            State::Ready => true,
            State::Adopted(_) | State::Joining => self
                .served_at
                .is_some_and(|at| now.saturating_duration_since(at) < self.config.drain),
            State::Stopped | State::Waiting(_) | State::Moving(_) => false,
        };
        if self.config.drain.is_zero() {
            Some(DrainSkip::Configured)
        } else if !served {
            Some(DrainSkip::NotReady)
        } else if !probed {
            Some(DrainSkip::NoProber)
        } else if !self.others_ready && self.is_joined() {
            // Before it has joined it does not know.
            Some(DrainSkip::NobodyElse)
        } else {
            None
        }
    }

    fn cancel_boot(&mut self) -> String {
        let waits = self.timers.deadline(Timer::Boot).is_some() || self.boot_waits;
        self.timers.stop(Timer::Boot);
        self.boot_waits = false;
        if waits { "the start at boot is cancelled" } else { "already STOP (NotReady)" }.to_owned()
    }

    /// Turns a journey to STOP. What runs may end; a drain goes on.
    fn turn_back(&mut self, now: Instant, origin: &Origin) -> String {
        let cause = Cause::Command { command: Command::Stop, origin: origin.clone() };
        let patience = self.config.user.as_ref().map(|user| user.nicestoptimeout);
        let waiting = matches!(self.state, State::Waiting(_));
        let Some(journey) = self.state.journey_mut() else { return String::new() };
        let before = journey.goal;
        journey.goal = Goal::Stop;
        if before != Goal::Stop {
            journey.services.clear();
            journey.command = Command::Stop;
            journey.cause = cause.clone();
            self.cause = cause;
        }
        match before {
            Goal::Stop | Goal::Again => {}
            Goal::Up => {
                journey.steps =
                    if waiting { plan::stop_from_wait() } else { plan::stop_from_up(None) };
                let starts = matches!(&journey.doing, Doing::Script(running)
                    if running.script != Script::StopBoth && !running.ending);
                if let Some(patience) = patience.filter(|_| starts) {
                    self.timers.set(Timer::Patience, later(now, patience.max(PATIENCE_MIN)));
                }
            }
        }
        self.doing(now)
    }

    fn do_forcestop(&mut self, now: Instant, origin: &Origin) -> String {
        let cause = Cause::Command { command: Command::Forcestop, origin: origin.clone() };
        let doing = match &mut self.state {
            // Also a way to clear away what is left of an application of which nothing is known.
            State::Stopped | State::Adopted(_) | State::Joining | State::Ready => Doing::Nothing,
            State::Waiting(journey) | State::Moving(journey) => {
                if journey.command == Command::Forcestop {
                    return self.force_again(now);
                }
                match &journey.doing {
                    Doing::Script(running) => Doing::Script(running.clone()),
                    Doing::Nothing | Doing::Draining { .. } => Doing::Nothing,
                }
            }
        };
        self.stop_timers();
        self.boot_waits = false;
        let steps = plan::stop_from_wait();
        let mut journey = Journey::new(Command::Forcestop, Goal::Stop, steps, cause.clone());
        journey.doing = doing;
        self.watch_off(&crate::config::model::ProcClass::Both);
        self.become_waiting(now, journey, cause.clone());
        self.end_script(now);
        self.advance(now, cause);
        self.doing(now)
    }

    /// The second one ends what the first one began, and goes on with what is left; but not what has only just begun.
    fn force_again(&mut self, now: Instant) -> String {
        let early = self.state.running().is_some_and(|running| {
            !running.ending && now.saturating_duration_since(running.since) < FORCE_AGAIN_AFTER
        });
        if early {
            let wait = duration_text(FORCE_AGAIN_AFTER);
            return format!(
                "{}; another forcestop ends it when it has run for {wait}",
                self.doing(now)
            );
        }
        self.end_script(now);
        self.doing(now)
    }

    /// Says what is being done, for people.
    pub(super) fn doing(&self, now: Instant) -> String {
        let Some(journey) = self.state.journey() else { return self.state().to_string() };
        match &journey.doing {
            Doing::Nothing => self.reason().to_owned(),
            Doing::Script(running) => {
                let time = now.saturating_duration_since(running.since);
                let (script, time) = (running.script.as_str(), duration_text(time));
                let ending = if running.ending { " and was told to end" } else { "" };
                format!("{}, {script} runs since {time}{ending}", self.reason())
            }
            Doing::Draining { until, .. } => {
                let left = duration_text(until.saturating_duration_since(now));
                format!("draining, {left} left; forcestop ends it")
            }
        }
    }
}
