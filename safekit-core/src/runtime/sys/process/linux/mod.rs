//! Processes on Linux: /proc, pidfds, process groups, control groups.

mod control_group;
mod files;
mod hold;
mod known;
mod leftover;
mod program;
mod realtime;
mod scan;
mod spawn;
mod stat;
mod watch;

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

pub(in crate::runtime) use control_group::ControlGroups;
pub(in crate::runtime) use hold::{hold_signals, release_signals};
pub(in crate::runtime) use leftover::leftover_scripts;
pub(in crate::runtime) use program::check_program;
pub(in crate::runtime) use realtime::take_realtime_priority;
pub(in crate::runtime) use scan::Scanner;
pub(in crate::runtime) use spawn::{ScriptGroup, spawn};
pub(in crate::runtime) use watch::{ExitWatch, identify, is_running};

use crate::module::script::ScriptEnd;

/// Tells how a script ended.
pub(in crate::runtime) fn how_it_ended(status: ExitStatus) -> ScriptEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ScriptEnd::Exited { code },
        (None, signal) => ScriptEnd::Signalled { signal: signal.unwrap_or_default() },
    }
}

/// Tells whether the end of a child can be learned in this process: not when SIGCHLD is ignored, the kernel then
/// forgets each child at once.
pub(in crate::runtime) fn children_are_reported() -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return true };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let child_bit = 1_u64 << (Signal::CHILD.as_raw().unsigned_abs().saturating_sub(1));
    ignored.is_none_or(|mask| mask & child_bit == 0)
}

/// See [`crate::runtime::host::end_with_parent`].
pub(in crate::runtime) fn end_with_parent(parent_pid: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the line above: then nobody sends the signal.
    if getppid() == pid_of(parent_pid) && parent_pid != 0 {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, "the parent process has ended already"))
    }
}

/// Makes a pid; `None` for 0 and for what no pid can be.
fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
