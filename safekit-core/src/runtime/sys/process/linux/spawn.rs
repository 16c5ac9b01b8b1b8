//! Starts scripts, and ends them with all that belongs to them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::fs::Mode;
use rustix::process::{Signal, kill_process_group, setsid, umask};

use super::control_group::{ControlGroup, ControlGroups};
use super::pid_of;
use crate::runtime::notice::KillReach;
use crate::runtime::sys::process::SpawnPlan;

/// All that belongs to one run of a script.
#[derive(Debug)]
pub(in crate::runtime) struct ScriptGroup {
    pid: u32,
    control_group: Option<ControlGroup>,
}

impl ScriptGroup {
    /// Ends the process group at once. Only while the script's own process is not reaped: its number is the group's.
    ///
    /// # Errors
    /// When the kernel refuses; a group that has no process any more is no error.
    pub(in crate::runtime) fn kill_process_group(&self) -> io::Result<()> {
        let Some(group) = pid_of(self.pid) else { return Ok(()) };
        match kill_process_group(group, Signal::KILL) {
            Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends what is in the control group, and tells how far the ending reached. May wait in the kernel.
    pub(in crate::runtime) fn kill_control_group(&self) -> KillReach {
        match &self.control_group {
            Some(group) if group.kill().is_ok() => KillReach::GroupAndControlGroup,
            _ => KillReach::Group,
        }
    }

    /// Forgets the group; tells whether nothing of it is left behind. To be called again otherwise.
    pub(in crate::runtime) fn clear(&self) -> bool {
        self.control_group.as_ref().is_none_or(ControlGroup::remove)
    }
}

/// Starts a script: in a session, and so a process group, of its own, in a control group of its own where one can be
/// made, with umask 027, default signals, no input and no descriptor of this process.
///
/// # Errors
/// What the kernel says.
pub(in crate::runtime) fn spawn(
    plan: &SpawnPlan<'_>,
    control_groups: Option<&ControlGroups>,
) -> io::Result<(Child, ScriptGroup)> {
    let mut command = Command::new(plan.program);
    command
        .args(plan.arguments)
        .env_clear()
        .envs(plan.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(plan.folder)
        .stdin(Stdio::null())
        .stdout(output_of(plan)?)
        .stderr(output_of(plan)?);
    let control_group =
        control_groups.and_then(|groups| groups.make(&ControlGroups::name(plan.group_name)).ok());
    let door = control_group.as_ref().and_then(|group| group.door().ok());
    in_child(&mut command, door.map(OwnedFd::from));
    match command.spawn() {
        Ok(child) => {
            let pid = child.id();
            let (inside, outside) = match control_group {
                Some(group) if group.contains(pid) => (Some(group), None),
                other => (None, other),
            };
            if let Some(group) = outside {
                group.remove();
            }
            Ok((child, ScriptGroup { pid, control_group: inside }))
        }
        Err(error) => {
            if let Some(group) = control_group {
                group.remove();
            }
            Err(error)
        }
    }
}

fn output_of(plan: &SpawnPlan<'_>) -> io::Result<Stdio> {
    plan.output.map_or_else(|| Ok(Stdio::null()), |file| file.try_clone().map(Stdio::from))
}

/// Adds what has to be done between fork and exec.
#[expect(unsafe_code, reason = "nothing but code between fork and exec can set these")]
fn in_child(command: &mut Command, door: Option<OwnedFd>) {
    let highest_descriptor = highest_descriptor();
    let prepare = move || {
        setsid()?;
        umask(Mode::from_raw_mode(0o027));
        if let Some(door) = &door {
            // Without it the process group has to do.
            let _ = rustix::io::write(door.as_fd(), b"0");
        }
        reset_signals();
        close_descriptors_at_exec(highest_descriptor);
        Ok(())
    };
    // SAFETY: the closure runs in the forked child of a process with threads, so it must call only functions that
    // are async-signal-safe, and allocate nothing: setsid, umask, write, sigaction, sigprocmask, fcntl and
    // close_range are system calls (or listed in signal-safety(7)), and the errors made are plain numbers.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Gives every signal its default meaning and lets all of them through: an ignored or blocked signal would stay so
/// in the script and in the application that it starts.
#[expect(unsafe_code, reason = "the standard library cannot set signal dispositions")]
fn reset_signals() {
    // The kernel's struct sigaction, with room to spare: all zero is the default meaning and no flags.
    let default = [0_u64; 8];
    for signal in 1..=HIGHEST_SIGNAL {
        let (new, old) = (default.as_ptr(), std::ptr::null_mut::<u64>());
        // SAFETY: the kernel reads `default`, which is longer than its structure, and writes nothing. Called
        // directly because the C library refuses the two signals that it uses itself. Those that cannot be set are
        // refused with an error.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, new, old, SIGNAL_SET_BYTES);
        }
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset fills the set that it is given, and sigprocmask reads it and writes nothing.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Marks every descriptor but stdin, stdout and stderr to be closed when the script begins, even those that another
/// part of this process opened without the mark. Closing them here would close the pipe that tells of a failed exec.
#[expect(unsafe_code, reason = "the standard library cannot mark a range of descriptors")]
fn close_descriptors_at_exec(highest: i32) {
    let (first, last, flags) = (3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: close_range takes numbers only, and with this flag it closes nothing before exec.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if marked == 0 {
        return;
    }
    // Kernels before 5.11.
    for descriptor in 3..=highest {
        // SAFETY: fcntl takes numbers only; a descriptor that is not open is refused with an error.
        unsafe {
            libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}

/// Returns a number that no open descriptor exceeds by the time of the fork, as far as that can be known.
fn highest_descriptor() -> i32 {
    let names = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let highest = names.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).max();
    highest.unwrap_or(DESCRIPTORS_UNKNOWN).saturating_add(DESCRIPTORS_MARGIN)
}

const HIGHEST_SIGNAL: i32 = 64;
const SIGNAL_SET_BYTES: usize = 8;
const DESCRIPTORS_UNKNOWN: i32 = 65_536;
const DESCRIPTORS_MARGIN: i32 = 64;
