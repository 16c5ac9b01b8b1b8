//! What grows with the number of modules of a node, and with the number of nodes: packets, bytes, processor time, memory,
//! start, health answers, and how fast a death is noticed and agreed upon.
//!
//! The last node of each cluster is the observer.

use std::time::Duration;

use safekit_benches::cost::{Cost, Used};
use safekit_benches::farm::{Farm, HEALTH_PATH, is_ready};
use safekit_benches::observer::{Observer, Sight};
use safekit_benches::probe::Probe;
use safekit_benches::record::{joined, micros};
use safekit_benches::samples::{Samples, number};
use safekit_benches::table::{percentile, typical_and_worst};
use safekit_benches::{Trouble, Try};
use safekit_core::ids::NodeId;
use safekit_core::runtime::clock;
use serde_json::json;

use crate::loss::Death;
use crate::{Bench, process, say};

const PATIENCE: Duration = Duration::from_secs(60);

const OF_MODULES: [&str; 9] = [
    "modules per node",
    "packets sent/s",
    "bytes sent/s",
    "CPU",
    "memory",
    "start to all ready",
    "health answer p50",
    "p99",
    "negative after death p50 (max)",
];

const OF_AGENTS: [&str; 8] = [
    "nodes",
    "packets sent/s",
    "bytes sent/s",
    "CPU of a node",
    "memory of a node",
    "agent killed, to its letter p50",
    "to the view without it p50 (max)",
    "heard again, to the view with it p50 (max)",
];

/// Two nodes with more and more modules.
pub(crate) fn modules(bench: &mut Bench) -> Try<()> {
    for &count in bench.size.of(&[1, 3][..], &[1, 8, 32], &[1, 8, 32]) {
        say(&format!("modules: {count}"));
        let mut farm = Farm::start(&bench.agent, 2, 3)?;
        farm.start_modules(count)?;
        let mut observer = Observer::join(&farm.agent(0)?.cluster_folder(), 3)?;
        observer.wait_members(3, PATIENCE)?;
        // By then all of them poll at the same moments.
        std::thread::park_timeout(Duration::from_secs(bench.size.of(0, 25, 25)));
        let sent = rest(bench, &farm, &mut observer)?;
        let answers = health(bench, &mut farm)?;
        let mut negative = Samples::default();
        for run in 0..bench.size.of(1, 20, 100) {
            let killed = process::kill(&mut farm, run)?;
            negative.add(Some(killed.negative));
            let times = json!({
                "modules": count, "run": run, "negative_us": micros(Some(killed.negative)),
                "positive_us": micros(Some(killed.positive)),
            });
            bench.record.line("modules_death", times)?;
        }
        let mut start = Samples::default();
        for run in 0..bench.size.of(1, 5, 10) {
            let took = restart(&mut farm)?;
            start.add(Some(took));
            let times = json!({ "modules": count, "run": run, "start_us": micros(Some(took)) });
            bench.record.line("modules_start", times)?;
        }
        let [p50, p99] = [50, 99].map(|percent| micros(answers.percentile(percent)));
        let of = json!({ "modules": count, "answer_p50_us": p50, "answer_p99_us": p99 });
        bench.record.line("modules", joined(of, sent.fields()))?;
        bench.row(
            &OF_MODULES,
            [
                count.to_string(),
                format!("{:.1}", sent.packets),
                format!("{:.0}", sent.bytes),
                format!("{:.2} %", sent.used.cpu_percent),
                format!("{:.1} MiB", sent.used.resident_mib),
                percentile(&start, 50),
                percentile(&answers, 50),
                percentile(&answers, 99),
                typical_and_worst(&negative),
            ],
        );
    }
    Ok(())
}

/// More and more nodes with one module.
pub(crate) fn agents(bench: &mut Bench) -> Try<()> {
    for &count in bench.size.of(&[2, 3][..], &[2, 4, 8, 16, 32], &[2, 4, 8, 16, 32, 64]) {
        say(&format!("agents: {count} nodes"));
        let mut farm = Farm::start(&bench.agent, count - 1, count)?;
        farm.start_module()?;
        let mut observer = Observer::join(&farm.agent(0)?.cluster_folder(), count)?;
        observer.wait_members(count.into(), PATIENCE)?;
        let sent = rest(bench, &farm, &mut observer)?;
        bench.record.line("agents", joined(json!({ "nodes": count }), sent.fields()))?;
        let deaths = deaths(bench, &mut farm, &mut observer, count)?;
        bench.row(
            &OF_AGENTS,
            [
                count.to_string(),
                format!("{:.1}", sent.packets),
                format!("{:.0}", sent.bytes),
                format!("{:.2} %", sent.used.cpu_percent),
                format!("{:.1} MiB", sent.used.resident_mib),
                percentile(&deaths.letter, 50),
                typical_and_worst(&deaths.view),
                typical_and_worst(&deaths.again),
            ],
        );
    }
    Ok(())
}

