//! A front: what an embedder starts and stops.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Interest, Poll, Token, Waker};

use super::board::Board;
use super::counters::{Counters, Tally};
use super::error::FrontError;
use super::limits::{DESCRIPTORS_BESIDE, Limits};
use super::listen::{Listener, Open};
use super::pool::Pool;
use super::serve::{LISTENERS, LISTENERS_MAX, Listening, Server, WAKE, Wish};
use super::shared::Shared;
use super::table::Table;
use super::{Admit, Handler};
use crate::runtime::sys::local::{Spare, descriptor_limit, reserve_descriptors};
use crate::runtime::{clock, thread};

/// What a front is made of.
///
/// Example: [`Front`].
#[non_exhaustive]
pub struct FrontConfig {
    /// Names the threads; at most 12 bytes are shown by Linux.
    pub name: String,
    /// Where to listen: from 1 to 64 places, all served alike.
    pub listeners: Vec<Listener>,
    /// What a stranger can cost at most: connections, bytes, times. The defaults suit a health port on a hostile network.
    pub limits: Limits,
    /// Health answers; one board may serve several fronts.
    pub board: Arc<Board>,
    /// Answers everything but health, on [`Limits::workers`] threads at a time. It may block, up to
    /// [`Limits::work_time`]; its panics are answered with 500.
    pub handler: Handler,
    /// Asked when the head of a request with a body is complete and before the body is read: `Err` refuses it, for
    /// example for want of a session. It runs on the front's only thread: it must not wait for anything. Default:
    /// every body is read.
    pub admit: Option<Admit>,
}

impl FrontConfig {
    /// Makes a configuration with default limits and without places to listen.
    #[must_use]
    pub fn new(name: &str, board: Arc<Board>, handler: Handler) -> Self {
        let (listeners, limits) = (Vec::new(), Limits::default());
        Self { name: name.to_owned(), listeners, limits, board, handler, admit: None }
    }

    /// Adds a place to listen.
    #[must_use]
    pub fn with_listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Sets what a stranger can cost at most.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets who is asked before a body is read.
    #[must_use]
    pub fn with_admit(mut self, admit: Admit) -> Self {
        self.admit = Some(admit);
        self
    }
}

impl fmt::Debug for FrontConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, listeners, limits, .. } = self;
        f.debug_struct("FrontConfig")
            .field("name", name)
            .field("listeners", listeners)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

/// A running HTTP front: one thread for all its connections, and the workers of its handler.
///
/// A process may have several; they share nothing but the [`Board`]. Dropping a front ends it at once, also requests
/// that are under way, and waits a second at most for handlers that still run; [`Front::stop`] lets requests end first.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{SocketAddr, TcpStream};
/// use std::sync::Arc;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::runtime::clock;
/// use safekit_core::runtime::front::{
///     Admit, ApiRequest, ApiResponse, Board, Counters, Front, FrontConfig, Handler, Limits, Listener,
///     Method,
/// };
///
/// let board = Board::new(clock::now());
/// let handler: Handler = Arc::new(|request: &ApiRequest| match (request.method, &request.path[..]) {
///     (Method::Get, "/version") => ApiResponse::text(200, "1.0\n"),
///     _ => ApiResponse::text(404, "nothing here\n"),
/// });
/// let admit: Admit = Arc::new(|_request| Err(ApiResponse::text(403, "no bodies here\n")));
/// let mut limits = Limits::default();
/// limits.connections = 64;
/// let config = FrontConfig::new("web", Arc::clone(&board), handler)
///     .with_listener(Listener::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))))
///     .with_limits(limits)
///     .with_admit(admit);
/// let front = Front::start(config)?;
///
/// let ask = |path: &str| -> std::io::Result<String> {
///     let mut balancer = TcpStream::connect(front.local_addrs()[0])?;
///     write!(balancer, "GET {path} HTTP/1.0\r\n\r\n")?;
///     let mut answer = String::new();
///     balancer.read_to_string(&mut answer)?;
///     Ok(answer.lines().next().unwrap_or_default().to_owned())
/// };
/// assert_eq!(ask("/version")?, "HTTP/1.1 200 OK");
/// assert_eq!(ask("/console")?, "HTTP/1.1 404 NOT FOUND");
///
/// // The module serves; but nobody has said yet that the loop, which says so, is alive itself.
/// board.publish(&ModuleName::new("web")?, true, "ready");
/// let health = "/var/modules/web/ready.txt";
/// assert_eq!(ask(health)?, "HTTP/1.1 404 NOT FOUND");
/// while ask(health)? != "HTTP/1.1 200 OK" {
///     board.stamp(clock::now()); // your loop: each turn, and at least every STAMP_INTERVAL
/// }
/// let counters: Counters = front.counters();
/// assert_eq!((counters.handled, counters.probes_ready), (2, 1));
/// front.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Front {
    name: String,
    addrs: Vec<SocketAddr>,
    tally: Arc<Tally>,
    wish: Arc<Wish>,
    waker: Arc<Waker>,
    pool: Arc<Pool>,
    thread: Option<JoinHandle<()>>,
}

