//! One connection: bytes, answers and time in; bytes, requests and the end out.
//!
//! ```text
//!            ┌──────────── answered, kept alive ◄───────────┐
//!            ▼                                              │
//! accepted ► Request ── head with body ──► Body ── whole ──► Work ── answered, last ──► Closing ──► closed
//!            │  └── head without body ──────────────────────►            ▲                 │
//!            └── health answer: at once, stays              refused, late ┘                 └─► Linger ──► closed
//! ```
//!
//! A socket is seen through [`Transport`] and the handler's workers through [`Submit`], so everything here runs in
//! tests without either, in virtual time.
//!
//! Always: answers leave in the order of the requests; one request at most is with the handler; while an answer waits
//! for the peer, nothing is read and nothing answered; every state belongs to a class with a time limit (`list.rs`).
//!
//! What is made of the bytes is in `requests`.

mod requests;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::answer::{Body, Persistence, Refusal, push_plain, push_response};
use super::board::Vouched;
use super::budget::{Budget, Charge};
use super::head::Scan;
use super::limits::READS_PER_TURN;
use super::list::Class;
use super::pool::Submit;
use super::request::{ApiRequest, ApiResponse, Peer};
use super::shared::Shared;
use crate::runtime::sys::local::SHORT_READ_IS_ALL;

/// The socket of a connection. It never blocks: it says [`ErrorKind::WouldBlock`].
pub(super) trait Transport {
    /// Reads what came; 0 when the peer has ended its side.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Sends what fits.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Sends what fits, before our side is ended or the socket is closed right after the last byte: the bytes may wait for
    /// that, so that they and the end go together.
    fn write_last(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Asks for news about what comes from here on, and about what came and was not read. Called once, when the first
    /// turn is over: a connection that needs one turn costs no news.
    fn watch(&mut self) -> io::Result<()>;
    /// Ends our side.
    fn shutdown_write(&mut self) -> io::Result<()>;
    /// Asks for news when something fits again; called after a write would block, any number of times, also before
    /// [`Transport::watch`].
    fn watch_writable(&mut self) -> io::Result<()>;
}

/// Names a connection: a place that is used again, and a number that tells its users apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId {
    /// Place in the table.
    pub(super) place: usize,
    /// Which user of that place.
    pub(super) generation: usize,
}

/// What the operating system tells about a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// Something can be read, be it an end or an error.
    pub(super) readable: bool,
    /// Something can be sent.
    pub(super) writable: bool,
    /// The peer has ended its side: after the last byte comes an end, and no further news.
    pub(super) ended: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    peer: Peer,
    phase: Phase,
    round: u64,
    input: Vec<u8>,
    scan: Scan,
    /// The input has been looked at: without more bytes nothing can be done.
    starved: bool,
    /// Bytes were thrown away, or were never read, when the end was decided.
    unread: bool,
    out: Vec<u8>,
    sent: usize,
    blocked: bool,
    queued: Charge,
    vouched: Option<Vouched>,
    news: News,
    eof: bool,
    turn_left: usize,
}

#[derive(Debug)]
enum Phase {
    /// Waiting for a head.
    Request,
    /// Waiting for a body.
    Body(Box<Receiving>),
    /// Waiting for the handler.
    Work(Working),
    /// Waiting for the last answer to be sent.
    Closing(Ending),
    /// Our side is ended; the peer may still send so many bytes.
    Linger(usize),
    /// To be removed.
    Done,
}

#[derive(Debug)]
struct Receiving {
    request: ApiRequest,
    length: usize,
    reply: Reply,
    charge: Charge,
}

#[derive(Debug)]
struct Working {
    reply: Reply,
    /// Held for its drop.
    _cancel: Cancel,
}

/// How a request wants to be answered.
#[derive(Clone, Copy, Debug)]
struct Reply {
    persistence: Persistence,
    body: Body,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Close,
    Linger,
}

