//! How the guardian becomes the program that lies on the disk: SIGHUP, after an upgrade.
//!
//! ```text
//! SIGHUP ─► trial: does the program answer? ─yes─► the agent ends ─► letters ─► exec: the same process, the hold on the root
//!                         └─ no: guardian and agent go on as they are, and say so
//! ```
//!
//! Always: between the two programs the root stays held, signals wait, and no application is touched.
//! Not here: whether the program is a good one beyond that it runs and takes the arguments.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::agent::{describe, hold, is_dead};
use super::notify;
use super::run::Limits;
use crate::store::Layout;
use crate::store::layout::RootLock;

/// What a guardian tells the one that it becomes; nobody else inherits it.
pub(super) const VARIABLE: &str = "SAFEKIT_GUARDIAN";
/// The most characters of what the program says of itself that are repeated.
const ANSWER_MAX: usize = 80;

/// Where a guardian is on its way to become the program on the disk.
#[derive(Debug)]
pub(super) enum Renewal {
    /// Nobody asked for it.
    Unasked,
    /// The program is being tried.
    Trying(Box<Trial>),
    /// As soon as there is no agent, and all letters are out.
    Due,
}

/// What is in [`VARIABLE`]. The hold on the root is standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Handover {
    /// The process that it is for.
    pid: u32,
    /// What it knows.
    #[serde(flatten)]
    known: Known,
}

/// What a guardian knows that must not be forgotten with the program that it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// How the last agent ended.
    pub previous_end: Option<String>,
    /// The counter of starts, which may be in memory only; a guardian of version 0.1.0 does not say.
    #[serde(default)]
    pub counter: u32,
}

/// The program, asked whether it can run.
#[derive(Debug)]
pub(super) struct Trial {
    child: Child,
    pidfd: OwnedFd,
    until: Instant,
}

impl Trial {
    /// Asks.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(
        now: Instant,
        (program, arguments): (&Path, &[std::ffi::OsString]),
        limits: &Limits,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        for variable in notify::VARIABLES {
            command.env_remove(variable);
        }
        let mut child = command.spawn()?;
        match hold(&child) {
            Ok(pidfd) => Ok(Self { child, pidfd, until: now + limits.trial_max }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// When it has to have answered.
    pub(super) fn due(&self) -> Instant {
        self.until
    }

    /// What becomes readable when it has.
    pub(super) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Returns how it went once that is known: what the program says of itself, or why it cannot take over.
    pub(super) fn follow(&mut self, now: Instant) -> Option<Result<String, String>> {
        if is_dead(&self.pidfd) {
            return Some(match self.child.wait() {
                Ok(status) if status.success() => Ok(self.answer()),
                Ok(status) => Err(format!("it {}", describe(status))),
                Err(error) => Err(format!("it ended in an unknown way: {error}")),
            });
        }
        if now < self.until {
            return None;
        }
        // Not waited for: where the disk does not answer, death is not certain. Who has ended is taken away with the guardian.
        drop(self.child.kill());
        Some(Err("it did not answer in time".to_owned()))
    }

    /// Returns the first line of what it has said.
    fn answer(&mut self) -> String {
        let mut bytes = [0; 4 * ANSWER_MAX];
        let Some(mut output) = self.child.stdout.take() else { return String::new() };
        // Somebody else may have it open still.
        let read = rustix::io::ioctl_fionbio(&output, true)
            .map_err(io::Error::from)
            .and_then(|()| output.read(&mut bytes));
        let text = String::from_utf8_lossy(bytes.get(..read.unwrap_or(0)).unwrap_or_default());
        let line = text.lines().next().unwrap_or_default();
        line.chars().filter(|sign| !sign.is_control()).take(ANSWER_MAX).collect()
    }
}

/// Becomes the program; returns only where that fails, and then nothing has changed.
pub(super) fn become_program(
    (program, arguments): (&Path, &[std::ffi::OsString]),
    lock: &RootLock,
    known: Known,
) -> io::Error {
    let handover = Handover { pid: std::process::id(), known };
    let text = match serde_json::to_string(&handover) {
        Ok(text) => text,
        Err(error) => return error.into(),
    };
    if let Err(error) = rustix::stdio::dup2_stdin(lock.file()) {
        return error.into();
    }
    let error = Command::new(program).args(arguments).env(VARIABLE, text).exec();
    empty_stdin();
    error
}

/// Takes what the guardian left that this process was before, if it was one: the hold on the root, and what it knew.
pub(super) fn take_over(layout: &Layout) -> Option<(RootLock, Known)> {
    let handover: Handover = serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()?;
    if handover.pid != std::process::id() {
        return None;
    }
    let stdin = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3);
    empty_stdin();
    let file = File::from(stdin.ok()?);
    let (there, mine) = (fs::metadata(layout.lock_file()).ok()?, file.metadata().ok()?);
    let same = there.dev() == mine.dev() && there.ino() == mine.ino();
    // The same open file has the lock already.
    (same && file.try_lock().is_ok()).then(|| (RootLock::from_file(file), handover.known))
}

fn empty_stdin() {
    if let Ok(nothing) = File::open("/dev/null") {
        // Nobody reads it.
        let _ = rustix::stdio::dup2_stdin(&nothing);
    }
}
