//! Lists all processes.
//!
//! A list is made when a process of a module has died, and the health answer waits for it: nothing is read that cannot
//! have changed since the last list.
//!
//! - The folder itself gives the pids, each with the number of its inode. The kernel makes the folder of a process anew
//!   for each process, so the same pid with the same number is the same process, and its start is known.
//! - Name, program and command line change when a process begins another program, or without: they are read again each time,
//!   each from the file that tells it alone. `/proc/PID/stat` costs as much as all of them together, and is read only where
//!   something has changed.
//! - A kernel thread that is not just being started stays one, and a zombie stays dead: nothing is read of them again.
//!
//! Not here: which process is meant (`module::watch`).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirEntryExt;

use rustix::time::{ClockId, clock_gettime};

use super::files::Files;
use super::known::{Known, Presence};
#[cfg(test)]
use super::stat;
use crate::module::watch::ProcessInfo;

/// Lists processes; keeps what makes the next list cheaper.
#[derive(Debug)]
pub(in crate::runtime) struct Scanner {
    /// By pid.
    known: Vec<Known>,
    files: Files,
    only_safe: Option<OsString>,
}

impl Scanner {
    /// `only_safe`: leave out what belongs to an agent with another SAFE.
    pub(in crate::runtime) fn new(only_safe: Option<OsString>) -> Self {
        Self { known: Vec::new(), files: Files::default(), only_safe }
    }

    /// Lists what runs, by pid: no threads, kernel threads or zombies.
    ///
    /// # Errors
    /// When /proc cannot be read, or this process has no descriptor or memory left for it. It is not known then what
    /// runs.
    pub(in crate::runtime) fn scan(&mut self) -> io::Result<Vec<ProcessInfo>> {
        let folders = folders()?;
        let mut before = std::mem::take(&mut self.known).into_iter().peekable();
        let mut known = Vec::with_capacity(folders.len());
        let now_ticks = now_ticks();
        for (pid, inode) in folders {
            let same = loop {
                match before.next_if(|known| known.pid() <= pid) {
                    Some(known) if known.is(pid, inode) => break Some(known),
                    Some(_) => {}
                    None => break None,
                }
            };
            let safe = self.only_safe.as_deref();
            let read = match same {
                Some(mut known) => match known.read_again(&mut self.files, safe, now_ticks)? {
                    Presence::There => Some(known),
                    Presence::Gone => None,
                },
                None => Known::read(&mut self.files, pid, inode, safe)?,
            };
            known.extend(read);
        }
        self.known = known;
        self.find_parents()?;
        Ok(self.known.iter().filter_map(Known::listed).cloned().collect())
    }

    /// Whose parent has ended has got another one.
    fn find_parents(&mut self) -> io::Result<()> {
        let known = &self.known;
        let lives = |parent: u32| {
            let place = known.binary_search_by_key(&parent, Known::pid).ok();
            place.and_then(|place| known.get(place)).is_some_and(Known::runs)
        };
        let orphan = |known: &Known| {
            known.listed().is_some_and(|info| info.parent_pid != 0 && !lives(info.parent_pid))
        };
        let orphans: Vec<usize> =
            (0..).zip(known).filter(|(_, it)| orphan(it)).map(|(at, _)| at).collect();
        for place in orphans {
            if let Some(known) = self.known.get_mut(place) {
                known.read_parent(&mut self.files)?;
            }
        }
        Ok(())
    }
}

/// Returns the pids, in order, each with the number of its folder's inode.
fn folders() -> io::Result<Vec<(u32, u64)>> {
    let mut folders: Vec<(u32, u64)> = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            folders.push((pid, entry.ino()));
        }
    }
    // As the kernel gives them already; but what follows relies on it.
    folders.sort_unstable();
    folders.dedup_by_key(|folder| folder.0);
    Ok(folders)
}

/// Returns the time since boot as starts of processes are told.
fn now_ticks() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds.saturating_mul(TICKS_PER_SECOND)
}

/// `USER_HZ`: the same for all processors that this runs on.
pub(super) const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests;
