//! Asks an agent over its control socket, on one connection that is kept: starting the command would take longer than
//! what is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use safekit_core::control::StateReport;
use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// A connection to an agent's control socket.
#[derive(Debug)]
pub struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the agent of a root.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn connect(root: &Path) -> Try<Self> {
        let open = || {
            let stream = UnixStream::connect(root.join("var/safekit.sock"))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = open().map_err(Trouble::io("connect to a control socket"))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Returns the agent's state.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn state(&mut self) -> Try<StateReport> {
        self.send("GET", "state", "")?;
        let text = self.answer()?;
        serde_json::from_str(&text).map_err(|error| Trouble::failed(error.to_string()))
    }

    /// Gives an order without waiting for its answer; returns the moment before it was sent.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn order(&mut self, route: &str) -> Try<Instant> {
        let begin = clock::now();
        self.send("POST", route, "{}")?;
        Ok(begin)
    }

    /// Reads the answer to an order.
    ///
    /// # Errors
    /// When there is none, or it is a refusal.
    pub fn answer(&mut self) -> Try<String> {
        let broken = || Trouble::io("read an answer of a control socket");
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(broken())?;
        let good = line.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        let (head, mut length) = (line.trim().to_owned(), 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line).map_err(broken())?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(broken())?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if good { Ok(body) } else { Err(Trouble::failed(format!("{head}: {body}"))) }
    }

    fn send(&mut self, method: &str, route: &str, body: &str) -> Try<()> {
        let length = body.len();
        let request = format!(
            "{method} /api/v1/{route} HTTP/1.1\r\nHost: safekit\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let sent = self.stream.get_mut().write_all(request.as_bytes());
        sent.map_err(Trouble::io("ask a control socket"))
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