/// What a front waits for workers after its connections have ended.
const WORKERS_TIME: Duration = Duration::from_secs(1);

impl Front {
    /// Opens the places to listen and starts the threads. Everybody who connects from then on is served.
    ///
    /// # Errors
    /// See [`FrontError`]; nothing is left open.
    pub fn start(config: FrontConfig) -> Result<Self, FrontError> {
        let FrontConfig { name, listeners, limits, board, handler, admit } = config;
        if listeners.is_empty() || listeners.len() > LISTENERS_MAX {
            let (given, limit) = (listeners.len(), LISTENERS_MAX);
            return Err(FrontError::ListenerCount { given, limit });
        }
        let limits = limits.bounded(descriptor_limit());
        // Better to wait here than in the middle of a flood; without the right to it, it only costs time then.
        drop(reserve_descriptors(limits.connections + DESCRIPTORS_BESIDE));
        let system = |source| FrontError::System { name: name.clone(), source };
        let poll = Poll::new().map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(system)?);
        let mut open = Vec::new();
        let mut addrs = Vec::new();
        for (listener, token) in listeners.iter().zip(LISTENERS..) {
            let (mut socket, addr) = Open::new(listener, limits.backlog)?;
            poll.registry()
                .register(socket.source(), Token(token), Interest::READABLE)
                .map_err(system)?;
            addrs.extend(addr);
            open.push(Listening { open: socket, waiting: false });
        }
        let tally = Arc::new(Tally::default());
        let wake = wake(&waker);
        let pool =
            Pool::start(&name, &limits, handler, Arc::clone(&tally), wake).map_err(system)?;
        let wish = Arc::new(Wish::default());
        let server = Server {
            poll,
            listeners: open,
            pool: Arc::clone(&pool),
            wish: Arc::clone(&wish),
            spare: Spare::new(),
            accepted: Vec::new(),
        };
        let (worker_pool, thread_tally) = (Arc::clone(&pool), Arc::clone(&tally));
        let run = move || {
            let clock = Box::new(clock::now);
            let mut shared =
                Shared::new(limits, board, Arc::clone(&worker_pool), thread_tally, clock);
            shared.admit = admit;
            server.run(Table::new(shared));
            worker_pool.close();
        };
        match thread::spawn(&name, run) {
            Ok(thread) => {
                let thread = Some(thread);
                Ok(Self { name, addrs, tally, wish, waker, pool, thread })
            }
            Err(source) => {
                pool.close();
                Err(FrontError::System { name, source })
            }
        }
    }

    /// Returns the addresses it listens on, in the order of the configuration, with the ports that were chosen.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Returns what it did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.tally.copy()
    }

    /// Tells whether its thread runs. It only ends by itself when the operating system refuses to give news of
    /// sockets; then every place to listen is closed, so probes fail.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops accepting, closes who is not in the middle of a request, lets the others end within
    /// [`Limits::stop_time`], and returns when all threads have ended; a handler that hangs is left behind.
    pub fn stop(mut self) {
        self.wish.stop.store(true, Ordering::Release);
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // Should waking fail, the thread sees the wish at its next news or deadline.
        drop(self.waker.wake());
        drop(thread.join());
        self.pool.close();
        self.pool.wait_ended(WORKERS_TIME);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.wish.abort.store(true, Ordering::Release);
        self.end();
    }
}

impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "front {}", self.name)
    }
}

fn wake(waker: &Arc<Waker>) -> Box<dyn Fn() + Send + Sync> {
    let waker = Arc::clone(waker);
    // It can only fail when the front's thread has ended, and then nobody waits.
    Box::new(move || drop(waker.wake()))
}

/// Makes the process's table of descriptors large enough for `count` of them, as far as its limit of open files allows.
///
/// Linux grows the table at 256, 512, 1,024 and so on, and in a process with threads each growth makes the thread that
/// needed the descriptor wait for all processors: 8 to 20 ms were measured, in the middle of a flood or between two
/// heartbeats. Call it first thing in `main`, before any thread is started, with room for everything the process will
/// open. Each [`Front::start`] calls it for its own connections, which at that time costs that wait at most.
///
/// # Errors
/// The operating system refuses; nothing has changed and nothing is lost but time later.
///
/// # Example
/// ```
/// use safekit_core::runtime::front::reserve_file_descriptors;
///
/// // First thing in `main`; without it the program only waits later.
/// if let Err(error) = reserve_file_descriptors(2_048) {
///     eprintln!("no room for 2,048 descriptors: {error}");
/// }
/// ```
pub fn reserve_file_descriptors(count: usize) -> std::io::Result<()> {
    reserve_descriptors(count)
}
