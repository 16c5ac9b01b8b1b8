//! Tells the service manager how the unit stands: one datagram to the socket that it names in `NOTIFY_SOCKET`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The variables that the agent, and so the scripts, must not inherit.
pub(super) const VARIABLES: [&str; 7] = [
    super::renewal::VARIABLE,
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// Where the service manager listens, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Notify {
    socket: Option<OsString>,
}

impl Notify {
    /// Takes the value of `NOTIFY_SOCKET`.
    pub(super) fn new(socket: Option<OsString>) -> Self {
        Self { socket }
    }

    /// The unit is started; this process is its main one.
    ///
    /// # Errors
    /// When the service manager does not listen.
    pub(super) fn ready(&self) -> io::Result<()> {
        self.send(&format!("READY=1\nMAINPID={}", std::process::id()))
    }

    /// The unit is about to end.
    ///
    /// # Errors
    /// When the service manager does not listen.
    pub(super) fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1")
    }

    fn send(&self, text: &str) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let from = UnixDatagram::unbound()?;
        from.set_nonblocking(true)?;
        from.send_to_addr(text.as_bytes(), &address(socket)?).map(drop)
    }
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(socket),
    }
}
