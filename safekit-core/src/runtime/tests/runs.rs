//! The table of running scripts, with a worker that does nothing by itself, and time that the test makes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Poll, Token};

use super::{Bench, clock, eventually, kill, lives, place, start_both};
use crate::ids::ActionId;
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::node::Outcome;
use crate::runtime::EdgeNotice;
use crate::runtime::script::{RunReport, Runs, ScriptChild, ScriptJob, Started};
use crate::runtime::sys::process::{SpawnPlan, spawn};
use crate::runtime::worker::Worker;

const ID: ActionId = ActionId(1);
const LIMIT: Duration = Duration::from_secs(30);

struct Table {
    poll: Poll,
    runs: Runs,
    base: Instant,
    /// How often it was told that the script is not started yet.
    waits_told: u32,
}

impl Table {
    fn new(bench: &Bench) -> Self {
        Self::with_limit(bench, Some(LIMIT))
    }

    fn with_limit(bench: &Bench, time_limit: Option<Duration>) -> Self {
        let mut runs = Runs::new(8);
        let worker = Worker::start("sk-nothing", 8, |_jobs: Vec<ScriptJob>| {}).unwrap();
        let base = clock::now();
        let run = ScriptRun { time_limit, ..start_both() };
        runs.handle_run(base, ID, run, Some((Arc::new(place(&bench.folder)), worker)));
        Self { poll: Poll::new().unwrap(), runs, base, waits_told: 0 }
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
        self.end_and_duration().map(|(end, _)| end)
    }

    fn end_and_duration(&mut self) -> Option<(ScriptEnd, Duration)> {
        let mut found = None;
        for report in self.runs.take_reports() {
            match report {
                RunReport::Ended { outcome: Outcome::Script { end, duration, .. }, .. } => {
                    assert_eq!(found.replace((end, duration)), None, "an end is told once");
                }
                RunReport::Ended { outcome, .. } => panic!("{outcome:?}"),
                RunReport::Notice(EdgeNotice::ScriptWaits { .. }) => self.waits_told += 1,
                RunReport::Notice(_) => {}
            }
        }
        found
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
    // Half the time limit for what a former agent left, and a minute for the disk.
    assert_eq!(table.timeout(74), None);
    assert_eq!(table.runs.poll_timeout(), Some(table.at(75)));
    assert_eq!(table.timeout(75), None);
    assert_eq!(table.timeout(84), None);
    assert!(matches!(table.timeout(85), Some(ScriptEnd::NotStarted { .. })));
    assert_eq!(table.runs.poll_timeout(), None);
    let pid = table.start(&bench, 90);
    eventually(|| !lives(pid));
    table.reap();
    assert_eq!(table.end(), None, "it was told already");
    assert_eq!(table.timeout(99), None);
}

#[test]
fn the_time_limit_begins_when_the_script_is_started() {
    let bench = Bench::new();
    let mut table = Table::new(&bench);
    assert_eq!(table.timeout(50), None, "it waits for a script that a former agent left");
    let pid = table.start(&bench, 50);
    assert_eq!(table.runs.poll_timeout(), Some(table.at(80)));
    assert_eq!(table.timeout(79), None);
    assert!(lives(pid));
    assert_eq!(table.timeout(80), None);
    eventually(|| !lives(pid));
    table.reap();
    let ended = table.end_and_duration();
    assert_eq!(ended, Some((ScriptEnd::TimedOut, Duration::from_secs(49))), "it ran from 50 to 99");
    assert_eq!(table.waits_told, 0);
}

#[test]
fn a_script_that_is_not_started_for_a_minute_is_told_once_and_waited_for() {
    let bench = Bench::new();
    let mut table = Table::with_limit(&bench, None);
    assert_eq!(table.runs.poll_timeout(), Some(table.at(60)));
    assert_eq!(table.timeout(59), None);
    assert_eq!(table.waits_told, 0);
    assert_eq!(table.timeout(60), None);
    assert_eq!(table.waits_told, 1);
    assert_eq!(table.runs.poll_timeout(), None);
    assert_eq!(table.timeout(90_000), None);
    let pid = table.start(&bench, 90_001);
    assert_eq!(table.timeout(90_100), None);
    assert_eq!((table.waits_told, lives(pid)), (1, true));
    kill(pid);
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
    assert_eq!(table.timeout(31), None);
    // Dead by now, but nobody has told the table, as with a process that hangs in the kernel.
    eventually(|| !lives(pid));
    assert_eq!(table.timeout(40), None);
    assert_eq!(table.timeout(41), Some(ScriptEnd::TimedOut));
    table.reap();
    assert_eq!(table.end(), None, "it was told already");
}
