//! Keeps what a module was doing, so that an agent that starts again finds it: SAFEVAR/modules/AM/state.json.
//!
//! In: [`SavedModule`] and the host's boot. Out: the same, with the age of the restart budget brought up to date, and
//! whether the host has booted since.
//!
//! A damaged file is moved aside and named. What the module was doing is then unknown, and STOP would be the one wrong
//! guess that hurts: an application that serves would run on unwatched, with a negative health answer. So where the file
//! was last written in this boot of the host, the module is taken as UP with nothing watched (the process list is asked
//! first, and a missing process leads to a restart); where the host has booted since, nothing runs, and the boot
//! policy decides. A file of a newer version is refused by name, and stays. A file that somebody removed is treated as a
//! damaged one where a userlog shows that the module was started in this boot of the host: the boot policy would start the
//! application a second time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use safekit_core::ids::ModuleName;
use safekit_core::module::saved::{SavedBudget, SavedModule, SavedPhase};
use safekit_core::node::AgentStart;
use serde::{Deserialize, Serialize};

use super::error::{StoreError, StoreResult};
use super::{Layout, files};

/// The version that is written, and the newest that is understood.
const VERSION: u32 = 1;
/// The most bytes of the file; it holds at most some thousand processes.
const BYTES_MAX: u64 = 1 << 20;
/// Scripts that are run only where a module is started.
const START_SCRIPTS: [&str; 2] = ["_prestart.", "_start_both."];
/// The most files that are looked at beside the one that is missing.
const ENTRIES_MAX: usize = 10_000;

/// The host's boot, and its clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    /// Another text after each boot.
    pub id: String,
    /// Time since the host booted; goes on while it sleeps.
    pub since_boot: Duration,
    /// The wall clock.
    pub wall: SystemTime,
}

/// What is known of a module when the agent starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// What it was doing; `None` for a module that was never started, or of which nothing is known.
    pub saved: Option<SavedModule>,
    /// Whether the host has booted since.
    pub start: AgentStart,
    /// What an administrator has to know about the file: for the module log, level C.
    pub line: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    version: u32,
    boot_id: String,
    /// Milliseconds since boot when it was written.
    since_boot_ms: u64,
    /// Wall clock in milliseconds since 1970 when it was written.
    time_ms: u64,
    saved: SavedModule,
}

/// The part that every version has.
#[derive(Debug, Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Keeps this instead of what was kept before; durable when it returns.
///
/// # Errors
/// When the operating system refuses; what was kept before stays.
pub(crate) fn save(
    layout: &Layout,
    module: &ModuleName,
    saved: &SavedModule,
    boot: &Boot,
) -> StoreResult<()> {
    let path = state_file(layout, module);
    let state = StateFile {
        version: VERSION,
        boot_id: boot.id.clone(),
        since_boot_ms: millis(boot.since_boot),
        time_ms: millis(boot.wall.duration_since(UNIX_EPOCH).unwrap_or_default()),
        saved: saved.clone(),
    };
    let bytes = serde_json::to_vec(&state).map_err(|error| {
        StoreError::Refused(format!("cannot write {}: {error}", path.display()))
    })?;
    files::create_folder(&layout.uservar(module), 0o750)?;
    files::write_atomic(&path, &bytes, 0o640)
}

/// Reads what was kept of a module.
///
/// # Errors
/// When the file is of a newer version: the module must not be served until that is mended.
pub(crate) fn load(layout: &Layout, module: &ModuleName, boot: &Boot) -> StoreResult<Recovered> {
    let path = state_file(layout, module);
    let bytes = match files::read_bounded(&path, BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(missing(&path, boot)),
        Err(error) => return Ok(damaged(&path, &error.to_string(), boot)),
    };
    let version = match serde_json::from_slice::<VersionOnly>(&bytes) {
        Ok(VersionOnly { version }) => version,
        Err(error) => return Ok(damaged(&path, &error.to_string(), boot)),
    };
    if version > VERSION {
        return Err(StoreError::Refused(format!(
            "module {module} cannot be taken: {} has version {version}, and this agent knows versions up to {VERSION}; start a newer agent, or stop the application by hand, remove the file and run 'safekit config -m {module}'",
            path.display()
        )));
    }
    match serde_json::from_slice::<StateFile>(&bytes) {
        Ok(state) => Ok(recovered(state, boot)),
        Err(error) => Ok(damaged(&path, &error.to_string(), boot)),
    }
}

