//! Starts the scripts of one module, on its worker.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::ScriptChild;
use crate::config::model::Logging;
use crate::ids::ActionId;
use crate::module::script::{LargeUserlogs, ScriptRun};
use crate::runtime::notice::EdgeNotice;
use crate::runtime::place::ModulePlace;
use crate::runtime::reports::{Report, Reports};
use crate::runtime::sys::process::{self, ControlGroups, ScriptGroup, SpawnPlan};
use crate::runtime::userlog::{self, Userlog};
use crate::runtime::{clock, thread};

/// What a module's worker does.
#[derive(Debug)]
pub(in crate::runtime) enum ScriptJob {
    /// Start a script.
    Start(Box<StartJob>),
    /// End what is left of a killed script.
    FinishKill {
        /// All that belongs to it.
        group: Arc<ScriptGroup>,
        /// What it ran.
        run: Arc<ScriptRun>,
        /// Its userlog.
        userlog: Option<PathBuf>,
        /// Why, for the userlog.
        why: &'static str,
    },
    /// A script has ended: remove its control group once it is empty.
    Clear(Arc<ScriptGroup>),
}

/// A script to start.
#[derive(Debug)]
pub(in crate::runtime) struct StartJob {
    /// The order.
    pub(in crate::runtime) id: ActionId,
    /// What to run.
    pub(in crate::runtime) run: Arc<ScriptRun>,
    /// Where.
    pub(in crate::runtime) place: Arc<ModulePlace>,
    /// Whether it must not be started any more.
    pub(in crate::runtime) withdrawn: Arc<Withdrawn>,
}

/// Why a script must not be started any more.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Withdrawn {
    ended: AtomicBool,
    left: AtomicBool,
}

impl Withdrawn {
    /// It is to end: with all that it waits for.
    pub(in crate::runtime) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// The loop has gone, and nobody would watch it. What it waits for is not touched: scripts outlive the agent.
    pub(in crate::runtime) fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }
}

/// A script that was started.
#[derive(Debug)]
pub(in crate::runtime) struct Started {
    /// Its process.
    pub(in crate::runtime) child: ScriptChild,
    /// All that belongs to it.
    pub(in crate::runtime) group: Arc<ScriptGroup>,
    /// Its userlog's name and path.
    pub(in crate::runtime) userlog: Option<(String, PathBuf)>,
}

/// What is the same for all starts of a module.
#[derive(Debug)]
pub(in crate::runtime) struct Starter {
    environment: Arc<[(OsString, OsString)]>,
    control_groups: Option<ControlGroups>,
    reports: Reports,
    /// Groups of ended scripts whose background children go on.
    occupied: Vec<Arc<ScriptGroup>>,
    /// Whether scripts of a former agent were looked for.
    alone: bool,
}

impl Starter {
    /// Makes a starter. `environment` is what this process was given.
    pub(in crate::runtime) fn new(
        environment: Arc<[(OsString, OsString)]>,
        control_groups: Option<ControlGroups>,
        reports: Reports,
    ) -> Self {
        Self { environment, control_groups, reports, occupied: Vec::new(), alone: false }
    }

    /// Does the jobs, in order.
    pub(in crate::runtime) fn work(&mut self, jobs: Vec<ScriptJob>) {
        for job in jobs {
            match job {
                ScriptJob::Start(job) => self.start(&job),
                ScriptJob::FinishKill { group, run, userlog, why } => {
                    self.finish_kill(&group, &run, userlog.as_deref(), why);
                }
                ScriptJob::Clear(group) => self.occupied.push(group),
            }
        }
        self.occupied.retain(|group| !group.clear());
        let excess = self.occupied.len().saturating_sub(OCCUPIED_MAX);
        // The oldest are left to whoever sweeps after this process.
        self.occupied.drain(..excess);
    }

    fn start(&mut self, job: &StartJob) {
        if !self.alone {
            self.wait_for_leftovers(job);
            self.alone = true;
        }
        let folder = &job.place.userlogs;
        if job.run.large_userlogs == LargeUserlogs::Empty {
            userlog::cut_large(folder, job.place.userlog_limit);
        }
        let result = self.try_start(job);
        self.reports.send(match result {
            Ok(started) => Report::ScriptStarted { id: job.id, started: Box::new(started) },
            Err(error) => Report::ScriptNotStarted { id: job.id, error },
        });
        userlog::remove_old(folder, job.run.script);
    }

    /// Two scripts of a module never run side by side: a `start_both` that a killed agent left would start the application
    /// behind the back of the `stop_both` that comes next. It may end by itself, for half the time limit of the script
    /// that waits; then, or when that one is to end, its process group is ended. The time limit of the script that waits
    /// begins after that, when it is started.
    fn wait_for_leftovers(&self, job: &StartJob) {
        let StartJob { run, place, withdrawn, .. } = job;
        let patience = leftovers_patience(run.time_limit);
        let begun = clock::now();
        let mut told = BTreeSet::new();
        loop {
            if withdrawn.is_left() {
                return;
            }
            let left = process::leftover_scripts(&place.bin);
            let waited = clock::now().saturating_duration_since(begun);
            let ends = waited >= patience || withdrawn.is_ended();
            for leftover in &left {
                if told.insert(leftover.pid) {
                    self.reports.send(Report::Notice(EdgeNotice::ScriptLeft {
                        module: run.module.clone(),
                        script: leftover.script,
                        pid: leftover.pid,
                    }));
                }
                if ends {
                    leftover.end();
                }
            }
            if ends || left.is_empty() {
                return;
            }
            thread::pause(LOOK_AGAIN_AFTER);
        }
    }

