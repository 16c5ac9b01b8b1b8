//! Operations that remember what they are asked, and users of no host.

use std::path::PathBuf;
use std::sync::Mutex;

use safekit_core::control::{
    Accepted, BootReport, BudgetReport, ClusterConfinfoReport, DoneReport, LevelReport, LogReport,
    MemberReport, ModuleCommand, ModuleConfinfoReport, ModuleListReport, ModuleReport,
    PeerModuleReport, PortsReport, PrintLevel, StateReport,
};
use safekit_core::ids::ModuleName;
use safekit_core::module::BudgetChange;
use safekit_core::module::state::{FarmState, Readiness};

use crate::api::{
    By, ClusterSource, LogQuery, OperationError, Operations, Others, Replace, Selected, Users,
    Verbosity,
};
use crate::store::boot::Boot;
use crate::store::cluster::{Keys, Lock};

#[derive(Debug, Default)]
pub(super) struct FakeOperations {
    asked: Mutex<Vec<String>>,
    error: Option<OperationError>,
    log: Vec<String>,
}

impl FakeOperations {
    pub(super) fn failing(error: OperationError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    pub(super) fn with_log(log: Vec<String>) -> Self {
        Self { log, ..Self::default() }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn told<T>(&self, asked: String, report: T) -> Result<T, OperationError> {
        self.asked.lock().unwrap().push(asked);
        self.error.clone().map_or(Ok(report), Err)
    }

    fn done(&self, asked: String) -> Result<DoneReport, OperationError> {
        self.told(asked, DoneReport { text: "done".to_owned(), details: Vec::new() })
    }
}

impl Operations for FakeOperations {
    fn state(&self) -> Result<StateReport, OperationError> {
        self.told("state".to_owned(), state())
    }

    fn command(&self, command: ModuleCommand) -> Result<Accepted, OperationError> {
        let ModuleCommand { module, command, origin } = command;
        let asked = format!("{} {module} by {origin:?}", command.as_str());
        self.told(asked, Accepted { text: "accepted".to_owned() })
    }

    fn switch_errd(
        &self,
        by: &By,
        module: &ModuleName,
        switch: safekit_core::control::WatchSwitch,
    ) -> Result<Accepted, OperationError> {
        let asked = format!("errd {switch} {module} by {by}");
        self.told(asked, Accepted { text: "accepted".to_owned() })
    }

    fn install(
        &self,
        by: &By,
        module: &ModuleName,
        path: PathBuf,
        replace: Replace,
    ) -> Result<DoneReport, OperationError> {
        self.done(format!("install {module} {} {replace:?} by {by}", path.display()))
    }

    fn uninstall(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError> {
        self.done(format!("uninstall {module} by {by}"))
    }

    fn configure(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError> {
        self.done(format!("configure {module} by {by}"))
    }

    fn confcheck(&self, module: &ModuleName) -> Result<DoneReport, OperationError> {
        self.done(format!("confcheck {module}"))
    }

    fn confinfo(&self, module: &ModuleName) -> Result<ModuleConfinfoReport, OperationError> {
        let report = ModuleConfinfoReport {
            name: module.to_string(),
            mode: "farm".to_owned(),
            active: None,
            current: None,
        };
        self.told(format!("confinfo {module}"), report)
    }

    fn modules(&self) -> Result<ModuleListReport, OperationError> {
        self.told("modules".to_owned(), ModuleListReport::default())
    }

    fn run_state(&self, module: &ModuleName) -> Vec<String> {
        self.asked.lock().unwrap().push(format!("run state {module}"));
        vec!["said".to_owned()]
    }

    fn log(&self, query: &LogQuery) -> Result<LogReport, OperationError> {
        let module = query.module.as_ref().map_or("node", |module| module.as_str());
        let lines = match query.verbosity {
            Verbosity::Main => "Main",
            Verbosity::All => "All",
        };
        let from = query.from.map(|place| format!(" from {place}")).unwrap_or_default();
        let asked = format!("log {module} {} {lines}{from}", query.lines);
        self.told(asked, LogReport { lines: self.log.clone(), next: None })
    }

    fn print(
        &self,
        by: &By,
        module: &ModuleName,
        level: PrintLevel,
        text: &str,
    ) -> Result<(), OperationError> {
        self.told(format!("print {module} {level:?} {text:?} by {by}"), ())
    }

    fn configure_cluster(
        &self,
        by: &By,
        source: Option<ClusterSource>,
        lock: Option<Lock>,
    ) -> Result<DoneReport, OperationError> {
        self.done(format!("configure cluster {source:?} {lock:?} by {by}"))
    }

    fn check_cluster(&self, path: PathBuf) -> Result<DoneReport, OperationError> {
        self.done(format!("check cluster {}", path.display()))
    }

    fn deconfigure_cluster(&self, by: &By) -> Result<DoneReport, OperationError> {
        self.done(format!("deconfigure cluster by {by}"))
    }

    fn change_keys(
        &self,
        by: &By,
        keys: Keys,
        others: Others,
    ) -> Result<DoneReport, OperationError> {
        self.done(format!("keys {keys:?} {others:?} by {by}"))
    }

    fn deconfigure(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError> {
        self.done(format!("deconfigure {module} by {by}"))
    }

    fn update(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError> {
        self.done(format!("update {module} by {by}"))
    }

    fn package(&self, module: &ModuleName) -> Result<Vec<u8>, OperationError> {
        self.told(format!("package {module}"), b"PK\x03\x04\xff".to_vec())
    }

    fn ports(&self, module: &Selected) -> Result<PortsReport, OperationError> {
        self.told(format!("ports {module:?}"), PortsReport::default())
    }

    fn change_budget(
        &self,
        by: &By,
        module: &ModuleName,
        change: BudgetChange,
    ) -> Result<BudgetReport, OperationError> {
        let report = BudgetReport { used: 1, max: 3, reached: false };
        self.told(format!("budget {change:?} {module} by {by}"), report)
    }

    fn budget(&self, module: &ModuleName) -> Result<BudgetReport, OperationError> {
        let report = BudgetReport { used: 1, max: 3, reached: false };
        self.told(format!("budget {module}"), report)
    }

    fn set_boot(
        &self,
        by: &By,
        module: &ModuleName,
        boot: Boot,
    ) -> Result<DoneReport, OperationError> {
        self.done(format!("boot {} {module} by {by}", boot.as_str()))
    }

    fn boot_status(&self, module: Option<&ModuleName>) -> Result<BootReport, OperationError> {
        let module = module.map_or("node", |module| module.as_str());
        self.told(format!("boot of {module}"), BootReport::default())
    }

    fn command_log(&self, lines: u32) -> Result<LogReport, OperationError> {
        self.told(format!("command log {lines}"), LogReport { lines: self.log.clone(), next: None })
    }

    fn export_cluster(&self, by: &By) -> Result<Vec<u8>, OperationError> {
        self.told(format!("export cluster by {by}"), b"PK\x03\x04\xff".to_vec())
    }

    fn cluster_confinfo(&self) -> Result<ClusterConfinfoReport, OperationError> {
        self.told("confinfo cluster".to_owned(), ClusterConfinfoReport::default())
    }

    fn shutdown(&self, by: &By) -> Result<Accepted, OperationError> {
        self.told(format!("shutdown by {by}"), Accepted { text: "accepted".to_owned() })
    }

    fn level(&self, module: Option<&ModuleName>) -> Result<LevelReport, OperationError> {
        let report = LevelReport {
            host: "host".to_owned(),
            os: "os".to_owned(),
            version: "0".to_owned(),
            license: "free".to_owned(),
            module: Vec::new(),
        };
        self.told(format!("level {}", module.map_or("node", |module| module.as_str())), report)
    }
}

/// The group `safekit` is 900 and lists olga; process 4242 of user 1003 is in it; the agent's user is 990.
#[derive(Debug)]
pub(super) struct FakeUsers;

impl Users for FakeUsers {
    fn name(&self, uid: u32) -> Option<String> {
        let name = match uid {
            0 => "root",
            990 => "agent",
            1001 => "alice",
            1002 => "olga",
            1003 => "supp",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "safekit").then_some(900)
    }

    fn group_has(&self, gid: u32, uid: u32) -> bool {
        gid == 900 && uid == 1002
    }

    fn groups_of_process(&self, pid: u32, uid: u32) -> Vec<u32> {
        if (pid, uid) == (4242, 1003) { vec![100, 900] } else { vec![100] }
    }
}

/// Two nodes and one module, with a text that is nobody's business in every field that the status page must not show.
pub(in crate::api) fn state() -> StateReport {
    let secret = || "SECRET".to_owned();
    StateReport {
        version: secret(),
        time: "2026-11-22T10:05:00Z".to_owned(),
        node: "node1".to_owned(),
        node_id: 1,
        incarnation: secret(),
        joined: true,
        join_why: secret(),
        guardian_pid: 77_777,
        agent_pid: 77_777,
        view: None,
        nodes: vec![
            MemberReport {
                id: 1,
                name: "node1".to_owned(),
                state: "self".to_owned(),
                why: secret(),
                silence_ms: None,
                lans: vec![secret()],
                cluster: Some(secret()),
                modules: Vec::new(),
            },
            MemberReport {
                id: 2,
                name: "node2".to_owned(),
                state: "lost".to_owned(),
                why: secret(),
                silence_ms: Some(77_777),
                lans: vec![secret()],
                cluster: Some(secret()),
                modules: vec![PeerModuleReport {
                    name: "web".to_owned(),
                    state: FarmState::Up,
                    readiness: Readiness::Ready,
                    signature: "5EC12E70".to_owned(),
                }],
            },
        ],
        modules: vec![module()],
        faults: vec![secret()],
    }
}

fn module() -> ModuleReport {
    let secret = || "SECRET".to_owned();
    ModuleReport {
        name: "web".to_owned(),
        mode: "farm".to_owned(),
        errd: secret(),
        classes: vec![secret()],
        state: FarmState::Wait,
        readiness: Readiness::Transient,
        goal: FarmState::Up,
        reason: secret(),
        why: secret(),
        since: secret(),
        participants: Vec::new(),
        share: 0,
        script: None,
        last_scripts: Vec::new(),
        drain_left_ms: None,
        loop_used: 0,
        loop_max: 3,
        watched: Vec::new(),
        boot: secret(),
        signature: "SECRET-89abcdef".to_owned(),
        faults: vec![secret()],
        script_lines: vec![secret()],
    }
}
