//! Does what a request says: checks its body and query, asks [`Operations`], and makes the answer.
//!
//! Always: what comes from outside is checked here once; texts for a log are one line of bounded length.

use std::path::PathBuf;

use safekit_core::control::{
    Accepted, BootRequest, ClusterConfcheckRequest, ClusterConfigRequest, ClusterKeysRequest,
    ClusterModuleReport, ClusterStateReport, Command, CommandRequest, DoneReport, EmptyRequest,
    ErrdRequest, InstallRequest, LogReport, ModuleCommand, ModuleReport, Origin, PrintRequest,
    Refusal, StateReport, WatchSwitch,
};
use safekit_core::ids::ModuleName;
use safekit_core::module::BudgetChange;
use safekit_core::runtime::front::{ApiRequest, ApiResponse};
use serde::de::DeserializeOwned;

use super::operations::{
    By, ClusterSource, LogQuery, OperationError, Operations, Others, Replace, Selected, Verbosity,
};
use super::permissions::Caller;
use super::routes::{ModuleRoute, Route};
use super::{answer, page};
use crate::store::boot::Boot;
use crate::store::cluster::{Keys, Lock};

/// Most bytes of a detector's name.
const IDENTITY_BYTES_MAX: usize = 128;
/// Most bytes of a line for a log; what is more is cut.
const LINE_BYTES_MAX: usize = 4096;
/// Most bytes of a log in one answer: with every byte escaped it still fits into what the front sends. The oldest
/// lines are left out.
const LOG_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A request whose sender may make it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) operations: &'a dyn Operations,
    pub(super) request: &'a ApiRequest,
    pub(super) caller: Caller,
}

