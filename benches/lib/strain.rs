//! What strains real agents: processors that are taken, datagrams that are lost, processes that stand still.
//!
//! Everything ends with its owner. Loss is made by nftables, and only in a network namespace of this process's own:
//! start the program with `unshare --net` for it.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;
use safekit_core::runtime::clock;

use crate::farm::signal;
use crate::program::Running;
use crate::samples::Samples;
use crate::{Trouble, Try, usage};

/// Endless loops, as processes of their own.
#[derive(Debug)]
pub struct Spinners(Vec<Running>);

impl Spinners {
    /// Starts so many.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(count: usize) -> Try<Self> {
        let mut spinners = Self(Vec::new());
        for _ in 0..count {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]);
            spinners.0.push(Running::start(command, "an endless loop")?);
        }
        Ok(spinners)
    }

    /// Returns their processes.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Running::pid).collect()
    }
}

/// A group of processes with half a processor, eight times of which they want.
#[derive(Debug)]
pub struct Cramped {
    spinners: Spinners,
    inmates: Vec<u32>,
    group: Option<PathBuf>,
}

impl Cramped {
    /// Shuts processes in with four endless loops: in a control group where one can be made, otherwise all of them
    /// on one processor with eight loops.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(inmates: Vec<u32>) -> Try<Self> {
        let group = group().filter(|group| limit(group));
        let spinners = Spinners::start(if group.is_some() { 4 } else { 8 })?;
        let cramped = Self { spinners, inmates, group };
        for pid in cramped.inmates.iter().copied().chain(cramped.spinners.pids()) {
            match &cramped.group {
                Some(group) => {
                    put(group, pid);
                    if !is_in(group, pid) {
                        return Err(Trouble::failed(
                            "a process does not go into the control group",
                        ));
                    }
                }
                None => usage::pin(Some(pid), 0),
            }
        }
        Ok(cramped)
    }

    /// Says how they were shut in.
    #[must_use]
    pub fn how(&self) -> &'static str {
        if self.group.is_some() { "control group of half a processor" } else { "one processor" }
    }
}

impl Drop for Cramped {
    fn drop(&mut self) {
        let Some(group) = &self.group else {
            for pid in &self.inmates {
                usage::free(*pid);
            }
            return;
        };
        if let Some(parent) = group.parent() {
            let everybody = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            for pid in everybody.lines().filter_map(|line| line.parse().ok()) {
                put(parent, pid);
            }
        }
        drop(fs::remove_dir(group));
    }
}

/// Makes a control group below this process's own: of the second version where that has the processors, or of the first.
fn group() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path =
        |line: &str| line.rsplit(':').next().map(|path| path.trim_start_matches('/').to_owned());
    let second = Path::new("/sys/fs/cgroup/cgroup.controllers");
    let (root, path) = if fs::read_to_string(second).is_ok_and(|text| text.contains("cpu")) {
        ("/sys/fs/cgroup", path(own.lines().find(|line| line.starts_with("0::"))?)?)
    } else {
        let has = |line: &&str| {
            line.split(':').nth(1).is_some_and(|it| it.split(',').any(|it| it == "cpu"))
        };
        ("/sys/fs/cgroup/cpu", path(own.lines().find(has)?)?)
    };
    let group = Path::new(root).join(path).join(format!("sk-bench-{}", std::process::id()));
    fs::create_dir(&group).is_ok().then_some(group)
}

fn limit(group: &Path) -> bool {
    let first = fs::write(group.join("cpu.cfs_quota_us"), "50000").is_ok();
    let limited = first || fs::write(group.join("cpu.max"), "50000 100000").is_ok();
    if !limited {
        drop(fs::remove_dir(group));
    }
    limited
}

fn put(group: &Path, pid: u32) {
    // One that is gone is in no group.
    drop(fs::write(group.join("cgroup.procs"), pid.to_string()));
}

/// Tells whether a process is in a control group, or gone.
fn is_in(group: &Path, pid: u32) -> bool {
    let everybody = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    everybody.lines().any(|line| line == pid.to_string())
        || !Path::new(&format!("/proc/{pid}")).exists()
}

