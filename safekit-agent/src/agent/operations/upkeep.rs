//! What is done to a module beside starting and stopping it: reconfigure, remove its configuration, count, boot, ports.

use std::path::Path;

use safekit_core::config::model::ClusterConfig;
use safekit_core::control::{
    BootReport, BudgetReport, DoneReport, LogReport, ModuleBootReport, PortReport, PortsReport,
};
use safekit_core::ids::ModuleName;
use safekit_core::module::BudgetChange;
use safekit_core::module::state::{FarmState, Readiness};
use safekit_core::node::AgentStart;

use super::super::desk::Request;
use super::super::modules;
use super::hooks::HookRun;
use super::{Done, Office};
use crate::api::{OperationError, Selected};
use crate::log::{Piece, Place, Which, newest, piece};
use crate::store::boot::{self, Boot};
use crate::store::module::{Hook, InstalledModule};
use crate::store::{cluster, module};

/// Where heartbeats travel while there is no cluster.xml that says otherwise.
const CLUSTER_PORT: u16 = 4800;
/// Where health answers are given.
const WEB_PORT: u16 = 9010;

/// What a new configuration of a stopped module is met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It is taken (`config`).
    Fits,
    /// It is refused (`update`).
    Refused,
}

impl Office {
    /// Applies the configuration of SAFE/modules/AM. A running module takes what it can, or nothing.
    pub(super) fn reconfigure(&self, name: &ModuleName, stopped: Stopped) -> Done<DoneReport> {
        let _files = self.files();
        self.installed(name)?;
        let loaded = cluster::load(&self.layout)?.map(|loaded| loaded.config);
        let mut before = self.admit(name, stopped, loaded.as_ref())?;
        let edited = self.layout.module(name).join("bin");
        let applied = self.layout.active(name).join("bin");
        if edited.join(Hook::Config.as_str()).is_file() {
            // What has faults is not begun.
            module::confcheck(&self.layout, name, loaded.as_ref())?;
            let run = self.hook(name, Hook::Config, &edited, &[]);
            refuse(run, "nothing was changed")?;
            // Somebody may have started or stopped it meanwhile.
            before = self.admit(name, stopped, loaded.as_ref())?;
        }
        let (_, mut details) = module::configure(&self.layout, name, loaded.as_ref())?;
        self.take(name)?;
        let run = self.hook(name, Hook::Postconfig, &applied, &[]);
        refuse(run, "the configuration is in force all the same")?;
        if before == FarmState::Up {
            let run = self.hook(name, Hook::Update, &applied, &["UP", "UP"]);
            details.extend(warnings(run));
        }
        let how = if before == FarmState::Stop { "" } else { " while it runs" };
        Ok(DoneReport { text: format!("module {name} is configured{how}"), details })
    }

    /// Returns the state in which the module takes its new configuration, or says why it does not.
    fn admit(
        &self,
        name: &ModuleName,
        stopped: Stopped,
        cluster: Option<&ClusterConfig>,
    ) -> Done<FarmState> {
        let report = self.module_state(name)?;
        if let Some(report) = &report
            && report.readiness == Readiness::Transient
        {
            let state = format!("{} ({})", report.state, report.readiness);
            return Err(OperationError::Refused(format!(
                "module {name} is {state}, {}: configure it when that has ended; nothing was changed",
                report.reason
            )));
        }
        let state = report.map_or(FarmState::Stop, |report| report.state);
        if state == FarmState::Stop {
            return match stopped {
                Stopped::Fits => Ok(state),
                Stopped::Refused => Err(OperationError::Refused(format!(
                    "module {name} does not run: 'safekit config -m {name}' applies its configuration"
                ))),
            };
        }
        // Its faults first: what cannot be read cannot be compared.
        module::confcheck(&self.layout, name, cluster)?;
        let refused = module::refused_changes(&self.layout, name)?;
        if refused.is_empty() {
            return Ok(state);
        }
        Err(OperationError::Refused(format!(
            "module {name} runs, and only a stopped one takes another {}: run 'safekit stop -m {name}' first; nothing was changed",
            refused.join(", ")
        )))
    }

