//! The peers of the health answer: nginx with `return 200`, HAProxy with `monitor-uri`, where they are installed, and the
//! product's own front alone. Their own files, their own processes, one thread each, loopback only; never as services.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::program::{Running, version};
use crate::{Trouble, Try};

/// A running peer; it ends with its owner.
#[derive(Debug)]
pub struct Peer {
    running: Running,
    /// What it is, with its version.
    pub name: String,
    /// Where it answers.
    pub address: SocketAddr,
}

/// What all of them answer for.
pub const PATH: &str = "/ready";
/// Connections that each of them has room for.
pub const ROOM: usize = 12_000;

impl Peer {
    /// Starts nginx with its files in a folder; `None` where it is not installed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn nginx(folder: &Path, address: SocketAddr) -> Try<Option<Self>> {
        let Some(version) = version("nginx", "-v") else { return Ok(None) };
        let config = write(folder, "nginx.conf", NGINX, address)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&config).args(["-e", "stderr"]);
        Self::start(command, version.replace("nginx version: ", ""), address).map(Some)
    }

    /// Starts HAProxy with its files in a folder; `None` where it is not installed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn haproxy(folder: &Path, address: SocketAddr) -> Try<Option<Self>> {
        let Some(version) = version("haproxy", "-v") else { return Ok(None) };
        let number = version.split_whitespace().nth(2).unwrap_or_default();
        let number = number.split(['-', '+']).next().unwrap_or_default();
        let config = write(folder, "haproxy.cfg", HAPROXY, address)?;
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&config);
        Self::start(command, format!("haproxy/{number}"), address).map(Some)
    }

    /// Starts this program as a front alone: the agent's, but with room for as many connections as the others.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn front(address: SocketAddr) -> Try<Self> {
        let own = std::env::current_exe().map_err(Trouble::io("find this program's file"))?;
        let mut command = Command::new(own);
        command.args([SERVE, &address.to_string()]);
        Self::start(command, "safekit front alone".to_owned(), address)
    }

    fn start(command: Command, name: String, address: SocketAddr) -> Try<Self> {
        Ok(Self { running: Running::start(command, &name)?, name, address })
    }

    /// Returns its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }
}

/// The argument with which this program is a front; an address follows.
pub const SERVE: &str = "serve-front";

fn write(folder: &Path, name: &str, text: &str, address: SocketAddr) -> Try<std::path::PathBuf> {
    let text = text.replace("@ADDRESS@", &address.to_string());
    let text = text.replace("@FOLDER@", &folder.to_string_lossy());
    let path = folder.join(name);
    fs::write(&path, text).map_err(Trouble::io(&format!("write {name}")))?;
    Ok(path)
}

const NGINX: &str = r#"
daemon off;
master_process off;
pid @FOLDER@/nginx.pid;
error_log stderr crit;
events { worker_connections 12000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 120s;
  client_body_temp_path @FOLDER@/ng1;
  proxy_temp_path @FOLDER@/ng2;
  fastcgi_temp_path @FOLDER@/ng3;
  uwsgi_temp_path @FOLDER@/ng4;
  scgi_temp_path @FOLDER@/ng5;
  server {
    listen @ADDRESS@ backlog=1024;
    default_type text/plain;
    location = /ready { return 200 "OK\n"; }
  }
}
"#;

/// Its sum of descriptors counts each connection twice, which a limit of 20,000 does not allow: it only warns then.
const HAPROXY: &str = r#"
global
  nbthread 1
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout client 120s
  timeout http-request 10s
  timeout http-keep-alive 120s
frontend ready
  bind @ADDRESS@ backlog 1024
  maxconn 12000
  monitor-uri /ready
"#;
