//! The guardian's loop.
//!
//! ```text
//! wait ─► signals ─► what the agent says, its death ─► letters and restarts that are due ─► wait
//! ```

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec};
use rustix::process::Signal;
use safekit_core::runtime::clock::{self, now};
use safekit_core::runtime::host;

use super::agent::{Agent, Reload, counter_in_memory, describe, is_dead, readable};
use super::channel::{FromAgent, Received, Started, ToAgent};
use super::counter::Counter;
use super::farewell::Sending;
use super::notify::Notify;
use super::renewal::{self, Known, Renewal, Trial};
use super::signals::Signals;
use crate::store::layout::RootLock;

/// Exit codes of the agent that end the guardian too: done; wrong arguments; wrong configuration. To start the same thing
/// again would end the same way.
const FINAL_CODES: [i32; 3] = [0, 64, 65];
/// Exit code of an agent that wants to be started anew: it has left the cluster as it should.
const AGAIN_CODE: i32 = 75;
/// What ends an agent that is asked to start anew and does not catch that signal.
const HANGUP: i32 = 1;
/// An agent that wants so unasked, and sooner than this after its start, waits like one that failed.
const AGAIN_MIN: Duration = Duration::from_secs(1);
/// The guardian's exit code when an agent that was asked to stop did not end by itself.
const CODE_FAILED: u8 = 70;
/// Restarts wait this long: the first one not at all, the second one 1 s, ..., all further ones 30 s.
const BACK_OFF: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];
/// A loop that turns later than planned by this much stood still itself: it does not judge the agent by that time. On a
/// busy machine that may be so now and then; an agent that really stands still is then killed one time later.
const OWN_PAUSE: Duration = Duration::from_millis(100);
/// Before something is tried again that failed at once.
const REST: Duration = Duration::from_secs(1);
/// The most letters of agents that are on their way out at once; restarts wait longer than letters take.
const SENDING_MAX: usize = 8;

/// What a guardian needs.
#[derive(Debug)]
pub(super) struct Config {
    /// The hold on the root.
    pub lock: RootLock,
    /// Where the counter is kept.
    pub counter_file: PathBuf,
    /// The agent's executable, and this process's own after an upgrade.
    pub program: PathBuf,
    /// The agent's arguments.
    pub arguments: Vec<OsString>,
    /// Those with which the executable says whether it can run.
    pub trial: Vec<OsString>,
    /// Those with which it is a guardian.
    pub own: Vec<OsString>,
    /// What the guardian knew that this process was before.
    pub known: Known,
    /// Its times.
    pub limits: Limits,
}

/// The guardian's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// An agent whose last beat is older than this is killed. Default 10 s: longer than any pause that an agent recovers
    /// from by itself; its health answer is negative after 300 ms and the others act after the loss time anyway. Lower
    /// values kill agents on hosts that swap.
    pub frozen_after: Duration,
    /// An agent that has not begun to beat after this is killed. Default 60 s.
    pub start_max: Duration,
    /// An agent that has lived this long makes the back-off begin anew. Default 60 s.
    pub calm_after: Duration,
    /// A program that has not said by then whether it can run does not take over. Default 10 s.
    pub trial_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frozen_after: Duration::from_secs(10),
            start_max: Duration::from_secs(60),
            calm_after: Duration::from_secs(60),
            trial_max: Duration::from_secs(10),
        }
    }
}

/// Runs until the agent has ended for good; returns the exit code for this process. To be called by a process with one
/// thread. What it has to say goes to standard error, which the service manager keeps.
///
/// # Errors
/// When the operating system gives no signal handlers; nothing was started.
pub(super) fn guard(config: Config) -> io::Result<u8> {
    let notify = Notify::new(std::env::var_os("NOTIFY_SOCKET"));
    let signals = Signals::register()?;
    host::release_signals()?;
    let mut counter = Counter::read(config.counter_file.clone());
    if config.known.counter > 0 {
        counter.raise(config.known.counter);
    } else if let Some(fault) = counter.fault() {
        say(&format!(
            "the counter of starts begins anew, and the other nodes tell the right one: {fault}"
        ));
    }
    let previous_end = config.known.previous_end.clone();
    let mut guardian = Guardian {
        config,
        counter,
        notify,
        signals,
        phase: Phase::Resting { until: now() },
        renewal: Renewal::Unasked,
        sending: Vec::new(),
        failures: 0,
        stopping: false,
        previous_end,
    };
    loop {
        let now = guardian.wait();
        for signal in guardian.signals.take() {
            guardian.handle_signal(now, signal);
        }
        guardian.handle_agent(now);
        guardian.follow_trial(now);
        guardian.handle_timeout(now);
        if let Some(code) = guardian.end_code() {
            return Ok(code);
        }
    }
}