    /// Lets the module's own script say what it thinks of its configuration.
    pub(super) fn hook_confcheck(&self, name: &ModuleName) -> Done<()> {
        let bin = self.layout.module(name).join("bin");
        refuse(self.hook(name, Hook::Confcheck, &bin, &[]), "nothing was changed")
    }

    /// Returns what the module's own script says of its level.
    pub(super) fn hook_lines(&self, name: &ModuleName, hook: Hook) -> Vec<String> {
        let bin = self.layout.active(name).join("bin");
        let run = self.hook(name, hook, &bin, &[]);
        run.map(|run| run.failure.into_iter().chain(run.lines).collect()).unwrap_or_default()
    }

    /// Lets the module's own script clear away before its configuration goes; a failure holds nothing up.
    pub(super) fn hook_deconfig(&self, name: &ModuleName) -> Vec<String> {
        let bin = self.layout.active(name).join("bin");
        warnings(self.hook(name, Hook::Deconfig, &bin, &[]))
    }

    /// Removes what is in force of a module.
    pub(super) fn do_deconfigure(&self, name: &ModuleName) -> Done<DoneReport> {
        let _files = self.files();
        self.installed(name)?;
        if !module::configured(&self.layout)?.contains(name) {
            return Err(OperationError::Refused(format!(
                "module {name} is not configured: nothing to remove"
            )));
        }
        self.check_stopped(name)?;
        let details = self.hook_deconfig(name);
        self.told(|reply| Request::ModuleRemoved(name.clone(), reply))?;
        module::deconfigure(&self.layout, name, &modules::boot(&self.boot_id)).inspect_err(
            |_| {
                // Still there: the loop takes it back as it is on disk; where it cannot, the next start does.
                drop(self.take(name));
            },
        )?;
        let text = format!(
            "module {name} is no longer configured; it stays installed: 'safekit config -m {name}' puts it in force again"
        );
        Ok(DoneReport { text, details })
    }

    /// Refuses what only a stopped module may have done to it.
    pub(super) fn check_stopped(&self, name: &ModuleName) -> Done<()> {
        let report = self.module_state(name)?;
        if report.is_none_or(|report| report.state == FarmState::Stop) {
            return Ok(());
        }
        Err(OperationError::Refused(format!(
            "module {name} is not stopped: run 'safekit stop -m {name}' first"
        )))
    }

    /// Changes the count of automatic actions where that is wanted, and tells it.
    pub(super) fn budget_of(
        &self,
        name: &ModuleName,
        change: Option<BudgetChange>,
    ) -> Done<BudgetReport> {
        let report = self.desk.ask(|reply| Request::Budget(name.clone(), change, reply))?;
        report.ok_or_else(|| {
            let module = name.clone();
            safekit_core::control::Refusal::UnknownModule { module }.into()
        })
    }

    /// Says whether a module starts with the agent.
    pub(super) fn do_set_boot(&self, name: &ModuleName, said: Boot) -> Done<DoneReport> {
        let _files = self.files();
        self.installed(name)?;
        boot::save(&self.layout, name, said)?;
        let policy = self.configured_boot(name)?;
        let mut details = Vec::new();
        match policy.as_deref() {
            // The configuration is the same: what an administrator has switched stays so.
            Some("ignore") => self.take_as(name, AgentStart::ClusterChanged)?,
            Some(word) => details.push(format!(
                "warning: that has no effect: userconfig.xml says boot=\"{word}\"; only boot=\"ignore\" leaves it to this node"
            )),
            None => {}
        }
        let how = match said {
            Boot::On => "starts",
            Boot::Off => "does not start",
        };
        Ok(DoneReport { text: format!("module {name} {how} with the agent of this node"), details })
    }

    /// Tells what starts the modules.
    pub(super) fn boot_report(&self, wanted: Option<&ModuleName>) -> Done<BootReport> {
        if let Some(name) = wanted {
            self.installed(name)?;
        }
        let mut modules = Vec::new();
        for InstalledModule { name, .. } in module::list(&self.layout)? {
            if wanted.is_some_and(|wanted| *wanted != name) {
                continue;
            }
            let said = boot::load(&self.layout, &name)?;
            modules.push(ModuleBootReport {
                configured: self.configured_boot(&name)?,
                node: said.map(|said| said.as_str().to_owned()),
                name: name.to_string(),
            });
        }
        Ok(BootReport { modules })
    }

