//! What is known of one process from list to list.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::files::{Content, Files};
use super::scan::TICKS_PER_SECOND;
use super::stat::{self, Stat};
use crate::ids::ProcessId;
use crate::module::watch::ProcessInfo;

/// A process that was in a list.
#[derive(Debug)]
pub(super) struct Known {
    /// Of its folder.
    inode: u64,
    info: ProcessInfo,
    kind: Kind,
    /// Whether it had no command line when it was read last.
    bare: bool,
    /// Whether it belongs to an agent with another SAFE.
    elsewhere: bool,
}

/// What kind of process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One with a program.
    Program,
    /// A thread of the kernel.
    Kernel,
    /// It has ended, and its parent has not asked how.
    Zombie,
}

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    Gone,
}

impl Known {
    /// Reads all of a process; `None` when it is not there, or nothing can be known of it.
    ///
    /// # Errors
    /// When this host lacks something to read it with.
    pub(super) fn read(
        files: &mut Files,
        pid: u32,
        inode: u64,
        only_safe: Option<&OsStr>,
    ) -> io::Result<Option<Self>> {
        let Some(stat) = read_stat(files, pid)? else { return Ok(None) };
        let kind = Kind::of(&stat);
        let id = ProcessId { pid, started: stat.started };
        let (executable, arguments) = (String::new(), Vec::new());
        let info =
            ProcessInfo { id, parent_pid: stat.parent_pid, name: stat.name, executable, arguments };
        let mut known = Self { inode, info, kind, bare: false, elsewhere: false };
        if kind == Kind::Program {
            known.read_arguments(files)?;
            known.read_executable(files)?;
            known.find_safe(files, only_safe)?;
        }
        Ok(Some(known))
    }

    /// Reads what may have changed.
    ///
    /// # Errors
    /// When this host lacks something to read it with.
    pub(super) fn read_again(
        &mut self,
        files: &mut Files,
        only_safe: Option<&OsStr>,
        now_ticks: u64,
    ) -> io::Result<Presence> {
        if self.is_settled(now_ticks) {
            return Ok(Presence::There);
        }
        let renamed = match files.read(self.pid(), "comm")? {
            Content::Is(bytes) => {
                bytes.strip_suffix(b"\n").unwrap_or(bytes) != self.info.name.as_bytes()
            }
            Content::Gone => return Ok(Presence::Gone),
            Content::Refused => true,
        };
        let mut changed = renamed | self.read_arguments(files)?;
        // Without a command line it may be about to end. A name with a line break is shown otherwise here and there.
        if renamed || self.bare {
            let Some(stat) = read_stat(files, self.pid())? else { return Ok(Presence::Gone) };
            self.kind = Kind::of(&stat);
            self.info.id.started = stat.started;
            self.info.parent_pid = stat.parent_pid;
            self.info.name = stat.name;
        }
        if self.kind == Kind::Program {
            changed |= self.read_executable(files)?;
            if changed {
                self.find_safe(files, only_safe)?;
            }
        }
        Ok(Presence::There)
    }

    /// Reads who the parent is.
    ///
    /// # Errors
    /// When this host lacks something to read it with.
    pub(super) fn read_parent(&mut self, files: &mut Files) -> io::Result<()> {
        if let Some(stat) = read_stat(files, self.pid())? {
            self.info.parent_pid = stat.parent_pid;
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.info.id.pid
    }

    /// Tells whether this is the process with that folder.
    pub(super) fn is(&self, pid: u32, inode: u64) -> bool {
        // The kernel gives 1 where it has no number.
        self.pid() == pid && self.inode == inode && inode > 1
    }

    /// Returns it as lists show it; `None` where they do not.
    pub(super) fn listed(&self) -> Option<&ProcessInfo> {
        (self.kind == Kind::Program && !self.elsewhere).then_some(&self.info)
    }

    /// Tells whether it can be a parent.
    pub(super) fn runs(&self) -> bool {
        self.kind != Kind::Zombie
    }

    /// As if something else had been read.
    #[cfg(test)]
    pub(super) fn change(&mut self, change: impl FnOnce(&mut u64, &mut ProcessInfo)) {
        change(&mut self.inode, &mut self.info);
        self.bare = self.info.arguments.is_empty();
    }

    /// Tells whether it stays what it is.
    fn is_settled(&self, now_ticks: u64) -> bool {
        match self.kind {
            Kind::Program => false,
            // Programs that the kernel itself starts begin as one of its threads.
            Kind::Kernel => self.info.id.started.saturating_add(KERNEL_START_TICKS) < now_ticks,
            Kind::Zombie => true,
        }
    }

    /// Reads the command line; tells whether it is another one. A process that is just beginning another program has none
    /// for a moment: who has none for the first time is listed with that which it had.
    fn read_arguments(&mut self, files: &mut Files) -> io::Result<bool> {
        let bytes = match files.read(self.pid(), "cmdline")? {
            Content::Is(bytes) => bytes,
            Content::Gone | Content::Refused => &[],
        };
        let words = || bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let was_bare = std::mem::replace(&mut self.bare, words().next().is_none());
        if self.bare && !was_bare {
            return Ok(false);
        }
        if words().eq(self.info.arguments.iter().map(String::as_bytes)) {
            return Ok(false);
        }
        self.info.arguments =
            words().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Ok(true)
    }

    /// Reads the file of the program; tells whether it is another one.
    fn read_executable(&mut self, files: &mut Files) -> io::Result<bool> {
        let name = match files.link(self.pid(), "exe")? {
            Content::Is(path) => file_name(path),
            Content::Gone | Content::Refused => &[],
        };
        if name == self.info.executable.as_bytes() {
            return Ok(false);
        }
        self.info.executable = String::from_utf8_lossy(name).into_owned();
        Ok(true)
    }

    /// Finds out whether it inherited another SAFE. One whose environment cannot be read is taken as ours.
    fn find_safe(&mut self, files: &mut Files, only_safe: Option<&OsStr>) -> io::Result<()> {
        let Some(safe) = only_safe else { return Ok(()) };
        self.elsewhere = match files.read(self.pid(), "environ")? {
            Content::Is(bytes) => bytes
                .split(|byte| *byte == 0)
                .find_map(|it| it.strip_prefix(b"SAFE="))
                .is_some_and(|inherited| inherited != safe.as_bytes()),
            Content::Gone | Content::Refused => false,
        };
        Ok(())
    }
}

impl Kind {
    fn of(stat: &Stat) -> Self {
        match (stat.running, stat.kernel) {
            (false, _) => Self::Zombie,
            (true, true) => Self::Kernel,
            (true, false) => Self::Program,
        }
    }
}

/// Reads the kernel's line about a process; `None` when it is not there, or nothing can be known of it.
fn read_stat(files: &mut Files, pid: u32) -> io::Result<Option<Stat>> {
    match files.read(pid, "stat")? {
        Content::Is(bytes) => Ok(stat::parse(bytes)),
        Content::Gone | Content::Refused => Ok(None),
    }
}

/// The kernel adds a mark to the path of a file that was removed or replaced, by an upgrade for example.
fn file_name(path: &OsStr) -> &[u8] {
    let name = Path::new(path).file_name().unwrap_or_default().as_bytes();
    name.strip_suffix(b" (deleted)").unwrap_or(name)
}

/// After this time a thread of the kernel does not become a program.
const KERNEL_START_TICKS: u64 = 10 * TICKS_PER_SECOND;
