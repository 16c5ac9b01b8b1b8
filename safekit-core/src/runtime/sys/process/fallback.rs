//! Processes where nothing is built yet.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Child, ExitStatus};

use mio::{Registry, Token};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::ids::ProcessId;
use crate::module::script::{Script, ScriptEnd};
use crate::module::watch::ProcessInfo;
use crate::runtime::notice::KillReach;
use crate::runtime::sys::process::SpawnPlan;

/// Nothing of this kind exists here.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct ControlGroups(Infallible);

impl ControlGroups {
    pub(in crate::runtime) fn find() -> Option<Self> {
        None
    }

    pub(in crate::runtime) fn sweep(&self) {}
}

/// Nothing of this kind exists here.
#[derive(Debug)]
pub(in crate::runtime) struct ExitWatch(Infallible);

impl ExitWatch {
    pub(in crate::runtime) fn open(_pid: u32) -> io::Result<Option<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::runtime) fn register(&self, _: &Registry, _: Token) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::runtime) fn deregister(&self, _: &Registry) {
        match self.0 {}
    }
}

/// Nothing of this kind exists here.
#[derive(Debug)]
pub(in crate::runtime) struct ScriptGroup(Infallible);

impl ScriptGroup {
    pub(in crate::runtime) fn kill_process_group(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::runtime) fn kill_control_group(&self) -> KillReach {
        match self.0 {}
    }

    pub(in crate::runtime) fn clear(&self) -> bool {
        match self.0 {}
    }
}

/// Lists processes.
#[derive(Debug)]
pub(in crate::runtime) struct Scanner(Option<System>);

impl Scanner {
    pub(in crate::runtime) fn new(_only_safe: Option<OsString>) -> Self {
        Self(System::new().ok())
    }

    pub(in crate::runtime) fn scan(&mut self) -> io::Result<Vec<ProcessInfo>> {
        let system = self.0.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        // Always: a process may have replaced its program since the last list.
        let wanted = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cmd(UpdateKind::Always)
            .with_exe(UpdateKind::Always);
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted);
        let mut processes: Vec<ProcessInfo> = system.processes().values().map(describe).collect();
        processes.sort_by_key(|process| process.id);
        Ok(processes)
    }
}

fn describe(process: &sysinfo::Process) -> ProcessInfo {
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let executable = process.exe().and_then(Path::file_name);
    ProcessInfo {
        id: ProcessId { pid: process.pid().as_u32(), started: process.start_time() },
        parent_pid: process.parent().map_or(0, |parent| parent.as_u32()),
        name: text(process.name()),
        executable: executable.map(text).unwrap_or_default(),
        arguments: process.cmd().iter().map(|word| text(word)).collect(),
    }
}

/// Nothing of this kind exists here.
#[derive(Debug)]
pub(in crate::runtime) struct Leftover {
    pub(in crate::runtime) script: Script,
    pub(in crate::runtime) pid: u32,
}

impl Leftover {
    pub(in crate::runtime) fn end(&self) {}
}

pub(in crate::runtime) fn leftover_scripts(_bin: &Path) -> Vec<Leftover> {
    Vec::new()
}

pub(in crate::runtime) fn spawn(
    _plan: &SpawnPlan<'_>,
    _control_groups: Option<&ControlGroups>,
) -> io::Result<(Child, ScriptGroup)> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn check_program(_path: &Path) -> Result<(), String> {
    Err("scripts cannot be run on this operating system yet".to_owned())
}

pub(in crate::runtime) fn children_are_reported() -> bool {
    true
}

pub(in crate::runtime) fn end_with_parent(_parent_pid: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn hold_signals() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn release_signals() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn take_realtime_priority() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn how_it_ended(status: ExitStatus) -> ScriptEnd {
    ScriptEnd::Exited { code: status.code().unwrap_or_default() }
}

pub(in crate::runtime) fn is_running(_process: ProcessId) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