impl Call<'_> {
    /// Does what the request says.
    ///
    /// # Errors
    /// What was wrong with the request, or why the operation was not done.
    pub(super) fn answer(&self, route: Route) -> Result<ApiResponse, OperationError> {
        let by = self.caller.by();
        match route {
            Route::Page => Ok(page::html(&self.operations.state()?)),
            Route::Status => answer::json(&page::status(&self.operations.state()?)),
            Route::State => answer::json(&self.operations.state()?),
            Route::Modules => answer::json(&self.operations.modules()?),
            Route::Log => answer::json(&bounded(self.operations.log(&self.log_query()?)?)),
            Route::Level => {
                let [module] = self.query(["module"])?;
                let module = module.map(module_name).transpose()?;
                answer::json(&self.operations.level(module.as_ref())?)
            }
            Route::Shutdown => {
                let EmptyRequest {} = self.body()?;
                answer::json(&accepted(self.operations.shutdown(&by)?))
            }
            Route::ClusterState => answer::json(&cluster_state(&self.operations.state()?)),
            Route::ClusterConfinfo => answer::json(&self.operations.cluster_confinfo()?),
            Route::ClusterExport => Ok(answer::zip(self.operations.export_cluster(&by)?)),
            Route::ClusterConfig => {
                let (source, lock) = self.cluster_source()?;
                answer::json(&self.operations.configure_cluster(&by, source, lock)?)
            }
            Route::ClusterConfcheck => {
                let ClusterConfcheckRequest { path } = self.body()?;
                answer::json(&self.operations.check_cluster(absolute(path)?)?)
            }
            Route::ClusterDeconfig => {
                let EmptyRequest {} = self.body()?;
                answer::json(&self.operations.deconfigure_cluster(&by)?)
            }
            Route::ClusterGenkey => self.keys(&by, Keys::New),
            Route::ClusterDelkey => self.keys(&by, Keys::None),
            Route::Ports => answer::json(&self.operations.ports(&self.selected()?)?),
            Route::BootStatus => {
                let [module] = self.query(["module"])?;
                let module = module.map(module_name).transpose()?;
                answer::json(&self.operations.boot_status(module.as_ref())?)
            }
            Route::CommandLog => {
                let [lines] = self.query(["lines"])?;
                answer::json(&bounded(self.operations.command_log(line_count(lines)?)?))
            }
            Route::Module(module, route) => self.module(&by, &module, route),
        }
    }

    fn module(
        &self,
        by: &By,
        module: &ModuleName,
        route: ModuleRoute,
    ) -> Result<ApiResponse, OperationError> {
        match route {
            ModuleRoute::State => {
                let script = match self.query(["script"])? {
                    [None | Some("0")] => false,
                    [Some("1")] => true,
                    [Some(text)] => {
                        return Err(OperationError::Usage(format!("script={text} is not 0 or 1")));
                    }
                };
                let mut report = module_state(&self.operations.state()?, module)?;
                if script {
                    report.script_lines = self.operations.run_state(module);
                }
                answer::json(&report)
            }
            ModuleRoute::Confcheck => answer::json(&self.operations.confcheck(module)?),
            ModuleRoute::Confinfo => answer::json(&self.operations.confinfo(module)?),
            ModuleRoute::Command(command) => self.command(by, module, command),
            ModuleRoute::Errd => {
                let ErrdRequest { switch } = self.body()?;
                if let WatchSwitch::Enable(class) | WatchSwitch::Disable(class) = &switch {
                    checked_class(class)?;
                }
                answer::json(&accepted(self.operations.switch_errd(by, module, switch)?))
            }
            ModuleRoute::Install => {
                let InstallRequest { path, force } = self.body()?;
                let replace = if force { Replace::Yes } else { Replace::No };
                let path = absolute(path)?;
                answer::json(&self.operations.install(by, module, path, replace)?)
            }
            ModuleRoute::Uninstall => {
                let EmptyRequest {} = self.body()?;
                answer::json(&self.operations.uninstall(by, module)?)
            }
            ModuleRoute::Config => {
                let EmptyRequest {} = self.body()?;
                answer::json(&self.operations.configure(by, module)?)
            }
            ModuleRoute::Deconfig => {
                let EmptyRequest {} = self.body()?;
                answer::json(&self.operations.deconfigure(by, module)?)
            }
            ModuleRoute::Update => {
                let EmptyRequest {} = self.body()?;
                answer::json(&self.operations.update(by, module)?)
            }
            ModuleRoute::Package => Ok(answer::zip(self.operations.package(module)?)),
            ModuleRoute::Boot => {
                let BootRequest { start } = self.body()?;
                let boot = if start { Boot::On } else { Boot::Off };
                answer::json(&self.operations.set_boot(by, module, boot)?)
            }
            ModuleRoute::Incloop => self.change_budget(by, module, BudgetChange::Counted),
            ModuleRoute::Resetloop => self.change_budget(by, module, BudgetChange::Reset),
            ModuleRoute::Checkloop => answer::json(&self.operations.budget(module)?),
            ModuleRoute::Print => {
                let PrintRequest { level, text } = self.body()?;
                self.operations.print(by, module, level, &one_line(&text))?;
                answer::json(&DoneReport { text: "written".to_owned(), details: Vec::new() })
            }
        }
    }

    fn command(
        &self,
        by: &By,
        module: &ModuleName,
        command: Command,
    ) -> Result<ApiResponse, OperationError> {
        let CommandRequest { identity } = self.body()?;
        let origin = match identity {
            None => Origin::User(by.0.clone()),
            Some(identity) => Origin::Detector(checked_identity(identity)?),
        };
        let command = ModuleCommand { module: module.clone(), command, origin };
        let accepted_by = self.operations.command(command);
        // Where the module is not served, its files may be the reason.
        if matches!(accepted_by, Err(OperationError::Usage(_)))
            && let Some(why) = not_taken(&self.operations.state()?, module)
        {
            return Err(why);
        }
        answer::json(&accepted(accepted_by?))
    }

    fn change_budget(
        &self,
        by: &By,
        module: &ModuleName,
        change: BudgetChange,
    ) -> Result<ApiResponse, OperationError> {
        let CommandRequest { identity } = self.body()?;
        let by = identity.map_or_else(|| Ok(by.clone()), |id| checked_identity(id).map(By))?;
        answer::json(&self.operations.change_budget(&by, module, change)?)
    }

    fn keys(&self, by: &By, keys: Keys) -> Result<ApiResponse, OperationError> {
        let ClusterKeysRequest { force } = self.body()?;
        let others = if force { Others::CutOff } else { Others::Keep };
        answer::json(&self.operations.change_keys(by, keys, others)?)
    }

    fn cluster_source(&self) -> Result<(Option<ClusterSource>, Option<Lock>), OperationError> {
        let ClusterConfigRequest { path, current, lock } = self.body()?;
        let lock = lock.map(|lock| if lock { Lock::Locked } else { Lock::Unlocked });
        match (path, current) {
            (Some(path), false) => Ok((Some(ClusterSource::File(absolute(path)?)), lock)),
            (None, true) => Ok((Some(ClusterSource::Current), lock)),
            (None, false) if lock.is_some() => Ok((None, lock)),
            (Some(_), true) | (None, false) => Err(OperationError::Usage(
                "the body names either a path, or current as true, or a lock only".to_owned(),
            )),
        }
    }

    fn selected(&self) -> Result<Selected, OperationError> {
        match self.query(["module", "id"])? {
            [Some(module), None] => Ok(Selected::Name(module_name(module)?)),
            [None, Some(id)] => {
                id.parse().ok().filter(|id| *id > 0).map(Selected::Id).ok_or_else(|| {
                    OperationError::Usage(format!("id={id} is not a number from 1 to 255"))
                })
            }
            [Some(_), Some(_)] | [None, None] => {
                Err(OperationError::Usage("name a module or an id, and not both".to_owned()))
            }
        }
    }

    fn log_query(&self) -> Result<LogQuery, OperationError> {
        let [module, lines, all, from] = self.query(["module", "lines", "all", "from"])?;
        if lines.is_some() && from.is_some() {
            return Err(OperationError::Usage(
                "a piece has as many lines as fit: lines and from do not go together".to_owned(),
            ));
        }
        let lines = line_count(lines)?;
        let place = |text: &str| {
            text.parse()
                .map_err(|()| OperationError::Usage(format!("from={text} is no place in a log")))
        };
        let from = from.map(place).transpose()?;
        let verbosity = match all {
            None | Some("0") => Verbosity::Main,
            Some("1") => Verbosity::All,
            Some(text) => return Err(OperationError::Usage(format!("all={text} is not 0 or 1"))),
        };
        Ok(LogQuery { module: module.map(module_name).transpose()?, lines, verbosity, from })
    }

    /// Reads the body as a JSON object; an empty body stands for one without fields.
    fn body<T: DeserializeOwned>(&self) -> Result<T, OperationError> {
        let bytes = self.request.body.trim_ascii_start();
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        // serde takes an array for the fields in their order, too: a name is worth more than a place.
        if !bytes.starts_with(b"{") {
            return Err(OperationError::Usage("the body is no JSON object".to_owned()));
        }
        serde_json::from_slice(bytes)
            .map_err(|error| OperationError::Usage(format!("the body is not understood: {error}")))
    }

    /// Returns the values of the query's fields in the order of the names asked for.
    fn query<const FIELDS: usize>(
        &self,
        names: [&str; FIELDS],
    ) -> Result<[Option<&str>; FIELDS], OperationError> {
        let mut values = [None; FIELDS];
        let query = self.request.query.as_deref().unwrap_or_default();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let slot = names.iter().position(|known| *known == name);
            let Some(slot) = slot.and_then(|slot| values.get_mut(slot)) else {
                return Err(OperationError::Usage(format!("the query field {name} is not known")));
            };
            if slot.replace(value).is_some() {
                return Err(OperationError::Usage(format!("the query field {name} comes twice")));
            }
        }
        Ok(values)
    }
}

