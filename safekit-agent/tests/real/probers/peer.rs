//! A program that a test runs beside the agents, and questions to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::farm;

/// A process that ends with its owner.
pub(super) struct Peer(Child);

impl Peer {
    /// Starts a program; what it says is kept in a file.
    pub(super) fn start(command: &mut Command, log: &std::path::Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Politely first: who has processes of its own ends them then.
        let pid = i32::try_from(self.0.id()).unwrap();
        farm::signal(pid, Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                drop(self.0.kill());
                drop(self.0.wait());
                return;
            }
            farm::pause();
        }
    }
}

/// Asks a program at `ADDRESS:PORT`; its whole answer, if there is one.
pub(super) fn ask(address: &str, path: &str) -> Option<String> {
    const LIMIT: Duration = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    // What came before the end of time counts.
    drop(stream.read_to_end(&mut answer));
    Some(String::from_utf8_lossy(&answer).into_owned()).filter(|answer| !answer.is_empty())
}

/// Waits until a program takes connections.
pub(super) fn wait_open(address: &str) {
    let deadline = Instant::now() + farm::PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on {address}");
        farm::pause();
    }
}

/// Fails where a program is missing: a test that is wanted is not left out in silence.
pub(super) fn assert_installed(programs: &[&str]) {
    for program in programs {
        let found = Command::new(program)
            .arg("-v")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        assert!(found, "{program} is missing: run scripts/test, or set SAFEKIT_NO_LAB=1");
    }
}
