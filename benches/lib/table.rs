//! Rows of figures as a Markdown table.

use std::fmt;
use std::time::Duration;

use crate::samples::Samples;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes an empty one.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Makes the one for times: see [`Table::times`].
    #[must_use]
    pub fn for_times() -> Self {
        Self::new(&["figure", "runs", "p50", "p99", "max", "goal"])
    }

    /// Tells whether these are its columns.
    #[must_use]
    pub fn has_columns(&self, columns: &[&str]) -> bool {
        self.columns.iter().map(String::as_str).eq(columns.iter().copied())
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a row of times; with a goal for p99, whether it was reached.
    pub fn times(&mut self, figure: &str, samples: &Samples, goal: Option<Duration>) {
        self.row([figure.to_owned()].into_iter().chain(times(samples, goal)));
    }

    /// Tells whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.columns.len()))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Returns a time for people: three digits, in µs below a millisecond, in ms above.
#[must_use]
pub fn time(time: Option<Duration>) -> String {
    let Some(time) = time else { return "-".to_owned() };
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 {
        return format!("{micros:.1} µs");
    }
    let millis = micros / 1000.0;
    let decimals = if millis < 10.0 { 2 } else { usize::from(millis < 100.0) };
    format!("{millis:.decimals$} ms")
}

/// Returns runs, p50, p99 and maximum, and whether p99 has reached its goal.
#[must_use]
pub fn times(samples: &Samples, goal: Option<Duration>) -> [String; 5] {
    let runs = match samples.missing() {
        0 => samples.len().to_string(),
        missing => format!("{} ({missing} never)", samples.len()),
    };
    let measured = samples.len() + samples.missing() > 0;
    let verdict = match goal {
        Some(goal) if measured => {
            let kept = samples.percentile(99).is_some_and(|p99| p99 <= goal);
            let met = kept && samples.missing() == 0;
            format!("{} p99: {}", time(Some(goal)), if met { "met" } else { "missed" })
        }
        Some(goal) => format!("{} p99: not measured", time(Some(goal))),
        None => "-".to_owned(),
    };
    let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(samples, percent));
    [runs, p50, p99, max, verdict]
}

/// Returns a percentile for people; the one of 100 is the greatest time.
#[must_use]
pub fn percentile(samples: &Samples, percent: usize) -> String {
    match samples.percentile(percent) {
        None if samples.missing() > 0 => "never".to_owned(),
        found => time(found),
    }
}

/// Returns the median, and the greatest time or how many runs never ended.
#[must_use]
pub fn typical_and_worst(samples: &Samples) -> String {
    let runs = samples.len() + samples.missing();
    let worst = match samples.missing() {
        0 => percentile(samples, 100),
        missing => format!("{missing} of {runs} never"),
    };
    format!("{} ({worst})", percentile(samples, 50))
}
