//! All connections of a front: their places, their deadlines, and who has to go when there is no room.
//!
//! In: accepted sockets, news about them, answers of the handler, time. Out: what `conn.rs` sends and asks.
//!
//! Always: no more connections than the limit; each is in exactly one class list; a name of a connection that has
//! ended (a late answer, late news) reaches nobody.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::conn::{Conn, ConnId, News, Transport};
use super::limits::Limits;
use super::list::{Class, Lists};
use super::pool::Submit;
use super::request::{ApiResponse, Peer};
use super::shared::Shared;

/// All connections of a front.
pub(super) struct Table<T, S> {
    /// What they share.
    pub(super) shared: Shared<S>,
    places: Vec<Place<T>>,
    free: Vec<usize>,
    lists: Lists,
    addresses: BTreeMap<Origin, usize>,
    again: VecDeque<ConnId>,
    open: usize,
}

struct Place<T> {
    generation: usize,
    queued: bool,
    user: Option<User<T>>,
}

struct User<T> {
    conn: Conn,
    transport: T,
    origin: Option<Origin>,
}

/// Where a connection comes from, as far as limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// An address.
    V4(u32),
    /// The first 64 bits of an address: one host can have all the others.
    V6(u64),
}

/// The greatest generation: it must fit into a token beside a place.
const GENERATION_MAX: usize = usize::MAX >> 17;

impl<T: Transport, S: Submit> Table<T, S> {
    /// Makes an empty table.
    pub(super) fn new(shared: Shared<S>) -> Self {
        Self {
            shared,
            places: Vec::new(),
            free: Vec::new(),
            lists: Lists::default(),
            addresses: BTreeMap::new(),
            again: VecDeque::new(),
            open: 0,
        }
    }

    /// Returns how many connections there are.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Tells whether [`Table::run_again`] has something to do.
    pub(super) fn has_turns(&self) -> bool {
        !self.again.is_empty()
    }