/// Keeps of a module that is stopped that it is, and nothing of what it counted and did: that is of no use to another one.
/// Without the file it would be taken for one that has lost it while it ran.
///
/// # Errors
/// When the operating system refuses; what was kept before stays.
pub(crate) fn begin_anew(layout: &Layout, module: &ModuleName, boot: &Boot) -> StoreResult<()> {
    let stopped = SavedModule {
        phase: SavedPhase::Stopped,
        started: false,
        watched: Vec::new(),
        budget: SavedBudget::default(),
        may_still_run: false,
        errd_off: false,
        classes: BTreeSet::new(),
    };
    save(layout, module, &stopped, boot)
}

fn state_file(layout: &Layout, module: &ModuleName) -> PathBuf {
    layout.uservar(module).join("state.json")
}

fn recovered(state: StateFile, boot: &Boot) -> Recovered {
    let same_boot = state.boot_id == boot.id;
    let elapsed = if same_boot {
        boot.since_boot.saturating_sub(Duration::from_millis(state.since_boot_ms))
    } else {
        // The wall clock may have been set in between: never less than the time since boot, never backwards.
        let wall = boot.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        wall.saturating_sub(Duration::from_millis(state.time_ms)).max(boot.since_boot)
    };
    let mut saved = state.saved;
    saved.budget.age_ms = saved.budget.age_ms.saturating_add(millis(elapsed));
    let start = if same_boot { AgentStart::SameBoot } else { AgentStart::HostBooted };
    Recovered { saved: Some(saved), start, line: None }
}

/// Nothing is there of a module that was never started, or somebody has removed it.
fn missing(path: &Path, boot: &Boot) -> Recovered {
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let mut entries = entries.flatten().take(ENTRIES_MAX);
    let started = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let start =
            name.starts_with("userlog_") && START_SCRIPTS.iter().any(|it| name.contains(it));
        start && is_of_this_boot(&entry.path(), boot)
    };
    if entries.any(started) {
        return unknown(format!("the saved state {} is missing", path.display()));
    }
    Recovered { saved: None, start: AgentStart::HostBooted, line: None }
}

/// Tells whether a file was written since the host has booted.
fn is_of_this_boot(path: &Path, boot: &Boot) -> bool {
    let written = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let booted = boot.wall.checked_sub(boot.since_boot).unwrap_or(UNIX_EPOCH);
    written.is_ok_and(|written| written >= booted)
}

fn damaged(path: &Path, why: &str, boot: &Boot) -> Recovered {
    let this_boot = is_of_this_boot(path, boot);
    let aside = path.with_extension("json.damaged");
    let moved = match fs::rename(path, &aside) {
        Ok(()) => format!("it is kept as {}", aside.display()),
        Err(error) => format!("it cannot be moved aside ({error})"),
    };
    let path = path.display();
    if !this_boot {
        return Recovered {
            saved: None,
            start: AgentStart::HostBooted,
            line: Some(format!(
                "the saved state {path} is damaged ({why}); {moved}; the host has booted since, so the application cannot be running, and the boot policy decides"
            )),
        };
    }
    unknown(format!("the saved state {path} is damaged ({why}); {moved}"))
}

/// What is assumed of a module that may be running.
fn unknown(why: String) -> Recovered {
    Recovered {
        saved: Some(SavedModule {
            phase: SavedPhase::Up,
            started: true,
            watched: Vec::new(),
            budget: SavedBudget::default(),
            may_still_run: false,
            errd_off: false,
            classes: BTreeSet::new(),
        }),
        start: AgentStart::SameBoot,
        line: Some(format!(
            "{why}; the module is taken as UP, because the application may be running: stop the module if it was stopped"
        )),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