/// Heartbeats that are lost on their way in, in this network namespace.
#[derive(Debug)]
pub struct Filter(());

impl Filter {
    /// Begins without loss. `None` where this process has no network namespace of its own, or no nftables.
    #[must_use]
    pub fn new() -> Option<Self> {
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        if namespace("self") == namespace("1") {
            return None;
        }
        let filter = Self(());
        filter.rules("").ok().map(|()| filter)
    }

    /// Loses so many of a hundred, each by itself.
    ///
    /// # Errors
    /// When nftables does not do it.
    pub fn lose_percent(&self, percent: u32) -> Try<()> {
        self.rules(&format!("udp dport 4800 numgen random mod 100 < {percent} drop"))
    }

    /// Loses all of a node, or all there are.
    ///
    /// # Errors
    /// When nftables does not do it.
    pub fn lose_all(&self, node: Option<Ipv4Addr>) -> Try<()> {
        match node {
            None => self.rules("udp dport 4800 drop"),
            Some(node) => self.rules(&format!(
                "ip saddr {node} udp dport 4800 drop\nadd rule ip sk_bench in ip daddr {node} udp dport 4800 drop"
            )),
        }
    }

    /// Loses nothing.
    ///
    /// # Errors
    /// When nftables does not do it.
    pub fn clear(&self) -> Try<()> {
        self.rules("")
    }

    #[expect(clippy::unused_self, reason = "who has none has no namespace for it")]
    fn rules(&self, rules: &str) -> Try<()> {
        let rules = if rules.is_empty() {
            String::new()
        } else {
            format!("add rule ip sk_bench in {rules}\n")
        };
        let text = format!(
            "add table ip sk_bench\nadd chain ip sk_bench in {{ type filter hook input priority 0; }}\n\
             flush chain ip sk_bench in\n{rules}"
        );
        nft(&text)
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        drop(nft("delete table ip sk_bench\n"));
    }
}

fn nft(text: &str) -> Try<()> {
    let run = || {
        let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes())?;
        }
        child.wait()
    };
    let status = run().map_err(Trouble::io("run nft"))?;
    if status.success() { Ok(()) } else { Err(Trouble::failed("nft refuses a rule")) }
}

/// Processes that stand still, until this goes away.
#[derive(Debug)]
pub struct Frozen(Vec<u32>);

impl Frozen {
    /// Stops them (SIGSTOP) in this order, and waits until none runs any more.
    ///
    /// # Errors
    /// When one does not stop.
    pub fn stop(pids: Vec<u32>) -> Try<Self> {
        for pid in &pids {
            signal(*pid, Signal::STOP);
        }
        let frozen = Self(pids);
        let end = clock::now() + Duration::from_secs(10);
        while !frozen.0.iter().all(|pid| stands_still(*pid)) {
            if clock::now() > end {
                return Err(Trouble::failed("a process does not stop"));
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, Signal::CONT);
        }
    }
}

/// Tells whether all threads of a process stand still, or it is gone.
fn stands_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        state.is_none_or(|state| matches!(state, 'T' | 't' | 'Z' | 'X'))
    })
}

/// A thread that sleeps again and again, and notes how late it is woken.
#[derive(Debug)]
pub struct Sleeper {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Samples>,
}

impl Sleeper {
    /// Begins.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> Try<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let sleep = Duration::from_millis(10);
        let body = move || {
            let mut late = Samples::default();
            while !ended.load(Ordering::Acquire) {
                let begin = clock::now();
                std::thread::park_timeout(sleep);
                let slept = clock::now().saturating_duration_since(begin);
                late.add(Some(slept.saturating_sub(sleep)));
            }
            late
        };
        let thread = std::thread::Builder::new().name("sleeper".to_owned()).spawn(body);
        Ok(Self { end, thread: thread.map_err(Trouble::io("start a thread"))? })
    }

    /// Ends, and returns how late it was each time.
    #[must_use]
    pub fn stop(self) -> Samples {
        self.end.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}
