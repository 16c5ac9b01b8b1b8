//! Clusters of 2 to 128 nodes in the simulator: what each node sends, computes and keeps, and how long agreement takes.
//!
//! All nodes of a cluster run in one process, one after the other: the time of the processor is real, that of the network is not.
//! Writes `nodes-packets.svg`, `nodes-cpu.svg` and `nodes-times.svg`.

use std::process::{Command, Stdio};
use std::time::Duration;

use safekit_benches::grown::{Grown, Shape, grow};
use safekit_benches::plot::{self, Axis, Plot, Style};
use safekit_benches::samples::{Samples, number};
use safekit_benches::table::{time, typical_and_worst};
use safekit_benches::{Trouble, Try};
use serde_json::{Value, json};

use crate::{Bench, say};

/// Nodes, lans and modules of each cluster that is grown.
const SHAPES: [(usize, usize, usize); 12] = [
    (2, 1, 1),
    (2, 2, 1),
    (2, 1, 32),
    (8, 1, 1),
    (8, 2, 1),
    (8, 1, 32),
    (32, 1, 1),
    (32, 2, 1),
    (32, 1, 32),
    (128, 1, 1),
    (128, 2, 1),
    (128, 1, 32),
];

const COLUMNS: [&str; 10] = [
    "simulated nodes",
    "lans",
    "modules",
    "packets/s",
    "payload B/s",
    "CPU µs/s",
    "memory KiB",
    "start of all",
    "agent killed p50 (max)",
    "host dark p50 (max)",
];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let most = bench.size.of(8, 128, 128);
    let rest = Duration::from_secs(bench.size.of(2, 2, 10));
    let losses = bench.size.of(2, 5, 20);
    let mut all: Vec<((usize, usize), Vec<Grown>)> = Vec::new();
    for (nodes, lans, modules) in SHAPES.into_iter().filter(|(nodes, _, _)| *nodes <= most) {
        say(&format!("nodes: {nodes}, {lans} lans, {modules} modules"));
        let grown = grow_apart(Shape { nodes, lans, modules, rest, losses })?;
        let each = |times: &Samples| times.runs().map(millis).collect::<Vec<_>>();
        bench.record.line("nodes", json!({
            "nodes": nodes, "lans": lans, "modules": modules,
            "packets_per_s": grown.packets, "bytes_per_s": grown.bytes, "cpu_us_per_s": grown.cpu_micros,
            "memory_kib": grown.memory_kib, "start_ms": millis(grown.start),
            "agent_killed_ms": each(&grown.killed), "host_dark_ms": each(&grown.dark),
        }))?;
        let start = grown.start.map_or_else(|| "never".to_owned(), |start| time(Some(start)));
        bench.row(
            &COLUMNS,
            [
                nodes.to_string(),
                lans.to_string(),
                modules.to_string(),
                format!("{:.0}", grown.packets),
                format!("{:.0}", grown.bytes),
                format!("{:.0}", grown.cpu_micros),
                format!("{:.0}", grown.memory_kib),
                start,
                typical_and_worst(&grown.killed),
                typical_and_worst(&grown.dark),
            ],
        );
        match all.iter_mut().find(|(series, _)| *series == (lans, modules)) {
            Some((_, points)) => points.push(grown),
            None => all.push(((lans, modules), vec![grown])),
        }
        // The large ones take long: who ends it has the others.
        draw(bench, &all)?;
    }
    Ok(())
}

/// The hidden argument with which this program grows one cluster: a process of its own for each, so that memory counts.
pub(crate) const GROW: &str = "--grow";