/// Tells the workers, when it is dropped, that nobody waits for the answer any more.
#[derive(Debug)]
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const LATE_HEAD: Refusal =
    Refusal { status: 408, why: "the head of the request did not come in time" };
const LATE_BODY: Refusal =
    Refusal { status: 408, why: "the body of the request did not come in time" };
const LATE_HANDLER: Refusal = Refusal { status: 504, why: "the request was not handled in time" };
const FAULT: Refusal = Refusal { status: 500, why: "the request could not be handled" };

/// The greatest output buffer that is kept for the next connection.
const SPARE_BYTES_MAX: usize = 64 * 1024;

impl Conn {
    /// Takes an accepted connection.
    pub(super) fn new(peer: Peer, answers: &Arc<Budget>) -> Self {
        Self {
            peer,
            phase: Phase::Request,
            round: 0,
            input: Vec::new(),
            scan: Scan::default(),
            starved: true,
            unread: false,
            out: Vec::new(),
            sent: 0,
            blocked: false,
            queued: Charge::new(answers),
            vouched: None,
            news: News::default(),
            eof: false,
            turn_left: 0,
        }
    }

    /// Takes news about the socket; [`Conn::drive`] acts on it.
    pub(super) fn handle_news(&mut self, news: News) {
        self.news.readable |= news.readable;
        self.news.ended |= news.ended;
        self.blocked &= !news.writable;
    }

    /// Takes the answer of the handler; an answer that comes too late is dropped.
    pub(super) fn handle_response<S>(&mut self, response: &ApiResponse, shared: &Shared<S>) {
        let Phase::Work(Working { reply, .. }) = &self.phase else { return };
        let reply = *reply;
        let persistence = shared.persistence(reply.persistence);
        let fits = response.body.len() <= shared.limits.answers_bytes;
        let date = &shared.date;
        if fits && push_response(&mut self.out, response, date, persistence, reply.body).is_ok() {
            self.finish(persistence);
        } else {
            shared.tally.handler_faults.add();
            push_plain(&mut self.out, FAULT, date, persistence, reply.body);
            self.finish(persistence);
        }
    }

    /// Acts on the time limit of the class that the connection is in.
    pub(super) fn handle_timeout<S>(&mut self, class: Class, shared: &Shared<S>) {
        let tally = &shared.tally;
        let late = match class {
            Class::Head => &tally.late_heads,
            Class::Idle => &tally.late_idle,
            Class::Body => &tally.late_bodies,
            Class::Work => &tally.late_handlers,
            Class::Write => &tally.late_readers,
            Class::Linger => {
                self.phase = Phase::Done;
                return;
            }
        };
        late.add();
        match (class, &self.phase) {
            (Class::Head, _) if !self.input.is_empty() => {
                self.refuse(LATE_HEAD, Body::Sent, shared);
            }
            (Class::Body, _) => self.refuse(LATE_BODY, Body::Sent, shared),
            (Class::Work, Phase::Work(Working { reply, .. })) => {
                let body = reply.body;
                self.refuse(LATE_HANDLER, body, shared);
            }
            _ => self.phase = Phase::Done,
        }
    }

    /// Does what can be done at this time: sends, answers, reads, within the bounds of one turn.
    pub(super) fn drive<S: Submit>(
        &mut self,
        now: Instant,
        id: ConnId,
        transport: &mut impl Transport,
        shared: &mut Shared<S>,
    ) {
        if self.out.capacity() == 0 {
            self.out = std::mem::take(&mut shared.spare);
        }
        self.turn_left = shared.limits.requests_per_turn;
        let mut reads_left = READS_PER_TURN;
        while self.flush(transport, shared) {
            match self.phase {
                Phase::Done | Phase::Work(_) => break,
                Phase::Closing(ending) => self.end(ending, transport, shared),
                Phase::Request | Phase::Body(_) if self.has_unseen() => {
                    if self.turn_left == 0 {
                        break;
                    }
                    self.take_input(now, id, shared);
                }
                Phase::Request | Phase::Body(_) | Phase::Linger(_) => {
                    if self.eof {
                        self.phase = Phase::Done;
                    } else if self.news.readable && reads_left > 0 {
                        reads_left -= 1;
                        self.read(now, id, transport, shared);
                    } else {
                        break;
                    }
                }
            }
        }
        if self.out.is_empty() {
            // A large one is given back to the system, whoever stays: nothing of it is counted any more.
            let out = std::mem::take(&mut self.out);
            if shared.spare.capacity() == 0 && out.capacity() <= SPARE_BYTES_MAX {
                shared.spare = out;
            }
        }
    }

