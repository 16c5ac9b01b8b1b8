//! What a node and its farm notice of crowds of hostile connections on the health port.
//!
//! The same farm as for floods of datagrams. The crowd is one thread that opens connections from a hundred addresses.

use std::net::SocketAddrV4;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use safekit_benches::Try;
use safekit_benches::crowd::{Crowd, Manner};
use safekit_benches::farm::{HEALTH_PATH, address};
use safekit_benches::meanwhile::files;
use safekit_benches::samples::number;
use safekit_core::runtime::front::reserve_file_descriptors;
use serde_json::json;

use crate::siege::{Siege, health, late, membership};
use crate::{Bench, say};

const COLUMNS: [&str; 8] = [
    "connections to one node",
    "made/s",
    "CPU of the agent",
    "memory, files at most",
    "heartbeats late p50, p99, max",
    "health p50, p99, max; failed",
    "membership",
    "files afterwards",
];

/// More files than the largest crowd has.
const FILES: usize = 12_000;
/// Where health is asked.
const PORT: u16 = 9010;
/// Longer than any connection of these attacks may stay: then the files are counted again.
const AFTER: Duration = Duration::from_secs(2);

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let lasts = Duration::from_secs(bench.size.of(1, 8, 20));
    let few = bench.size.of(10, 1, 1);
    say(&format!("attacks: each for {lasts:?}"));
    // Growing the table of files stops all threads of a process for milliseconds: the observer's and the prober's too.
    drop(reserve_file_descriptors(FILES));
    let mut siege = Siege::begin(bench, 3)?;
    row(bench, &mut siege, "nothing: before", lasts, None)?;
    for (name, connections, manner) in kinds() {
        let to = SocketAddrV4::new(address(1), PORT);
        let crowd = Crowd { to, manner, connections: (connections / few).max(1) };
        row(bench, &mut siege, name, lasts, Some(crowd))?;
        siege.wait_whole()?;
    }
    few_files(bench, &mut siege, lasts)?;
    row(bench, &mut siege, "nothing: after", lasts, None)
}

fn kinds() -> Vec<(&'static str, usize, Manner)> {
    let hold = |first: &str, drips| Manner::Hold { first: first.as_bytes().to_vec(), drips };
    let talk = |words: String| Manner::Talk(words.into_bytes());
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    let pipeline = format!("GET {HEALTH_PATH} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(20_000);
    let huge = format!("{post}Content-Length: 4611686018427387904\r\n\r\n");
    vec![
        ("2,000 idle", 2_000, hold("", false)),
        ("10,000 idle", 10_000, hold("", false)),
        ("1,500 heads, a byte a second", 1_500, hold("GET /", true)),
        (
            "1,500 bodies, a byte a second",
            1_500,
            hold("POST /api/v1/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", true),
        ),
        ("half-closed at once", 50, Manner::HalfClose),
        ("reset at once", 50, Manner::Reset),
        ("20 pipelines of 20,000 requests, unread", 20, Manner::Unread(pipeline.into_bytes())),
        ("Content-Length of 4 EiB", 20, talk(huge)),
        (
            "Transfer-Encoding beside a length",
            20,
            talk(format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")),
        ),
        ("200,000 header fields", 4, talk(format!("{head}{}\r\n", "X: y\r\n".repeat(200_000)))),
        ("one header field of 1 MiB", 4, talk(format!("{head}X: {}\r\n\r\n", "a".repeat(1 << 20)))),
    ]
}

/// Takes the agent's files away: it may have a few more than it has open, and 600 connections want one.
fn few_files(bench: &mut Bench, siege: &mut Siege, lasts: Duration) -> Try<()> {
    let agent = siege.target.pid;
    let Some(pid) = i32::try_from(agent).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let open = u64::try_from(files(agent)).unwrap_or_default();
    let limit = Rlimit { current: Some(open + 64), maximum: None };
    let former =
        match prlimit(Some(pid), Resource::Nofile, Rlimit { maximum: limit_of(pid), ..limit }) {
            Ok(former) => former,
            Err(error) => {
                say(&format!("attacks: no room for files: left out: {error}"));
                return Ok(());
            }
        };
    let to = SocketAddrV4::new(address(1), PORT);
    let manner = Manner::Hold { first: Vec::new(), drips: false };
    let crowd = Crowd { to, manner, connections: 600 };
    let done = row(bench, siege, "600 idle, 64 files left", lasts, Some(crowd));
    let _ = prlimit(Some(pid), Resource::Nofile, former);
    done
}

/// Returns the limit that the agent may not be given back once it is lowered.
fn limit_of(pid: Pid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero()));
    let text = text.unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

fn row(
    bench: &mut Bench,
    siege: &mut Siege,
    name: &str,
    lasts: Duration,
    crowd: Option<Crowd>,
) -> Try<()> {
    let attacked = crowd.is_some();
    let attack = move |stop: &AtomicBool| Ok(crowd.map_or(0, |crowd| crowd.run(1, stop)));
    let (seen, made) = siege.watch(lasts, attack)?;
    if attacked {
        std::thread::park_timeout(AFTER);
    }
    let left = files(siege.target.pid);
    let mut fields = seen.raw();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("attack".to_owned(), json!(name));
        fields.insert("connections".to_owned(), json!(made));
        fields.insert("files_afterwards".to_owned(), json!(left));
    }
    bench.record.line("attacks", fields)?;
    let seconds = seen.elapsed.as_secs_f64();
    let made = number(usize::try_from(made).unwrap_or(usize::MAX));
    let memory = number(usize::try_from(seen.memory_kib).unwrap_or(usize::MAX)) / 1024.0;
    bench.row(
        &COLUMNS,
        [
            name.to_owned(),
            format!("{:.0}", made / seconds),
            format!("{:.1} %", 100.0 * seen.cpu.as_secs_f64() / seconds),
            format!("{memory:.1} MiB, {}", seen.files),
            late(&seen),
            health(&seen),
            membership(&seen),
            left.to_string(),
        ],
    );
    Ok(())
}
