//! How long the others need when a node dies, is cut off or stopped, and when it is back: ours and the peers side by
//! side, in networks of their own, seen from outside.
//!
//! Slow systems run at the same time, each in a lab of its own; a fast one runs alone. All of them in several portions
//! one after the other, so that a noisy minute hits all.

mod contest;
pub(crate) mod quiet;
mod running;
mod systems;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use safekit_benches::lab::Lab;
use safekit_benches::samples::{Samples, number};
use safekit_benches::table::{time, times};
use safekit_benches::{Trouble, Try};
use serde_json::json;

use self::contest::{Contest, Note};
use self::systems::{Fault, Moment, Pace, SYSTEMS, System};
use crate::{Bench, say};

/// How many nodes a lab has where `SAFEKIT_BENCH_NODES` does not say.
const NODES: u8 = 3;
/// How many slow systems run at the same time.
const LABS_MAX: usize = 6;

/// Columns of the times.
const COLUMNS: [&str; 8] =
    ["system", "setting", "fault, to what", "runs", "p50", "p99", "max", "goal"];
/// Columns of what a node costs at rest.
const REST_COLUMNS: [&str; 8] = [
    "at rest, per node",
    "setting",
    "CPU of one core",
    "packets/s",
    "bytes/s",
    "payload/s",
    "RSS",
    "goal",
];
/// Columns of how this machine kept its times meanwhile.
const NOISE_COLUMNS: [&str; 6] =
    ["beside", "setting", "5 ms overslept, p50", "p99", "max", "acted without a fault"];

/// What was measured of one system.
#[derive(Default)]
struct Result {
    times: BTreeMap<(Fault, Moment), Samples>,
    rest: Vec<contest::Rest>,
    noise: Samples,
    disturbed: u32,
}

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    if let Some(missing) = Lab::missing() {
        say(&format!("detection: left out: {missing}"));
        return Ok(());
    }
    let nodes = asked("SAFEKIT_BENCH_NODES", 2..=16)?.unwrap_or(NODES);
    let only = std::env::var("SAFEKIT_BENCH_ONLY").unwrap_or_default();
    let portions = bench.size.of(1, 2, 4);
    let first = asked("SAFEKIT_BENCH_PORTION", 1..=portions)?.unwrap_or(1) - 1;
    let runs = bench.size.of(1, 10, 100) / portions;
    let rest = Duration::from_secs(bench.size.of(2, 20, 30));
    let systems = present(bench, &only)?;
    say(&format!("detection: {} systems, {portions} x {runs} runs of each fault", systems.len()));
    let mut results: BTreeMap<usize, Result> = BTreeMap::new();
    let mut failures = Vec::new();
    for portion in first..portions {
        let (slow, fast): (Vec<_>, Vec<_>) =
            systems.iter().copied().partition(|(_, system)| system.pace == Pace::Slow);
        let plan = Plan { nodes, rest };
        let all = |(place, system)| Job { place, system, first: portion * runs, runs };
        // What lasts longest is divided, so that no lab is idle.
        let halves = |job: Job| {
            let half = runs.div_ceil(2);
            [Job { runs: half, ..job }, Job { first: job.first + half, runs: runs - half, ..job }]
        };
        let slow: Vec<Job> = slow.into_iter().map(all).flat_map(halves).collect();
        let slow: Vec<Job> = slow.into_iter().filter(|job| job.runs > 0).collect();
        if portion == 0 {
            for system in systems.iter().copied() {
                run(bench, &mut results, &mut failures, plan, &[Job { runs: 0, ..all(system) }]);
            }
        }
        run(bench, &mut results, &mut failures, plan, &slow);
        for system in fast {
            run(bench, &mut results, &mut failures, plan, &[all(system)]);
        }
        say(&format!("detection: portion {} of {portions} is done", portion + 1));
    }
    tables(bench, &results);
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(Trouble::failed(format!(
            "{} systems failed in some portion; the first: {first}",
            failures.len()
        ))),
    }
}

/// Returns the number that a variable of the environment asks for.
fn asked<N: FromStr + PartialOrd + Display>(
    variable: &str,
    allowed: RangeInclusive<N>,
) -> Try<Option<N>> {
    let Some(text) = std::env::var_os(variable) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse().ok());
    let number = number.filter(|number| allowed.contains(number));
    let (from, to) = (allowed.start(), allowed.end());
    number.map(Some).ok_or_else(|| {
        Trouble::failed(format!(
            "{variable}: '{}' is no number from {from} to {to}",
            text.display()
        ))
    })
}

/// What all labs have in common.
#[derive(Clone, Copy)]
struct Plan {
    nodes: u8,
    rest: Duration,
}

/// What one lab does: some rounds with a system; none: what it costs at rest.
#[derive(Clone, Copy)]
struct Job {
    /// Among all systems.
    place: usize,
    system: System,
    first: u32,
    runs: u32,
}

