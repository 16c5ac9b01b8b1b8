//! A client that asks a balancer again and again, without retries, and counts what it loses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    /// When, after the begin, and what.
    pub(crate) lost: Vec<(Duration, String)>,
}

impl Tally {
    /// From the first to the last lost request.
    pub(crate) fn lost_for(&self) -> Duration {
        match (self.lost.iter().map(|lost| lost.0).min(), self.lost.iter().map(|lost| lost.0).max())
        {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        }
    }
}

/// Clients at work.
pub(crate) struct Load {
    ended: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    tally: Arc<Mutex<Tally>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts clients that together ask about `rate` times a second, each request on a connection of its own.
    /// `namespace`: where they are.
    pub(crate) fn start(balancer: SocketAddr, rate: u32, namespace: Option<String>) -> Self {
        const CLIENTS: u32 = 4;
        let (ended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tally = Arc::new(Mutex::new(Tally::default()));
        let begin = Instant::now();
        let interval = Duration::from_secs(1) * CLIENTS / rate;
        let threads = (0..CLIENTS)
            .map(|_| {
                let (ended, asked, tally) =
                    (Arc::clone(&ended), Arc::clone(&asked), Arc::clone(&tally));
                let namespace = namespace.clone();
                std::thread::spawn(move || {
                    if let Some(namespace) = namespace {
                        crate::lab::enter(&namespace);
                    }
                    let mut next = Instant::now();
                    while !ended.load(Ordering::Relaxed) {
                        let at = begin.elapsed();
                        let answer = ask(balancer);
                        asked.fetch_add(1, Ordering::Relaxed);
                        let mut tally = tally.lock().unwrap();
                        match answer {
                            Ok(()) => tally.answered += 1,
                            Err(text) => tally.lost.push((at, text)),
                        }
                        drop(tally);
                        next += interval;
                        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
                    }
                })
            })
            .collect();
        Self { ended, asked, tally, threads }
    }

    /// Waits until so many requests were made since the start.
    pub(crate) fn wait_asked(&self, requests: u64) {
        let deadline = Instant::now() + Duration::from_secs(300);
        while self.asked.load(Ordering::Relaxed) < requests {
            assert!(Instant::now() < deadline, "the clients are too slow");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends the clients; what they counted.
    pub(crate) fn stop(self) -> Tally {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        std::mem::take(&mut *self.tally.lock().unwrap())
    }
}

/// One request on a connection of its own: `Ok` for a complete 200.
fn ask(balancer: SocketAddr) -> Result<(), String> {
    const LIMIT: Duration = Duration::from_secs(10);
    let mut stream = TcpStream::connect_timeout(&balancer, LIMIT)
        .map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        .map_err(|error| format!("write: {error}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| format!("read: {error}"))?;
    match answer.lines().next() {
        Some(line) if line.contains(" 200 ") => Ok(()),
        Some(line) => Err(line.to_owned()),
        None => Err("closed without an answer".to_owned()),
    }
}