/// Grows a cluster in a process of its own.
fn grow_apart(shape: Shape) -> Try<Grown> {
    let own = std::env::current_exe().map_err(Trouble::io("find this program's file"))?;
    let Shape { nodes, lans, modules, rest, losses } = shape;
    let rest = usize::try_from(rest.as_secs()).unwrap_or(usize::MAX);
    let numbers = [nodes, lans, modules, rest, losses].map(|number| number.to_string());
    let output = Command::new(own).arg(GROW).args(numbers).stderr(Stdio::inherit()).output();
    let output = output.map_err(Trouble::io("grow a cluster"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Trouble::failed(format!("a cluster of {nodes} did not grow: {error}")))?;
    let number = |name: &str| value.get(name).and_then(Value::as_f64);
    let some = |name: &str| number(name).unwrap_or_default();
    let times = |name: &str| {
        let mut times = Samples::default();
        for time in value.get(name).and_then(Value::as_array).into_iter().flatten() {
            times.add(time.as_f64().map(Duration::from_secs_f64));
        }
        times
    };
    Ok(Grown {
        nodes,
        packets: some("packets"),
        bytes: some("bytes"),
        cpu_micros: some("cpu_micros"),
        memory_kib: some("memory_kib"),
        start: number("start").map(Duration::from_secs_f64),
        killed: times("killed"),
        dark: times("dark"),
    })
}

/// What the process of one cluster does: it grows it, and prints what came of it.
pub(crate) fn grow_here(numbers: impl Iterator<Item = String>) -> Try<String> {
    let numbers: Vec<usize> = numbers.filter_map(|number| number.parse().ok()).collect();
    let [nodes, lans, modules, rest, losses] = *numbers.as_slice() else {
        return Err(Trouble::failed("--grow NODES LANS MODULES SECONDS LOSSES"));
    };
    let rest = Duration::from_secs(u64::try_from(rest).unwrap_or(1));
    let grown = grow(Shape { nodes, lans, modules, rest, losses })?;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let all = |times: &Samples| times.runs().map(seconds).collect::<Vec<_>>();
    let value = json!({
        "packets": grown.packets, "bytes": grown.bytes, "cpu_micros": grown.cpu_micros, "memory_kib": grown.memory_kib,
        "start": seconds(grown.start), "killed": all(&grown.killed), "dark": all(&grown.dark),
    });
    Ok(value.to_string())
}

fn millis(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64() * 1e3)
}

fn draw(bench: &Bench, all: &[((usize, usize), Vec<Grown>)]) -> Try<()> {
    let x = || Axis::log("nodes").range(1.8, 150.0).ticks(&[2.0, 8.0, 32.0, 128.0]);
    let name = |(lans, modules): &(usize, usize)| {
        let (lan, module) = (
            if *lans == 1 { "lan" } else { "lans" },
            if *modules == 1 { "module" } else { "modules" },
        );
        format!("{lans} {lan}, {modules} {module}")
    };
    let points = |grown: &[Grown], value: fn(&Grown) -> f64| -> Vec<(f64, f64)> {
        grown.iter().map(|grown| (number(grown.nodes), value(grown))).collect()
    };
    let note = "simulated, default settings, at rest";
    let mut packets = Plot::new("What each node sends", x(), Axis::log("payload, kB/s")).note(note);
    let mut cpu = Plot::new("What each node computes", x(), Axis::log("one core, %")).note(note);
    for (shape, grown) in all {
        packets.series(&name(shape), Style::Both, points(grown, |grown| grown.bytes / 1e3));
        cpu.series(&name(shape), Style::Both, points(grown, |grown| grown.cpu_micros / 1e4));
    }
    packets.write(&plot::place(bench.size, &bench.record, "nodes-packets"))?;
    cpu.write(&plot::place(bench.size, &bench.record, "nodes-cpu"))?;
    let y = Axis::log("until all who live agree, ms");
    let mut times = Plot::new("How long agreement takes", x(), y)
        .note("simulated, default settings; a datagram takes 0.2 to 1 ms, computing takes nothing");
    for (shape, grown) in all.iter().filter(|((lans, _), _)| *lans == 1) {
        let time = |time: Option<Duration>| millis(time).unwrap_or_default();
        let points = |value: fn(&Grown) -> Option<Duration>| -> Vec<(f64, f64)> {
            grown.iter().map(|grown| (number(grown.nodes), time(value(grown)))).collect()
        };
        let shape = name(shape);
        times.series(&format!("start of all:\n{shape}"), Style::Both, points(|grown| grown.start));
        let killed = points(|grown| grown.killed.percentile(50));
        times.series(&format!("agent killed, p50:\n{shape}"), Style::Both, killed);
        let dark = points(|grown| grown.dark.percentile(50));
        times.series(&format!("host dark, p50:\n{shape}"), Style::Both, dark);
    }
    times.write(&plot::place(bench.size, &bench.record, "nodes-times"))
}
