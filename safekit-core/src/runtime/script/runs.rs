//! The running scripts, as the loop sees them.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use super::{ScriptChild, ScriptJob, StartJob, Started, Withdrawn, leftovers_patience};
use crate::ids::ActionId;
use crate::module::script::{ScriptEnd, ScriptRun};
use crate::node::Outcome;
use crate::runtime::notice::EdgeNotice;
use crate::runtime::place::ModulePlace;
use crate::runtime::sys::process::{ExitWatch, ScriptGroup, how_it_ended};
use crate::runtime::worker::Worker;

/// What comes of running scripts.
#[derive(Debug)]
pub(in crate::runtime) enum RunReport {
    /// An order to run a script has ended.
    Ended {
        /// The order.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
    /// For people.
    Notice(EdgeNotice),
}

/// The scripts that are not yet dead, or not yet reported.
#[derive(Debug)]
pub(in crate::runtime) struct Runs {
    runs: BTreeMap<ActionId, Run>,
    tokens: BTreeMap<Token, ActionId>,
    ask_at: Option<Instant>,
    reports: Vec<RunReport>,
    descriptors_max: usize,
}

#[derive(Debug)]
struct Run {
    run: Arc<ScriptRun>,
    worker: Worker<ScriptJob>,
    /// Since when it runs; until it was started, since when it is wanted.
    since: Instant,
    /// The start limit, then the time limit; once it is being ended, when its end is reported even if it is not dead.
    deadline: Option<Instant>,
    /// When to tell that it is not started yet.
    tell_at: Option<Instant>,
    ending: Option<Ending>,
    reported: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Starting { withdrawn: Arc<Withdrawn> },
    Running(Box<Running>),
}

#[derive(Debug)]
struct Running {
    child: ScriptChild,
    group: Arc<ScriptGroup>,
    userlog: Option<(String, PathBuf)>,
    /// Without it the child is asked.
    watch: Option<(ExitWatch, Token)>,
}

/// Why a script is being ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    TimeLimit,
    Order,
}

impl Runs {
    /// Runs nothing; at most `descriptors_max` scripts get a descriptor, more are asked for.
    pub(in crate::runtime) fn new(descriptors_max: usize) -> Self {
        Self {
            runs: BTreeMap::new(),
            tokens: BTreeMap::new(),
            ask_at: None,
            reports: Vec::new(),
            descriptors_max,
        }
    }

    /// Begins to run a script.
    pub(in crate::runtime) fn handle_run(
        &mut self,
        now: Instant,
        id: ActionId,
        run: ScriptRun,
        place: Option<(Arc<ModulePlace>, Worker<ScriptJob>)>,
    ) {
        let Some((place, worker)) = place else {
            return self.refuse(id, "the module has no place on this node");
        };
        if self.runs.len() >= RUNS_MAX || self.runs.contains_key(&id) {
            return self.refuse(id, "too many scripts are running");
        }
        let run = Arc::new(run);
        let withdrawn = Arc::new(Withdrawn::default());
        let job = StartJob { id, run: Arc::clone(&run), place, withdrawn: Arc::clone(&withdrawn) };
        if worker.submit(ScriptJob::Start(Box::new(job))).is_err() {
            return self.refuse(id, "scripts of this module were not started in time before it");
        }
        let run = Run {
            deadline: run.time_limit.and_then(|limit| now.checked_add(start_limit(limit))),
            tell_at: now.checked_add(TELL_AFTER),
            run,
            worker,
            since: now,
            ending: None,
            reported: false,
            stage: Stage::Starting { withdrawn },
        };
        self.runs.insert(id, run);
    }

    /// Ends a script; one that has ended already needs nothing.
    pub(in crate::runtime) fn handle_end(
        &mut self,
        registry: &Registry,
        now: Instant,
        id: ActionId,
    ) {
        self.kill(registry, now, id, Ending::Order);
    }

