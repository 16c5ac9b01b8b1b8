//! A front without sockets, threads and clock, for tests: sockets and workers that a test moves by hand.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::board::Board;
use super::conn::{ConnId, News, Transport};
use super::counters::{Counters, Tally};
use super::limits::Limits;
use super::pool::{Job, Submit, Submitted};
use super::request::{ApiRequest, ApiResponse, Peer};
use super::shared::Shared;
use super::table::Table;
use crate::ids::ModuleName;

/// What a test sees of a socket.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// What the peer has sent and nobody has read.
    pub(super) inbox: VecDeque<u8>,
    /// The peer has ended its side.
    pub(super) fin: bool,
    /// The peer has reset the connection.
    pub(super) reset: bool,
    /// How many bytes can be sent before it would block.
    pub(super) room: usize,
    /// What the peer has received.
    pub(super) outbox: Vec<u8>,
    /// The front has ended its side.
    pub(super) shut: bool,
    /// The front has closed the socket.
    pub(super) closed: bool,
    /// The front waits for news.
    pub(super) watched: bool,
    /// The front waits for room.
    pub(super) wants_room: bool,
    /// Bytes wait for the end of our side.
    pub(super) held_back: bool,
    /// The operating system refuses to give news.
    pub(super) unwatchable: bool,
}

/// A socket whose other end is a [`Wire`].
#[derive(Debug)]
pub(super) struct Socket(Rc<RefCell<Wire>>);

impl Drop for Socket {
    fn drop(&mut self) {
        let mut wire = self.0.borrow_mut();
        (wire.closed, wire.held_back) = (true, false);
    }
}

impl Transport for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = into.len().min(wire.inbox.len());
        for (to, from) in into.iter_mut().zip(wire.inbox.drain(..count)) {
            *to = from;
        }
        match count {
            0 if wire.fin => Ok(0),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(count),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.shut, "nothing is sent after our side is ended");
        if wire.reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(wire.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.room -= count;
        wire.outbox.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_last(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.write(bytes)?;
        self.0.borrow_mut().held_back = true;
        Ok(count)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        (wire.shut, wire.held_back) = (true, false);
        Ok(())
    }

    fn watch_writable(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        (wire.watched, wire.wants_room) = (true, true);
        Ok(())
    }

    fn watch(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        wire.watched = true;
        if wire.unwatchable { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }
}

/// Holds what was submitted until a test answers it.
#[derive(Clone, Debug)]
pub(super) struct Jobs {
    pub(super) held: Rc<RefCell<Vec<Job>>>,
    pub(super) limit: usize,
}

impl Submit for Jobs {
    fn submit(&mut self, job: Job) -> Submitted {
        let mut held = self.held.borrow_mut();
        if held.len() >= self.limit {
            return Submitted::Full;
        }
        held.push(job);
        Submitted::Taken
    }
}

/// One end of a connection, in the hands of a test.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: ConnId,
    pub(super) wire: Rc<RefCell<Wire>>,
}

impl Client {
    /// Returns what was received, as text.
    pub(super) fn text(&self) -> String {
        self.check();
        String::from_utf8(self.wire.borrow().outbox.clone()).unwrap()
    }

    /// Returns what was received since the last call.
    pub(super) fn take_text(&self) -> String {
        self.check();
        String::from_utf8(std::mem::take(&mut self.wire.borrow_mut().outbox)).unwrap()
    }

    /// Asserts that nothing of an answer is held back longer than until the end of the turn.
    fn check(&self) {
        let wire = self.wire.borrow();
        assert!(!wire.held_back || wire.room == 0, "what was sent goes at once");
    }

    pub(super) fn is_closed(&self) -> bool {
        self.wire.borrow().closed
    }
}

/// A front in virtual time.
pub(super) struct World {
    pub(super) table: Table<Socket, Jobs>,
    pub(super) board: Arc<Board>,
    pub(super) jobs: Jobs,
    pub(super) tally: Arc<Tally>,
    pub(super) now: Instant,
    /// What the clock shows right before a positive answer is sent, beyond `now`.
    pub(super) delay: Rc<Cell<Duration>>,
    clock: Rc<Cell<Instant>>,
}

impl World {
    /// Makes one; the module `shop` is ready, `lab` is stopped.
    pub(super) fn new(limits: Limits) -> Self {
        let now = crate::sim_clock_base();
        let board = Board::new(now);
        board.publish(&ModuleName::new("shop").unwrap(), true, "ready");
        board.publish(&ModuleName::new("lab").unwrap(), false, "stopped");
        board.stamp(now);
        let limits = limits.bounded(None);
        let jobs = Jobs { held: Rc::default(), limit: limits.queue };
        let tally = Arc::new(Tally::default());
        let clock = Rc::new(Cell::new(now));
        let delay = Rc::new(Cell::new(Duration::ZERO));
        let (seen, late) = (Rc::clone(&clock), Rc::clone(&delay));
        let read = Box::new(move || seen.get() + late.get());
        let (shared_board, shared_tally) = (Arc::clone(&board), Arc::clone(&tally));
        let mut shared = Shared::new(limits, shared_board, jobs.clone(), shared_tally, read);
        shared.date.refresh(now, || Duration::from_secs(784_111_777));
        Self { table: Table::new(shared), board, jobs, tally, now, delay, clock }
    }