    fn try_start(&self, job: &StartJob) -> Result<Started, String> {
        let StartJob { run, place, .. } = job;
        // A path that is absolute stands for itself.
        let program = place.bin.join(run.file.as_deref().unwrap_or(run.script.as_str()));
        process::check_program(&program)?;
        let userlog = match run.logging {
            Logging::Userlog => self.create_userlog(job),
            Logging::None => None,
        };
        let plan = SpawnPlan {
            program: &program,
            arguments: &run.arguments,
            environment: &self.environment_of(run, place, &program),
            folder: &place.bin,
            output: userlog.as_ref().map(|userlog| &userlog.file),
            group_name: &group_name(run),
        };
        let started = if job.withdrawn.is_ended() || job.withdrawn.is_left() {
            Err("ended before it was started".to_owned())
        } else {
            self.spawn(&plan).map_err(|error| explain(&program, &error))
        };
        if let (Err(_), Some(userlog)) = (&started, &userlog) {
            // Nothing has written to it.
            drop(std::fs::remove_file(&userlog.path));
        }
        let (child, group) = started?;
        let userlog = userlog.map(|userlog| (userlog.name, userlog.path));
        Ok(Started { child: ScriptChild::new(child), group: Arc::new(group), userlog })
    }

    fn create_userlog(&self, job: &StartJob) -> Option<Userlog> {
        let script = job.run.script;
        match userlog::create(&job.place.userlogs, script, clock::unix_time()) {
            Ok(userlog) => Some(userlog),
            // A full disk must not keep an application from being started or stopped.
            Err(error) => {
                self.reports.send(Report::Notice(EdgeNotice::UserlogUnavailable {
                    module: job.run.module.clone(),
                    script,
                    error: format!("{}: {error}", job.place.userlogs.display()),
                }));
                None
            }
        }
    }

    fn environment_of(
        &self,
        run: &ScriptRun,
        place: &ModulePlace,
        program: &Path,
    ) -> Vec<(OsString, OsString)> {
        let vars = run.vars.iter().map(|(name, value)| (name.into(), value.into()));
        let own =
            [(process::SCRIPT_MARK.into(), process::script_mark(&place.bin, run.script, program))];
        let given = self.environment.iter().cloned().chain(vars).chain(place.environment.clone());
        given.chain(own).collect()
    }

    /// Starts; again a little later while somebody has the file open for writing. Any other fork of this process
    /// that happened while the file was written keeps it open for a moment.
    fn spawn(&self, plan: &SpawnPlan<'_>) -> io::Result<(std::process::Child, ScriptGroup)> {
        let mut tries = 1;
        loop {
            match process::spawn(plan, self.control_groups.as_ref()) {
                Err(error)
                    if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < TRIES_MAX =>
                {
                    tries += 1;
                    thread::pause(TRY_AGAIN_AFTER);
                }
                result => return result,
            }
        }
    }

    fn finish_kill(&self, group: &ScriptGroup, run: &ScriptRun, log: Option<&Path>, why: &str) {
        let reach = group.kill_control_group();
        if let Some(log) = log {
            let script = run.script.as_str();
            userlog::add_line(log, &format!("safekit: {script} was ended {why}: {reach}"));
        }
        self.reports.send(Report::Notice(EdgeNotice::ScriptKilled {
            module: run.module.clone(),
            script: run.script,
            reach,
        }));
    }
}

/// Returns how long scripts of a former agent are waited for by a script with this time limit.
pub(in crate::runtime) fn leftovers_patience(time_limit: Option<Duration>) -> Duration {
    time_limit.map_or(LEFTOVERS_MAX, |limit| limit / 2)
}

/// Takes out of an environment what is meant for this process and not for the application.
pub(in crate::runtime) fn without_ours(
    environment: Vec<(OsString, OsString)>,
) -> Arc<[(OsString, OsString)]> {
    environment
        .into_iter()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            name != "NOTIFY_SOCKET" && name != "LD_LIBRARY_PATH" && !name.starts_with("WATCHDOG_")
        })
        .collect()
}

/// Names the group of a run, never twice within this process.
fn group_name(run: &ScriptRun) -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    format!("{}@{}@{number}", run.module, run.script.as_str())
}

fn explain(program: &Path, error: &io::Error) -> String {
    let shown = program.display();
    if error.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "{shown}: {error}: is its file system mounted noexec, or its interpreter not executable?"
        )
    } else {
        format!("{shown}: {error}")
    }
}

/// How long scripts of a former agent are waited for by a script without a time limit.
const LEFTOVERS_MAX: Duration = Duration::from_secs(60);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
const TRIES_MAX: u32 = 20;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(25);
const OCCUPIED_MAX: usize = 256;
