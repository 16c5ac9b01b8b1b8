//! Where and when: what has to stand beside every figure.

use std::fs;

/// Returns date, machine and load in a few words for people.
#[must_use]
pub fn describe() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let model = find("/proc/cpuinfo", "model name");
    let memory = find("/proc/meminfo", "MemTotal");
    let date = jiff::Timestamp::now().strftime("%F %T UTC").to_string();
    format!("{date}; {cpus} x {model}, {memory}; Linux {kernel}; load {}", load_average())
}

/// Returns the load averages of the last 1, 5 and 15 minutes.
#[must_use]
pub fn load_average() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Returns a name for this time that files may have.
#[must_use]
pub fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn find(path: &str, key: &str) -> String {
    let text = read(path);
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_once(':'));
    value.map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
}
