//! The demo's client: asks the balancer fifty times a second, never twice, and counts what it gets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::counts::Counts;

/// Time between two requests.
const INTERVAL: Duration = Duration::from_millis(20);
/// A request that takes longer is lost.
const LIMIT: Duration = Duration::from_secs(3);

/// A running client; ends when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to ask.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(balancer: SocketAddr, counts: &Arc<Counts>) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("client".into()).spawn({
            let (ended, counts) = (Arc::clone(&ended), Arc::clone(counts));
            move || {
                let client = super::balancer::client(LIMIT);
                let url = format!("http://{balancer}/");
                while !ended.load(Ordering::Relaxed) {
                    let answer = client.get(&url).call();
                    counts.of_client(answer.is_ok_and(|answer| answer.status() == 200));
                    std::thread::park_timeout(INTERVAL);
                }
            }
        })?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that panicked has told so on standard error.
            drop(thread.join());
        }
    }
}
