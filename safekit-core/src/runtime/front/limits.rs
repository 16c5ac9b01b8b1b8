//! The bounds of a front, all in one place: what a stranger may cost.
//!
//! Each class of connections has one time limit, counted from when the connection entered the class; progress inside
//! a class does not prolong it.

use std::time::Duration;

/// The bounds of one front. The defaults are meant for production; lower ones serve tests and small machines.
///
/// Values outside the stated bounds are taken as the nearest bound.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::runtime::front::Limits;
///
/// let mut small = Limits::default();
/// assert_eq!((small.connections, small.workers), (1_024, 8));
/// (small.connections, small.workers) = (64, 2);
/// small.head_time = Duration::from_secs(2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections at a time, and never more than three quarters of the process's limit of open files. At the
    /// limit the oldest connection of the cheapest class is closed for the next one; and at most seven eighths of them
    /// may wait for a next request, so that who comes anew finds room. Default 1,024, from 1 to 60,000.
    pub connections: usize,
    /// The most connections from one address (IPv6: from one /64). At the limit that address's own oldest one is
    /// closed. Default 256, from 1.
    pub connections_per_address: usize,
    /// Time for the head of a request, from its first byte (of the first request: from the connection). Default 5 s.
    pub head_time: Duration,
    /// Time that a connection may wait for its next request. Default 30 s: longer than the usual probe intervals, so
    /// that probes may keep their connection.
    pub idle_time: Duration,
    /// Time for a body, from the end of its head. Default 20 s.
    pub body_time: Duration,
    /// Time for the handler, the wait for a free worker included; then 504. Default 30 s.
    pub work_time: Duration,
    /// Time for a peer to read what we send, from when it would not take more. Default 20 s.
    pub write_time: Duration,
    /// Time that a refused connection may still send, so that the peer can read the refusal. Default 1 s.
    pub linger_time: Duration,
    /// What a refused connection may still send within [`Limits::linger_time`]. Default 256 KiB.
    pub linger_bytes: usize,
    /// The longest request line; beyond it 414. Default 8 KiB, from 16 bytes to [`Limits::head_bytes`].
    pub line_bytes: usize,
    /// The longest head; beyond it 431. Default 16 KiB, from 64 bytes to 64 KiB.
    pub head_bytes: usize,
    /// The most header fields; beyond them 431. Default 64, which is also the greatest value.
    pub fields: usize,
    /// The longest body; beyond it 413. Default 1 MiB.
    pub body_bytes: usize,
    /// All bodies that are being received, waiting or worked on, counted by what came, not by what was announced;
    /// beyond it 503. Default 16 MiB.
    pub bodies_bytes: usize,
    /// All answers that peers do not take; beyond it the oldest such connection is closed. Also the longest answer.
    /// Default 16 MiB.
    pub answers_bytes: usize,
    /// Answers to pipelined requests that are made before they are sent. Default 16 KiB.
    pub pipeline_bytes: usize,
    /// The most requests of one connection in a row, before others have their turn. Default 64, from 1.
    pub requests_per_turn: usize,
    /// The most connections accepted in a row. Default 64, from 1.
    pub accepts_per_turn: usize,
    /// Connections that the operating system keeps ready to be accepted; whoever comes beyond it tries again after a
    /// second. Default 4,096, which is what Linux gives at most (`net.core.somaxconn`).
    pub backlog: u16,
    /// Threads that run the handler. Default 8, from 1 to 64.
    pub workers: usize,
    /// Requests that wait for a worker; beyond it 503 at once. Default 32, from 1.
    pub queue: usize,
    /// Pause after the operating system could not give a connection and none of ours could be closed. Default 50 ms.
    pub accept_pause: Duration,
    /// What a stop gives to requests that are under way. Default 5 s.
    pub stop_time: Duration,
}

/// The greatest [`Limits::connections`]: a connection's place must fit into 16 bits of its token.
pub(super) const CONNECTIONS_MAX: usize = 60_000;
/// The greatest [`Limits::fields`]: the parser's table lives on the stack.
pub(super) const FIELDS_MAX: usize = 64;
/// The greatest [`Limits::workers`].
const WORKERS_MAX: usize = 64;
/// What is read at once from a connection.
pub(super) const READ_BYTES: usize = 16 * 1024;
/// Reads from one connection in a row, before others have their turn.
pub(super) const READS_PER_TURN: usize = 16;
/// The readiness news taken from the operating system at once.
pub(super) const EVENTS: usize = 256;
/// Descriptors that a process needs beside the connections of a front.
pub(super) const DESCRIPTORS_BESIDE: usize = 256;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 256,
            head_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(30),
            body_time: Duration::from_secs(20),
            work_time: Duration::from_secs(30),
            write_time: Duration::from_secs(20),
            linger_time: Duration::from_secs(1),
            linger_bytes: 256 * KIB,
            line_bytes: 8 * KIB,
            head_bytes: 16 * KIB,
            fields: FIELDS_MAX,
            body_bytes: MIB,
            bodies_bytes: 16 * MIB,
            answers_bytes: 16 * MIB,
            pipeline_bytes: 16 * KIB,
            requests_per_turn: 64,
            accepts_per_turn: 64,
            backlog: 4096,
            workers: 8,
            queue: 32,
            accept_pause: Duration::from_millis(50),
            stop_time: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// Returns how many connections may wait for a next request. Without room kept for new ones, these would have to
    /// close each other before they were read as soon as the table is full of such that were answered once.
    pub(super) fn idle(&self) -> usize {
        self.connections - self.connections / 8
    }

    /// Returns the limits with each value within its bounds; `descriptors` is the process's limit of open files.
    #[must_use]
    pub(super) fn bounded(self, descriptors: Option<usize>) -> Self {
        let open = descriptors.map_or(CONNECTIONS_MAX, |count| count - count / 4).max(1);
        let head_bytes = self.head_bytes.clamp(64, 64 * KIB);
        Self {
            connections: self.connections.clamp(1, CONNECTIONS_MAX).min(open),
            connections_per_address: self.connections_per_address.max(1),
            line_bytes: self.line_bytes.clamp(16, head_bytes),
            head_bytes,
            fields: self.fields.min(FIELDS_MAX),
            requests_per_turn: self.requests_per_turn.max(1),
            accepts_per_turn: self.accepts_per_turn.max(1),
            workers: self.workers.clamp(1, WORKERS_MAX),
            queue: self.queue.max(1),
            ..self
        }
    }
}
