//! Sockets of a front: those that accept, and those that were accepted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::conn::Transport;
use super::error::FrontError;
use super::request::Peer;
use crate::runtime::sys::local::{
    LocalError, LocalListener, LocalStream, REUSE_ADDRESS, write_last,
};

/// Where a front listens.
///
/// ```
/// use std::net::SocketAddr;
/// use safekit_core::runtime::front::Listener;
///
/// let everywhere = Listener::Tcp(SocketAddr::from(([0, 0, 0, 0], 9010)));
/// let control = Listener::Unix { path: "/run/product/control".into(), mode: 0o660 };
/// assert_ne!(everywhere, control);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listener {
    /// An address and port; port 0 takes a free one. An IPv6 address takes IPv6 only: for both, name both.
    Tcp(SocketAddr),
    /// A socket in the file system (Linux), for processes of this host; each request carries who asks.
    Unix {
        /// The file. One that an earlier front left behind is replaced, one on which somebody answers is not. It is
        /// removed at the end. Its group is the process's; to give it to another, change it after the start.
        path: PathBuf,
        /// Rights of the file, for example `0o660`; who may write may connect.
        mode: u32,
    },
}

/// An open socket that accepts.
#[derive(Debug)]
pub(super) enum Open {
    Tcp(mio::net::TcpListener),
    Local(LocalListener),
}

impl Open {
    /// Opens a socket. Returns it with its address, if it has one.
    pub(super) fn new(
        listener: &Listener,
        backlog: u16,
    ) -> Result<(Self, Option<SocketAddr>), FrontError> {
        match listener {
            Listener::Tcp(addr) => {
                let listen = |source| FrontError::listen(*addr, source);
                let socket = tcp(*addr, backlog).map_err(listen)?;
                let addr = socket.local_addr().map_err(listen)?;
                Ok((Self::Tcp(mio::net::TcpListener::from_std(socket)), Some(addr)))
            }
            Listener::Unix { path, mode } => match LocalListener::bind(path, *mode, backlog) {
                Ok(open) => Ok((Self::Local(open), None)),
                Err(LocalError::Answered) => Err(FrontError::Answered { path: path.clone() }),
                Err(LocalError::NotASocket) => Err(FrontError::NotASocket { path: path.clone() }),
                Err(LocalError::Io(source)) => {
                    Err(FrontError::Socket { path: path.clone(), source })
                }
            },
        }
    }

    /// Accepts a connection.
    pub(super) fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(open) => {
                let (stream, addr) = open.accept()?;
                Ok((Accepted::Tcp(stream), Peer::Tcp(addr)))
            }
            Self::Local(open) => {
                let (stream, peer) = open.accept()?;
                Ok((Accepted::Local(stream), peer))
            }
        }
    }

    /// Returns what the operating system is asked to watch.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(open) => open,
            Self::Local(open) => open,
        }
    }
}

fn tcp(addr: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(REUSE_ADDRESS)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::from(backlog))?;
    Ok(socket.into())
}

/// A socket that was accepted.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(mio::net::TcpStream),
    Local(LocalStream),
}

/// A socket that was accepted, and is watched if it was asked for.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Accepted,
    registry: Rc<Registry>,
    token: Token,
    watched: bool,
}

impl Stream {
    /// Takes a socket that is not watched yet.
    pub(super) fn new(socket: Accepted, registry: &Rc<Registry>, token: Token) -> Self {
        Self { socket, registry: Rc::clone(registry), token, watched: false }
    }

    /// Asks for news, which also brings news of what became possible before.
    fn ask(&mut self, interest: Interest) -> io::Result<()> {
        if self.watched {
            return self.registry.reregister(self.socket.source(), self.token, interest);
        }
        self.registry.register(self.socket.source(), self.token, interest)?;
        self.watched = true;
        Ok(())
    }
}

impl Accepted {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Local(stream) => stream,
        }
    }
}

impl Transport for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.socket {
            Accepted::Tcp(stream) => stream.read(into),
            Accepted::Local(stream) => stream.read(into),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.socket {
            Accepted::Tcp(stream) => stream.write(bytes),
            Accepted::Local(stream) => stream.write(bytes),
        }
    }

    fn write_last(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.socket {
            Accepted::Tcp(stream) => write_last(stream, bytes),
            Accepted::Local(stream) => stream.write(bytes),
        }
    }

    fn watch(&mut self) -> io::Result<()> {
        if self.watched { Ok(()) } else { self.ask(Interest::READABLE) }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        match &mut self.socket {
            Accepted::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Accepted::Local(stream) => stream.shutdown_write(),
        }
    }

    fn watch_writable(&mut self) -> io::Result<()> {
        self.ask(Interest::READABLE | Interest::WRITABLE)
    }
}
