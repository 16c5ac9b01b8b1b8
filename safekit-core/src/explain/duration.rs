//! Durations as people read them.

use std::time::Duration;

/// Returns a duration with two significant digits or so: `12 ms`, `2.1 s`, `45 s`, `5 min`, `24 h`.
#[must_use]
pub(crate) fn duration_text(duration: Duration) -> String {
    let (ms, s) = (duration.as_millis(), duration.as_secs());
    match s {
        0 => format!("{ms} ms"),
        1..=9 if ms % 1000 >= 100 => format!("{s}.{} s", ms % 1000 / 100),
        1..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        _ => format!("{} h", s / 3600),
    }
}
