//! The processes of a host, as far as they matter to modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ModuleName, ProcessId};
use crate::module::watch::ProcessInfo;

/// A pid is used again after so many others: soon enough for every run to see it.
const PIDS: u32 = 40;
const PID_FIRST: u32 = 300;

/// The process table of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    living: BTreeMap<u32, Process>,
    next: u32,
    started: u64,
}

#[derive(Clone, Debug)]
struct Process {
    info: ProcessInfo,
    module: ModuleName,
}

impl Processes {
    /// Starts a process of a module's application.
    pub(super) fn spawn(&mut self, module: &ModuleName, name: &str, parent: u32) -> ProcessId {
        let mut pid = PID_FIRST + self.next % PIDS;
        while self.living.contains_key(&pid) && self.living.len() < 30 {
            self.next += 1;
            pid = PID_FIRST + self.next % PIDS;
        }
        self.next += 1;
        self.started += 1;
        let id = ProcessId { pid, started: self.started };
        let name: String = name.chars().take(15).collect();
        let info = ProcessInfo {
            id,
            parent_pid: parent,
            executable: name.clone(),
            arguments: vec![format!("/opt/{name}"), "--serve".to_owned()],
            name,
        };
        self.living.insert(pid, Process { info, module: module.clone() });
        id
    }

    /// Ends one process; tells whether it was there.
    pub(super) fn kill(&mut self, id: ProcessId) -> bool {
        let there = self.contains(id);
        if there {
            self.living.remove(&id.pid);
        }
        there
    }

    /// Ends everything.
    pub(super) fn clear(&mut self) {
        self.living.clear();
    }

    pub(super) fn contains(&self, id: ProcessId) -> bool {
        self.living.get(&id.pid).is_some_and(|process| process.info.id == id)
    }

    /// Returns the living processes of a module's application.
    pub(super) fn of(&self, module: &ModuleName) -> BTreeSet<ProcessId> {
        self.living
            .values()
            .filter(|process| process.module == *module)
            .map(|process| process.info.id)
            .collect()
    }

    /// Returns the main process of a service: that of the module of its name.
    pub(super) fn service(&self, name: &str) -> Option<ProcessId> {
        let mut living = self.living.values();
        Some(living.find(|process| process.module.as_str() == name)?.info.id)
    }

    pub(super) fn list(&self) -> Vec<ProcessInfo> {
        self.living.values().map(|process| process.info.clone()).collect()
    }
}