    /// Takes the report that a script was started.
    pub(in crate::runtime) fn handle_started(
        &mut self,
        registry: &Registry,
        now: Instant,
        id: ActionId,
        started: Started,
        token: Token,
    ) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Started { child, group, userlog } = started;
        let mut watch = None;
        if self.tokens.len() < self.descriptors_max
            && let Ok(Some(opened)) = ExitWatch::open(child.pid())
            && opened.register(registry, token).is_ok()
        {
            self.tokens.insert(token, id);
            watch = Some((opened, token));
        }
        if watch.is_none() {
            self.ask_at = self.ask_at.or_else(|| now.checked_add(ASK_AGAIN_AFTER));
        }
        run.stage = Stage::Running(Box::new(Running { child, group, userlog, watch }));
        run.tell_at = None;
        match run.ending.take() {
            Some(ending) => self.kill(registry, now, id, ending),
            None => {
                run.since = now;
                run.deadline = run.run.time_limit.and_then(|limit| now.checked_add(limit));
            }
        }
    }

    /// Takes the report that a script could not be started.
    pub(in crate::runtime) fn handle_not_started(
        &mut self,
        now: Instant,
        id: ActionId,
        error: String,
    ) {
        let Some(run) = self.runs.remove(&id) else { return };
        if !run.reported {
            let end = match run.ending {
                Some(Ending::Order) => ScriptEnd::Ended,
                Some(Ending::TimeLimit) | None => ScriptEnd::NotStarted { error },
            };
            self.report(id, run.outcome(now, end));
        }
    }

    /// Takes a token of the loop; tells whether it is of a script.
    pub(in crate::runtime) fn handle_ready(
        &mut self,
        registry: &Registry,
        now: Instant,
        token: Token,
    ) -> bool {
        let Some(id) = self.tokens.get(&token).copied() else { return false };
        self.reap(registry, now, id);
        true
    }

    /// Ends what has reached its time limit, and asks for children that nobody tells of.
    pub(in crate::runtime) fn handle_timeout(&mut self, registry: &Registry, now: Instant) {
        if self.ask_at.is_some_and(|at| at <= now) {
            let asked: Vec<ActionId> =
                self.runs.iter().filter(|(_, run)| run.is_asked()).map(|(id, _)| *id).collect();
            for id in asked {
                self.reap(registry, now, id);
            }
            let left = self.runs.values().any(Run::is_asked);
            self.ask_at = if left { now.checked_add(ASK_AGAIN_AFTER) } else { None };
        }
        for run in self.runs.values_mut().filter(|run| run.tell_at.is_some_and(|at| at <= now)) {
            run.tell_at = None;
            let (module, script) = (run.run.module.clone(), run.run.script);
            let notice = EdgeNotice::ScriptWaits { module, script, waited: TELL_AFTER };
            self.reports.push(RunReport::Notice(notice));
        }
        let due = self.runs.iter().filter(|(_, run)| run.deadline.is_some_and(|at| at <= now));
        let due: Vec<(ActionId, Option<Ending>)> = due.map(|(id, run)| (*id, run.ending)).collect();
        for (id, ending) in due {
            match ending {
                None => self.kill(registry, now, id, Ending::TimeLimit),
                Some(ending) => self.give_up(now, id, ending),
            }
        }
    }

    /// Takes what came of the calls before.
    pub(in crate::runtime) fn take_reports(&mut self) -> Vec<RunReport> {
        std::mem::take(&mut self.reports)
    }

    /// Returns when [`Runs::handle_timeout`] has to be called.
    pub(in crate::runtime) fn poll_timeout(&self) -> Option<Instant> {
        let of_runs =
            self.runs.values().flat_map(|run| run.deadline.into_iter().chain(run.tell_at));
        of_runs.chain(self.ask_at).min()
    }

    fn kill(&mut self, registry: &Registry, now: Instant, id: ActionId, ending: Ending) {
        // One that is dead already has ended by itself: what it left in the background stays.
        self.reap(registry, now, id);
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.ending.is_some() {
            return;
        }
        run.ending = Some(ending);
        run.deadline = now.checked_add(DEATH_TIME_MAX);
        match &run.stage {
            Stage::Starting { withdrawn } => withdrawn.end(),
            Stage::Running(running) => {
                // Refused only for a script that has changed its user: its control group may still be ended.
                drop(running.group.kill_process_group());
                let job = ScriptJob::FinishKill {
                    group: Arc::clone(&running.group),
                    run: Arc::clone(&run.run),
                    userlog: running.userlog.as_ref().map(|(_, path)| path.clone()),
                    why: ending.why(),
                };
                if run.worker.submit(job).is_err() {
                    let reach = running.group.kill_control_group();
                    let (module, script) = (run.run.module.clone(), run.run.script);
                    let notice = EdgeNotice::ScriptKilled { module, script, reach };
                    self.reports.push(RunReport::Notice(notice));
                }
            }
        }
    }

    /// Reports a script that was ended and is not dead.
    fn give_up(&mut self, now: Instant, id: ActionId, ending: Ending) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.deadline = None;
        run.tell_at = None;
        if run.reported {
            return;
        }
        run.reported = true;
        let end = match (&run.stage, ending) {
            (Stage::Starting { .. }, Ending::TimeLimit) => ScriptEnd::NotStarted {
                error: "it could not be started in time: the disk does not answer".to_owned(),
            },
            (Stage::Starting { .. }, Ending::Order) => ScriptEnd::Ended,
            (Stage::Running(running), ending) => {
                self.reports.push(RunReport::Notice(EdgeNotice::ScriptHangs {
                    module: run.run.module.clone(),
                    script: run.run.script,
                    pid: running.child.pid(),
                }));
                ending.end()
            }
        };
        let outcome = run.outcome(now, end);
        self.report(id, outcome);
    }

    /// Reports a script if its process is dead.
    fn reap(&mut self, registry: &Registry, now: Instant, id: ActionId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Stage::Running(running) = &mut run.stage else { return };
        let end = match running.child.poll_end() {
            Ok(None) => return,
            Ok(Some(status)) => Ok(status),
            Err(error) => Err(error),
        };
        if let Some((watch, token)) = running.watch.take() {
            watch.deregister(registry);
            self.tokens.remove(&token);
        }
        // A full queue only leaves an empty control group to whoever sweeps later.
        drop(run.worker.submit(ScriptJob::Clear(Arc::clone(&running.group))));
        if !run.reported {
            let outcome = run.outcome_of(now, end);
            self.report(id, outcome);
        }
        self.runs.remove(&id);
    }

    fn refuse(&mut self, id: ActionId, error: &str) {
        let end = ScriptEnd::NotStarted { error: error.to_owned() };
        self.report(id, Outcome::Script { end, duration: Duration::ZERO, userlog: None });
    }

    fn report(&mut self, id: ActionId, outcome: Outcome) {
        self.reports.push(RunReport::Ended { id, outcome });
    }
}