    /// Takes an accepted connection, if need be in the place of another one; `make` makes its transport. Its first
    /// turn is [`Table::begin`].
    pub(super) fn accept(
        &mut self,
        now: Instant,
        peer: Peer,
        make: impl FnOnce(ConnId) -> T,
    ) -> Option<ConnId> {
        self.shared.tally.accepted.add();
        let origin = origin(peer);
        if let Some(origin) = origin
            && self.addresses.get(&origin).copied().unwrap_or(0)
                >= self.shared.limits.connections_per_address
            && !self.evict(Some(origin))
        {
            self.shared.tally.refused_address.add();
            return None;
        }
        if self.open >= self.shared.limits.connections && !self.evict(None) {
            self.shared.tally.refused_full.add();
            return None;
        }
        let place = self.free.pop().unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(Place { generation: 0, queued: false, user: None });
        }
        let entry = self.places.get_mut(place)?;
        let id = ConnId { place, generation: entry.generation };
        let conn = Conn::new(peer, &self.shared.answers);
        entry.user = Some(User { conn, transport: make(id), origin });
        if let Some(origin) = origin {
            *self.addresses.entry(origin).or_default() += 1;
        }
        self.open += 1;
        self.shared.tally.open.add();
        self.lists.settle(place, Class::Head, 0, now);
        Some(id)
    }

    /// Gives an accepted connection its first turn, and has it watched if it lives on. Probers send their request with
    /// the connection: most connections that are closed after one answer are served before anybody asks for news.
    pub(super) fn begin(&mut self, now: Instant, id: ConnId) {
        self.handle_news(now, id, News { readable: true, ..News::default() });
        let Some(entry) = self.places.get_mut(id.place) else { return };
        let user = entry.user.as_mut().filter(|_| entry.generation == id.generation);
        if user.is_some_and(|user| user.transport.watch().is_err()) {
            self.shared.tally.accept_failures.add();
            self.remove(id.place);
        }
    }

    /// Takes news about a socket.
    pub(super) fn handle_news(&mut self, now: Instant, id: ConnId, news: News) {
        self.with(now, id, |conn, _| conn.handle_news(news));
    }

    /// Takes the answer of the handler.
    pub(super) fn handle_response(&mut self, now: Instant, id: ConnId, response: &ApiResponse) {
        self.with(now, id, |conn, shared| conn.handle_response(response, shared));
    }

    /// Acts on the connections whose time is up.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for class in Class::ALL {
            let limit = limit(&self.shared.limits, class);
            while let Some((place, since)) = self.lists.first(class)
                && now.saturating_duration_since(since) >= limit
            {
                let Some(id) = self.id(place) else { break };
                self.with(now, id, |conn, shared| conn.handle_timeout(class, shared));
                if self.lists.first(class) == Some((place, since)) {
                    // A connection whose time is up leaves its class; should one not, it must not stop the front.
                    debug_assert!(false, "{class:?} was not left");
                    self.remove(place);
                }
            }
        }
    }

    /// Returns when [`Table::handle_timeout`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let deadline = |class| {
            let (_, since) = self.lists.first(class)?;
            since.checked_add(limit(&self.shared.limits, class))
        };
        Class::ALL.into_iter().filter_map(deadline).min()
    }

    /// Gives one more turn to each connection that asked for one before.
    pub(super) fn run_again(&mut self, now: Instant) {
        for _ in 0..self.again.len() {
            let Some(id) = self.again.pop_front() else { return };
            if let Some(place) = self.places.get_mut(id.place) {
                place.queued = false;
            }
            self.with(now, id, |_, _| {});
        }
    }

    /// Closes one connection that may be closed: of the cheapest class the oldest, if need be of one origin only.
    /// `false` when there is none.
    pub(super) fn evict(&mut self, origin: Option<Origin>) -> bool {
        for class in Class::EVICTED {
            let mut next = self.lists.first(class).map(|(place, _)| place);
            while let Some(place) = next {
                if origin.is_none() || self.origin_at(place) == origin {
                    self.shared.tally.evicted.add();
                    self.remove(place);
                    return true;
                }
                next = self.lists.after(place);
            }
        }
        false
    }

    /// Makes each answer from here on the last of its connection, and closes those that have not begun a request.
    pub(super) fn begin_stop(&mut self, now: Instant) {
        self.shared.stopping = true;
        for place in 0..self.places.len() {
            if let Some(id) = self.id(place) {
                // What has come already still counts.
                self.with(now, id, |_, _| {});
            }
            let user = self.places.get(place).and_then(|entry| entry.user.as_ref());
            if user.is_some_and(|user| user.conn.is_quiet()) {
                self.remove(place);
            }
        }
    }

    /// Asserts what holds at all times.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn check(&self) {
        let mut listed = std::collections::BTreeSet::new();
        for class in Class::ALL {
            let mut next = self.lists.first(class).map(|(place, _)| place);
            while let Some(place) = next {
                assert!(listed.insert(place), "in one list only");
                let user = self.places.get(place).and_then(|entry| entry.user.as_ref());
                // Only the living are listed.
                assert_eq!(user.and_then(|user| user.conn.class()), Some(class));
                user.iter().for_each(|user| user.conn.check());
                next = self.lists.after(place);
            }
        }
        assert_eq!(listed.len(), self.open);
        assert_eq!(self.places.iter().filter(|place| place.user.is_some()).count(), self.open);
        assert_eq!(self.places.len(), self.open + self.free.len());
        assert!(self.open <= self.shared.limits.connections);
        let most = self.addresses.values().max().copied().unwrap_or(0);
        assert!(most <= self.shared.limits.connections_per_address);
    }

    fn id(&self, place: usize) -> Option<ConnId> {
        let entry = self.places.get(place)?;
        entry.user.as_ref().map(|_| ConnId { place, generation: entry.generation })
    }

    fn origin_at(&self, place: usize) -> Option<Origin> {
        self.places.get(place)?.user.as_ref()?.origin
    }

    /// Changes a connection, lets it do what it can, and sorts it in.
    fn with(&mut self, now: Instant, id: ConnId, change: impl FnOnce(&mut Conn, &Shared<S>)) {
        let Some(entry) = self.places.get_mut(id.place) else { return };
        let Some(user) = entry.user.as_mut().filter(|_| entry.generation == id.generation) else {
            return;
        };
        change(&mut user.conn, &self.shared);
        user.conn.drive(now, id, &mut user.transport, &mut self.shared);
        let Some(class) = user.conn.class() else { return self.remove(id.place) };
        self.lists.settle(id.place, class, user.conn.round(), now);
        if user.conn.wants_turn() && !entry.queued {
            entry.queued = true;
            self.again.push_back(id);
        }
        self.charge(id.place);
        if class == Class::Idle {
            self.keep_room();
        }
    }

    /// Closes the connection that has waited longest for a next request when too many do.
    fn keep_room(&mut self) {
        if self.lists.count(Class::Idle) > self.shared.limits.idle()
            && let Some((oldest, _)) = self.lists.first(Class::Idle)
        {
            self.shared.tally.evicted.add();
            self.remove(oldest);
        }
    }

    /// Counts what waits for the peer; while it does not fit, the connection that has waited longest must go.
    fn charge(&mut self, place: usize) {
        loop {
            let user = self.places.get_mut(place).and_then(|entry| entry.user.as_mut());
            if user.is_none_or(|user| user.conn.charge()) {
                return;
            }
            self.shared.tally.dropped_answers.add();
            let oldest = self.lists.first(Class::Write).map_or(place, |(oldest, _)| oldest);
            self.remove(oldest);
        }
    }

    fn remove(&mut self, place: usize) {
        self.lists.leave(place);
        let Some(entry) = self.places.get_mut(place) else { return };
        let Some(user) = entry.user.take() else { return };
        entry.generation =
            if entry.generation == GENERATION_MAX { 0 } else { entry.generation + 1 };
        entry.queued = false;
        self.free.push(place);
        self.open -= 1;
        self.shared.tally.open.remove();
        if let Some(origin) = user.origin
            && let Some(count) = self.addresses.get_mut(&origin)
        {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&origin);
            }
        }
    }
}

fn limit(limits: &Limits, class: Class) -> Duration {
    match class {
        Class::Linger => limits.linger_time,
        Class::Head => limits.head_time,
        Class::Idle => limits.idle_time,
        Class::Body => limits.body_time,
        Class::Write => limits.write_time,
        Class::Work => limits.work_time,
    }
}

fn origin(peer: Peer) -> Option<Origin> {
    match peer {
        Peer::Tcp(addr) => Some(match addr.ip().to_canonical() {
            IpAddr::V4(ip) => Origin::V4(ip.to_bits()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Origin::V6(
                    [a, b, c, d].into_iter().fold(0, |sum, part| sum << 16 | u64::from(part)),
                )
            }
        }),
        // Processes of this host are few, and may come from anywhere in it.
        Peer::Local { .. } => None,
    }
}

#[cfg(test)]
mod tests;
