//! Feeds whole lives of connections to the front, as a fuzzer finds them.
//!
//! The bytes are what clients send, as text; bytes from `0xF0` on say what else happens: a cut, another client, an end,
//! a reset, a peer that does not read, an answer of the handler, time. What must hold is asserted after each step, and at
//! the end everybody is gone and every budget is given back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::harness::{Client, World, may_succeed};
use super::limits::Limits;
use super::request::{ApiRequest, ApiResponse};
use crate::ids::ModuleName;

/// From this byte on a byte is no text.
const FIRST_STEP: u8 = 0xF0;
/// The most clients at a time that a story knows; the front itself takes fewer.
const CLIENTS_MAX: usize = 16;

/// Plays a story, and where it is one client's text only, plays it in pieces too: the answers must be the same.
pub(crate) fn connection(bytes: &[u8]) {
    if bytes.iter().all(|byte| *byte < FIRST_STEP) {
        let (whole, pieces) = (answers(bytes, bytes.len().max(1)), answers(bytes, 3));
        assert_eq!(whole, pieces, "the answers depend on how the bytes were cut");
        if whole.starts_with("HTTP/1.1 2") {
            assert!(may_succeed(bytes), "this must not succeed");
        }
        return;
    }
    Story::new().play(bytes);
}

/// Returns what one client gets for its bytes when they come in pieces of a length.
fn answers(bytes: &[u8], piece: usize) -> String {
    let mut world = World::new(Limits::default());
    let client = world.connect();
    for part in bytes.chunks(piece) {
        world.send(&client, part);
        while !world.jobs.held.borrow().is_empty() {
            world.answer(0, echo);
        }
    }
    world.advance(Duration::from_secs(120));
    assert_eq!(world.table.open(), 0, "every state has a time limit");
    client.text().replace("HTTP/1.1 100 Continue\r\n\r\n", "")
}

fn echo(request: &ApiRequest) -> ApiResponse {
    ApiResponse::text(200, request.path.clone())
}

struct Story {
    world: World,
    clients: Vec<Client>,
    at: usize,
    text: Vec<u8>,
}

impl Story {
    fn new() -> Self {
        let limits = Limits {
            connections: 6,
            connections_per_address: 4,
            bodies_bytes: 1_500,
            answers_bytes: 3_000,
            pipeline_bytes: 400,
            queue: 3,
            requests_per_turn: 3,
            ..Limits::default()
        };
        let mut world = World::new(limits);
        let clients = vec![world.connect()];
        Self { world, clients, at: 0, text: Vec::new() }
    }

    fn play(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.iter().copied();
        while let Some(byte) = bytes.next() {
            if byte < FIRST_STEP {
                self.text.push(byte);
                continue;
            }
            self.flush();
            self.step(byte, &mut bytes);
            self.world.settle();
        }
        self.flush();
        self.world.advance(Duration::from_secs(240));
        self.world.jobs.held.borrow_mut().clear();
        let table = &self.world.table;
        assert_eq!(table.open(), 0, "every state has a time limit");
        let held = (table.shared.bodies.held(), table.shared.answers.held());
        assert_eq!(held, (0, 0), "every budget is given back");
        assert!(self.clients.iter().all(Client::is_closed));
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let Some(client) = self.client().filter(|_| !text.is_empty()) else { return };
        self.world.send(&client, &text);
    }

    fn client(&self) -> Option<Client> {
        self.clients.get(self.at).cloned()
    }

    fn step(&mut self, byte: u8, bytes: &mut impl Iterator<Item = u8>) {
        match (byte, self.client()) {
            (0xF1, _) => self.at = (self.at + 1) % self.clients.len().max(1),
            (0xF2, Some(client)) => self.world.fin(&client),
            (0xF3, Some(client)) => self.world.reset(&client),
            (0xF4, Some(client)) => client.wire.borrow_mut().room = 0,
            (0xF5, Some(client)) => {
                let room = usize::from(bytes.next().unwrap_or(0)) * 16;
                self.world.room(&client, room);
            }
            (0xF6, _) => {
                let power = bytes.next().unwrap_or(0) % 17;
                self.world.advance(Duration::from_millis(1_u64 << power));
            }
            (0xF7, _) => self.answer(echo),
            (0xF8, _) => self.answer(|_| ApiResponse::text(200, "x".repeat(2_000))),
            (0xF9, _) => self.world.board.stamp(self.world.now),
            (0xFA, _) => self.connect(bytes.next().unwrap_or(0)),
            (0xFB, _) => self.publish(bytes.next().unwrap_or(0) & 1 == 1),
            (0xFC, _) => self.world.table.begin_stop(self.world.now),
            (0xFD, _) => self.text.extend(bytes.next()),
            (0xFE, _) => self
                .answer(|_| ApiResponse::text(200, "").with_header("Connection", "close\r\nX: y")),
            _ => {}
        }
    }

    fn answer(&mut self, with: impl FnOnce(&ApiRequest) -> ApiResponse) {
        if !self.world.jobs.held.borrow().is_empty() {
            self.world.answer(0, with);
        }
    }

    fn connect(&mut self, from: u8) {
        if self.clients.len() >= CLIENTS_MAX {
            self.clients.retain(|client| !client.is_closed());
        }
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, from & 3));
        if let Some(client) = self.world.connect_from(from) {
            self.at = self.clients.len();
            self.clients.push(client);
        }
    }

    fn publish(&self, ready: bool) {
        let Ok(shop) = ModuleName::new("shop") else { return };
        self.world.board.publish(&shop, ready, if ready { "ready" } else { "stopped" });
    }
}
