//! The peer of the health answer: nginx with `return 200`, where it is installed. Its own files, its own process,
//! loopback only; never as a service.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Trouble, Try};

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    /// Where it answers.
    pub address: SocketAddr,
}

/// What it answers for.
pub const PATH: &str = "/ready";

impl Nginx {
    /// Returns its version; `None` where it is not installed.
    #[must_use]
    pub fn version() -> Option<String> {
        let output = Command::new(PROGRAM).arg("-v").stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Starts it with its files in a folder: one process, which answers by itself.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(folder: &Path, address: SocketAddr) -> Try<Self> {
        let config = folder.join("nginx.conf");
        let text = CONFIG.replace("@ADDRESS@", &address.to_string());
        let text = text.replace("@FOLDER@", &folder.to_string_lossy());
        fs::write(&config, text).map_err(Trouble::io("write nginx.conf"))?;
        let child = Command::new(PROGRAM)
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&config)
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Trouble::io("start nginx"))?;
        Ok(Self { child, address })
    }

    /// Returns its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const PROGRAM: &str = "nginx";
const CONFIG: &str = r#"
daemon off;
master_process off;
pid @FOLDER@/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
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
