//! The demo's client: asks the balancer fifty times a second, never twice, and counts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two requests.
const INTERVAL: Duration = Duration::from_millis(20);
/// A request that takes longer is lost.
const LIMIT: Duration = Duration::from_secs(3);

/// What the client has counted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// All others.
    pub(crate) lost: u64,
}

impl Count {
    /// What came since an earlier count.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(before.answered),
            lost: self.lost.saturating_sub(before.lost),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    answered: AtomicU64,
    lost: AtomicU64,
}

/// A running client; ends when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to ask.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(balancer: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("client".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let client = super::balancer::client(LIMIT);
                let url = format!("http://{balancer}/");
                while !shared.ended.load(Ordering::Relaxed) {
                    let answered =
                        client.get(&url).call().is_ok_and(|answer| answer.status() == 200);
                    let counter = if answered { &shared.answered } else { &shared.lost };
                    counter.fetch_add(1, Ordering::Relaxed);
                    std::thread::park_timeout(INTERVAL);
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Returns what was counted so far.
    pub(crate) fn count(&self) -> Count {
        Count {
            answered: self.shared.answered.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that panicked has told so on standard error.
            drop(thread.join());
        }
    }
}
