//! Services on Linux: units of systemd, as `systemctl show` tells of them.
//!
//! One call for all services, with a time limit and bounded output, as this process's own user; no password is asked for
//! and nothing is changed. `systemctl` is looked for at each call: first in the folders of PATH, then where it usually is.
//!
//! Not here: what is made of the answer (`module/watch`), when it is asked for.

mod call;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use call::{Call, Caller};
use parse::Unit;

use crate::module::watch::{ServiceInfo, ServiceState};
use crate::runtime::sys::process;

/// When this has passed, the call is ended.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Where it is looked for when it is in no folder of PATH.
const USUAL_FOLDERS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
const PROGRAM: &str = "systemctl";
/// The kinds of units, as at the end of their names.
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".target",
    ".timer",
    ".mount",
    ".automount",
    ".swap",
    ".path",
    ".slice",
    ".scope",
    ".device",
];

/// Asks systemd.
#[derive(Debug)]
pub(in crate::runtime) struct Asker {
    systemctl: Option<PathBuf>,
    environment: Arc<[(OsString, OsString)]>,
    caller: Caller,
}

impl Asker {
    /// `systemctl`: its file, where it shall not be looked for in the PATH of `environment`.
    pub(in crate::runtime) fn new(
        systemctl: Option<PathBuf>,
        environment: Arc<[(OsString, OsString)]>,
    ) -> Self {
        Self { systemctl, environment, caller: Caller::new(TIME_LIMIT) }
    }

    /// Tells how services stand: of each one something. May take as long as the time limit of the call.
    pub(in crate::runtime) fn ask(
        &mut self,
        names: &BTreeSet<String>,
    ) -> BTreeMap<String, ServiceInfo> {
        let units: BTreeSet<String> = names.iter().map(|name| unit_of(name)).collect();
        let (known, error) = match self.find() {
            Some(program) => self.call(&program, &units),
            None => (BTreeMap::new(), Some(MISSING.to_owned())),
        };
        let info = |name: &String| {
            let unit = unit_of(name);
            known.get(&unit).cloned().unwrap_or_else(|| ServiceInfo {
                state: ServiceState::Unknown,
                said: error.clone().unwrap_or_else(|| format!("systemctl says nothing of {unit}")),
                main: None,
            })
        };
        names.iter().map(|name| (name.clone(), info(name))).collect()
    }

    /// Returns what is known of units, by the names asked for, and why not of all of them.
    fn call(
        &mut self,
        program: &Path,
        units: &BTreeSet<String>,
    ) -> (BTreeMap<String, ServiceInfo>, Option<String>) {
        let call = Call {
            program,
            arguments: &["--no-pager", "--no-ask-password", PROPERTIES, "show", "--"],
            names: units,
            environment: &self.environment,
        };
        let answer = self.caller.call(&call);
        let found = parse::units(&answer.text, answer.whole);
        let named = |unit: &&String| found.iter().find(|found| found.is_called(unit));
        let known = units.iter().filter_map(|unit| Some((unit.clone(), info(named(&unit)?))));
        (known.collect(), answer.error)
    }

    fn find(&self) -> Option<PathBuf> {
        if let Some(program) = &self.systemctl {
            return Some(program.clone());
        }
        let path = self.environment.iter().rev().find(|(name, _)| name == "PATH");
        let folders = path.map(|(_, folders)| std::env::split_paths(folders).collect::<Vec<_>>());
        let usual = USUAL_FOLDERS.into_iter().map(PathBuf::from);
        let folders = folders.unwrap_or_default().into_iter().chain(usual);
        let files = folders.filter(|folder| folder.is_absolute()).map(|it| it.join(PROGRAM));
        files.into_iter().find(|file| is_program(file))
    }
}

fn is_program(file: &Path) -> bool {
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// Returns the name of the unit that a person means.
fn unit_of(name: &str) -> String {
    let whole = KINDS.iter().any(|kind| name.ends_with(kind));
    if whole { name.to_owned() } else { format!("{name}.service") }
}

/// Makes what the core wants to know of what systemd says.
///
/// A unit that waits for its automatic restart has failed. With a job under way it is on its way: somebody has it started,
/// stopped or restarted.
fn info(unit: &Unit) -> ServiceInfo {
    let waits = matches!(unit.sub.as_str(), "auto-restart" | "auto-restart-queued");
    let state = match unit.active.as_str() {
        "active" | "reloading" | "refreshing" => ServiceState::Running,
        "activating" if waits => ServiceState::NotRunning,
        "activating" => ServiceState::Changing,
        "deactivating" | "inactive" | "failed" if unit.has_job => ServiceState::Changing,
        "inactive" | "failed" if unit.load == "not-found" => ServiceState::NotFound,
        "deactivating" | "inactive" | "failed" | "maintenance" => ServiceState::NotRunning,
        _ => ServiceState::Unknown,
    };
    let words = format!("{} ({})", unit.active, unit.sub);
    let said = match (state, unit.load.as_str()) {
        (ServiceState::NotFound, _) => "the host has no such service".to_owned(),
        (ServiceState::Unknown, _) => {
            format!("systemctl says {words} of {}, which is not known here", unit.id)
        }
        (_, "loaded") => words,
        (_, load) => format!("{words}, {load}"),
    };
    let runs = state == ServiceState::Running;
    let main = unit.main_pid.filter(|_| runs).and_then(process::identify);
    ServiceInfo { state, said, main }
}

const PROPERTIES: &str = "--property=Id,Names,LoadState,ActiveState,SubState,MainPID,Job";
const MISSING: &str = "systemctl is in no folder of PATH, and services are those of systemd; install it, or watch processes instead (without service=\"yes\")";

#[cfg(test)]
mod tests;
