//! Finds scripts that an agent which has ended left running.
//!
//! A script leads a session of its own (see `spawn`), carries a mark in its environment, and the kernel shows its file's
//! path among the first words of its command line. Its background children share all that until they begin another
//! program, but lead nothing. Who only looks at the file, in an editor, has no mark.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Signal, kill_process_group};

use super::{pid_of, stat};
use crate::module::script::Script;
use crate::runtime::sys::process::SCRIPT_MARK;

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

/// Lists the scripts of a module that run and were not started by this process. `bin` is the folder of its scripts.
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
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let runs =
        |path: &[u8]| words.split(|byte| *byte == 0).take(WORDS_MAX).any(|word| word == path);
    let script = match variable(&environment, SCRIPT_MARK) {
        Some(mark) => {
            let (script, path) = read_mark(mark, bin)?;
            runs(path).then_some(script)
        }
        // Of an agent that set no mark (0.1.0).
        None if variable(&environment, "SAFEUSERBIN") == Some(bin.as_os_str().as_bytes()) => {
            let path = |script: &Script| bin.join(script.as_str());
            Script::ALL.into_iter().find(|script| runs(path(script).as_os_str().as_bytes()))
        }
        None => None,
    };
    Some(Leftover { script: script?, pid, started: stat.started })
}

fn read_mark<'m>(mark: &'m [u8], bin: &Path) -> Option<(Script, &'m [u8])> {
    let rest = mark.strip_prefix(bin.as_os_str().as_bytes())?.strip_prefix(b" ")?;
    Script::ALL.into_iter().chain([Script::Handler]).find_map(|script| {
        let path = rest.strip_prefix(format!("{} ", script.as_str()).as_bytes())?;
        Some((script, path))
    })
}

fn variable<'e>(environment: &'e [u8], name: &str) -> Option<&'e [u8]> {
    let mut lines = environment.split(|byte| *byte == 0);
    lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// `#!` lines give at most an interpreter, its interpreter's name and one word before the script's path.
const WORDS_MAX: usize = 4;
