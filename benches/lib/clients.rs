//! Clients that ask once: each request on a connection of its own, never repeated, everything that is lost counted.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use safekit_core::runtime::clock;

use crate::samples::Samples;
use crate::{Trouble, Try};

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// From the connection to the end of a complete 200.
    pub times: Samples,
    /// How many of them each node gave: the first word of the answer.
    pub by_node: BTreeMap<String, u64>,
    /// When, after the begin, and what happened instead; the first thousand of them.
    pub lost: Vec<(Duration, String)>,
    /// How many were lost.
    pub lost_count: u64,
}

/// Clients at work.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    balancer: SocketAddr,
    begin: Instant,
    ended: AtomicBool,
    asked: AtomicU64,
    tally: Mutex<Tally>,
}

#[expect(clippy::disallowed_types, reason = "a client of a balancer is a plain program")]
type Stream = std::net::TcpStream;

impl Clients {
    /// Starts clients that together ask about `rate` times a second.
    ///
    /// # Errors
    /// When there are no threads for them.
    pub fn start(balancer: SocketAddr, rate: u32) -> Try<Self> {
        let shared = Arc::new(Shared {
            balancer,
            begin: clock::now(),
            ended: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            tally: Mutex::default(),
        });
        let interval = Duration::from_secs(1) * CLIENTS / rate.max(1);
        let mut threads = Vec::new();
        for number in 0..CLIENTS {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("client-{number}"));
            let thread = thread.spawn(move || shared.turn(interval));
            threads.push(thread.map_err(Trouble::io("start a client"))?);
        }
        Ok(Self { shared, threads })
    }

    /// Returns how many requests have ended, one way or the other.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// Waits until so many requests were made since the start.
    ///
    /// # Errors
    /// When the clients are much too slow.
    pub fn wait_asked(&self, requests: u64) -> Try<()> {
        let end = clock::now() + PATIENCE;
        while self.asked() < requests {
            if clock::now() > end {
                return Err(Trouble::failed("the clients are too slow"));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends the clients; what they counted, and for how long.
    #[must_use]
    pub fn stop(mut self) -> (Tally, Duration) {
        self.end();
        let elapsed = clock::now().saturating_duration_since(self.shared.begin);
        let mut tally = self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *tally), elapsed)
    }

    fn end(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// One client's life. It is paced: who is late does not hurry, so a slow answer delays the questions behind it and is
    /// one slow answer.
    fn turn(&self, interval: Duration) {
        while !self.ended.load(Ordering::Relaxed) {
            let begun = clock::now();
            let answer = ask(self.balancer);
            let now = clock::now();
            let time = now.saturating_duration_since(begun);
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            match answer {
                Ok(node) => {
                    tally.times.add(Some(time));
                    *tally.by_node.entry(node).or_default() += 1;
                }
                Err(text) => {
                    tally.lost_count += 1;
                    if tally.lost.len() < LOST_MAX {
                        tally.lost.push((begun.saturating_duration_since(self.begin), text));
                    }
                }
            }
            drop(tally);
            self.asked.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout((begun + interval).saturating_duration_since(now));
        }
    }
}

/// One request on a connection of its own; the first word of a complete 200, or what came instead.
fn ask(balancer: SocketAddr) -> Result<String, String> {
    let mut stream = Stream::connect_timeout(&balancer, ANSWER_TIME)
        .map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(ANSWER_TIME)).map_err(|error| error.to_string())?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        .map_err(|error| format!("write: {error}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| format!("read: {error}"))?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Err("closed without an answer".to_owned());
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    if length != Some(body.len()) {
        return Err(format!("{} bytes came of {length:?}", body.len()));
    }
    match head.lines().next() {
        Some(line) if line.contains(" 200 ") => {
            let node = body.split_whitespace().find(|word| word.starts_with("node"));
            node.map(str::to_owned).ok_or_else(|| format!("cut short: {body:?}"))
        }
        line => Err(line.unwrap_or_default().to_owned()),
    }
}

const CLIENTS: u32 = 8;
/// A request that takes longer is lost.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Nothing goes wrong so slowly that clients need longer for what is waited for.
const PATIENCE: Duration = Duration::from_secs(900);
/// As many losses are kept with their time.
const LOST_MAX: usize = 1000;
