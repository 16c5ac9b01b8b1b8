//! Real agents with default settings under strain, in parts: nobody is lost who lives.
//!
//! Three agents with a module. What they say of each other is read from their logs: each "Lost contact", each view and
//! each new joining within a part is an alarm, because nobody dies. Their health is asked all the time. The parts of
//! all runs are summed up, so that an hour may be made of many runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use safekit_benches::farm::{Farm, HEALTH_PATH, is_ready};
use safekit_benches::probe::Probe;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_benches::strain::{Cramped, Filter, Frozen, Sleeper, Spinners};
use safekit_benches::table::percentile;
use safekit_benches::{Trouble, Try};
use safekit_core::runtime::clock;
use serde_json::{Value, json};

use crate::{Bench, say};

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Calm,
    BusyAll,
    BusyOne,
    Loss,
    Bursts,
    Freezes(u64),
    Clock,
}

const PARTS: [Part; 8] = [
    Part::Calm,
    Part::BusyAll,
    Part::BusyOne,
    Part::Loss,
    Part::Bursts,
    Part::Freezes(200),
    Part::Freezes(500),
    Part::Clock,
];

impl Part {
    fn name(self) -> String {
        match self {
            Self::Calm => "nothing".to_owned(),
            Self::BusyAll => "8 times the CPU load, on all nodes".to_owned(),
            Self::BusyOne => "8 times the CPU load, on one node".to_owned(),
            Self::Loss => "1 % random loss".to_owned(),
            Self::Bursts => "bursts of 300 ms".to_owned(),
            Self::Freezes(millis) => format!("freezes of {millis} ms"),
            Self::Clock => "wall clock that jumps, on one node".to_owned(),
        }
    }
}

const COLUMNS: [&str; 11] = [
    "real agents, default settings, 3 nodes",
    "time",
    "faults",
    "false 'lost'",
    "joined again",
    "view changes",
    "health asked",
    "negative",
    "broken",
    "a sleeper woke late: p50, p99, max",
    "goal",
];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let lasts = bench.part.unwrap_or_else(|| Duration::from_secs(bench.size.of(4, 60, 515)));
    let mut farm = Farm::start(&bench.agent, 3, 3)?;
    farm.start_module()?;
    for part in PARTS {
        let name = part.name();
        say(&format!("alarms: {name}, {lasts:?}"));
        match run(&mut farm, part, lasts)? {
            Ok(seen) => {
                bench.record.line("alarms", seen.raw(&name))?;
                bench.row(&COLUMNS, seen.row(name));
            }
            Err(why) => say(&format!("alarms: {name}: {why}: left out")),
        }
    }
    for line in sum(bench.record.path()) {
        say(&line);
    }
    Ok(())
}

/// What was seen in one part.
#[derive(Default)]
struct Seen {
    lasted: Duration,
    faults: u32,
    how: String,
    lost: usize,
    rejoined: usize,
    changes: usize,
    health: Health,
    late: Samples,
    alarms: Vec<String>,
}

impl Seen {
    fn raw(&self, name: &str) -> Value {
        json!({
            "part": name, "seconds": self.lasted.as_secs_f64(), "faults": self.faults, "how": self.how,
            "lost": self.lost, "rejoined": self.rejoined, "changes": self.changes,
            "health_asked": self.health.asked, "health_negative": self.health.negative,
            "health_broken": self.health.broken, "health_max_us": micros(self.health.times.max()),
            "late_p50_us": micros(self.late.percentile(50)), "late_p99_us": micros(self.late.percentile(99)),
            "late_max_us": micros(self.late.max()), "lines": self.alarms,
        })
    }

    fn row(&self, name: String) -> [String; 11] {
        let late = [50, 99, 100].map(|percent| percentile(&self.late, percent));
        let quiet = self.lost + self.rejoined + self.changes == 0;
        [
            name,
            format!("{:.0} s", self.lasted.as_secs_f64()),
            self.faults.to_string(),
            self.lost.to_string(),
            self.rejoined.to_string(),
            self.changes.to_string(),
            self.health.asked.to_string(),
            self.health.negative.to_string(),
            self.health.broken.to_string(),
            late.join(", "),
            if quiet { "0: met" } else { "0: missed" }.to_owned(),
        ]
    }
}

