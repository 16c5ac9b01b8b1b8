//! `safekit-agent run`: the small parent that starts the agent, says so when it dies, and starts it again.
//!
//! In: signals, the agent's death (pidfd) and what the agent says ([`channel`]). Out: the agent's letters of farewell,
//! the next agent, the exit code, READY and STOPPING to the service manager.
//!
//! ```text
//!            started                    dead
//! Resting ─────────────► Running ──────────────► letters (0, 6, 20 ms), and meanwhile
//!    ▲                      │ no beat for 10 s:       ├─ exit code 0, 64, 65, or asked to stop ─► Ending ─► exit
//!    │                      └─ SIGKILL, dead          └─ anything else ─┐
//!    └──────────── 0 s, 1 s, 2 s, 4 s ... 30 s ─────────────────────────┘
//! ```
//!
//! SIGHUP makes guardian and agent the program that lies on the disk, if that can run ([`renewal`]).
//!
//! SIGTERM, SIGINT and SIGHUP are held back from the first line on, in the guardian until it catches them, in each agent until
//! that does: what comes meanwhile waits. A guardian that is to stop and has no agent starts one more, which stops the modules.
//!
//! Always: a letter goes out only after the kernel has said that the whole process is dead, never about a live one (one
//! that hangs in the kernel and cannot be killed is left to silence); each agent gets a counter greater than the one before;
//! the agent does not outlive the guardian; one thread.
//! Not here: keys, the format of letters, anything about modules. The guardian must have no reason to fail.

mod agent;
pub(crate) mod channel;
mod counter;
mod farewell;
mod notify;
mod renewal;
mod run;
mod signals;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) use agent::counter_in_memory;
pub(crate) use channel::{Farewell, FarewellLan, Parent, Started, ToAgent};
use renewal::Known;
#[cfg(test)]
pub(crate) use run::cannot_take_over;
use run::{Config, Limits, guard, rest, say};

use safekit_core::runtime::host;

use crate::RunArguments;
use crate::store::Layout;
use crate::store::layout::{LockError, RootLock};

/// The first argument of the agent proper; it gets the guardian's other arguments behind it.
pub(crate) const AGENT_PART: &str = "agent";
/// The first argument of a program that is to say whether it can run; it gets them too.
pub(crate) const TRIAL_PART: &str = "check";
/// The first argument of the guardian.
const GUARDIAN_PART: &str = "run";

/// How often the agent says that it lives. Well below [`Limits::frozen_after`], so that lost turns do not matter.
pub(crate) const BEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Files that a process must be able to have open at once: an agent with one module has about 30. With more than these and
/// fewer than it may need the agent works, and names that as a fault.
const FILES_MIN: u64 = 48;
/// How often a root is tried whose guardian was killed, and whose agent is dying; once a second.
const DYING_TRIES: u32 = 5;

/// Takes the root, lays it out, and guards agents until one has ended for good. What it has to say goes to standard error.
///
/// The exit code is that of the agent; 1 where none could be started, 70 where it did not stop as it should.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    // Until they are caught; where that cannot be done, the first moments are as with other programs.
    drop(host::hold_signals());
    let layout = Layout::new(arguments.root.as_deref());
    let ended = check_files()
        .and_then(|()| take_realtime_priority(arguments))
        .and_then(|()| guard_root(&layout));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

/// Takes the root and lays it out, then guards agents.
fn guard_root(layout: &Layout) -> Result<u8, String> {
    let (lock, known) = take_over_or_root(layout).map_err(|error| error.to_string())?;
    let program =
        program().map_err(|error| format!("cannot find the file of this program: {error}"))?;
    let lines = layout.lay_out(Some(&program)).map_err(|error| error.to_string())?;
    lines.iter().for_each(|line| say(line));
    // "run" is the first one; the other parts get the others as they are.
    let part = |name: &str| -> Vec<OsString> {
        std::iter::once(name.into()).chain(std::env::args_os().skip(2)).collect()
    };
    guard(Config {
        lock,
        counter_file: layout.incarnation_file(),
        program,
        arguments: part(AGENT_PART),
        trial: part(TRIAL_PART),
        own: part(GUARDIAN_PART),
        known,
        limits: Limits::default(),
    })
    .map_err(|error| format!("cannot catch signals: {error}"))
}

/// Says that this program can run with the arguments it was given, or why not.
pub(crate) fn answer_trial(arguments: &RunArguments) -> ExitCode {
    if let Err(error) = take_realtime_priority(arguments) {
        say(&error);
        return ExitCode::FAILURE;
    }
    let version = env!("CARGO_PKG_VERSION");
    match writeln!(io::stdout(), "safekit-agent {version}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Returns the file that agents are started from, and that this process becomes after an upgrade. Where this program was
/// started by a whole path, that one: a link that is turned to another version is followed.
fn program() -> io::Result<PathBuf> {
    let called = std::env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute());
    let file = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let own = file(Path::new("/proc/self/exe"));
    match called.filter(|path| own.is_some() && file(path) == own) {
        Some(path) => Ok(path),
        None => std::env::current_exe(),
    }
}

/// Keeps the root that this process holds from before an upgrade, or takes it.
fn take_over_or_root(layout: &Layout) -> Result<(RootLock, Known), LockError> {
    match renewal::take_over(layout) {
        Some(taken) => Ok(taken),
        None => take_root(layout).map(|lock| (lock, Known::default())),
    }
}

/// Refuses a limit with which the agent would fail in the middle of its work, each time at another place.
fn check_files() -> Result<(), String> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit.filter(|limit| *limit < FILES_MIN) {
        None => Ok(()),
        Some(limit) => Err(format!(
            "this process may open {limit} files only, and an agent needs at least {FILES_MIN}: raise the limit \
             (LimitNOFILE= of the service, or 'ulimit -n 4096' before the start)"
        )),
    }
}

/// Takes the priority that was asked for. What this process starts has none; the agent takes its own.
fn take_realtime_priority(arguments: &RunArguments) -> Result<(), String> {
    if !arguments.realtime {
        return Ok(());
    }
    host::take_realtime_priority().map_err(|error| {
        format!(
            "--realtime: this process may not have real-time priority: {error}: allow it (LimitRTPRIO=1 of the service, or \
             CAP_SYS_NICE; where the kernel shares real-time among control groups, a cpu.rt_runtime_us of this one), or leave \
             --realtime out"
        )
    })
}

/// Takes the root. An agent whose guardian was killed dies in the same moment, and then lets go; that is waited for.
fn take_root(layout: &Layout) -> Result<RootLock, LockError> {
    for _ in 0..DYING_TRIES {
        match layout.lock() {
            Err(LockError::Taken { pid: Some(pid), .. }) if !is_alive(pid) => rest(),
            taken => return taken,
        }
    }
    layout.lock()
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // What cannot be asked for lack of rights is alive.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
