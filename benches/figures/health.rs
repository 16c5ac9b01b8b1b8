//! How many health answers a second one node gives, and what each costs, beside nginx.
//!
//! The servers take turns within each repetition, so a noisy moment hurts all alike. Server on processor 0, clients on
//! processor 1, where there are two.

use std::net::SocketAddr;
use std::time::Duration;

use safekit_benches::farm::{Farm, HEALTH_PATH, ip};
use safekit_benches::load::{Load, Outcome, Style};
use safekit_benches::nginx::{self, Nginx};
use safekit_benches::record::micros;
use safekit_benches::samples::{median, number};
use safekit_benches::table::time;
use safekit_benches::{Try, usage};
use serde_json::json;

use crate::{Bench, say};

const COLUMNS: [&str; 8] =
    ["health answers", "server", "runs", "requests/s", "p50", "p99", "CPU µs/request", "failed"];

const LOADS: [(usize, Style); 6] = [
    (1, Style::Keep),
    (16, Style::Keep),
    (128, Style::Keep),
    (1, Style::Close),
    (16, Style::Close),
    (128, Style::Close),
];

/// One of those that are asked.
struct Server {
    name: String,
    pid: u32,
    address: SocketAddr,
    path: &'static str,
}

/// What one repetition gave.
struct Run {
    rate: f64,
    cpu_micros: f64,
    outcome: Outcome,
}

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(1, 3, 7);
    let lasts = Duration::from_millis(bench.size.of(200, 2000, 3000));
    let folder = farm.folder().to_owned();
    let agent = farm.agent(0)?;
    let pid = agent.state()?.agent_pid;
    let name = "safekit-agent".to_owned();
    let mut servers =
        vec![Server { name, pid, address: agent.health_address(), path: HEALTH_PATH }];
    let peer = match Nginx::version() {
        Some(version) => {
            let peer = Nginx::start(&folder, SocketAddr::new(ip(200), 9001))?;
            let (name, path) = (version.replace("nginx version: ", ""), nginx::PATH);
            servers.push(Server { name, pid: peer.pid(), address: peer.address, path });
            std::thread::park_timeout(Duration::from_millis(500));
            Some(peer)
        }
        None => {
            say("nginx not installed: no ratio");
            None
        }
    };
    say(&format!(
        "health: {} loads, {runs} runs of {lasts:?}, {} servers",
        LOADS.len(),
        servers.len()
    ));
    for (connections, style) in LOADS {
        let mut results: Vec<Vec<Run>> = servers.iter().map(|_| Vec::new()).collect();
        for _ in 0..runs {
            for (server, results) in servers.iter().zip(&mut results) {
                results.push(server.run(bench, connections, style, lasts)?);
            }
        }
        let load =
            format!("{connections} {}", if style == Style::Keep { "keep-alive" } else { "close" });
        for (server, results) in servers.iter().zip(&results) {
            bench.row(&COLUMNS, row(&load, &server.name, results));
        }
    }
    drop(peer);
    Ok(())
}

impl Server {
    fn run(
        &self,
        bench: &mut Bench,
        connections: usize,
        style: Style,
        lasts: Duration,
    ) -> Try<Run> {
        usage::pin(Some(self.pid), 0);
        let Self { name, pid, address, path } = self;
        let load = Load { address: *address, path, connections, style, time: lasts };
        let before = usage::cpu_time(*pid);
        let outcome = pinned(load)?;
        let cpu = usage::cpu_time(*pid).saturating_sub(before);
        let requests = number(outcome.times.len()).max(1.0);
        let cpu_micros = cpu.as_secs_f64() * 1e6 / requests;
        let rate = requests / outcome.elapsed.as_secs_f64();
        let fields = json!({
            "server": name, "connections": connections, "close": style == Style::Close,
            "requests": outcome.times.len(), "failed": outcome.failed,
            "seconds": outcome.elapsed.as_secs_f64(), "cpu_us_per_request": cpu_micros,
            "p50_us": micros(outcome.times.percentile(50)),
            "p99_us": micros(outcome.times.percentile(99)),
            "max_us": micros(outcome.times.max()),
        });
        bench.record.line("health", fields)?;
        Ok(Run { rate, cpu_micros, outcome })
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

fn row(load: &str, server: &str, runs: &[Run]) -> [String; 8] {
    let middle = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect());
    let seconds = |run: &Run, percent| {
        run.outcome.times.percentile(percent).unwrap_or_default().as_secs_f64()
    };
    let percentile = |percent| {
        let middle = median(runs.iter().map(|run| seconds(run, percent)).collect());
        time(Some(Duration::from_secs_f64(middle)))
    };
    let failed: usize = runs.iter().map(|run| run.outcome.failed).sum();
    [
        load.to_owned(),
        server.to_owned(),
        runs.len().to_string(),
        format!("{:.0}", middle(|run| run.rate)),
        percentile(50),
        percentile(99),
        format!("{:.2}", middle(|run| run.cpu_micros)),
        failed.to_string(),
    ]
}