impl Drop for Runs {
    /// What is not started yet is not started any more: nobody would watch it.
    fn drop(&mut self) {
        for run in self.runs.values() {
            if let Stage::Starting { withdrawn } = &run.stage {
                withdrawn.leave();
            }
        }
    }
}

impl Run {
    fn is_asked(&self) -> bool {
        match &self.stage {
            Stage::Starting { .. } => false,
            Stage::Running(running) => running.watch.is_none(),
        }
    }

    fn outcome_of(&self, now: Instant, status: io::Result<ExitStatus>) -> Outcome {
        match status.map(how_it_ended) {
            Ok(ScriptEnd::Signalled { signal: SIGKILL }) if let Some(ending) = self.ending => {
                self.outcome(now, ending.end())
            }
            Ok(end) => self.outcome(now, end),
            Err(error) => Outcome::Failed {
                error: format!(
                    "how {} ended is not known, something else in this process waits for its children: {error}",
                    self.run.script.as_str()
                ),
            },
        }
    }

    fn outcome(&self, now: Instant, end: ScriptEnd) -> Outcome {
        let userlog = match &self.stage {
            Stage::Starting { .. } => None,
            Stage::Running(running) => running.userlog.as_ref().map(|(name, _)| name.clone()),
        };
        Outcome::Script { end, duration: now.saturating_duration_since(self.since), userlog }
    }
}

impl Ending {
    fn end(self) -> ScriptEnd {
        match self {
            Self::TimeLimit => ScriptEnd::TimedOut,
            Self::Order => ScriptEnd::Ended,
        }
    }

    fn why(self) -> &'static str {
        match self {
            Self::TimeLimit => "because its time limit had passed",
            Self::Order => "by order",
        }
    }
}

/// Returns how long a script with this time limit may take to be started: as long as scripts of a former agent are waited
/// for, and then as long as it may run, but not less than what a disk may need that is slow and not dead. It is bounded so
/// that a stop ends one day; a script without a time limit is waited for without limit, and that is told.
fn start_limit(time_limit: Duration) -> Duration {
    leftovers_patience(Some(time_limit)).saturating_add(time_limit.max(START_LIMIT_MIN))
}

/// What the disk has at least to start a script.
const START_LIMIT_MIN: Duration = Duration::from_secs(60);

/// People are told of a script that is not started after this time.
const TELL_AFTER: Duration = Duration::from_secs(60);

/// How many scripts may run at a time.
const RUNS_MAX: usize = 128;

/// How long after it was killed a script is waited for before its end is reported all the same.
const DEATH_TIME_MAX: Duration = Duration::from_secs(10);

/// How often a child is asked for where the kernel gives no pidfd.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The number is the same on every Unix.
const SIGKILL: i32 = 9;
