//! What the control API can ask of this agent: files are changed here, on the API's workers; the event loop is told.

mod cluster;
mod hooks;
mod upkeep;

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use safekit_core::control::{
    Accepted, BootReport, BudgetReport, ClusterConfinfoReport, ConfigurationReport, DoneReport,
    InstalledModuleReport, LevelReport, LogReport, ModuleCommand, ModuleConfinfoReport,
    ModuleListReport, ModuleReport, NodeConfinfoReport, Origin, PortsReport, PrintLevel,
    StateReport, WatchSwitch,
};
use safekit_core::ids::{ModuleName, NodeName};
use safekit_core::module::BudgetChange;
use safekit_core::node::AgentStart;

use super::Agent;
use super::desk::{Desk, Request};
use super::modules::ModuleFiles;
use super::own::OwnEvent;
use crate::api::{
    By, ClusterSource, LogQuery, OperationError, Operations, Others, Replace, Selected, Verbosity,
};
use crate::log::{CommandMark, Level, Log, Which};
use crate::store::boot::Boot;
use crate::store::cluster::{Keys, Lock};
use crate::store::module::Hook;
use crate::store::{self, Layout};
use upkeep::Stopped;

/// How long a reader of a log waits for the lines before its own request.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// The operations of one agent.
#[derive(Debug)]
pub(super) struct Office {
    desk: Desk,
    layout: Layout,
    log: Log,
    node: Option<NodeName>,
    boot_id: String,
    /// One change of files at a time.
    files: Mutex<()>,
    /// The scripts that answer questions and run now.
    asking: AtomicUsize,
}

type Done<T> = Result<T, OperationError>;

impl Office {
    /// Makes the operations of an agent.
    pub(super) fn new(desk: Desk, agent: &Agent) -> Self {
        Self {
            desk,
            layout: agent.layout.clone(),
            log: agent.log.clone(),
            node: agent.arguments.node.clone(),
            boot_id: agent.boot_id.clone(),
            files: Mutex::new(()),
            asking: AtomicUsize::new(0),
        }
    }

    /// Takes the right to change files: what a panic left is no worse than what a crash leaves, and the files stand that.
    fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that is told in the command log, with who wanted it.
    fn logged<T>(
        &self,
        by: &By,
        module: Option<&ModuleName>,
        what: &str,
        work: impl FnOnce() -> Done<T>,
    ) -> Done<T> {
        let pid = std::process::id();
        self.log.command(&by.0, module, pid, CommandMark::Start(what));
        let done = work();
        let code = match &done {
            Ok(_) => 0,
            Err(OperationError::Usage(_)) => 64,
            Err(OperationError::Configuration { .. }) => 65,
            Err(OperationError::Refused(_)) => 75,
            Err(OperationError::Internal(_)) => 70,
        };
        self.log.command(&by.0, module, pid, CommandMark::End(code));
        done
    }

    fn told(
        &self,
        request: impl FnOnce(super::desk::Reply<Result<(), String>>) -> Request,
    ) -> Done<()> {
        self.desk.ask(request)?.map_err(OperationError::Refused)
    }

    /// Puts what a module's files say in force.
    fn take(&self, module: &ModuleName) -> Done<()> {
        self.take_as(module, AgentStart::Reconfigured)
    }

    /// The same; as what is told to the module itself.
    fn take_as(&self, module: &ModuleName, start: AgentStart) -> Done<()> {
        let files = ModuleFiles::read(&self.layout, module, &self.boot_id);
        let files = Box::new(files.map_err(OperationError::Refused)?);
        self.told(|reply| Request::ModuleChanged(files, start, reply))
    }

    fn installed(&self, module: &ModuleName) -> Done<()> {
        let known =
            store::module::list(&self.layout)?.iter().any(|installed| installed.name == *module);
        let unknown = || {
            OperationError::Usage(format!(
                "module {module} is not installed: 'safekit module list' shows those that are"
            ))
        };
        if known { Ok(()) } else { Err(unknown()) }
    }

    fn module_state(&self, module: &ModuleName) -> Done<Option<ModuleReport>> {
        let state = self.state()?;
        Ok(state.modules.into_iter().find(|report| report.name == module.as_str()))
    }
}

impl Operations for Office {
    fn state(&self) -> Done<StateReport> {
        self.desk.ask(Request::Report).map(|report| *report)
    }

    fn command(&self, command: ModuleCommand) -> Done<Accepted> {
        let by = if let Origin::User(name) | Origin::Detector(name) = &command.origin {
            By(name.clone())
        } else {
            By("agent".to_owned())
        };
        let module = command.module.clone();
        self.logged(&by, Some(&module), command.command.as_str(), || {
            Ok(self.desk.ask(|reply| Request::Command(command, reply))??)
        })
    }