fn line_count(lines: Option<&str>) -> Result<u32, OperationError> {
    let Some(text) = lines else { return Ok(LogQuery::LINES_DEFAULT) };
    let count = text.parse().ok().filter(|lines| (1..=LogQuery::LINES_MAX).contains(lines));
    count.ok_or_else(|| {
        let max = LogQuery::LINES_MAX;
        OperationError::Usage(format!("lines={text} is not a number from 1 to {max}"))
    })
}

fn module_name(text: &str) -> Result<ModuleName, OperationError> {
    ModuleName::new(text)
        .map_err(|error| OperationError::Usage(format!("module={text} is no module: {error}")))
}

fn absolute(path: String) -> Result<PathBuf, OperationError> {
    let path = PathBuf::from(path);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(OperationError::Usage(format!("the path {} is not absolute", path.display())))
}

fn checked_identity(identity: String) -> Result<String, OperationError> {
    if identity.is_empty()
        || identity.len() > IDENTITY_BYTES_MAX
        || identity.chars().any(char::is_control)
    {
        return Err(OperationError::Usage(format!(
            "the identity has from 1 to {IDENTITY_BYTES_MAX} bytes and no control characters"
        )));
    }
    Ok(identity)
}

fn checked_class(class: &str) -> Result<(), OperationError> {
    if class.is_empty() || class.len() > IDENTITY_BYTES_MAX || class.chars().any(char::is_control) {
        return Err(OperationError::Usage(format!(
            "a class has from 1 to {IDENTITY_BYTES_MAX} bytes and no control characters"
        )));
    }
    Ok(())
}

