//! The agent as its guardian holds it: a process, the channel to it, and until when it may stay silent.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use safekit_core::runtime::host;

use super::channel::{AgentChannel, Farewell, Started, ToAgent};
use super::notify;
use super::run::say;
use crate::store::layout::RootLock;

/// One agent, from its start to its death.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) child: Child,
    pub(super) pidfd: OwnedFd,
    pub(super) channel: AgentChannel,
    /// It has closed its end of the channel.
    pub(super) mute: bool,
    pub(super) started: Instant,
    /// When it is to be killed unless it says that it lives.
    pub(super) kill_at: Option<Instant>,
    pub(super) killed: Option<&'static str>,
    /// Whether it was asked to end, and to be started anew.
    pub(super) reload: Reload,
    pub(super) farewell: Option<Farewell>,
    /// Why the counter is not on disk, as the agent knows it.
    counter_fault: Option<String>,
}

/// Whether an administrator has asked for the next agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reload {
    Unasked,
    Asked,
}

impl Agent {
    /// Starts one with a program and its arguments. Unless it says within `start_max` that it lives, it is to be killed.
    ///
    /// # Errors
    /// When the operating system gives no process, or no hold on it: then none is left.
    pub(super) fn start(
        now: Instant,
        program: (&Path, &[OsString]),
        lock: &RootLock,
        started: Started,
        start_max: Duration,
    ) -> io::Result<Self> {
        let (channel, agents_end) = AgentChannel::new(&started, lock)?;
        let mut command = Command::new(program.0);
        command.args(program.1).stdin(Stdio::from(agents_end));
        // A terminal's signals go to the guardian alone, which forwards them once.
        command.process_group(0);
        for variable in notify::VARIABLES {
            command.env_remove(variable);
        }
        drop(host::hold_signals());
        let spawned = command.spawn();
        let released = host::release_signals();
        let mut child = spawned?;
        match released.and_then(|()| hold(&child)) {
            Ok(pidfd) => Ok(Self {
                child,
                pidfd,
                channel,
                mute: false,
                started: now,
                kill_at: Some(now + start_max),
                killed: None,
                reload: Reload::Unasked,
                farewell: None,
                counter_fault: started.counter_fault,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// It says that it lives.
    pub(super) fn beat(&mut self, now: Instant, frozen_after: Duration) {
        if self.killed.is_none() {
            self.kill_at = Some(now + frozen_after);
        }
    }

    /// Tells why the counter is not on disk, when that has changed; again with its next beat where it does not read.
    pub(super) fn tell_counter(&mut self, fault: Option<&str>) {
        if self.counter_fault.as_deref() == fault {
            return;
        }
        let fault = fault.map(str::to_owned);
        if self.channel.tell(&ToAgent::Counter { fault: fault.clone() }).is_ok() {
            match &fault {
                Some(fault) => say(&counter_in_memory(fault)),
                None => say("the counter of starts is on disk again"),
            }
            self.counter_fault = fault;
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended meanwhile.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, signal);
    }
}

/// Returns a descriptor that names this process and no later one of the same number.
pub(super) fn hold(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(rustix::io::Errno::SRCH)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// Tells whether the kernel says that a whole process is dead, its sockets closed.
pub(super) fn is_dead(pidfd: &OwnedFd) -> bool {
    let mut fds = [readable(pidfd)];
    let at_once = Timespec::default();
    let polled = rustix::event::poll(&mut fds, Some(&at_once));
    polled.is_ok_and(|ready| ready > 0) && fds.iter().all(|fd| fd.revents().contains(PollFlags::IN))
}

pub(super) fn readable<Fd: AsFd>(fd: &Fd) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::IN)
}

/// Says how a process has ended.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}

/// Says that the counter is not on disk.
pub(crate) fn counter_in_memory(fault: &str) -> String {
    format!("the counter of starts is kept in memory only: {fault}")
}
