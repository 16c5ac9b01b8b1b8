//! The load balancer of a figure: a real HAProxy, where it is installed. Its own files, its own process, loopback only;
//! never as a service.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use safekit_core::runtime::clock;

use crate::farm::PATIENCE;
use crate::program::{self, Running};
use crate::{Trouble, Try};

/// A running HAProxy.
#[derive(Debug)]
pub struct Haproxy {
    _running: Running,
    stats: PathBuf,
}

/// What stands behind it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Where the application answers.
    pub application: SocketAddr,
    /// Where the agent answers the health check.
    pub health: SocketAddr,
}

impl Haproxy {
    /// Returns its version; `None` where it is not installed.
    #[must_use]
    pub fn version() -> Option<String> {
        program::version(PROGRAM, "-v")
    }

    /// Starts it in front of servers, without retries, its checks as they are by default but for the options given for each
    /// server (`inter 2s`).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        folder: &Path,
        address: SocketAddr,
        path: &str,
        servers: &[Server],
        options: &str,
    ) -> Try<Self> {
        let stats = folder.join("haproxy.sock");
        let line = |server: &Server| {
            let Server { name, application, health } = server;
            let (ip, port) = (health.ip(), health.port());
            format!("  server {name} {application} check addr {ip} port {port} {options}\n")
        };
        let lines: String = servers.iter().map(line).collect();
        let text = CONFIG
            .replace("@STATS@", &stats.to_string_lossy())
            .replace("@ADDRESS@", &address.to_string())
            .replace("@PATH@", path)
            .replace("@SERVERS@", &lines);
        let config = folder.join("haproxy.cfg");
        fs::write(&config, text).map_err(Trouble::io("write haproxy.cfg"))?;
        let mut command = Command::new(PROGRAM);
        command.args(["-db", "-f"]).arg(&config);
        Ok(Self { _running: Running::start(command, PROGRAM)?, stats })
    }

    /// Returns the state in which it has a server: `UP`, `DOWN`, `UP 1/3`.
    #[must_use]
    pub fn state(&self, server: &str) -> Option<String> {
        let mut stats = UnixStream::connect(&self.stats).ok()?;
        stats.write_all(b"show stat\n").ok()?;
        let mut text = String::new();
        stats.read_to_string(&mut text).ok()?;
        let line = text.lines().find(|line| line.starts_with(&format!("nodes,{server},")))?;
        line.split(',').nth(STATUS_FIELD).map(str::to_owned)
    }

    /// Waits until it has a server in rotation.
    ///
    /// # Errors
    /// When it never has.
    pub fn wait_up(&self, server: &str) -> Try<()> {
        let end = clock::now() + PATIENCE;
        loop {
            let state = self.state(server);
            if state.as_deref() == Some("UP") {
                return Ok(());
            }
            if clock::now() > end {
                return Err(Trouble::failed(format!("HAProxy has {server} as {state:?}")));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

const PROGRAM: &str = "haproxy";
/// The place of `status` in a line of `show stat`.
const STATUS_FIELD: usize = 17;
const CONFIG: &str = r"
global
  maxconn 500
  stats socket @STATS@ mode 600
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  retries 0
frontend clients
  bind @ADDRESS@
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET @PATH@
@SERVERS@
";
