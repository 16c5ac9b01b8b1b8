//! Asks the agent: one HTTP/1.1 request and its answer over the control socket.
//!
//! In: a route and a body. Out: the bytes of a good answer, or a [`Failure`].
//!
//! Always: whatever is at the other end, the head, the body and the time of an answer are limited; an answer that is
//! cut, too long or not HTTP is a failure, never half an answer.
//! Not here: what the bytes mean (`commands`), where the socket is (`root`).

mod answer;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use safekit_core::control::ErrorReport;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::root::Root;
use crate::sys::control_socket;

use answer::{Answer, AnswerError};

/// How long a question may take.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// How long an order may take: it reads and writes files, and may run a module's scripts.
const ORDER_LIMIT: Duration = Duration::from_secs(210);

/// How long an agent is waited for whose guardian is starting it: after a reload it is there again in a moment.
const START_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked for meanwhile.
const START_LOOK: Duration = Duration::from_millis(50);

/// What is told where an answer is missing.
const MAYBE_DONE: &str =
    "an order may have been carried out all the same: 'safekit state' shows it";

/// What is done with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// An answer with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told<T> {
    /// The JSON as the agent wrote it.
    pub(crate) json: String,
    /// What it says.
    pub(crate) report: T,
}

/// Asks one agent.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    root: Root,
    question_limit: Duration,
    start_limit: Duration,
}

impl Client {
    /// Makes a client of a root's agent. Nothing is connected yet.
    pub(crate) fn new(root: Root) -> Self {
        Self::with_limit(root, ASK_LIMIT)
    }

    /// Makes a client whose questions may take less time, or more.
    pub(crate) fn with_limit(root: Root, question_limit: Duration) -> Self {
        Self { root, question_limit, start_limit: START_LIMIT }
    }

    /// Makes a client that does not wait for an agent that is being started, but says so at once.
    pub(crate) fn impatient(root: Root, question_limit: Duration) -> Self {
        Self { root, question_limit, start_limit: Duration::ZERO }
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// No agent, a refusal of the agent, or an answer that is not understood.
    pub(crate) fn get<T: DeserializeOwned>(&self, route: &str) -> Result<Told<T>, Failure> {
        told(&self.exchange(Method::Get, route, &[])?)
    }

    /// Asks for a file.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn download(&self, route: &str) -> Result<Vec<u8>, Failure> {
        self.exchange(Method::Get, route, &[])
    }

