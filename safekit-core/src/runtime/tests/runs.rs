//! The table of running scripts, with a worker that does nothing by itself, and time that the test makes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Poll, Token};

use super::{Bench, clock, eventually, lives, place, start_both};
use crate::ids::ActionId;
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::node::Outcome;
use crate::runtime::script::{RunReport, Runs, ScriptChild, ScriptJob, Started};
use crate::runtime::sys::process::{SpawnPlan, spawn};
use crate::runtime::worker::Worker;

const ID: ActionId = ActionId(1);
const LIMIT: Duration = Duration::from_secs(30);

struct Table {
    poll: Poll,
    runs: Runs,
    base: Instant,
}

impl Table {
    fn new(bench: &Bench) -> Self {
        let mut runs = Runs::new(8);
        let worker = Worker::start("sk-nothing", 8, |_jobs: Vec<ScriptJob>| {}).unwrap();
        let base = clock::now();
        let run = ScriptRun { time_limit: Some(LIMIT), ..start_both() };
        runs.handle_run(base, ID, run, Some((Arc::new(place(&bench.folder)), worker)));
        Self { poll: Poll::new().unwrap(), runs, base }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.base + Duration::from_secs(seconds)
    }

    fn timeout(&mut self, seconds: u64) -> Option<ScriptEnd> {
        let now = self.at(seconds);
        self.runs.handle_timeout(self.poll.registry(), now);
        self.end()
    }

    /// Starts the script late, as a worker does that was held up; returns its pid.
    fn start(&mut self, bench: &Bench, seconds: u64) -> u32 {
        bench.script(Script::StartBoth, "#!/bin/sh\nexec sleep 600\n");
        let program = bench.folder.join("bin/start_both");
        let plan = SpawnPlan {
            program: &program,
            arguments: &[],
            environment: &[("PATH".into(), "/usr/bin:/bin".into())],
            folder: &bench.folder,
            output: None,
            group_name: "late",
        };
        let mut spawned = None;
        eventually(|| {
            spawned = spawn(&plan, None).ok();
            spawned.is_some()
        });
        let (child, group) = spawned.unwrap();
        let pid = child.id();
        let started =
            Started { child: ScriptChild::new(child), group: Arc::new(group), userlog: None };
        let now = self.at(seconds);
        self.runs.handle_started(self.poll.registry(), now, ID, started, Token(5000));
        pid
    }

    fn end(&mut self) -> Option<ScriptEnd> {
        let mut ends = self.runs.take_reports().into_iter().filter_map(|report| {
            let RunReport::Ended { outcome, .. } = report else { return None };
            let Outcome::Script { end, .. } = outcome else { panic!("{outcome:?}") };
            Some(end)
        });
        let end = ends.next();
        assert_eq!(ends.next(), None, "an end is told once");
        end
    }

    fn reap(&mut self) {
        let now = self.at(99);
        assert!(self.runs.handle_ready(self.poll.registry(), now, Token(5000)));
    }
}

#[test]
fn a_start_that_hangs_is_reported_and_a_late_script_is_killed() {
    let bench = Bench::new();
    let mut table = Table::new(&bench);
    assert_eq!(table.runs.poll_timeout(), Some(table.at(30)));
    assert_eq!(table.timeout(29), None);
    assert_eq!(table.timeout(30), None);
    assert_eq!(table.timeout(39), None);
    assert!(matches!(table.timeout(40), Some(ScriptEnd::NotStarted { .. })));
    assert_eq!(table.runs.poll_timeout(), None);
    let pid = table.start(&bench, 60);
    eventually(|| !lives(pid));
    table.reap();
    assert_eq!(table.end(), None, "it was told already");
    assert_eq!(table.timeout(99), None);
}

#[test]
fn a_script_that_was_to_end_before_it_was_started_is_killed_at_once() {
    let bench = Bench::new();
    let mut table = Table::new(&bench);
    let now = table.at(1);
    table.runs.handle_end(table.poll.registry(), now, ID);
    let pid = table.start(&bench, 2);
    eventually(|| !lives(pid));
    table.reap();
    assert_eq!(table.end(), Some(ScriptEnd::Ended));
}

#[test]
fn a_script_that_does_not_die_is_reported_after_ten_seconds() {
    let bench = Bench::new();
    let mut table = Table::new(&bench);
    let pid = table.start(&bench, 1);
    assert_eq!(table.timeout(30), None);
    // Dead by now, but nobody has told the table, as with a process that hangs in the kernel.
    eventually(|| !lives(pid));
    assert_eq!(table.timeout(39), None);
    assert_eq!(table.timeout(40), Some(ScriptEnd::TimedOut));
    table.reap();
    assert_eq!(table.end(), None, "it was told already");
}
