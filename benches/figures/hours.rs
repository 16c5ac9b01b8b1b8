//! Simulated hours of a cluster with default settings under all that it has to bear: nobody is lost who lives.

use std::time::Duration;

use safekit_benches::simulated::{Cluster, Strain, strained};
use safekit_benches::{Trouble, Try};
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What has to be borne, and whether any alarm is a fault of ours.
const STRAINS: [(&str, Strain, Goal); 7] = [
    ("8 times the CPU load, on all nodes", Strain::BusyAll, Goal::None),
    ("8 times the CPU load, on one node", Strain::BusyOne, Goal::None),
    ("1 % random loss", Strain::Loss(0.01), Goal::None),
    ("bursts of 300 ms", Strain::Bursts(millis(300)), Goal::None),
    ("freezes of 200 ms", Strain::Freezes(millis(200)), Goal::None),
    ("freezes of 500 ms", Strain::Freezes(millis(500)), Goal::None),
    ("all of these together, at random", Strain::Everything, Goal::Told),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// No alarm at all.
    None,
    /// More than was promised: it is told how many there are.
    Told,
}

const COLUMNS: [&str; 7] = [
    "simulated, default settings, 3 nodes",
    "time",
    "faults",
    "false 'lost'",
    "joined again",
    "view changes",
    "goal",
];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let time = Duration::from_secs(bench.size.of(60, 3_600, 24 * 3_600));
    let mut failed = false;
    for (seed, (name, strain, goal)) in (0x24..).zip(STRAINS) {
        say(&format!("hours: {name}, {time:?} simulated"));
        let begin = clock::now();
        let alarms = strained(Cluster::new(seed), strain, time)?;
        let took = clock::now().saturating_duration_since(begin);
        bench.record.line("hours", json!({
            "strain": name, "seed": seed, "simulated_s": time.as_secs(), "faults": alarms.faults,
            "lost": alarms.lost, "rejoined": alarms.rejoined, "changes": alarms.changes,
            "took_s": took.as_secs_f64(),
        }))?;
        let missed = goal == Goal::None && !alarms.is_quiet();
        failed |= missed;
        let verdict = match goal {
            Goal::None if missed => "0: missed",
            Goal::None => "0: met",
            Goal::Told => "-",
        };
        bench.row(
            &COLUMNS,
            [
                name.to_owned(),
                format!("{:.1} h", time.as_secs_f64() / 3600.0),
                alarms.faults.to_string(),
                alarms.lost.to_string(),
                alarms.rejoined.to_string(),
                alarms.changes.to_string(),
                verdict.to_owned(),
            ],
        );
    }
    if failed { Err(Trouble::failed("somebody who lives was lost")) } else { Ok(()) }
}
