//! How many health answers a second one node gives, and what each costs, beside nginx and HAProxy, also while thousands
//! of connections are held idle.
//!
//! The servers take turns within each repetition, so a noisy moment hurts all alike. Server on processor 0, clients on
//! processor 1, where there are two.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use safekit_benches::farm::{Farm, HEALTH_PATH, ip};
use safekit_benches::idle::Idle;
use safekit_benches::load::{Load, Outcome, Style};
use safekit_benches::record::micros;
use safekit_benches::samples::{median, number};
use safekit_benches::servers::{self, Peer};
use safekit_benches::table::time;
use safekit_benches::{Try, usage};
use serde_json::json;

use crate::{Bench, say};

const COLUMNS: [&str; 12] = [
    "health answers",
    "idle held",
    "server",
    "runs",
    "requests/s",
    "p50",
    "p99",
    "CPU µs/request",
    "turns/request",
    "client: CPU µs/request",
    "failed",
    "goal: CPU, p99 at or below",
];

const LOADS: [(usize, Style); 6] = [
    (1, Style::Keep),
    (16, Style::Keep),
    (128, Style::Keep),
    (1, Style::Close),
    (16, Style::Close),
    (128, Style::Close),
];
/// Connections that are held meanwhile.
const IDLE: [usize; 3] = [0, 2_000, 10_000];
/// What this process and a server need beside the idle ones.
const FILES_BESIDE: usize = 400;

/// One of those that are asked.
struct Server {
    name: String,
    pid: u32,
    address: SocketAddr,
    path: &'static str,
    /// Whether the others are measured against it.
    peer: bool,
    process: Option<Peer>,
}

/// What one repetition gave.
struct Run {
    rate: f64,
    cpu_micros: f64,
    /// How many times a thread of the server was put on a processor.
    turns: f64,
    client_cpu_micros: f64,
    outcome: Outcome,
    held: usize,
}

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(1, 3, 7);
    let lasts = Duration::from_millis(bench.size.of(100, 1000, 2000));
    let folder = farm.folder().to_owned();
    let agent = farm.agent(0)?;
    let (pid, address) = (agent.state()?.agent_pid, agent.health_address());
    let (name, path) = ("safekit-agent".to_owned(), HEALTH_PATH);
    let mut servers = vec![Server { name, pid, address, path, peer: false, process: None }];
    add_peers(&mut servers, &folder)?;
    for idle in IDLE {
        if usage::files() < idle + FILES_BESIDE {
            say(&format!("{idle} idle connections: this process may open fewer, left out"));
            continue;
        }
        // With nothing else to hold it is what the agent has.
        let taking: Vec<&Server> = servers
            .iter()
            .filter(|server| idle > 0 || server.peer || server.process.is_none())
            .collect();
        say(&format!(
            "health: {idle} idle, {} loads, {runs} runs of {lasts:?}, {} servers",
            LOADS.len(),
            taking.len()
        ));
        level(bench, &taking, idle, runs, lasts)?;
    }
    // What follows on this farm has all processors.
    usage::free(pid);
    Ok(())
}

/// Starts what the agent is measured against.
fn add_peers(servers: &mut Vec<Server>, folder: &Path) -> Try<()> {
    let at = |octet| SocketAddr::new(ip(octet), 9001);
    let mut add = |process: Peer, path, peer| {
        let (name, pid, address) = (process.name.clone(), process.pid(), process.address);
        servers.push(Server { name, pid, address, path, peer, process: Some(process) });
    };
    add(Peer::front(at(202))?, HEALTH_PATH, false);
    match Peer::nginx(folder, at(200))? {
        Some(nginx) => add(nginx, servers::PATH, true),
        None => say("nginx not installed: left out"),
    }
    match Peer::haproxy(folder, at(203))? {
        Some(haproxy) => add(haproxy, servers::PATH, true),
        None => say("haproxy not installed: left out"),
    }
    std::thread::park_timeout(Duration::from_millis(500));
    Ok(())
}

/// Measures all loads with so many idle connections.
fn level(
    bench: &mut Bench,
    servers: &[&Server],
    idle: usize,
    runs: usize,
    lasts: Duration,
) -> Try<()> {
    let mut results: Vec<Vec<Vec<Run>>> =
        servers.iter().map(|_| LOADS.iter().map(|_| Vec::new()).collect()).collect();
    for _ in 0..runs {
        for (server, results) in servers.iter().zip(&mut results) {
            let mut held = Idle::open(server.address, server.path, idle);
            for ((connections, style), results) in LOADS.into_iter().zip(results) {
                results.push(server.run(bench, connections, style, lasts, (idle, &mut held))?);
            }
        }
    }
    for (place, (connections, style)) in LOADS.into_iter().enumerate() {
        let style = if style == Style::Keep { "keep-alive" } else { "close" };
        let load = format!("{connections} {style}");
        let of = |server: usize| results.get(server).and_then(|loads| loads.get(place));
        let peers: Vec<&Vec<Run>> = servers
            .iter()
            .enumerate()
            .filter_map(|(number, server)| server.peer.then(|| of(number))?)
            .collect();
        for (number, server) in servers.iter().enumerate() {
            let Some(runs) = of(number) else { continue };
            let goal = if server.peer { "-".to_owned() } else { goal(runs, &peers) };
            bench.row(&COLUMNS, row(&load, &server.name, runs, goal));
        }
    }
    Ok(())
}