    /// Tells whether another turn would find something to do without further news.
    pub(super) fn wants_turn(&self) -> bool {
        match self.phase {
            Phase::Done | Phase::Work(_) | Phase::Closing(_) => false,
            Phase::Request | Phase::Body(_) | Phase::Linger(_) => {
                self.out.is_empty() && (self.has_unseen() || self.news.readable || self.eof)
            }
        }
    }

    /// Counts what waits for the peer against the budget of all; `false` when it does not fit.
    #[must_use]
    pub(super) fn charge(&mut self) -> bool {
        self.queued.resize(self.out.len())
    }

    /// Returns what the connection is doing; `None` when it is to be removed.
    pub(super) fn class(&self) -> Option<Class> {
        match self.phase {
            Phase::Done => None,
            Phase::Linger(_) => Some(Class::Linger),
            Phase::Work(_) => Some(Class::Work),
            Phase::Closing(_) => Some(Class::Write),
            Phase::Request | Phase::Body(_) if !self.out.is_empty() => Some(Class::Write),
            Phase::Body(_) => Some(Class::Body),
            // A carriage return is no request yet: it must not prolong what an idle connection may take.
            Phase::Request if self.round > 0 && matches!(self.input.as_slice(), b"" | b"\r") => {
                Some(Class::Idle)
            }
            Phase::Request => Some(Class::Head),
        }
    }