/// Makes one line of a text: it cannot forge other lines of a log, nor steer a terminal that shows it.
fn one_line(text: &str) -> String {
    let mut line: String =
        text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() > LINE_BYTES_MAX {
        line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
        line.push('…');
    }
    line
}

fn bounded(mut log: LogReport) -> LogReport {
    let mut left = LOG_BYTES_MAX;
    let fitting = log.lines.iter().rev().take_while(|line| {
        let fits = line.len() <= left;
        left = left.saturating_sub(line.len());
        fits
    });
    let surplus = log.lines.len().saturating_sub(fitting.count());
    drop(log.lines.drain(..surplus));
    log
}

fn accepted(accepted: Accepted) -> DoneReport {
    DoneReport { text: accepted.text, details: Vec::new() }
}

fn module_state(state: &StateReport, module: &ModuleName) -> Result<ModuleReport, OperationError> {
    let known = state.modules.iter().find(|report| report.name == module.as_str());
    known.cloned().ok_or_else(|| {
        let unknown = || Refusal::UnknownModule { module: module.clone() }.into();
        not_taken(state, module).unwrap_or_else(unknown)
    })
}

/// Returns why a module whose files are there is not served: the fault that names it.
fn not_taken(state: &StateReport, module: &ModuleName) -> Option<OperationError> {
    if state.modules.iter().any(|report| report.name == module.as_str()) {
        return None;
    }
    let begin = format!("module {module} ");
    let fault = state.faults.iter().find(|fault| fault.starts_with(&begin))?;
    Some(OperationError::Configuration { message: fault.clone(), diagnostics: Vec::new() })
}

fn cluster_state(state: &StateReport) -> ClusterStateReport {
    let mut modules = Vec::new();
    for member in &state.nodes {
        let row = |module: &str, state, readiness, signature: &str| ClusterModuleReport {
            node: member.name.clone(),
            node_state: member.state.clone(),
            module: module.to_owned(),
            state,
            readiness,
            signature: signature.to_owned(),
        };
        if member.state == "self" {
            modules.extend(state.modules.iter().map(|module| {
                let half = module.signature.len().saturating_sub(8);
                let signature = module.signature.get(half..).unwrap_or_default();
                row(&module.name, module.state, module.readiness, signature)
            }));
        } else {
            modules.extend(member.modules.iter().map(|module| {
                row(&module.name, module.state, module.readiness, &module.signature)
            }));
        }
    }
    ClusterStateReport { modules }
}