#[derive(Debug)]
struct Guardian {
    config: Config,
    counter: Counter,
    notify: Notify,
    signals: Signals,
    phase: Phase,
    renewal: Renewal,
    sending: Vec<Sending>,
    failures: usize,
    stopping: bool,
    previous_end: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// No agent until then.
    Resting { until: Instant },
    /// An agent.
    Running(Box<Agent>),
    /// No agent any more: the last letters go out.
    Ending { code: u8 },
}

impl Guardian {
    /// Waits for something to happen; returns the time.
    fn wait(&mut self) -> Instant {
        let before = now();
        let due = self.due();
        let mut fds: Vec<PollFd<'_>> = self.signals.readers().map(readable).collect();
        if let Phase::Running(agent) = &self.phase {
            fds.push(readable(&agent.pidfd));
            // A closed one is readable for ever. It closes some time before the process is dead: to turn and turn until
            // then would take the processor from what has to be done for that.
            if !agent.mute {
                fds.push(readable(&agent.channel));
            }
        }
        if let Renewal::Trying(trial) = &self.renewal {
            fds.push(readable(trial.pidfd()));
        }
        let timeout = due.map(|due| due.saturating_duration_since(before));
        let timespec = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // Interrupted by a signal: its pipe is read next. Anything else would come again at once: never spin on it.
        if let Err(error) = rustix::event::poll(&mut fds, timespec.as_ref())
            && error != rustix::io::Errno::INTR
        {
            say(&format!("waiting failed: {error}"));
            rest();
        }
        let after = now();
        let late = due.map_or(Duration::ZERO, |due| after.saturating_duration_since(due));
        if late > OWN_PAUSE
            && let Phase::Running(agent) = &mut self.phase
        {
            // What it has said meanwhile is not read yet, and it may wake after this process.
            let whole = after + self.config.limits.frozen_after;
            agent.kill_at = agent.kill_at.map(|_| whole);
        }
        after
    }

