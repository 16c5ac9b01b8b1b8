//! The scripts of a module that belong to commands, not to its life: config, postconfig, deconfig, confcheck, update,
//! level, state.
//!
//! In: which one, and its arguments. Out: how it ended, and the last lines of what it said; all of it is in a userlog file of
//! SAFEUSERVAR, as that of every script.
//!
//! Always: one that is not there is no failure; one that hangs is ended with its process group. They run on the API's workers,
//! beside the scripts of the module's life, and never hold up the event loop.
//! Not here: what a failure means (`upkeep`).

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use jiff::Zoned;
use rustix::process::{Pid, Signal, kill_process_group};
use safekit_core::ids::ModuleName;

use super::Office;
use crate::agent::own::OwnEvent;
use crate::store::files;
use crate::store::module::{self, Hook};

/// How long such a script may run. An order runs three of them at most, and may take longer than that.
const LIMIT: Duration = Duration::from_secs(60);
/// How many that answer questions may run at once: scripts that hang must leave workers for orders.
const ASKING_MAX: usize = 4;
/// How many userlogs of each are kept.
const KEPT_MAX: usize = 20;
/// Lines of its output that are told.
const LINES_MAX: usize = 20;
/// The most bytes of its output that are looked at for that.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// Variables of the agent that are none of a script's business.
const REMOVED: [&str; 4] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LD_LIBRARY_PATH"];

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HookRun {
    /// What went wrong; `None`: exit code 0.
    pub(super) failure: Option<String>,
    /// The last lines of its output.
    pub(super) lines: Vec<String>,
    /// Whether it was run at all; not while too many others are.
    pub(super) ran: bool,
}

impl HookRun {
    fn failed(failure: String) -> Self {
        Self { failure: Some(failure), lines: Vec::new(), ran: true }
    }

    fn refused(hook: Hook) -> Self {
        let script = hook.as_str();
        let failure = format!(
            "script {script} is not run, because {ASKING_MAX} such scripts run already: try again later"
        );
        Self { failure: Some(failure), lines: Vec::new(), ran: false }
    }

    /// Returns what went wrong and what the script said, for people; nothing where all was well.
    pub(super) fn complaint(self) -> Option<(String, Vec<String>)> {
        self.failure.map(|failure| (failure, self.lines))
    }
}

/// The right to run one of the scripts that answer questions, until it is dropped.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn take(asking: &'a AtomicUsize) -> Option<Self> {
        let one_more = |count: usize| (count < ASKING_MAX).then(|| count.saturating_add(1));
        let taken = asking.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.ok().map(|_before| Self(asking))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Office {
    /// Runs a script out of a bin folder and waits for it; `None` where there is none.
    pub(super) fn hook(
        &self,
        name: &ModuleName,
        hook: Hook,
        bin: &Path,
        arguments: &[&str],
    ) -> Option<HookRun> {
        let path = bin.join(hook.as_str());
        if !path.is_file() {
            return None;
        }
        let mut turn = None;
        if matches!(hook, Hook::Confcheck | Hook::Level | Hook::State) {
            turn = Turn::take(&self.asking);
            if turn.is_none() {
                return Some(HookRun::refused(hook));
            }
        }
        let folder = self.layout.uservar(name);
        let stamp = Zoned::now().strftime("%Y-%m-%dT%H%M%S%6f");
        let file_name = format!("userlog_{stamp}_{}.ulog", hook.as_str());
        let userlog = folder.join(&file_name);
        let run = self.run(name, &path, bin, &userlog, arguments);
        let words = [hook.as_str()].iter().chain(arguments).copied().collect::<Vec<_>>().join(" ");
        let ran = OwnEvent::HookRan { words, userlog: file_name };
        self.log.line(name, &ran.line(Some(name)));
        if let Some(failure) = run.failure.clone() {
            self.log.line(name, &OwnEvent::HookFailed { failure }.line(Some(name)));
        }
        remove_old(&folder, hook);
        drop(turn);
        Some(run)
    }

    fn run(
        &self,
        name: &ModuleName,
        path: &Path,
        bin: &Path,
        userlog: &Path,
        arguments: &[&str],
    ) -> HookRun {
        let script = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cannot = |what: &str, error: &dyn std::fmt::Display| {
            HookRun::failed(format!("script {script}: cannot {what}: {error}"))
        };
        let output = files::create_folder(&self.layout.uservar(name), 0o750).and_then(|()| {
            let mut options = OpenOptions::new();
            options.append(true).create_new(true).mode(0o640);
            options.open(userlog).map_err(crate::store::StoreError::io("write", userlog))
        });
        let output = match output {
            Ok(output) => output,
            Err(error) => return cannot("keep its output", &error),
        };
        let errors = match output.try_clone() {
            Ok(errors) => errors,
            Err(error) => return cannot("keep its output", &error),
        };
        let mut command = Command::new(path);
        command.args(arguments).current_dir(bin).process_group(0);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        if let Ok(Some(active)) = module::load_active(&self.layout, name) {
            command.envs(active.config.user.map(|user| user.vars).unwrap_or_default());
        }
        // Ours win, as in the scripts of the module's life.
        command.envs(module::environment(&self.layout, name));
        for variable in REMOVED {
            command.env_remove(variable);
        }
        let failure = match wait(command) {
            Ok(Some(status)) if status.success() => None,
            Ok(Some(status)) => Some(format!("script {script} has ended with {status}")),
            Ok(None) => {
                Some(format!("script {script} was ended: it ran for {} s", LIMIT.as_secs()))
            }
            Err(error) => return cannot("run it", &error),
        };
        HookRun { failure, lines: last_lines(userlog), ran: true }
    }
}

/// Runs a command to its end; `None` where the time was over, and it was ended with its process group.
fn wait(mut command: Command) -> std::io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (tell, ended) = sync_channel(1);
    let waiter = thread::Builder::new().name("safekit-hook".to_owned());
    // Whoever asked may have given up by then.
    waiter.spawn(move || drop(tell.try_send(child.wait())))?;
    match ended.recv_timeout(LIMIT) {
        Ok(status) => status.map(Some),
        Err(_late) => {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            Ok(None)
        }
    }
}

fn last_lines(path: &Path) -> Vec<String> {
    let bytes = files::read_bounded(path, OUTPUT_BYTES_MAX).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().rev().take(LINES_MAX).map(str::to_owned).collect();
    lines.reverse();
    lines
}

/// Keeps the newest userlogs of a script only: their names begin with their time.
fn remove_old(folder: &Path, hook: Hook) {
    let end = format!("_{}.ulog", hook.as_str());
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("userlog_") && name.ends_with(&end)
        })
        .map(|entry| entry.path())
        .collect();
    names.sort();
    for old in names.iter().rev().skip(KEPT_MAX) {
        files::remove_quietly(old);
    }
}
