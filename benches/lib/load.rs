//! A closed-loop load on an HTTP server: each connection asks again as soon as it was answered. One thread.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use safekit_core::runtime::clock;

use crate::probe::{answer, request};
use crate::samples::Samples;
use crate::usage::{Spent, spent_here};
use crate::{Trouble, Try};

/// What happens to a connection after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It asks again.
    Keep,
    /// The server closes it, and another one is opened.
    Close,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// Of whom.
    pub address: SocketAddr,
    /// For what.
    pub path: &'a str,
    /// By how many connections at a time.
    pub connections: usize,
    /// How long they last.
    pub style: Style,
    /// For how long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From the request, with [`Style::Close`] from the connection, to the complete answer.
    pub times: Samples,
    /// Answers that were not 200, and connections that failed.
    pub failed: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// What the client itself had of the processor.
    pub spent: Spent,
}

struct Client {
    stream: TcpStream,
    begun: Instant,
    phase: Phase,
    answer: Vec<u8>,
    held: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Asked,
    /// Answered; the server closes.
    Closing,
}

struct Run<'a> {
    load: Load<'a>,
    request: Vec<u8>,
    poll: Poll,
    outcome: Outcome,
}

impl Load<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// When connections cannot be opened at all.
    pub fn run(self) -> Try<Outcome> {
        let fields = match self.style {
            Style::Keep => "",
            Style::Close => "Connection: close\r\n",
        };
        let request = request(self.address, self.path, fields);
        let poll = Poll::new().map_err(Trouble::io("make an event queue"))?;
        let outcome = Outcome::default();
        let run = Run { load: self, request, poll, outcome };
        run.turn().map_err(Trouble::io(&format!("load {}", self.address)))
    }
}

impl Run<'_> {
    fn turn(mut self) -> io::Result<Outcome> {
        let (begun, before) = (clock::now(), spent_here());
        let end = begun + self.load.time;
        let mut clients = Vec::new();
        for index in 0..self.load.connections {
            clients.push(self.connect(index)?);
        }
        let mut events = Events::with_capacity(256);
        while clock::now() < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let index = event.token().0;
                let Some(client) = clients.get_mut(index) else { continue };
                let done = match self.drive(client) {
                    Ok(done) => done,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                    Err(_) => {
                        self.outcome.failed += 1;
                        true
                    }
                };
                if done {
                    *client = self.connect(index)?;
                }
            }
        }
        self.outcome.elapsed = clock::now().saturating_duration_since(begun);
        self.outcome.spent = spent_here().since(before);
        Ok(self.outcome)
    }

    fn connect(&self, index: usize) -> io::Result<Client> {
        let begun = clock::now();
        let mut stream = TcpStream::connect(self.load.address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), interest)?;
        Ok(Client {
            stream,
            begun,
            phase: Phase::Connecting,
            answer: vec![0; ANSWER_BYTES_MAX],
            held: 0,
        })
    }

    /// Goes on with a connection as far as it can; tells whether it has ended.
    fn drive(&mut self, client: &mut Client) -> io::Result<bool> {
        if client.phase == Phase::Connecting {
            if client.stream.peer_addr().is_err() {
                return client.stream.take_error()?.map_or(Ok(false), Err);
            }
            client.stream.set_nodelay(true)?;
            self.ask(client)?;
            return Ok(false);
        }
        loop {
            let room = client.answer.get_mut(client.held..).unwrap_or_default();
            let got = client.stream.read(room)?;
            if got == 0 {
                let early = client.phase == Phase::Asked;
                return if early { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(true) };
            }
            if client.phase == Phase::Asked {
                client.held += got;
                if self.take_answer(client) && self.load.style == Style::Keep {
                    client.begun = clock::now();
                    self.ask(client)?;
                    return Ok(false);
                }
            }
        }
    }

    fn ask(&self, client: &mut Client) -> io::Result<()> {
        (client.phase, client.held) = (Phase::Asked, 0);
        // So few bytes always fit into an empty socket.
        client.stream.write_all(&self.request)
    }

    /// Tells whether the answer is complete, and counts it.
    fn take_answer(&mut self, client: &mut Client) -> bool {
        let bytes = client.answer.get(..client.held).unwrap_or_default();
        let Some(answer) = answer(bytes) else { return false };
        client.phase = Phase::Closing;
        if answer.status == 200 {
            self.outcome.times.add(Some(clock::now().saturating_duration_since(client.begun)));
        } else {
            self.outcome.failed += 1;
        }
        true
    }
}

/// Health answers have about 130 bytes.
const ANSWER_BYTES_MAX: usize = 1024;