    /// Returns the number of requests answered; a class entered in another round is entered anew.
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Tells whether a request has begun.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.phase, Phase::Request) && self.input.is_empty() && self.out.is_empty()
    }

    /// Asserts what holds between turns.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn check(&self) {
        let quiet = matches!(self.phase, Phase::Work(_) | Phase::Linger(_));
        assert!(self.out.is_empty() || !quiet, "answers leave before the next request is handled");
        assert!(self.out.is_empty() || self.blocked, "what can be sent is sent");
        assert_eq!(self.sent, 0);
        assert!(
            !self.out.is_empty() || self.out.capacity() == 0,
            "who has nothing to send owns no memory for it"
        );
    }

    fn has_unseen(&self) -> bool {
        !self.starved && !self.input.is_empty()
    }

    /// Sends what waits; `true` when nothing waits any more.
    fn flush<S>(&mut self, transport: &mut impl Transport, shared: &Shared<S>) -> bool {
        if self.out.is_empty() {
            return true;
        }
        if self.blocked || matches!(self.phase, Phase::Done) {
            return false;
        }
        if let Some(vouched) = self.vouched
            && !shared.view.stands(vouched, (shared.clock)())
        {
            // Rather no answer than a positive one that is no longer true.
            shared.tally.withdrawn.add();
            self.phase = Phase::Done;
            return false;
        }
        while let Some(rest) = self.out.get(self.sent..)
            && !rest.is_empty()
        {
            // After an answer that is the last one comes the end of our side, in the same turn.
            let written = match self.phase {
                Phase::Closing(_) => transport.write_last(rest),
                Phase::Request
                | Phase::Body(_)
                | Phase::Work(_)
                | Phase::Linger(_)
                | Phase::Done => transport.write(rest),
            };
            match written {
                Ok(0) => self.phase = Phase::Done,
                Ok(count) => {
                    self.sent += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    self.out.drain(..self.sent.min(self.out.len()));
                    self.sent = 0;
                    // What is counted is what waits: a small rest must not hold the memory of all.
                    if self.out.capacity() / 4 > self.out.len() {
                        self.out.shrink_to_fit();
                    }
                    if transport.watch_writable().is_err() {
                        self.phase = Phase::Done;
                    }
                }
                Err(_) => self.phase = Phase::Done,
            }
            return false;
        }
        self.out.clear();
        self.sent = 0;
        self.vouched = None;
        true
    }

    /// Ends the connection after its last answer has been sent. A socket that is closed while something waits to be
    /// read takes the answer back from the peer, hence the lingering.
    fn end<S>(&mut self, ending: Ending, transport: &mut impl Transport, shared: &Shared<S>) {
        let unread = !self.eof && (self.unread || self.news.readable || !self.input.is_empty());
        self.input = Vec::new();
        self.phase = match ending {
            Ending::Close if !unread => Phase::Done,
            Ending::Close | Ending::Linger => match transport.shutdown_write() {
                Ok(()) => Phase::Linger(shared.limits.linger_bytes),
                Err(_) => Phase::Done,
            },
        };
    }

    fn read<S: Submit>(
        &mut self,
        now: Instant,
        id: ConnId,
        transport: &mut impl Transport,
        shared: &mut Shared<S>,
    ) {
        let mut scratch = std::mem::take(&mut shared.scratch);
        match transport.read(&mut scratch) {
            Ok(0) => {
                self.eof = true;
                self.news.readable = false;
            }
            Ok(count) => {
                // A short read means that nothing more waits, unless the end came in the same piece of news: no
                // further news would follow.
                if SHORT_READ_IS_ALL && count < scratch.len() && !self.news.ended {
                    self.news.readable = false;
                }
                self.take_new(now, scratch.get(..count).unwrap_or_default(), id, shared);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.news.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.phase = Phase::Done,
        }
        shared.scratch = scratch;
    }

    /// Takes bytes that have just come; what is whole is read where it lies, only a rest is copied.
    fn take_new<S: Submit>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        id: ConnId,
        shared: &mut Shared<S>,
    ) {
        if let Phase::Linger(left) = &mut self.phase {
            match left.checked_sub(bytes.len()) {
                Some(rest) if rest > 0 => *left = rest,
                _ => self.phase = Phase::Done,
            }
        } else if self.input.is_empty() {
            let used = self.take(now, bytes, id, shared);
            self.keep(bytes.get(used..).unwrap_or_default());
        } else {
            self.input.extend_from_slice(bytes);
            self.take_input(now, id, shared);
        }
    }

    fn take_input<S: Submit>(&mut self, now: Instant, id: ConnId, shared: &mut Shared<S>) {
        let mut input = std::mem::take(&mut self.input);
        let used = self.take(now, &input, id, shared);
        if used == 0 && !matches!(self.phase, Phase::Closing(_)) {
            self.input = input;
        } else {
            self.keep(input.split_off(used.min(input.len())).as_slice());
        }
    }

    /// Keeps what was not used, if anybody will look at it.
    fn keep(&mut self, rest: &[u8]) {
        match self.phase {
            Phase::Request | Phase::Body(_) | Phase::Work(_) => {
                self.input.extend_from_slice(rest);
            }
            Phase::Closing(_) | Phase::Linger(_) | Phase::Done => self.unread |= !rest.is_empty(),
        }
    }

    /// Goes on after an answer.
    fn finish(&mut self, persistence: Persistence) {
        self.round += 1;
        self.phase = match persistence {
            Persistence::Implied | Persistence::Named => Phase::Request,
            Persistence::Close => Phase::Closing(Ending::Close),
        };
    }

    /// Answers by closing.
    fn refuse<S>(&mut self, refusal: Refusal, body: Body, shared: &Shared<S>) {
        push_plain(&mut self.out, refusal, &shared.date, Persistence::Close, body);
        self.round += 1;
        self.phase = Phase::Closing(Ending::Linger);
    }
}