    pub(super) fn counters(&self) -> Counters {
        self.tally.copy()
    }

    /// Connects from 127.0.0.1.
    pub(super) fn connect(&mut self) -> Client {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST)).expect("there is room")
    }

    /// Connects from an address.
    pub(super) fn connect_from(&mut self, from: IpAddr) -> Option<Client> {
        self.accept(from, Wire { room: usize::MAX, ..Wire::default() })
    }

    /// Accepts a connection on which something may have happened already.
    pub(super) fn accept(&mut self, from: IpAddr, wire: Wire) -> Option<Client> {
        let wire = Rc::new(RefCell::new(wire));
        let peer = Peer::Tcp(SocketAddr::new(from, 4711));
        let socket = Socket(Rc::clone(&wire));
        let id = self.table.accept(self.now, peer, |_| socket)?;
        self.table.begin(self.now, id);
        self.settle();
        Some(Client { id, wire })
    }

    /// Lets a client send.
    pub(super) fn send(&mut self, client: &Client, bytes: &[u8]) {
        client.wire.borrow_mut().inbox.extend(bytes);
        self.news(client, News { readable: true, ..News::default() });
    }

    /// Lets a client end its side.
    pub(super) fn fin(&mut self, client: &Client) {
        client.wire.borrow_mut().fin = true;
        self.news(client, News { readable: true, ended: true, ..News::default() });
    }

    /// Lets a client reset the connection.
    pub(super) fn reset(&mut self, client: &Client) {
        client.wire.borrow_mut().reset = true;
        self.news(client, News { readable: true, writable: true, ended: true });
    }

    /// Lets a client read so many bytes.
    pub(super) fn room(&mut self, client: &Client, bytes: usize) {
        client.wire.borrow_mut().room = bytes;
        self.news(client, News { writable: true, ..News::default() });
    }

    /// Tells about a socket, and gives all turns that are asked for.
    pub(super) fn news(&mut self, client: &Client, news: News) {
        self.table.handle_news(self.now, client.id, news);
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.table.has_turns() {
                break;
            }
            self.table.run_again(self.now);
        }
        assert!(!self.table.has_turns(), "turns come to an end");
        self.check();
    }

    /// Answers a request that is held.
    pub(super) fn answer(&mut self, at: usize, respond: impl FnOnce(&ApiRequest) -> ApiResponse) {
        let job = self.jobs.held.borrow_mut().remove(at);
        let (id, response) = (job.id, respond(&job.request));
        drop(job);
        self.table.handle_response(self.now, id, &response);
        self.settle();
    }

    /// Moves the clock, and acts on each deadline on the way.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(deadline) = self.table.next_timeout().filter(|at| *at <= end) {
            assert!(deadline >= self.now, "deadlines do not wait");
            self.at(deadline);
            self.table.handle_timeout(self.now);
            assert!(self.table.next_timeout().is_none_or(|next| next > deadline));
            self.settle();
        }
        self.at(end);
    }

    fn at(&mut self, now: Instant) {
        self.now = now;
        self.clock.set(now);
    }

    /// Asserts what holds at all times.
    pub(super) fn check(&self) {
        self.table.check();
        assert!(self.table.shared.bodies.held() <= self.table.shared.limits.bodies_bytes);
        assert!(self.table.shared.answers.held() <= self.table.shared.limits.answers_bytes);
        let held = self.jobs.held.borrow();
        let mut waiting: Vec<_> = held
            .iter()
            .filter(|job| !job.cancelled.load(Ordering::Relaxed))
            .map(|job| job.id)
            .collect();
        waiting.sort_unstable();
        let count = waiting.len();
        waiting.dedup();
        assert_eq!(count, waiting.len(), "one request of a connection at most is in work");
        assert_eq!(self.table.next_timeout().is_some(), self.table.open() > 0);
    }
}

/// Tells, in another way than the front does, whether the first request of some bytes may have a good answer.
pub(super) fn may_succeed(bytes: &[u8]) -> bool {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let text = text.trim_start_matches("\r\n");
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let mut lines = head.split("\r\n");
    let line: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = line[..] else { return false };
    let token = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
    };
    let fields: Vec<Option<(&str, &str)>> = lines.map(|line| line.split_once(':')).collect();
    let named = |name: &str| {
        fields.iter().flatten().filter(|(given, _)| given.eq_ignore_ascii_case(name)).count()
    };
    let plain = |c: char| c == '\t' || (c >= ' ' && c != '\u{7f}');
    ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method)
        && target.chars().all(|c| ('!'..='~').contains(&c))
        && (target.starts_with('/') || target.to_ascii_lowercase().starts_with("http"))
        && ["HTTP/1.0", "HTTP/1.1"].contains(&version)
        && fields
            .iter()
            .all(|field| field.is_some_and(|(name, value)| token(name) && value.chars().all(plain)))
        && named("host") <= 1
        && (named("host") == 1 || version == "HTTP/1.0")
        && named("content-length") <= 1
        && named("transfer-encoding") == 0
}

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Returns a number from 0 to `below` - 1.
    pub(super) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }
}
