//! Finds scripts that an agent which has ended left running.
//!
//! A script leads a session of its own (see `spawn`), and the kernel shows its file's path among the first words of its
//! command line. Its background children share that command line until they begin another program, but lead nothing.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Signal, kill_process_group};

use super::{pid_of, stat};
use crate::module::script::Script;

/// A script that runs, started by another process than this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct Leftover {
    pub(in crate::runtime) script: Script,
    pub(in crate::runtime) pid: u32,
    started: u64,
}

impl Leftover {
    /// Ends its process group, if it is still the same process.
    pub(in crate::runtime) fn end(&self) {
        let same = stat::read(self.pid)
            .ok()
            .flatten()
            .is_some_and(|stat| stat.started == self.started && stat.running);
        if let (true, Some(group)) = (same, pid_of(self.pid)) {
            // Refused only where it has ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Lists the scripts of a folder that run and were not started by this process.
pub(in crate::runtime) fn leftover_scripts(bin: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| leftover(bin, pid)).collect()
}

fn leftover(bin: &Path, pid: u32) -> Option<Leftover> {
    let stat = stat::read(pid).ok().flatten()?;
    let ours = stat.parent_pid == std::process::id();
    if stat.session != pid || !stat.running || ours {
        return None;
    }
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let script = Script::ALL.into_iter().find(|script| {
        let path = bin.join(script.as_str());
        words
            .split(|byte| *byte == 0)
            .take(WORDS_MAX)
            .any(|word| word == path.as_os_str().as_bytes())
    })?;
    Some(Leftover { script, pid, started: stat.started })
}

/// `#!` lines give at most an interpreter, its interpreter's name and one word before the script's path.
const WORDS_MAX: usize = 4;