    /// Gives an order.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &impl Serialize,
    ) -> Result<Told<T>, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::internal(format!("cannot write the request: {error}")))?;
        told(&self.exchange(Method::Post, route, &body)?)
    }

    fn exchange(&self, method: Method, route: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut request = format!(
            "{} /api/v1/{route} HTTP/1.1\r\nHost: safekit\r\nConnection: close\r\n",
            method.as_str()
        );
        if method == Method::Post {
            request.push_str("Content-Type: application/json\r\n");
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);

        let limit = match method {
            Method::Get => self.question_limit,
            Method::Post => ORDER_LIMIT,
        };
        let answer = self.within(limit, method, request)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        match serde_json::from_slice::<ErrorReport>(&answer.body) {
            Ok(report) => Err(Failure::from(report)),
            Err(_) => Err(self.unexplained(answer.status)),
        }
    }

    /// Tells what an answer means that comes from the agent's HTTP front, not from what does the work.
    fn unexplained(&self, status: u16) -> Failure {
        match status {
            413 => Failure::usage("the request is longer than the agent takes"),
            503 => Failure::new(
                Exit::Refused,
                format!(
                    "the agent of {} has too much to do, nothing was done: try again",
                    self.safe()
                ),
            ),
            504 => Failure::new(
                Exit::AgentDown,
                format!("the agent of {} did not end the work in time", self.safe()),
            )
            .detail(MAYBE_DONE),
            _ => not_understood(&format!("status {status} without an explanation")),
        }
    }

    /// Does the exchange on a thread of its own: connecting, too, can hang on an agent that stands still.
    fn within(&self, limit: Duration, method: Method, request: Vec<u8>) -> Result<Answer, Failure> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (root, start_limit) = (self.root.clone(), self.start_limit.min(limit / 2));
        thread::Builder::new()
            .name("safekit-client".to_owned())
            .spawn(move || {
                let socket = root.socket();
                let ask = || {
                    let connected = control_socket::connect(&socket, limit);
                    talk(&mut connected.map_err(AnswerError::Connect)?, &request)
                };
                let is_starting = || root.guardian().is_some();
                let result = patiently(start_limit, ask, |error| {
                    may_ask_again(error, method) && is_starting()
                });
                // Nobody listens any more when the limit has passed.
                drop(sender.send(result));
            })
            .map_err(|error| Failure::internal(format!("cannot start a thread: {error}")))?;
        match receiver.recv_timeout(limit) {
            Ok(result) => result.map_err(|error| self.failure(&error, limit)),
            Err(RecvTimeoutError::Timeout) => Err(self.late(limit)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::internal("the thread that asks the agent has ended"))
            }
        }
    }

    fn failure(&self, error: &AnswerError, limit: Duration) -> Failure {
        match error {
            AnswerError::Connect(error) => self.not_connected(error),
            AnswerError::Io(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                self.late(limit)
            }
            AnswerError::Io(error) => Failure::new(
                Exit::AgentDown,
                format!("the connection to the agent of {} broke: {error}", self.safe()),
            )
            .detail(MAYBE_DONE),
            AnswerError::Cut => Failure::new(
                Exit::AgentDown,
                format!("the agent of {} ended its answer early", self.safe()),
            )
            .detail(MAYBE_DONE),
            AnswerError::HeadTooLong | AnswerError::BodyTooLong | AnswerError::NotHttp(_) => {
                not_understood(&error.to_string())
            }
        }
    }

    fn not_connected(&self, error: &io::Error) -> Failure {
        let socket = self.root.socket();
        let kind = error.kind();
        if is_absent(error) {
            if let Some(pid) = self.root.guardian() {
                let output = if self.root.is_installed() {
                    "its output says why: 'journalctl -u safekit-agent'".to_owned()
                } else {
                    "its output says why".to_owned()
                };
                return Failure::new(
                    Exit::AgentDown,
                    format!(
                        "the agent of {} is not there yet: its guardian (pid {pid}) is starting it",
                        self.safe()
                    ),
                )
                .detail(format!("where it cannot start, it is tried again for ever; {output}"));
            }
            let start = if self.root.is_installed() {
                "start it: 'systemctl start safekit-agent'".to_owned()
            } else {
                format!("start it: 'safekit-agent run --root {}'", self.safe())
            };
            return Failure::new(
                Exit::AgentDown,
                format!("the agent of {} is not running", self.safe()),
            )
            .detail(start)
            .detail(format!("its control socket would be {}", socket.display()));
        }
        if kind == ErrorKind::PermissionDenied {
            return Failure::usage(format!(
                "you may not use the control socket {}: only root and the members of group safekit may",
                socket.display()
            ))
            .detail("run the command with sudo, or let root add you: 'usermod -aG safekit <user>', then log in anew");
        }
        Failure::new(
            Exit::AgentDown,
            format!("cannot connect to the agent on {}: {error}", socket.display()),
        )
    }

    fn late(&self, limit: Duration) -> Failure {
        Failure::new(
            Exit::AgentDown,
            format!("the agent of {} did not answer within {} s", self.safe(), limit.as_secs()),
        )
        .detail(MAYBE_DONE)
    }

    fn safe(&self) -> String {
        self.root.safe.display().to_string()
    }
}

/// Tells whether nobody listens.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Tells whether a request can be made once more: nobody has got it, or it changes nothing.
fn may_ask_again(error: &AnswerError, method: Method) -> bool {
    match error {
        AnswerError::Connect(error) => is_absent(error),
        AnswerError::Io(error) => {
            let gone = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            gone && method == Method::Get
        }
        AnswerError::Cut => method == Method::Get,
        AnswerError::HeadTooLong | AnswerError::BodyTooLong | AnswerError::NotHttp(_) => false,
    }
}

/// Asks; once more, and again, while that may help: an agent that is being started answers in a moment.
fn patiently<T, E>(
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
    may_help: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let mut waited = Duration::ZERO;
    loop {
        match ask() {
            Err(error) if waited < limit && may_help(&error) => {
                clock::sleep(START_LOOK);
                waited += START_LOOK;
            }
            answer => return answer,
        }
    }
}

fn talk(stream: &mut (impl Read + Write + ?Sized), request: &[u8]) -> Result<Answer, AnswerError> {
    match stream.write_all(request).and_then(|()| stream.flush()) {
        Ok(()) => answer::read(stream),
        // An agent that refuses may close before it has read all: its answer is there to be read.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => answer::read(stream),
        Err(error) => Err(AnswerError::Io(error)),
    }
}

fn told<T: DeserializeOwned>(body: &[u8]) -> Result<Told<T>, Failure> {
    let json = std::str::from_utf8(body).map_err(|error| not_understood(&error.to_string()))?;
    let report = serde_json::from_str(json).map_err(|error| not_understood(&error.to_string()))?;
    Ok(Told { json: json.trim_end().to_owned(), report })
}

fn not_understood(why: &str) -> Failure {
    Failure::internal(format!("the agent's answer is not understood: {why}")).detail(
        "are the command and the agent of the same version? 'safekit --version', 'safekit level'",
    )
}

#[cfg(test)]
mod tests;