    fn switch_errd(&self, by: &By, module: &ModuleName, switch: WatchSwitch) -> Done<Accepted> {
        self.logged(by, Some(module), &format!("errd {switch}"), || {
            let (module, origin) = (module.clone(), Origin::User(by.0.clone()));
            Ok(self.desk.ask(|reply| Request::Switch(module, switch, origin, reply))??)
        })
    }

    fn install(
        &self,
        by: &By,
        module: &ModuleName,
        path: PathBuf,
        replace: Replace,
    ) -> Done<DoneReport> {
        self.logged(by, Some(module), &format!("module install {}", path.display()), || {
            let _files = self.files();
            let replace = match replace {
                Replace::No => store::module::Replace::No,
                Replace::Yes => store::module::Replace::Yes,
            };
            let (id, details) = store::module::install(&self.layout, module, Some(&path), replace)?;
            let text = format!("module {module} is installed with id {id}: 'safekit config -m {module}' puts it in force");
            Ok(DoneReport { text, details })
        })
    }

    fn uninstall(&self, by: &By, module: &ModuleName) -> Done<DoneReport> {
        self.logged(by, Some(module), "module uninstall", || {
            let _files = self.files();
            self.installed(module)?;
            self.check_stopped(module)?;
            let details = self.hook_deconfig(module);
            self.told(|reply| Request::ModuleRemoved(module.clone(), reply))?;
            let kept = store::module::uninstall(&self.layout, module).inspect_err(|_| {
                // Still there: the loop takes it back as it is on disk; where it cannot, the next start does.
                drop(self.take(module));
            })?;
            let text = format!("module {module} is gone; {} is kept of it", kept.display());
            Ok(DoneReport { text, details })
        })
    }

    fn configure(&self, by: &By, module: &ModuleName) -> Done<DoneReport> {
        self.logged(by, Some(module), "config", || self.reconfigure(module, Stopped::Fits))
    }

    fn update(&self, by: &By, module: &ModuleName) -> Done<DoneReport> {
        self.logged(by, Some(module), "update", || self.reconfigure(module, Stopped::Refused))
    }

    fn deconfigure(&self, by: &By, module: &ModuleName) -> Done<DoneReport> {
        self.logged(by, Some(module), "deconfig", || self.do_deconfigure(module))
    }

    fn package(&self, module: &ModuleName) -> Done<Vec<u8>> {
        Ok(store::module::package(&self.layout, module)?)
    }

    fn ports(&self, module: &Selected) -> Done<PortsReport> {
        self.ports_of(module)
    }

    fn change_budget(
        &self,
        by: &By,
        module: &ModuleName,
        change: BudgetChange,
    ) -> Done<BudgetReport> {
        let word = if change == BudgetChange::Counted { "incloop" } else { "resetloop" };
        self.logged(by, Some(module), word, || {
            let report = self.budget_of(module, Some(change))?;
            let event = OwnEvent::BudgetChanged { word, by: by.to_string() };
            self.log.line(module, &event.line(Some(module)));
            Ok(report)
        })
    }

    fn budget(&self, module: &ModuleName) -> Done<BudgetReport> {
        self.budget_of(module, None)
    }

    fn set_boot(&self, by: &By, module: &ModuleName, boot: Boot) -> Done<DoneReport> {
        let what = format!("boot {}", boot.as_str());
        self.logged(by, Some(module), &what, || self.do_set_boot(module, boot))
    }

    fn boot_status(&self, module: Option<&ModuleName>) -> Done<BootReport> {
        self.boot_report(module)
    }

    fn command_log(&self, lines: u32) -> Done<LogReport> {
        self.log.written(LOG_WAIT);
        self.newest_lines(&self.layout.command_log(), lines, Which::All)
    }

    fn confcheck(&self, module: &ModuleName) -> Done<DoneReport> {
        self.installed(module)?;
        let cluster = store::cluster::load(&self.layout)?.map(|loaded| loaded.config);
        let details = store::module::confcheck(&self.layout, module, cluster.as_ref())?;
        self.hook_confcheck(module)?;
        Ok(DoneReport {
            text: format!("the configuration of module {module} has no errors"),
            details,
        })
    }

    fn confinfo(&self, module: &ModuleName) -> Done<ModuleConfinfoReport> {
        self.installed(module)?;
        let info = store::module::confinfo(&self.layout, module)?;
        let report = |stamp: store::module::Stamp| ConfigurationReport {
            signature: format!("{:016x}", stamp.signature.0),
            date: utc(stamp.date),
        };
        Ok(ModuleConfinfoReport {
            name: module.to_string(),
            mode: info.mode.map_or_else(String::new, |mode| mode.as_str().to_owned()),
            active: info.active.map(report),
            current: info.current.map(report),
        })
    }