/// Runs a part; why not, where something for it is missing.
fn run(farm: &mut Farm, part: Part, lasts: Duration) -> Try<Result<Seen, String>> {
    let Some(mut strain) = Strain::prepare(farm, part)? else {
        return Ok(Err(missing(part).to_owned()));
    };
    for agent in &farm.agents {
        let whole = |state: &safekit_core::control::StateReport| {
            is_ready(state) && state.view.as_ref().is_some_and(|view| view.members.len() == 3)
        };
        agent.wait("all are in one view", whole)?;
    }
    std::thread::park_timeout(Duration::from_secs(2));
    let before: Vec<usize> = farm.agents.iter().map(|agent| agent.log().len()).collect();
    let probers: Vec<Prober> = farm
        .agents
        .iter()
        .map(|agent| Prober::start(agent.health_address()))
        .collect::<Try<_>>()?;
    let sleeper = Sleeper::start()?;
    let begin = clock::now();
    let mut seen = Seen { how: strain.begin(farm)?, ..Seen::default() };
    while clock::now() < begin + lasts {
        seen.faults += strain.act(farm, begin + lasts)?;
    }
    seen.lasted = clock::now().saturating_duration_since(begin);
    seen.late = sleeper.stop();
    for prober in probers {
        seen.health.add(prober.stop());
    }
    strain.end()?;
    // What is on its way to being noticed belongs to this part.
    std::thread::park_timeout(Duration::from_secs(3));
    for (agent, before) in farm.agents.iter().zip(before) {
        let log = agent.log();
        let Some(log) = log.get(before..) else {
            return Err(Trouble::failed("a log was begun anew: its alarms are not known"));
        };
        for line in log.lines() {
            let says = |words: &str| usize::from(line.contains(words));
            let count = [says("Lost contact from"), says("has to join:"), says("farm membership:")];
            let [lost, rejoined, changes] = count;
            seen.lost += lost;
            seen.rejoined += rejoined;
            seen.changes += changes;
            if lost + rejoined + changes > 0 {
                seen.alarms.push(line.to_owned());
            }
        }
    }
    strain.leave(farm)?;
    Ok(Ok(seen))
}

fn missing(part: Part) -> &'static str {
    match part {
        Part::Clock => "libfaketime is not installed",
        Part::Loss | Part::Bursts => "no network namespace of its own, or no nft",
        Part::Calm | Part::BusyAll | Part::BusyOne | Part::Freezes(_) => "impossible here",
    }
}

/// What a part does, and holds while it lasts.
struct Strain {
    part: Part,
    spinners: Option<Spinners>,
    cramped: Option<Cramped>,
    filter: Option<Filter>,
    clock: Option<PathBuf>,
    pids: Vec<Vec<u32>>,
    /// What the node whose clock jumps has taken for the year.
    years: BTreeSet<String>,
    turn: usize,
}

impl Strain {
    /// `None` where something is missing.
    fn prepare(farm: &mut Farm, part: Part) -> Try<Option<Self>> {
        let mut strain = Self {
            part,
            spinners: None,
            cramped: None,
            filter: None,
            clock: None,
            pids: Vec::new(),
            years: BTreeSet::new(),
            turn: 0,
        };
        if matches!(part, Part::Loss | Part::Bursts) {
            strain.filter = Filter::new();
            if strain.filter.is_none() {
                return Ok(None);
            }
        }
        if part == Part::Clock {
            let Some(library) = faketime() else { return Ok(None) };
            let file = farm.folder().join("wall-clock");
            fs::write(&file, "+0").map_err(Trouble::io("write the wall clock"))?;
            let text = |path: &Path| path.to_string_lossy().into_owned();
            let variables = [
                ("LD_PRELOAD", text(&library)),
                ("FAKETIME_TIMESTAMP_FILE", text(&file)),
                ("FAKETIME_NO_CACHE", "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
                ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value));
            again(farm, variables.to_vec())?;
            strain.clock = Some(file);
        }
        for agent in &farm.agents {
            strain.pids.push(agent.pids()?);
        }
        Ok(Some(strain))
    }

