//! What `pulse` and `slost_count` give and cost: computed, and counted in the simulator where there is enough to count.
//!
//! Writes `false-alarms.svg` and `detection.svg`.

use std::time::Duration;

use safekit_benches::Try;
use safekit_benches::curve::{Curve, YEAR_SECONDS};
use safekit_benches::plot::{self, Axis, Plot, Style};
use safekit_benches::samples::number;
use safekit_benches::simulated::{Cluster, Strain, strained};
use serde_json::json;

use crate::{Bench, say};

const COLUMNS: [&str; 9] = [
    "pulse",
    "slost_count",
    "lans",
    "loss",
    "dark host noticed after",
    "false 'lost' a year, each pair",
    "false view changes a year, 2 nodes",
    "3 nodes",
    "8 nodes",
];

/// Settings worth a row: pulse in milliseconds, misses, lans, loss.
const ROWS: [(u64, u32, u32, f64); 14] = [
    (100, 10, 1, 0.001),
    (100, 10, 1, 0.01),
    (100, 10, 1, 0.05),
    (100, 10, 1, 0.1),
    (100, 10, 2, 0.1),
    (200, 10, 1, 0.01),
    (100, 20, 1, 0.1),
    (50, 10, 1, 0.01),
    (30, 10, 1, 0.01),
    (20, 10, 1, 0.01),
    (100, 5, 1, 0.01),
    (100, 3, 1, 0.01),
    (100, 3, 2, 0.01),
    (10, 5, 1, 0.01),
];

/// So many missed ones are drawn, each with the losses at which the simulator counts enough.
const DRAWN: [(u32, &[f64]); 4] =
    [(3, &[0.02, 0.05, 0.1, 0.2]), (5, &[0.1, 0.2, 0.3]), (10, &[0.4, 0.5]), (20, &[])];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    for (millis, slost_count, lans, loss) in ROWS {
        let pulse = Duration::from_millis(millis);
        let curve = Curve { pulse, slost_count, lans, loss, ..Curve::new() };
        bench.row(&COLUMNS, row(&curve));
    }
    alarms_by_loss(bench)?;
    alarms_by_detection(bench)
}

fn row(curve: &Curve) -> [String; 9] {
    let (least, most) = curve.detection();
    let of = |nodes| rate(Curve { nodes, ..*curve }.changes_per_year());
    [
        format!("{} ms", curve.pulse.as_millis()),
        curve.slost_count.to_string(),
        curve.lans.to_string(),
        format!("{} %", curve.loss * 100.0),
        format!("{:.2} to {:.2} s", least.as_secs_f64(), most.as_secs_f64()),
        rate(2.0 * curve.lost_per_year()),
        of(2),
        of(3),
        of(8),
    ]
}

/// A rate for people.
fn rate(per_year: f64) -> String {
    if per_year >= 100.0 {
        return format!("{per_year:.0}");
    }
    if per_year >= 0.01 {
        return format!("{per_year:.2}");
    }
    format!("{per_year:.0e}")
}

fn alarms_by_loss(bench: &mut Bench) -> Try<()> {
    let x = Axis::log("share of datagrams lost, each by itself").ticks(&LOSSES);
    let y = Axis::log("false 'lost' a year, in each direction of a pair").range(1e-9, 1e9);
    let mut plot = Plot::new("False alarms by loss: pulse 100 ms, one lan", x, y)
        .note("lines: computed; marks: counted in the simulator");
    let time = Duration::from_secs(bench.size.of(300, 1_800, 14_400));
    for (slost_count, counted_at) in DRAWN {
        let curve = |loss| Curve { slost_count, loss, ..Curve::new() };
        let line = (0..=108_u8).map(|step| {
            let loss = 10_f64.powf(f64::from(step) / 40.0 - 3.0);
            (loss, curve(loss).lost_per_year())
        });
        plot.series(&format!("slost_count {slost_count}"), Style::Line, line);
        let mut marks = Vec::new();
        for loss in counted_at {
            say(&format!("curve: slost_count {slost_count}, loss {loss}, {time:?} simulated"));
            let cluster = Cluster { slost_count, ..Cluster::new(21) };
            let alarms = strained(cluster, Strain::Loss(*loss), time)?;
            let count = number(usize::try_from(alarms.lost).unwrap_or(usize::MAX));
            let years = time.as_secs_f64() / YEAR_SECONDS;
            let (counted, computed) = (count / years / 6.0, curve(*loss).lost_per_year());
            bench.record.line(
                "curve",
                json!({
                    "slost_count": slost_count, "loss": loss, "simulated_s": time.as_secs(),
                    "lost": alarms.lost, "changes": alarms.changes, "rejoined": alarms.rejoined,
                    "counted_per_year": counted, "computed_per_year": computed,
                    "changes_computed": curve(*loss).changes_per_year() * years,
                }),
            )?;
            marks.push((*loss, counted));
        }
        if !marks.is_empty() {
            plot.beside("counted", Style::Points, marks);
        }
    }
    plot.level("one a year", 1.0);
    plot.write(&plot::place(bench.size, &bench.record, "false-alarms"))
}

fn alarms_by_detection(bench: &Bench) -> Try<()> {
    let x = Axis::log("a dark host is noticed after, at most (s)").range(0.03, 2.0);
    let y = Axis::log("false view changes a year, two nodes").range(1e-9, 1e9);
    let mut plot = Plot::new("Detection time against false alarms: 5 % loss, one lan", x, y).note(
        "from left to right slost_count 3, 4, 5, ... 20; packets a second that each node sends",
    );
    for millis in [10, 20, 50, 100] {
        let pulse = Duration::from_millis(millis);
        let points = (3..=20).map(|slost_count| {
            let curve = Curve { pulse, slost_count, nodes: 2, loss: 0.05, ..Curve::new() };
            (curve.detection().1.as_secs_f64(), curve.changes_per_year())
        });
        let name = format!("pulse {millis} ms: {}/s", 1_000 / millis);
        plot.series(&name, Style::Both, points);
    }
    plot.level("one a year", 1.0);
    plot.write(&plot::place(bench.size, &bench.record, "detection"))
}

const LOSSES: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