    fn due(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Resting { until } => Some(*until),
            Phase::Running(agent) => agent.kill_at,
            Phase::Ending { .. } => None,
        };
        let trial = match &self.renewal {
            Renewal::Trying(trial) => Some(trial.due()),
            Renewal::Unasked | Renewal::Due => None,
        };
        self.sending.iter().filter_map(Sending::due).chain(phase).chain(trial).min()
    }

    fn handle_signal(&mut self, now: Instant, signal: Signal) {
        if signal == Signal::HUP {
            return self.try_program(now);
        }
        if !self.stopping {
            self.stopping = true;
            tell(self.notify.stopping());
        }
        match &mut self.phase {
            Phase::Running(agent) => agent.signal(signal),
            // Applications may run that only an agent can stop.
            Phase::Resting { until } => *until = now,
            Phase::Ending { .. } => {}
        }
    }

    /// Begins to become the program on the disk: first it is asked whether it can run.
    fn try_program(&mut self, now: Instant) {
        let asked = matches!(self.renewal, Renewal::Trying(_) | Renewal::Due);
        if asked || self.stopping {
            return;
        }
        let program = (self.config.program.as_path(), self.config.trial.as_slice());
        match Trial::start(now, program, &self.config.limits) {
            Ok(trial) => self.renewal = Renewal::Trying(Box::new(trial)),
            Err(error) => self.keep_program(&error.to_string()),
        }
    }

    fn follow_trial(&mut self, now: Instant) {
        let Renewal::Trying(trial) = &mut self.renewal else { return };
        let Some(end) = trial.follow(now) else { return };
        self.renewal = Renewal::Unasked;
        match end {
            Err(why) => self.keep_program(&why),
            Ok(_) if self.stopping => {}
            Ok(answer) => {
                let program = self.config.program.display();
                say(&format!("guardian and agent become the program {program} ({answer})"));
                self.renewal = Renewal::Due;
                match &mut self.phase {
                    Phase::Running(agent) => {
                        agent.reload = Reload::Asked;
                        agent.signal(Signal::HUP);
                    }
                    // Who asks for the next agent has mended what the last one failed of: no need to wait.
                    Phase::Resting { until } => *until = now,
                    Phase::Ending { .. } => {}
                }
            }
        }
    }

    /// Says why all goes on as it is.
    fn keep_program(&self, why: &str) {
        let text = cannot_take_over(&self.config.program, why);
        say(&text);
        if let Phase::Running(agent) = &self.phase {
            // One that does not read has more to say than this.
            drop(agent.channel.tell(&ToAgent::Kept { text }));
        }
    }

    /// Becomes the program on the disk.
    fn become_program(&mut self) {
        drop(host::hold_signals());
        // One that was caught in the last moment would be forgotten.
        if !self.signals.wait() {
            self.renewal = Renewal::Unasked;
            let program = (self.config.program.as_path(), self.config.own.as_slice());
            let known =
                Known { previous_end: self.previous_end.clone(), counter: self.counter.value() };
            let error = renewal::become_program(program, &self.config.lock, known);
            self.keep_program(&error.to_string());
        }
        drop(host::release_signals());
    }

    /// Takes what the agent says, and its death.
    fn handle_agent(&mut self, now: Instant) {
        let Phase::Running(agent) = &mut self.phase else { return };
        // Before its messages: all that it has said by its death is then in the channel.
        let dead = is_dead(&agent.pidfd);
        loop {
            match agent.channel.receive() {
                Received::Message(FromAgent::Beat) => {
                    self.counter.write_again();
                    // The disk may have taken its time: that was not the agent's.
                    agent.beat(clock::now(), self.config.limits.frozen_after);
                }
                Received::Message(FromAgent::Ready) => tell(self.notify.ready()),
                Received::Message(FromAgent::Farewell(farewell)) => {
                    self.counter.raise(farewell.counter);
                    agent.farewell = Some(farewell);
                }
                Received::Garbled(why) => {
                    say(&format!("the agent said something that is not understood: {why}"));
                }
                Received::Nothing => break,
                Received::Ended => {
                    agent.mute = true;
                    break;
                }
            }
        }
        agent.tell_counter(self.counter.fault());
        if !dead {
            return;
        }
        let farewell = agent.farewell.take();
        let (killed, reload) = (agent.killed, agent.reload);
        let lived = now.saturating_duration_since(agent.started);
        let status = agent.child.wait();
        if let Some(farewell) = farewell
            && self.sending.len() < SENDING_MAX
        {
            let mut sending = Sending::new(now, farewell);
            sending.handle_timeout(now);
            self.sending.push(sending);
        }
        self.handle_death(now, status, killed, reload, lived);
    }

    fn handle_death(
        &mut self,
        now: Instant,
        status: io::Result<ExitStatus>,
        killed: Option<&'static str>,
        reload: Reload,
        lived: Duration,
    ) {
        let code = status.as_ref().ok().and_then(ExitStatus::code);
        let hangup = status.as_ref().ok().and_then(ExitStatus::signal) == Some(HANGUP);
        let how = match (killed, status) {
            (Some(why), _) => format!("was killed, because {why}"),
            (None, Ok(status)) => describe(status),
            (None, Err(error)) => format!("ended in an unknown way: {error}"),
        };
        match code.filter(|code| FINAL_CODES.contains(code)) {
            Some(0) => self.phase = Phase::Ending { code: 0 },
            Some(code) => {
                say(&format!(
                    "the agent {how}; it is not started again, because that would not help"
                ));
                self.phase = Phase::Ending { code: u8::try_from(code).unwrap_or(CODE_FAILED) };
            }
            None => {
                if lived >= self.config.limits.calm_after {
                    self.failures = 0;
                }
                let wanted = match reload {
                    Reload::Asked => code == Some(AGAIN_CODE) || hangup,
                    Reload::Unasked => code == Some(AGAIN_CODE) && lived >= AGAIN_MIN,
                };
                if wanted {
                    // No failure, however often it is asked for: the next real one is met as if nothing had been.
                    say(&format!("the agent {how}, as it was to; it is started again"));
                    self.previous_end = Some(how);
                    self.phase = Phase::Resting { until: now };
                } else {
                    self.rest(now, how);
                }
            }
        }
    }

    fn rest(&mut self, now: Instant, how: String) {
        if self.stopping {
            say(&format!("the agent {how} while it was to stop; applications may still run"));
            self.phase = Phase::Ending { code: CODE_FAILED };
            return;
        }
        let last = BACK_OFF.len().saturating_sub(1);
        let wait = BACK_OFF.get(self.failures.min(last)).copied().unwrap_or_default();
        self.failures = self.failures.saturating_add(1);
        say(&format!("the agent {how}; it is started again in {} s", wait.as_secs()));
        self.previous_end = Some(how);
        self.phase = Phase::Resting { until: now + wait };
    }

    fn handle_timeout(&mut self, now: Instant) {
        for sending in &mut self.sending {
            sending.handle_timeout(now);
        }
        self.sending.retain(|sending| sending.due().is_some());
        let letters = self.sending.iter().filter_map(Sending::due).max();
        let becomes_program = matches!(self.renewal, Renewal::Due) && !self.stopping;
        match &mut self.phase {
            Phase::Resting { until } if *until <= now && becomes_program => match letters {
                Some(due) => *until = due,
                None => self.become_program(),
            },
            Phase::Resting { until } if *until <= now => match self.start(now) {
                Ok(agent) => {
                    if self.stopping {
                        agent.signal(Signal::TERM);
                    }
                    self.phase = Phase::Running(Box::new(agent));
                }
                Err(error) => self.rest(now, format!("cannot be started: {error}")),
            },
            Phase::Running(agent) if agent.kill_at.is_some_and(|kill_at| kill_at <= now) => {
                agent.kill_at = None;
                agent.killed = Some("it stood still");
                say("the agent stands still and is killed");
                agent.signal(Signal::KILL);
            }
            Phase::Resting { .. } | Phase::Running(_) | Phase::Ending { .. } => {}
        }
    }

    fn start(&mut self, now: Instant) -> io::Result<Agent> {
        let started = Started {
            counter: self.counter.next(),
            guardian_pid: std::process::id(),
            counter_fault: self.counter.fault().map(str::to_owned),
            previous_end: self.previous_end.clone(),
        };
        if let Some(fault) = &started.counter_fault {
            say(&counter_in_memory(fault));
        }
        let Config { lock, program, arguments, limits, .. } = &self.config;
        Agent::start(now, (program, arguments), lock, started, limits.start_max)
    }

    fn end_code(&self) -> Option<u8> {
        match self.phase {
            Phase::Ending { code } if self.sending.is_empty() => Some(code),
            Phase::Ending { .. } | Phase::Resting { .. } | Phase::Running(_) => None,
        }
    }
}

/// Says that the program on the disk cannot become guardian and agent.
pub(crate) fn cannot_take_over(program: &Path, why: &str) -> String {
    let program = program.display();
    format!("the program {program} cannot take over: {why}; guardian and agent go on as they are")
}

fn tell(told: io::Result<()>) {
    if let Err(error) = told {
        say(&format!("the service manager does not listen: {error}"));
    }
}

pub(super) fn say(text: &str) {
    // Nobody to tell where even that fails.
    drop(writeln!(io::stderr(), "safekit-agent: guardian: {text}"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "one thread, and nothing to wait on: the kernel refuses, or the agent of a killed guardian dies"
)]
pub(super) fn rest() {
    std::thread::sleep(REST);
}