    fn modules(&self) -> Done<ModuleListReport> {
        let report = |module: store::module::InstalledModule| InstalledModuleReport {
            name: module.name.to_string(),
            mode: module.mode.map_or_else(String::new, |mode| mode.as_str().to_owned()),
            configured: module.configured,
            id: module.id,
        };
        Ok(ModuleListReport {
            modules: store::module::list(&self.layout)?.into_iter().map(report).collect(),
        })
    }

    fn log(&self, query: &LogQuery) -> Done<LogReport> {
        if let Some(module) = &query.module {
            self.installed(module)?;
        }
        self.log.written(LOG_WAIT);
        let which = match query.verbosity {
            Verbosity::Main => Which::Main,
            Verbosity::All => Which::All,
        };
        let path = match &query.module {
            Some(module) => self.layout.uservar(module).join("log.txt"),
            None => self.layout.node_log(),
        };
        match query.from {
            Some(place) => self.piece_of(&path, place, which),
            None => self.newest_lines(&path, query.lines, which),
        }
    }

    fn run_state(&self, module: &ModuleName) -> Vec<String> {
        self.hook_lines(module, Hook::State)
    }

    fn print(&self, by: &By, module: &ModuleName, level: PrintLevel, text: &str) -> Done<()> {
        self.installed(module)?;
        let level = match level {
            PrintLevel::Info => Level::Info,
            PrintLevel::Event => Level::Event,
        };
        self.log.module(module, level, &by.0, text);
        Ok(())
    }

    fn configure_cluster(
        &self,
        by: &By,
        source: Option<ClusterSource>,
        lock: Option<Lock>,
    ) -> Done<DoneReport> {
        let word = match lock {
            None => "",
            Some(Lock::Locked) => " lock",
            Some(Lock::Unlocked) => " unlock",
        };
        self.logged(by, None, &format!("cluster config{word}"), || {
            self.do_configure_cluster(source, lock)
        })
    }

    fn check_cluster(&self, path: PathBuf) -> Done<DoneReport> {
        self.do_check_cluster(&path)
    }

    fn deconfigure_cluster(&self, by: &By) -> Done<DoneReport> {
        self.logged(by, None, "cluster deconfig", || self.do_deconfigure_cluster())
    }

    fn change_keys(&self, by: &By, keys: Keys, others: Others) -> Done<DoneReport> {
        let word = if keys == Keys::New { "cluster genkey" } else { "cluster delkey" };
        self.logged(by, None, word, || self.do_change_keys(keys, others))
    }

    fn export_cluster(&self, by: &By) -> Done<Vec<u8>> {
        self.logged(by, None, "cluster export", || Ok(store::cluster::export(&self.layout)?))
    }

    fn cluster_confinfo(&self) -> Done<ClusterConfinfoReport> {
        let Some(info) = store::cluster::confinfo(&self.layout)? else {
            return Ok(ClusterConfinfoReport::default());
        };
        let state = self.state()?;
        if state.nodes.is_empty() {
            // There are files, and the agent could not take them.
            return Err(OperationError::Refused(state.faults.join("; ")));
        }
        let locked = store::cluster::lock(&self.layout) == Lock::Locked;
        let nodes = state.nodes.into_iter().map(|node| {
            let own = node.name == state.node;
            NodeConfinfoReport {
                signature: node.cluster,
                date: own.then(|| utc(info.date)),
                lock: own && locked,
                node: node.name,
            }
        });
        Ok(ClusterConfinfoReport { nodes: nodes.collect() })
    }

    fn shutdown(&self, by: &By) -> Done<Accepted> {
        self.logged(by, None, "shutdown", || {
            self.desk.ask(|reply| Request::StopAll(Origin::User(by.0.clone()), reply))
        })
    }

    fn level(&self, module: Option<&ModuleName>) -> Done<LevelReport> {
        let mut lines = Vec::new();
        if let Some(module) = module {
            self.installed(module)?;
            let state = self.state()?;
            let name = module.as_str();
            lines.push(match state.modules.iter().find(|report| report.name == name) {
                Some(report) => format!(
                    "Module: {module}, mode {}, {} ({})",
                    report.mode, report.state, report.readiness
                ),
                None => self.not_served(module, &state.faults),
            });
            lines.extend(self.hook_lines(module, Hook::Level));
        }
        let system = rustix::system::uname();
        Ok(LevelReport {
            host: system.nodename().to_string_lossy().into_owned(),
            os: format!(
                "{} ({} {})",
                distribution(),
                system.sysname().to_string_lossy(),
                system.release().to_string_lossy()
            ),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            license: env!("CARGO_PKG_LICENSE").to_owned(),
            module: lines,
        })
    }
}

/// Returns what the operating system calls itself.
fn distribution() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("unknown distribution").trim_matches('"').to_owned()
}

fn utc(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| format!("{time:.0}")).unwrap_or_default()
}
