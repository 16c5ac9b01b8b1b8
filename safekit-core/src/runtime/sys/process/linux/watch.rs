//! Notices the death of processes: pidfds.

use std::io;
use std::os::fd::OwnedFd;

use mio::{Registry, Token};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};

use super::{pid_of, stat};
use crate::ids::ProcessId;
use crate::runtime::sys::readiness;

/// Becomes readable in the loop when its process is dead.
#[derive(Debug)]
pub(in crate::runtime) struct ExitWatch(OwnedFd);

impl ExitWatch {
    /// Watches whatever process has a pid at the moment; who needs a certain one calls [`is_running`] after this.
    /// `None` when no process has it.
    ///
    /// # Errors
    /// When the kernel has no pidfds (before 5.3) or gives no more descriptors: watch by asking again and again.
    pub(in crate::runtime) fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(pid) = pid_of(pid) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Self(fd))),
            // EINVAL and ENOENT: the number belongs to a thread of another process by now.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(in crate::runtime) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        readiness::register(registry, &self.0, token)
    }

    pub(in crate::runtime) fn deregister(&self, registry: &Registry) {
        readiness::deregister(registry, &self.0);
    }
}

/// Tells whether exactly this process runs; a zombie does not.
///
/// # Errors
/// When the kernel does not tell.
pub(in crate::runtime) fn is_running(process: ProcessId) -> io::Result<bool> {
    let stat = stat::read(process.pid)?;
    Ok(stat.is_some_and(|stat| stat.started == process.started && stat.running))
}

/// Returns the process that has a pid at the moment; `None` when none runs, or the kernel does not tell.
pub(in crate::runtime) fn identify(pid: u32) -> Option<ProcessId> {
    let stat = stat::read(pid).ok().flatten().filter(|stat| stat.running)?;
    Some(ProcessId { pid, started: stat.started })
}
