//! What others notice of a node while something is done to it: its health answers, its heartbeats, its membership.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use safekit_core::ids::NodeId;
use safekit_core::runtime::clock;
use serde_json::{Value, json};

use crate::observer::{Observer, Sight};
use crate::probe::Probe;
use crate::record::micros;
use crate::samples::Samples;
use crate::{Trouble, Try, usage};

/// The node that something is done to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its agent.
    pub pid: u32,
    /// Where it answers.
    pub health: SocketAddr,
    /// For what.
    pub path: &'a str,
    /// Time between two of its heartbeats.
    pub pulse: Duration,
}

/// What was noticed.
#[derive(Debug, Default)]
pub struct Meanwhile {
    /// Health answers: each on a connection of its own, a hundred a second, from the connection to the whole answer; a
    /// question that the one before held up counts from when it was due. Missing: no 200 within a second.
    pub health: Samples,
    /// How much later than a pulse after the one before a heartbeat came to another member; 0 where it came earlier.
    pub late: Samples,
    /// What the other member said of anybody: members that were lost or came, views.
    pub changes: Vec<String>,
    /// Processor time of the agent.
    pub cpu: Duration,
    /// For how long this was watched.
    pub elapsed: Duration,
    /// The most memory that was resident, in KiB.
    pub memory_kib: u64,
    /// The most open files.
    pub files: usize,
}

impl Meanwhile {
    /// Returns it as raw numbers.
    #[must_use]
    pub fn raw(&self) -> Value {
        json!({
            "probes": self.health.len(), "failed": self.health.missing(),
            "health_p50_us": micros(self.health.percentile(50)),
            "health_p99_us": micros(self.health.percentile(99)),
            "health_max_us": micros(self.health.max()),
            "heartbeats": self.late.len(),
            "late_p50_us": micros(self.late.percentile(50)),
            "late_p99_us": micros(self.late.percentile(99)),
            "late_max_us": micros(self.late.max()),
            "changes": self.changes, "cpu_s": self.cpu.as_secs_f64(),
            "seconds": self.elapsed.as_secs_f64(), "rss_kib": self.memory_kib, "files": self.files,
        })
    }
}

/// Does something for a while on a thread of its own, and watches the node from outside; also returns what the doing gave.
///
/// # Errors
/// What went wrong with the doing.
pub fn watch<T: Send>(
    target: Target<'_>,
    observer: &mut Observer,
    time: Duration,
    act: impl FnOnce(&AtomicBool) -> Try<T> + Send,
) -> Try<(Meanwhile, T)> {
    let stop = AtomicBool::new(false);
    let (before, begin) = (usage::cpu_time(target.pid), clock::now());
    let mut seen = Meanwhile::default();
    observer.forget();
    let done = std::thread::scope(|scope| {
        let stop = &stop;
        let actor = scope.spawn(move || act(stop));
        let prober = scope.spawn(move || probe(target, stop));
        seen.note(target, observer.until(time, |_| false));
        seen.elapsed = clock::now().saturating_duration_since(begin);
        seen.cpu = usage::cpu_time(target.pid).saturating_sub(before);
        stop.store(true, Ordering::Relaxed);
        let probed = prober.join().unwrap_or_default();
        seen.health = probed.health;
        (seen.memory_kib, seen.files) = (probed.memory_kib, probed.files);
        actor.join()
    });
    let done = done.unwrap_or_else(|_| Err(Trouble::failed("the attacker panicked")))?;
    Ok((seen, done))
}

impl Meanwhile {
    fn note(&mut self, target: Target<'_>, sightings: Vec<crate::observer::Sighting>) {
        let mut last: Option<Instant> = None;
        for sighting in sightings {
            match sighting.sight {
                Sight::Datagram { from, .. } if from == target.health.ip() => {
                    let gap = last.map(|last| sighting.at.saturating_duration_since(last));
                    self.late.extend(gap.map(|gap| gap.saturating_sub(target.pulse)));
                    last = Some(sighting.at);
                }
                Sight::Datagram { .. } => {}
                Sight::Member { member, state } => {
                    self.changes.push(format!("node{}: {state:?}", number(member)));
                }
                Sight::View(members) => {
                    let members: Vec<u8> = members.into_iter().map(number).collect();
                    self.changes.push(format!("view {members:?}"));
                }
            }
        }
    }
}

fn number(node: NodeId) -> u8 {
    node.number()
}

/// Asks a hundred times a second, and looks at memory and files every now and then.
fn probe(target: Target<'_>, stop: &AtomicBool) -> Meanwhile {
    let mut seen = Meanwhile::default();
    let mut due = clock::now();
    for asked in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let wait = due.saturating_duration_since(clock::now());
        std::thread::park_timeout(wait);
        // How late this thread is woken is nobody's answer; how long it was held up by the last answer is.
        let begin = if wait.is_zero() { due } else { clock::now() };
        seen.health.add(ask(target, begin).ok());
        if asked % 10 == 0 {
            seen.memory_kib = seen.memory_kib.max(usage::memory(target.pid).0);
            seen.files = seen.files.max(files(target.pid));
        }
        due += PACE;
    }
    seen
}

/// Asks on a connection of its own; returns how long it took since then.
fn ask(target: Target<'_>, begin: Instant) -> Try<Duration> {
    match Probe::connect(target.health, target.path)?.ask()? {
        200 => {}
        status => return Err(Trouble::failed(format!("answered {status}"))),
    }
    let time = clock::now().saturating_duration_since(begin);
    if time > ANSWER_TIME { Err(Trouble::failed("answered too late")) } else { Ok(time) }
}

/// Returns how many files a process has open.
#[must_use]
pub fn files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// How long a prober waits for its answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Time between two questions.
const PACE: Duration = Duration::from_millis(10);