/// What one node sends and uses while nothing happens.
struct Sent {
    packets: f64,
    bytes: f64,
    used: Used,
}

impl Sent {
    fn fields(&self) -> serde_json::Value {
        let sent = json!({ "packets_per_s": self.packets, "bytes_per_s": self.bytes });
        joined(sent, self.used.fields())
    }
}

fn rest(bench: &Bench, farm: &Farm, observer: &mut Observer) -> Try<Sent> {
    let lasts = Duration::from_secs(bench.size.of(2, 20, 60));
    std::thread::park_timeout(Duration::from_secs(2));
    let cost = Cost::begin(&farm.agents)?;
    observer.forget();
    let begin = clock::now();
    let seen = observer.until(lasts, |_| false);
    let elapsed = clock::now().saturating_duration_since(begin).as_secs_f64();
    let used = cost.end()?;
    let sizes = seen.iter().filter_map(|sighting| match sighting.sight {
        Sight::Datagram { size_bytes, .. } => Some(size_bytes),
        Sight::Member { .. } | Sight::View(_) => None,
    });
    // Each of the others sends the observer as much as any other one: together what one of them sends to all.
    let (packets, bytes) = sizes.fold((0, 0), |(packets, bytes), size| (packets + 1, bytes + size));
    Ok(Sent { packets: number(packets) / elapsed, bytes: number(bytes) / elapsed, used })
}

fn health(bench: &Bench, farm: &mut Farm) -> Try<Samples> {
    let mut answers = Samples::default();
    let agent = farm.agent(0)?;
    agent.wait("the modules are ready", is_ready)?;
    let mut probe = Probe::connect(agent.health_address(), HEALTH_PATH)?;
    for _ in 0..bench.size.of(50, 2000, 10_000) {
        let begin = clock::now();
        let status = probe.ask()?;
        answers.add(Some(clock::now().saturating_duration_since(begin)));
        if status != 200 {
            return Err(Trouble::failed("a module that is ready was not"));
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    Ok(answers)
}

/// Kills guardian and agent of the first node and starts them again; returns how long it takes from the start of the program
/// until all modules, whose applications run, are ready.
fn restart(farm: &mut Farm) -> Try<Duration> {
    let agent = farm.agent(0)?;
    let pid = agent.wait("the modules are ready", is_ready)?.agent_pid;
    agent.kill_host(pid)?;
    let begin = clock::now();
    agent.start()?;
    agent.wait("the modules are ready again", is_ready)?;
    Ok(clock::now().saturating_duration_since(begin))
}

#[derive(Default)]
struct Deaths {
    letter: Samples,
    view: Samples,
    again: Samples,
}

fn deaths(bench: &mut Bench, farm: &mut Farm, observer: &mut Observer, count: u8) -> Try<Deaths> {
    let victim = NodeId::new(1).ok_or_else(|| Trouble::failed("no such node"))?;
    let mut deaths = Deaths::default();
    for run in 0..bench.size.of(1, 10, 50) {
        observer.wait_members(count.into(), PATIENCE)?;
        std::thread::park_timeout(Duration::from_millis(300 + run * 37 % 100));
        observer.wait_members(count.into(), PATIENCE)?;
        let pid = farm.agent(0)?.state()?.agent_pid;
        let death = Death::of(observer, pid, victim, PATIENCE);
        let of = json!({ "nodes": count, "run": run });
        bench.record.line("agents_death", joined(of, death.fields()))?;
        // A guardian whose agents die one after the other waits longer and longer.
        let agent = farm.agent(0)?;
        let pid = agent.state()?.agent_pid;
        agent.kill_host(pid)?;
        agent.start()?;
        deaths.letter.add(death.letter);
        deaths.view.add(death.view);
        deaths.again.add(death.again);
    }
    Ok(deaths)
}
