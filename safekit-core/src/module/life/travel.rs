//! How a journey goes on: step by step, script by script.

use std::time::{Duration, Instant};

use super::journey::{Doing, Goal, Journey, Running};
use super::{END_AGAIN, Module, Order, PastRun, Timer, journey::State};
use crate::bug::{Bug, planted};
use crate::control::{Command, Origin};
use crate::event::Event;
use crate::explain::Cause;
use crate::module::plan::{self, Call, Manner, Step};
use crate::module::script::{LargeUserlogs, Script, ScriptEnd, ScriptRun};
use crate::module::watch::Begin;
use crate::node::{Action, Outcome};
use crate::timer::later;

impl Module {
    /// Does the next steps, until one takes time or the journey ends. At most a plan's length, twice.
    pub(super) fn advance(&mut self, now: Instant, mut cause: Cause) {
        loop {
            let Some(journey) = self.state.journey_mut() else { return };
            if !matches!(journey.doing, Doing::Nothing) {
                return;
            }
            let because = journey.cause(&cause);
            let Some(step) = journey.steps.pop_front() else { return self.arrive(now, because) };
            let here = journey.clone();
            match step {
                Step::Run(call) => {
                    if self.run(now, &here, &call) {
                        return;
                    }
                    // That another script is missing explains nothing: what began the journey does.
                    if call.script == Script::StartBoth {
                        cause = Cause::NoScript;
                    }
                }
                Step::EnterWait => self.become_waiting(now, here, because),
                Step::EnterUp => self.become_moving(now, here, because),
                Step::WatchOn(class) => self.monitor.enable(now, class, Begin::Started),
                Step::WatchOff(class) => self.watch_off(&class),
                Step::Drain(duration) => return self.begin_drain(now, duration),
            }
        }
    }

    fn arrive(&mut self, now: Instant, cause: Cause) {
        let Some(goal) = self.state.journey().map(|journey| journey.goal) else { return };
        match goal {
            Goal::Up => self.become_up(now, cause),
            Goal::Stop => self.become_stopped(now, cause),
            Goal::Again => {
                self.become_stopped(now, cause);
                self.accepted(Command::Start, &Origin::Automatic);
                self.boot_waits = self.lacks_cluster();
                if !self.boot_waits {
                    self.begin_start(now, &Origin::Automatic);
                }
            }
        }
    }

    pub(super) fn begin_start(&mut self, now: Instant, origin: &Origin) {
        let cause = Cause::Command { command: Command::Start, origin: origin.clone() };
        let mut journey = Journey::new(Command::Start, Goal::Up, plan::start(), cause.clone());
        journey.large_userlogs = LargeUserlogs::Empty;
        self.become_waiting(now, journey, cause.clone());
        self.advance(now, cause);
    }

    /// Runs a script; tells whether there is one.
    fn run(&mut self, now: Instant, journey: &Journey, call: &Call) -> bool {
        let Some(user) = self.config.user.as_ref() else { return false };
        let (module, script) = (self.name(), call.script);
        if !self.scripts.contains(&script) {
            // What was started and cannot be stopped is worth a line; a module without scripts is not.
            let unstoppable = script == Script::StopBoth
                && call.manner == Manner::Nice
                && self.scripts.contains(&Script::StartBoth);
            if script == Script::StartBoth || unstoppable {
                self.event(Event::ScriptMissing { module, script });
            }
            return false;
        }
        let arguments = call.arguments(journey.word(), &journey.services);
        let run = ScriptRun {
            module: module.clone(),
            script,
            file: None,
            arguments: arguments.clone(),
            vars: user.vars.clone(),
            logging: user.logging,
            large_userlogs: journey.large_userlogs,
            time_limit: call.limit.time(user),
        };
        // What is on disk must not be behind what runs.
        self.save(now);
        self.event(Event::ScriptStarted { module, script, arguments: arguments.clone() });
        let action = self.act(Action::RunScript(Box::new(run)));
        let running = Running { action, script, arguments, since: now, ending: false };
        if let Some(journey) = self.state.journey_mut() {
            journey.large_userlogs = LargeUserlogs::Keep;
            journey.doing = Doing::Script(running);
        }
        true
    }