    /// Begins what lasts; says how.
    fn begin(&mut self, farm: &Farm) -> Try<String> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        match self.part {
            Part::BusyAll => {
                self.spinners = Some(Spinners::start(cpus * 8)?);
                return Ok(format!("{} endless loops on {cpus} processors", cpus * 8));
            }
            Part::BusyOne => {
                let inmates = farm.agents.first().map(|agent| agent.pids()).transpose()?;
                let cramped = Cramped::start(inmates.unwrap_or_default())?;
                let how = cramped.how().to_owned();
                self.cramped = Some(cramped);
                return Ok(how);
            }
            Part::Loss => {
                if let Some(filter) = &self.filter {
                    filter.lose_percent(1)?;
                }
            }
            Part::Calm | Part::Bursts | Part::Freezes(_) | Part::Clock => {}
        }
        Ok(String::new())
    }

    /// Does what comes and goes, once; returns whether it was a fault.
    fn act(&mut self, farm: &Farm, end: Instant) -> Try<u32> {
        // Nobody's rhythm.
        let gap = Duration::from_millis(
            [1_700, 2_300, 1_950, 2_810].get(self.turn % 4).copied().unwrap_or(2_000),
        );
        std::thread::park_timeout(gap.min(end.saturating_duration_since(clock::now())));
        self.turn += 1;
        let place = self.turn % farm.agents.len().max(1);
        match self.part {
            Part::Calm | Part::BusyAll | Part::BusyOne | Part::Loss => return Ok(0),
            Part::Bursts => {
                let node = farm
                    .agents
                    .get(place)
                    .map(|agent| agent.address())
                    .filter(|_| self.turn.is_multiple_of(2));
                if let Some(filter) = &self.filter {
                    filter.lose_all(node)?;
                    std::thread::park_timeout(Duration::from_millis(300));
                    filter.clear()?;
                }
            }
            Part::Freezes(millis) => {
                let frozen = Frozen::stop(self.pids.get(place).cloned().unwrap_or_default())?;
                std::thread::park_timeout(Duration::from_millis(millis));
                drop(frozen);
            }
            Part::Clock => {
                let jumps = ["+400d", "-400d", "+1h", "-1h", "+5", "-5", "+0"];
                let jump = jumps.get(self.turn % jumps.len()).copied().unwrap_or("+0");
                if let Some(file) = &self.clock {
                    fs::write(file, jump).map_err(Trouble::io("write the wall clock"))?;
                }
                let state = farm.agents.get(2).map(|agent| agent.state()).transpose()?;
                self.years.extend(state.and_then(|state| Some(state.time.get(..4)?.to_owned())));
            }
        }
        Ok(1)
    }

    fn end(&mut self) -> Try<()> {
        (self.spinners, self.cramped, self.filter) = (None, None, None);
        if self.part == Part::Clock {
            let years: Vec<&str> = self.years.iter().map(String::as_str).collect();
            say(&format!(
                "alarms: the years that the node with the jumping clock has told: {}",
                years.join(" ")
            ));
            if years.len() < 2 {
                return Err(Trouble::failed("its clock does not jump"));
            }
        }
        Ok(())
    }

    fn leave(self, farm: &mut Farm) -> Try<()> {
        if self.part == Part::Clock { again(farm, Vec::new()) } else { Ok(()) }
    }
}

/// Starts the third node's guardian and agent anew, with these variables.
fn again(farm: &mut Farm, variables: Vec<(String, String)>) -> Try<()> {
    let agent = farm.agent(2)?;
    let pid = agent.state()?.agent_pid;
    agent.kill_host(pid)?;
    agent.set_environment(variables);
    agent.start()?;
    agent.wait("the module is ready again", is_ready).map(drop)
}

fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|file| file.exists())
}

/// What a prober has seen.
#[derive(Default)]
struct Health {
    asked: usize,
    negative: usize,
    broken: usize,
    times: Samples,
}

impl Health {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.negative += other.negative;
        self.broken += other.broken;
        self.times.append(other.times);
    }
}

/// Asks one node for its health, twenty times a second.
struct Prober {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Health>,
}

impl Prober {
    fn start(address: std::net::SocketAddr) -> Try<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let body = move || {
            let mut health = Health::default();
            let mut probe = None;
            while !ended.load(Ordering::Acquire) {
                if probe.is_none() {
                    probe = Probe::connect(address, HEALTH_PATH).ok();
                }
                let begin = clock::now();
                health.asked += 1;
                match probe.as_mut().map(Probe::ask) {
                    Some(Ok(status)) => {
                        health.negative += usize::from(status != 200);
                        health.times.add(Some(clock::now().saturating_duration_since(begin)));
                    }
                    Some(Err(_)) | None => {
                        health.broken += 1;
                        probe = None;
                    }
                }
                std::thread::park_timeout(Duration::from_millis(50));
            }
            health
        };
        let thread = std::thread::Builder::new().name("prober".to_owned()).spawn(body);
        Ok(Self { end, thread: thread.map_err(Trouble::io("start a thread"))? })
    }

    fn stop(self) -> Health {
        self.end.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

/// Sums up the parts of all runs whose raw numbers lie beside this one's, by part.
fn sum(record: &Path) -> Vec<String> {
    let mut sums = BTreeMap::<String, (f64, u64, u64)>::new();
    let files = record
        .parent()
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten();
    for file in files {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let field = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
            let Some(part) = line.get("part").and_then(Value::as_str) else { continue };
            if line.get("figure").and_then(Value::as_str) != Some("alarms") {
                continue;
            }
            let sum = sums.entry(part.to_owned()).or_default();
            sum.0 += line.get("seconds").and_then(Value::as_f64).unwrap_or_default();
            sum.1 += field("lost") + field("rejoined") + field("changes");
            sum.2 += field("health_negative") + field("health_broken");
        }
    }
    let mut lines: Vec<String> = sums
        .iter()
        .map(|(part, (seconds, alarms, health))| {
            format!("alarms of all runs: {part}: {seconds:.0} s, {alarms} alarms, {health} health answers lost")
        })
        .collect();
    let seconds: f64 = sums.values().map(|(seconds, ..)| seconds).sum();
    let alarms: u64 = sums.values().map(|(_, alarms, _)| alarms).sum();
    lines.push(format!("alarms of all runs: {:.2} hours, {alarms} alarms", seconds / 3600.0));
    lines
}
