//! Why a front could not be started.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a front could not be started. Nothing is left open.
///
/// ```
/// use std::net::SocketAddr;
/// use std::sync::Arc;
/// use safekit_core::runtime::clock;
/// use safekit_core::runtime::front::{ApiResponse, Board, Front, FrontConfig, FrontError, Listener};
///
/// let board = Board::new(clock::now());
/// let handler = Arc::new(|_: &_| ApiResponse::text(404, "nothing here\n"));
/// let config = FrontConfig::new("health", board, handler);
/// // An address for documentation: no host has it.
/// let elsewhere = Listener::Tcp(SocketAddr::from(([198, 51, 100, 7], 9010)));
/// let Err(FrontError::Listen { advice, .. }) = Front::start(config.with_listener(elsewhere)) else {
///     return Err("it has such an address");
/// };
/// assert!(advice.starts_with("the address is not one of this host"));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrontError {
    /// The configuration names no place to listen, or too many: the caller's fault.
    #[error("a front listens on 1 to {limit} addresses or sockets, not on {given}")]
    ListenerCount {
        /// How many it names.
        given: usize,
        /// The most.
        limit: usize,
    },
    /// An address cannot be listened on: the text says what to do.
    #[error("cannot listen on {addr}: {advice} ({source})")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What is wrong and what helps.
        advice: &'static str,
        /// The operating system's words.
        #[source]
        source: io::Error,
    },
    /// A program answers on the socket: another agent runs there. Stop it, or use another path.
    #[error("cannot listen on {}: another program answers there; stop it or choose another path", path.display())]
    Answered {
        /// The file.
        path: PathBuf,
    },
    /// The path is taken by a file that is no socket. It is left alone: remove it or use another path.
    #[error("cannot listen on {}: the file there is not a socket; remove it or choose another path", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The socket could not be made: the folder is missing or not writable, the path has more than about 100 bytes, or
    /// the platform has no such sockets.
    #[error("cannot make the socket {}: check that its folder exists and is writable", path.display())]
    Socket {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        #[source]
        source: io::Error,
    },
    /// The operating system has no thread or no event queue to give: raise the limits of the process.
    #[error("cannot start the front {name}: the operating system refuses what it needs ({source})")]
    System {
        /// The front.
        name: String,
        /// The operating system's words.
        #[source]
        source: io::Error,
    },
}

impl FrontError {
    /// Says what helps against an error of an address.
    pub(super) fn listen(addr: SocketAddr, source: io::Error) -> Self {
        let kind = source.kind();
        let advice = if kind == ErrorKind::AddrInUse {
            "the port is in use; stop the program that has it (ss -ltnp shows it), or choose another one"
        } else if kind == ErrorKind::AddrNotAvailable {
            "the address is not one of this host; choose one that is, or 0.0.0.0"
        } else if kind == ErrorKind::PermissionDenied {
            "permission denied; ports below 1024 need root or the capability cap_net_bind_service"
        } else {
            "the operating system refuses it"
        };
        Self::Listen { addr, advice, source }
    }
}