    fn configured_boot(&self, name: &ModuleName) -> Done<Option<String>> {
        let active = module::load_active(&self.layout, name)?;
        Ok(active.map(|active| active.config.boot.as_str().to_owned()))
    }

    /// Tells which ports this node uses for a module: heartbeats of all modules travel on the cluster's port.
    pub(super) fn ports_of(&self, wanted: &Selected) -> Done<PortsReport> {
        match wanted {
            Selected::Name(name) => self.installed(name)?,
            Selected::Id(id) => {
                let known = module::list(&self.layout)?.iter().any(|module| module.id == *id);
                if !known {
                    return Err(OperationError::Usage(format!(
                        "no module has the id {id}: 'safekit module listid' shows those that are there"
                    )));
                }
            }
        }
        let loaded = cluster::load(&self.layout)?;
        let cluster_port = loaded.map_or(CLUSTER_PORT, |loaded| loaded.config.port);
        let port = |process: &str, protocol: &str, port| PortReport {
            process: process.to_owned(),
            protocol: protocol.to_owned(),
            port,
        };
        Ok(PortsReport {
            ports: vec![
                port("safeadmin", "UDP", cluster_port),
                port("webconsole", "TCP", WEB_PORT),
                port("farm", "UDP", cluster_port),
            ],
        })
    }

    /// Returns the newest lines of a log file.
    pub(super) fn newest_lines(&self, path: &Path, lines: u32, which: Which) -> Done<LogReport> {
        let count = usize::try_from(lines).unwrap_or(usize::MAX);
        let lines = newest(path, count, which).map_err(|error| unreadable(path, &error))?;
        Ok(LogReport { lines, next: None })
    }

    /// Returns a piece of a log file, from a place on.
    pub(super) fn piece_of(&self, path: &Path, place: Place, which: Which) -> Done<LogReport> {
        match piece(path, place, which) {
            Ok(Some(Piece { lines, next })) => {
                Ok(LogReport { lines, next: next.map(|next| next.to_string()) })
            }
            Ok(None) => Err(OperationError::Refused(
                "the log was begun anew meanwhile, and older lines are no longer kept: read it once more".to_owned(),
            )),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    /// Says of a module that this agent does not serve why that is so: it was never configured, or its files are damaged.
    pub(super) fn not_served(&self, module: &ModuleName, faults: &[String]) -> String {
        let begin = format!("module {module} ");
        let told = faults.iter().find(|fault| fault.starts_with(&begin)).cloned();
        let why = told.or_else(|| match module::load_active(&self.layout, module) {
            Ok(None) => None,
            Ok(Some(_)) => Some(format!("run 'safekit config -m {module}' once more")),
            Err(error) => Some(error.to_string()),
        });
        match why {
            Some(why) => format!("Module: {module}, not served: {why}"),
            None => format!("Module: {module}, {} (not configured)", FarmState::Stop),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> OperationError {
    OperationError::Internal(format!(
        "cannot read {}: {error}; mend that, or move the file away: the next line makes a new one",
        path.display()
    ))
}

/// Makes an error of a script that failed.
fn refuse(run: Option<HookRun>, outcome: &str) -> Done<()> {
    let ran = run.as_ref().is_none_or(|run| run.ran);
    match run.and_then(HookRun::complaint) {
        None => Ok(()),
        Some((failure, _)) if !ran => Err(OperationError::Refused(failure)),
        Some((failure, diagnostics)) => Err(OperationError::Configuration {
            message: format!("{failure}; {outcome}"),
            diagnostics,
        }),
    }
}

/// Makes warnings of a script that failed.
fn warnings(run: Option<HookRun>) -> Vec<String> {
    match run.and_then(HookRun::complaint) {
        None => Vec::new(),
        Some((failure, lines)) => {
            std::iter::once(format!("warning: {failure}")).chain(lines).collect()
        }
    }
}
