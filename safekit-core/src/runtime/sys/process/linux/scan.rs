//! Lists all processes.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, ThreadKind, UpdateKind};

use super::stat;
use crate::ids::ProcessId;
use crate::module::watch::ProcessInfo;

/// Lists processes; keeps what makes the next list cheaper.
#[derive(Debug)]
pub(in crate::runtime) struct Scanner {
    system: System,
    only_safe: Option<OsString>,
}

impl Scanner {
    /// `only_safe`: leave out what belongs to an agent with another SAFE.
    pub(in crate::runtime) fn new(only_safe: Option<OsString>) -> io::Result<Self> {
        Ok(Self { system: System::new().map_err(io::Error::other)?, only_safe })
    }

    /// Lists what runs, by pid: no threads, kernel threads or zombies.
    pub(in crate::runtime) fn scan(&mut self) -> Vec<ProcessInfo> {
        // Always: a process may have replaced its program since the last list.
        let wanted = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cmd(UpdateKind::Always)
            .with_exe(UpdateKind::Always);
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted);
        let described = self.system.processes().values().filter_map(describe);
        let mut processes: Vec<ProcessInfo> = match &self.only_safe {
            Some(safe) => described.filter(|process| !belongs_elsewhere(process, safe)).collect(),
            None => described.collect(),
        };
        processes.sort_by_key(|process| process.id);
        processes
    }
}

fn describe(process: &sysinfo::Process) -> Option<ProcessInfo> {
    if process.thread_kind() == Some(ThreadKind::Kernel) {
        return None;
    }
    let pid = process.pid().as_u32();
    // sysinfo rounds the start to seconds, takes a leader that has ended for a zombie, and keeps the name that a process
    // had in its first list: between fork and exec that is its parent's. The kernel says it exactly.
    let stat = stat::read(pid).ok().flatten().filter(|stat| stat.running && !stat.kernel)?;
    Some(ProcessInfo {
        id: ProcessId { pid, started: stat.started },
        parent_pid: stat.parent_pid,
        name: stat.name,
        executable: process.exe().map(file_name).unwrap_or_default(),
        arguments: process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect(),
    })
}

/// Tells whether a process inherited another SAFE than this. One whose environment cannot be read is taken as ours.
fn belongs_elsewhere(process: &ProcessInfo, safe: &OsStr) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{}/environ", process.id.pid)) else {
        return false;
    };
    let inherited = environment.split(|byte| *byte == 0).find_map(|it| it.strip_prefix(b"SAFE="));
    inherited.is_some_and(|inherited| inherited != safe.as_bytes())
}

/// The kernel adds a mark to the path of a file that was removed or replaced, by an upgrade for example.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}
