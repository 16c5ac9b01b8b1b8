//! The thread of a front: waits for news, hands it to the table, accepts.
//!
//! One turn: sockets first, then answers of the handler, then what asked for another turn, then deadlines, then new
//! connections, so that a request that has come is served before its connection can be closed for a new one. A new
//! connection has its first turn as soon as all are accepted, and the operating system is asked for news about it only
//! if it lives on.
//!
//! Accepting never stops: when the operating system has no descriptor left, a connection of ours goes; when none can
//! go, the caller is let in and closed by help of a spare descriptor, and the next attempt comes after a pause.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mio::event::Event;
use mio::{Events, Poll, Registry, Token};

use super::conn::{ConnId, News};
use super::limits::{CONNECTIONS_MAX, EVENTS};
use super::listen::{Open, Stream};
use super::pool::Pool;
use super::table::Table;
use crate::runtime::clock;
use crate::runtime::sys::local::{Spare, is_out_of_descriptors};

/// Announces answers of the handler and the wish to stop.
pub(super) const WAKE: Token = Token(PLACES - 1);
/// The first listener; the others follow.
pub(super) const LISTENERS: usize = CONNECTIONS_MAX;
/// The most listeners of one front.
pub(super) const LISTENERS_MAX: usize = 64;
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 16;

/// What the owner of a front and its thread both see.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// End, and give requests that are under way their time.
    pub(super) stop: AtomicBool,
    /// End at once.
    pub(super) abort: AtomicBool,
}

/// What the thread of a front works with.
pub(super) struct Server {
    /// News from the operating system.
    pub(super) poll: Poll,
    /// The sockets that accept.
    pub(super) listeners: Vec<Listening>,
    /// The workers, which also hold answers.
    pub(super) pool: Arc<Pool>,
    /// What the owner wants.
    pub(super) wish: Arc<Wish>,
    /// A descriptor for hard times.
    pub(super) spare: Spare,
    /// Connections that were accepted and have not had their first turn; empty between turns.
    pub(super) accepted: Vec<ConnId>,
}

/// A socket that accepts.
#[derive(Debug)]
pub(super) struct Listening {
    /// The socket.
    pub(super) open: Open,
    /// Somebody may wait.
    pub(super) waiting: bool,
}

/// What an attempt to accept says about the next one.
enum Next {
    /// At once; the connection, if there was room for it.
    Now(Option<ConnId>),
    WithNews,
    AfterPause,
}

impl Server {
    /// Serves until the owner wants an end.
    pub(super) fn run(mut self, mut table: Table<Stream, Arc<Pool>>) {
        let Ok(registry) = self.poll.registry().try_clone().map(Rc::new) else { return };
        let mut events = Events::with_capacity(EVENTS);
        let mut retry = None;
        let mut stop_by = None;
        loop {
            let busy = table.has_turns() || (retry.is_none() && self.somebody_waits());
            let wait = wait(busy, [table.next_timeout(), retry, stop_by]);
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                Ok(()) | Err(_) => {}
            }
            let now = clock::now();
            table.shared.date.refresh(now, since_1970);
            for event in &events {
                self.handle_event(event, &mut table);
            }
            // Answers are announced, so that a turn of probes alone meets no lock.
            if events.iter().any(|event| event.token() == WAKE) {
                for (id, response) in self.pool.take_answers() {
                    table.handle_response(clock::now(), id, &response);
                }
            }
            table.run_again(clock::now());
            table.handle_timeout(clock::now());
            if self.wish.abort.load(Ordering::Acquire) {
                break;
            }
            if stop_by.is_none() && self.wish.stop.load(Ordering::Acquire) {
                self.listeners.clear();
                table.begin_stop(now);
                stop_by = now.checked_add(table.shared.limits.stop_time);
            }
            if stop_by.is_some_and(|by| table.open() == 0 || now >= by) {
                break;
            }
            if retry.is_some_and(|at| at <= now) {
                retry = None;
            }
            if retry.is_none() {
                retry = self.accept(now, &registry, &mut table);
            }
        }
    }

    fn somebody_waits(&self) -> bool {
        self.listeners.iter().any(|listening| listening.waiting)
    }

    fn handle_event(&mut self, event: &Event, table: &mut Table<Stream, Arc<Pool>>) {
        let (place, generation) = (event.token().0 % PLACES, event.token().0 >> PLACE_BITS);
        if place < LISTENERS {
            let failed = event.is_error();
            let news = News {
                readable: event.is_readable() || failed,
                writable: event.is_writable() || failed,
                ended: event.is_read_closed(),
            };
            table.handle_news(clock::now(), ConnId { place, generation }, news);
        } else if let Some(listening) = self.listeners.get_mut(place - LISTENERS) {
            listening.waiting = true;
        }
    }

    /// Accepts from each socket; returns when to try again if it must not be at once.
    fn accept(
        &mut self,
        now: Instant,
        registry: &Rc<Registry>,
        table: &mut Table<Stream, Arc<Pool>>,
    ) -> Option<Instant> {
        let Self { listeners, spare, accepted, .. } = self;
        let mut retry = None;
        for listening in listeners.iter_mut().filter(|listening| listening.waiting) {
            for _ in 0..table.shared.limits.accepts_per_turn {
                match accept_one(now, &listening.open, registry, spare, table) {
                    Next::Now(id) => accepted.extend(id),
                    Next::WithNews => {
                        listening.waiting = false;
                        break;
                    }
                    Next::AfterPause => {
                        // It stays marked: the news about those who wait was used up.
                        retry = now.checked_add(table.shared.limits.accept_pause);
                        break;
                    }
                }
            }
            // After all are in, so that their requests have had the most time to come.
            for id in accepted.drain(..) {
                table.begin(clock::now(), id);
            }
            if retry.is_some() {
                break;
            }
        }
        retry
    }
}

fn accept_one(
    now: Instant,
    open: &Open,
    registry: &Rc<Registry>,
    spare: &mut Spare,
    table: &mut Table<Stream, Arc<Pool>>,
) -> Next {
    let error = match open.accept() {
        Ok((socket, peer)) => {
            let make = |id| Stream::new(socket, registry, token(id));
            return Next::Now(table.accept(now, peer, make));
        }
        Err(error) => error,
    };
    let kind = error.kind();
    if kind == io::ErrorKind::WouldBlock {
        return Next::WithNews;
    }
    // The caller has gone again.
    let gone = [
        io::ErrorKind::Interrupted,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
    ];
    if gone.contains(&kind) {
        return Next::Now(None);
    }
    table.shared.tally.accept_failures.add();
    if is_out_of_descriptors(&error) {
        if table.evict(None) {
            return Next::Now(None);
        }
        spare.lend(|| drop(open.accept()));
    }
    Next::AfterPause
}

/// Returns the token of a connection.
fn token(id: ConnId) -> Token {
    Token(id.generation << PLACE_BITS | id.place)
}

fn wait(busy: bool, deadlines: [Option<Instant>; 3]) -> Option<Duration> {
    if busy {
        return Some(Duration::ZERO);
    }
    let first = deadlines.into_iter().flatten().min()?;
    Some(first.saturating_duration_since(clock::now()))
}

fn since_1970() -> Duration {
    clock::unix_time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
