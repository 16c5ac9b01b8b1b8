//! What a host with very many processes does to a node: one list, the reaction to a death, and the cost at rest.

use std::time::Duration;

use safekit_benches::Try;
use safekit_benches::cost::Cost;
use safekit_benches::farm::Farm;
use safekit_benches::lists::Lists;
use safekit_benches::record::{joined, micros};
use safekit_benches::samples::Samples;
use safekit_benches::sleepers::Sleepers;
use safekit_benches::table::{percentile, time};
use serde_json::json;

use crate::{Bench, process, say};

const COLUMNS: [&str; 8] = [
    "processes on the host",
    "first list",
    "next lists p50",
    "their CPU time p50",
    "negative after death p50",
    "p99",
    "CPU of a node at rest",
    "memory of a node",
];

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let sizes: &[usize] =
        bench.size.of(&[0, 100], &[0, 1000, 10_000], &[0, 300, 1000, 3000, 10_000]);
    for &more in sizes {
        say(&format!("host: {more} more processes"));
        let sleepers = Sleepers::start(more)?;
        one(bench, farm, more)?;
        drop(sleepers);
    }
    Ok(())
}

fn one(bench: &mut Bench, farm: &mut Farm, more: usize) -> Try<()> {
    let mut lists = Lists::new()?;
    let (first, _, count) = lists.one()?;
    let (mut next, mut worked) = (Samples::default(), Samples::default());
    for run in 0..bench.size.of(3, 30, 100) {
        let (took, work, count) = lists.one()?;
        next.add(Some(took));
        worked.add(Some(work));
        let times = json!({
            "more": more, "run": run, "processes": count, "us": micros(Some(took)),
            "cpu_us": micros(Some(work)),
        });
        bench.record.line("host_list", times)?;
    }
    let mut negative = Samples::default();
    for run in 0..bench.size.of(1, 20, 100) {
        let killed = process::kill(farm, run)?;
        negative.add(Some(killed.negative));
        let times = json!({
            "more": more, "run": run, "processes": count, "negative_us": micros(Some(killed.negative)),
            "positive_us": micros(Some(killed.positive)),
        });
        bench.record.line("host_death", times)?;
    }
    // Three polls of the default.
    let rest = Duration::from_secs(bench.size.of(2, 30, 60));
    farm.agent(0)?.wait("the module is ready again", safekit_benches::farm::is_ready)?;
    std::thread::park_timeout(Duration::from_secs(1));
    let cost = Cost::begin(&farm.agents)?;
    std::thread::park_timeout(rest);
    let used = cost.end()?;
    let of = json!({ "more": more, "processes": count, "first_list_us": micros(Some(first)) });
    bench.record.line("host_rest", joined(of, used.fields()))?;
    bench.row(
        &COLUMNS,
        [
            count.to_string(),
            time(Some(first)),
            percentile(&next, 50),
            percentile(&worked, 50),
            percentile(&negative, 50),
            percentile(&negative, 99),
            format!("{:.2} %", used.cpu_percent),
            format!("{:.1} MiB", used.resident_mib),
        ],
    );
    Ok(())
}