/// Returns the systems that are installed and wanted, and says which ones are not.
fn present(bench: &mut Bench, only: &str) -> Try<Vec<(usize, System)>> {
    let mut systems = Vec::new();
    for (place, system) in SYSTEMS.iter().enumerate() {
        let wanted = only.is_empty() || only.split(',').any(|name| name == system.name);
        match system.version(&bench.agent) {
            Some(version) if wanted => {
                bench.record.line(
                    "detection_system",
                    json!({ "system": system.name, "setting": system.setting, "version": version }),
                )?;
                systems.push((place, *system));
            }
            Some(_) => {}
            None => say(&format!("detection: {}: not installed: left out", system.name)),
        }
    }
    Ok(systems)
}

/// Runs jobs at the same time, as many as there may be labs; takes what they note.
fn run(
    bench: &mut Bench,
    results: &mut BTreeMap<usize, Result>,
    failures: &mut Vec<String>,
    plan: Plan,
    jobs: &[Job],
) {
    let queue = Mutex::new(jobs.iter());
    let (sender, notes) = mpsc::channel();
    let agent = bench.agent.clone();
    std::thread::scope(|scope| {
        for _ in 0..LABS_MAX.min(jobs.len()) {
            let (sender, queue, agent) = (sender.clone(), &queue, &agent);
            scope.spawn(move || {
                while let Some(job) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let Job { place, system, first, runs } = *job;
                    let tell = |note| drop(sender.send((place, note)));
                    let Plan { nodes, rest } = plan;
                    let contest = Contest { system, nodes, first, runs, rest };
                    if let Err(error) = contest.hold(agent, &tell) {
                        tell(Note::Failed(error.to_string()));
                    }
                }
            });
        }
        drop(sender);
        while let Ok((place, note)) = notes.recv() {
            let Some(system) = SYSTEMS.get(place) else { continue };
            let result = results.entry(place).or_default();
            if let Some(failure) = take(bench, result, system, note) {
                say(&format!("detection: {} {}: {failure}", system.name, system.setting));
                failures.push(format!("{} {}: {failure}", system.name, system.setting));
            }
        }
    });
}

/// Takes a note; returns what failed.
fn take(bench: &mut Bench, result: &mut Result, system: &System, note: Note) -> Option<String> {
    let (figure, mut fields) = match note {
        Note::Failed(failure) => return Some(failure),
        Note::Said(text) => {
            say(&format!("detection: {} {}: {text}", system.name, system.setting));
            return None;
        }
        Note::Time { round, fault, moment, time } => {
            result.times.entry((fault, moment)).or_default().add(time);
            let micros = time.map(|time| time.as_secs_f64() * 1e6);
            let (fault, moment) = (fault.key(), moment.key());
            ("detection", json!({ "round": round, "fault": fault, "to": moment, "us": micros }))
        }
        Note::Disturbed { round, fault, moment } => {
            result.disturbed += 1;
            let (fault, moment) = (fault.key(), moment.key());
            ("detection_disturbed", json!({ "round": round, "fault": fault, "before": moment }))
        }
        Note::Noise(times) => {
            let micros = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e6);
            let line = json!({
                "p50_us": micros(times.percentile(50)), "p99_us": micros(times.percentile(99)),
                "max_us": micros(times.max()), "sleeps": times.len(),
            });
            result.noise.extend(times.into_times());
            ("detection_oversleep", line)
        }
        Note::Rest(rest) => {
            let line = rest.line();
            result.rest.push(rest);
            ("detection_rest", line)
        }
    };
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("system".to_owned(), json!(system.name));
        fields.insert("setting".to_owned(), json!(system.setting));
    }
    bench.record.line(figure, fields).err().map(|error| error.to_string())
}

fn tables(bench: &mut Bench, results: &BTreeMap<usize, Result>) {
    for (place, result) in results {
        let Some(system) = SYSTEMS.get(*place) else { continue };
        for ((fault, moment), samples) in &result.times {
            let names = [system.name, system.setting, system.says(*fault, *moment)];
            let cells = times(samples, system.goal(*fault, *moment));
            bench.row(&COLUMNS, names.map(str::to_owned).into_iter().chain(cells));
        }
        rest_row(bench, system, &result.rest);
        if !result.noise.is_empty() {
            let of = |percent| time(result.noise.percentile(percent));
            let cells = [of(50), of(99), time(result.noise.max()), result.disturbed.to_string()];
            let names = [system.name, system.setting].map(str::to_owned);
            bench.row(&NOISE_COLUMNS, names.into_iter().chain(cells));
        }
    }
}

/// The means of the nodes: with some peers one node does all.
fn rest_row(bench: &mut Bench, system: &System, rest: &[contest::Rest]) {
    if rest.is_empty() {
        return;
    }
    let of =
        |value: fn(&contest::Rest) -> f64| rest.iter().map(value).sum::<f64>() / number(rest.len());
    let (cpu, packets) = (of(|it| it.cpu_percent), of(|it| it.packets));
    let (bytes, payload) = (of(|it| it.bytes), of(|it| it.payload));
    let rss = of(|it| it.rss_mib);
    bench.row(
        &REST_COLUMNS,
        [
            system.name.to_owned(),
            system.setting.to_owned(),
            format!("{cpu:.2} %"),
            format!("{packets:.1}"),
            format!("{bytes:.0}"),
            format!("{payload:.0}"),
            format!("{rss:.1} MiB"),
            system.goal_at_rest(cpu, packets, payload, rss),
        ],
    );
}