impl Server {
    fn run(
        &self,
        bench: &mut Bench,
        connections: usize,
        style: Style,
        lasts: Duration,
        (idle, held): (usize, &mut Idle),
    ) -> Try<Run> {
        usage::pin(Some(self.pid), 0);
        let Self { name, pid, address, path, .. } = self;
        let load = Load { address: *address, path, connections, style, time: lasts };
        let before = usage::spent(*pid);
        let outcome = pinned(load)?;
        let spent = usage::spent(*pid).since(before);
        let held = held.held();
        let requests = number(outcome.times.len()).max(1.0);
        let cpu_micros = spent.cpu.as_secs_f64() * 1e6 / requests;
        let turns = number(usize::try_from(spent.turns).unwrap_or(usize::MAX)) / requests;
        let client_cpu_micros = outcome.spent.cpu.as_secs_f64() * 1e6 / requests;
        let rate = requests / outcome.elapsed.as_secs_f64();
        let fields = json!({
            "server": name, "connections": connections, "close": style == Style::Close,
            "idle": idle, "idle_held": held,
            "requests": outcome.times.len(), "failed": outcome.failed,
            "seconds": outcome.elapsed.as_secs_f64(), "cpu_us_per_request": cpu_micros,
            "turns_per_request": turns, "client_cpu_us_per_request": client_cpu_micros,
            "p50_us": micros(outcome.times.percentile(50)),
            "p99_us": micros(outcome.times.percentile(99)),
            "max_us": micros(outcome.times.max()),
        });
        bench.record.line("health", fields)?;
        Ok(Run { rate, cpu_micros, turns, client_cpu_micros, outcome, held })
    }
}

/// Runs the load on a thread of its own, which alone is kept on a processor.
fn pinned(load: Load<'_>) -> Try<Outcome> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            usage::pin(None, 1);
            load.run()
        });
        thread.join().unwrap_or_else(|_| Ok(Outcome::default()))
    })
}

/// Compares with each peer, by the median of the ratios of runs that stood side by side, and says what came of the
/// peer that is harder to reach.
fn goal(runs: &[Run], peers: &[&Vec<Run>]) -> String {
    let ratio = |value: fn(&Run) -> f64| {
        let to = |peer: &&Vec<Run>| {
            let pairs = runs.iter().zip(peer.iter());
            median(pairs.map(|(run, other)| value(run) / value(other)).collect())
        };
        peers.iter().map(to).fold(0.0, f64::max)
    };
    if peers.is_empty() {
        return "-".to_owned();
    }
    // Who has answered nothing, or failed somebody, has spent little and late.
    let answered = |run: &Run| run.outcome.failed == 0 && !run.outcome.times.is_empty();
    if !runs.iter().chain(peers.iter().copied().flatten()).all(answered) {
        return "not comparable: requests have failed".to_owned();
    }
    let verdict = |ratio: f64| if ratio <= 1.0 { "met" } else { "missed" };
    let (cpu, p99) = (ratio(|run| run.cpu_micros), ratio(|run| run.seconds(99)));
    format!("{} {cpu:.2}, {} {p99:.2}", verdict(cpu), verdict(p99))
}

impl Run {
    fn seconds(&self, percent: usize) -> f64 {
        self.outcome.times.percentile(percent).unwrap_or_default().as_secs_f64()
    }
}

fn row(load: &str, server: &str, runs: &[Run], goal: String) -> [String; 12] {
    let middle = |value: &dyn Fn(&Run) -> f64| median(runs.iter().map(value).collect());
    let percentile =
        |percent| time(Some(Duration::from_secs_f64(middle(&|run| run.seconds(percent)))));
    let failed: usize = runs.iter().map(|run| run.outcome.failed).sum();
    let held = runs.iter().map(|run| run.held).min().unwrap_or_default();
    [
        load.to_owned(),
        held.to_string(),
        server.to_owned(),
        runs.len().to_string(),
        format!("{:.0}", middle(&|run| run.rate)),
        percentile(50),
        percentile(99),
        format!("{:.2}", middle(&|run| run.cpu_micros)),
        format!("{:.2}", middle(&|run| run.turns)),
        format!("{:.2}", middle(&|run| run.client_cpu_micros)),
        failed.to_string(),
        goal,
    ]
}
