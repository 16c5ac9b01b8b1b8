//! One keep-alive connection that asks for the health answer again and again.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// The connection.
#[derive(Debug)]
pub struct Probe {
    address: SocketAddr,
    stream: Stream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

#[expect(clippy::disallowed_types, reason = "the client of the edge under test")]
type Stream = std::net::TcpStream;

impl Probe {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn connect(address: SocketAddr, path: &str) -> Try<Self> {
        let stream = connect(address)?;
        let request = request(address, path, "");
        Ok(Self { address, stream, request, buffer: vec![0; 4096] })
    }

    /// Asks, and returns the status of the answer.
    ///
    /// # Errors
    /// When the answer does not come, or is none.
    pub fn ask(&mut self) -> Try<u16> {
        self.ask_once()?.ok_or_else(|| Trouble::failed("the connection was closed"))
    }

    /// Asks, and returns the status of the answer, or nothing if the connection was closed instead.
    fn ask_once(&mut self) -> Try<Option<u16>> {
        self.stream.write_all(&self.request).map_err(Trouble::io("ask for health"))?;
        let mut held = 0;
        loop {
            let room = self.buffer.get_mut(held..).unwrap_or_default();
            let got = self.stream.read(room).map_err(Trouble::io("read a health answer"))?;
            held += got;
            let bytes = self.buffer.get(..held).unwrap_or_default();
            match answer(bytes) {
                Some(answer) if answer.length == held => return Ok(Some(answer.status)),
                Some(_) => return Err(Trouble::failed("more came than was asked for")),
                None if got == 0 && held == 0 => return Ok(None),
                None if got == 0 => return Err(Trouble::failed("half an answer")),
                None => {}
            }
        }
    }

    /// Asks until the answer has this status, with a pause between two questions: asking without any takes the
    /// processors from those who are measured. Returns how often. A positive answer that is no longer true when it is
    /// to be sent is not sent, and its connection closed: then the next question goes over a new one.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn ask_until(&mut self, status: u16, patience: Duration) -> Try<usize> {
        let end = clock::now() + patience;
        let mut asked = 1;
        loop {
            match self.ask_once()? {
                Some(answered) if answered == status => return Ok(asked),
                Some(_) => {}
                None => self.stream = connect(self.address)?,
            }
            std::thread::park_timeout(PAUSE);
            asked += 1;
            if clock::now() > end {
                return Err(Trouble::failed(format!("never {status} within {patience:?}")));
            }
        }
    }
}

fn connect(address: SocketAddr) -> Try<Stream> {
    let connect = || {
        let stream = Stream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        Ok(stream)
    };
    connect().map_err(Trouble::io(&format!("connect to {address}")))
}

/// Returns the bytes of a request; `fields` end with a line break each.
#[must_use]
pub fn request(host: SocketAddr, path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n").into_bytes()
}

/// A complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Bytes of head and body.
    pub length: usize,
}

/// Returns the answer that the bytes begin with, once it is complete.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    };
    let length = end + head.lines().find_map(field)?;
    (bytes.len() >= length).then_some(Answer { status, length })
}

/// What the times are exact to.
const PAUSE: Duration = Duration::from_micros(200);
const ANSWER_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let bytes = b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nNO\n";
        let complete = Answer { status: 404, length: bytes.len() };
        assert_eq!(answer(bytes), Some(complete));
        for cut in 0..bytes.len() {
            assert_eq!(answer(&bytes[..cut]), None, "{cut}");
        }
    }
}