    pub(super) fn handle_script_end(&mut self, now: Instant, outcome: Outcome) {
        let Some(journey) = self.state.journey_mut() else { return };
        let Doing::Script(running) = std::mem::replace(&mut journey.doing, Doing::Nothing) else {
            return;
        };
        self.timers.stop(Timer::Patience);
        self.timers.stop(Timer::EndAgain);
        let since = now.saturating_duration_since(running.since);
        let (end, duration, userlog) = match outcome {
            Outcome::Script { end, duration, userlog } => (end, duration, userlog),
            Outcome::Failed { error } => (ScriptEnd::NotStarted { error }, since, None),
            Outcome::Done | Outcome::Processes(_) | Outcome::Services(_) => {
                let what = "a script ended without saying how";
                self.event(Event::InvariantBroken { module: Some(self.name()), what });
                (ScriptEnd::NotStarted { error: what.to_owned() }, since, None)
            }
        };
        let (module, script) = (self.name(), running.script);
        let (ended, log) = (end.clone(), userlog.clone());
        self.event(Event::ScriptEnded { module, script, end: ended, duration, userlog: log });
        let arguments = running.arguments;
        self.past.insert(script, PastRun { arguments, end: end.clone(), duration, userlog });
        match script {
            Script::StartBoth => self.judge_start(now, &end),
            Script::StopBoth => self.judge_stop(&end),
            Script::Prestart | Script::Poststop | Script::Transition | Script::Handler => {}
        }
        self.advance(now, Cause::ScriptEnded { script, end, duration });
    }

    /// Exit codes are not acted upon. But an application that was not started, or whose start did not come to an end
    /// in its time, must not be called Ready: the module stops, as a script does that finds something critical.
    fn judge_start(&mut self, now: Instant, end: &ScriptEnd) {
        let goal = self.state.journey().map(|journey| journey.goal);
        match end {
            ScriptEnd::NotStarted { .. } | ScriptEnd::TimedOut if goal == Some(Goal::Up) => {
                let origin = Origin::Detector(Script::StartBoth.as_str().to_owned());
                drop(self.command(now, Command::Stop, &origin));
            }
            ScriptEnd::NotStarted { .. }
            | ScriptEnd::TimedOut
            | ScriptEnd::Exited { .. }
            | ScriptEnd::Signalled { .. }
            | ScriptEnd::Ended => {}
        }
    }

    /// A stop goes on, however its scripts end: nothing is gained where it stands still. But when the last `stop_both`
    /// did not come to its own end, nobody knows what it left.
    fn judge_stop(&mut self, end: &ScriptEnd) {
        let last = self.state.journey().is_none_or(|it| !it.has_to_call(Script::StopBoth));
        match end {
            ScriptEnd::Exited { .. } => self.may_still_run = false,
            ScriptEnd::Signalled { .. }
            | ScriptEnd::TimedOut
            | ScriptEnd::Ended
            | ScriptEnd::NotStarted { .. } => self.may_still_run |= last,
        }
    }

    /// Tells the script that runs to end, again and again until it has.
    pub(super) fn end_script(&mut self, now: Instant) {
        let module = self.name();
        let Some(Doing::Script(running)) = self.state.journey_mut().map(|j| &mut j.doing) else {
            return;
        };
        running.ending = true;
        let run = running.action;
        self.order(Order::EndScript, Action::EndScript { run, module });
        self.timers.set(Timer::EndAgain, later(now, END_AGAIN));
    }

    fn begin_drain(&mut self, now: Instant, duration: Duration) {
        let until = later(now, duration);
        if let Some(journey) = self.state.journey_mut() {
            journey.doing = Doing::Draining { since: now, until };
        }
        if !planted(Bug::ForgottenTimer) {
            self.timers.set(Timer::Drain, until);
        }
        self.event(Event::DrainStarted { module: self.name(), duration });
        self.tell();
    }

    pub(super) fn end_drain(&mut self, now: Instant) {
        let Some(journey) = self.state.journey_mut() else { return };
        let Doing::Draining { since, .. } = journey.doing else { return };
        journey.doing = Doing::Nothing;
        self.advance(now, Cause::Drained { after: now.saturating_duration_since(since) });
    }

    /// Tells whether a state is one in which the application runs and no plan is under way.
    pub(super) fn is_serving(&self) -> bool {
        match &self.state {
            State::Adopted(_) | State::Joining | State::Ready => true,
            State::Stopped | State::Waiting(_) | State::Moving(_) => false,
        }
    }
}
