//! What a process uses, as the kernel counts it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Returns the CPU time of all threads that a process has.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    spent(pid).cpu
}

/// What threads have had of the processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Processor time.
    pub cpu: Duration,
    /// How many times one of them was put on a processor: woken up, or given back what another one had taken.
    pub turns: u64,
}

impl Spent {
    /// Returns what was spent since then.
    #[must_use]
    pub fn since(self, then: Self) -> Self {
        let cpu = self.cpu.saturating_sub(then.cpu);
        Self { cpu, turns: self.turns.saturating_sub(then.turns) }
    }
}

/// Returns what all threads that a process has have spent.
#[must_use]
pub fn spent(pid: u32) -> Spent {
    let threads = threads(pid);
    let each = threads.iter().filter_map(|tid| schedstat(&format!("/proc/{pid}/task/{tid}")));
    each.fold(Spent::default(), |sum, one| Spent {
        cpu: sum.cpu + one.cpu,
        turns: sum.turns + one.turns,
    })
}

/// Returns what this thread has spent.
#[must_use]
pub fn spent_here() -> Spent {
    schedstat("/proc/thread-self").unwrap_or_default()
}

/// Reads `schedstat` of a thread: nanoseconds on a processor, nanoseconds of waiting for one, turns.
fn schedstat(folder: &str) -> Option<Spent> {
    let text = fs::read_to_string(format!("{folder}/schedstat")).ok()?;
    let mut fields = text.split_whitespace().map(str::parse);
    let (cpu, _waited, turns) = (fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Spent { cpu: Duration::from_nanos(cpu), turns })
}

/// Returns the memory of a process in KiB: resident, and its proportional share of what it shares.
#[must_use]
pub fn memory(pid: u32) -> (u64, u64) {
    let find = |file: &str, key: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let resident = find("status", "VmRSS:").unwrap_or_default();
    (resident, find("smaps_rollup", "Pss:").unwrap_or_default())
}

/// Tells whether a process lives: what has ended has no memory, even before anybody has waited for it.
#[must_use]
pub fn lives(pid: u32) -> bool {
    memory(pid).0 > 0
}

/// Raises the number of files that this process and those that it starts may open as far as they are allowed to.
pub fn raise_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused, fewer idle connections are held, which is said.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Returns how many files this process may open.
#[must_use]
pub fn files() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Keeps all threads of a process on one processor, or this thread (`None`). Where there is only one, or the kernel
/// refuses, nothing changes.
pub fn pin(pid: Option<u32>, cpu: usize) {
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() <= cpu) {
        return;
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    let Some(pid) = pid else {
        let _ = sched_setaffinity(None, &set);
        return;
    };
    for tid in threads(pid) {
        if let Some(tid) = tid.parse().ok().and_then(Pid::from_raw) {
            let _ = sched_setaffinity(Some(tid), &set);
        }
    }
}

/// Lets all threads of a process run on every processor again.
pub fn free(pid: u32) {
    let mut set = CpuSet::new();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    (0..cpus).for_each(|cpu| set.set(cpu));
    for tid in threads(pid) {
        if let Some(tid) = tid.parse().ok().and_then(Pid::from_raw) {
            let _ = sched_setaffinity(Some(tid), &set);
        }
    }
}

fn threads(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
