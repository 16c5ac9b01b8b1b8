//! Elsewhere: no sockets in the file system, nothing known about descriptors.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use mio::event::Source;
use mio::{Interest, Registry, Token};

use crate::runtime::front::Peer;

/// Read on until nothing more comes.
pub(crate) const SHORT_READ_IS_ALL: bool = false;

/// Sends what fits, as the last bytes before our side is ended.
pub(crate) fn write_last(mut stream: &mio::net::TcpStream, bytes: &[u8]) -> io::Result<usize> {
    io::Write::write(&mut stream, bytes)
}

/// On Windows the option lets others take a port that is in use.
pub(crate) const REUSE_ADDRESS: bool = false;

/// A socket in the file system: there is none.
#[derive(Debug)]
pub(crate) struct LocalListener(Infallible);

/// Why a socket in the file system could not be opened.
#[derive(Debug)]
#[expect(dead_code, reason = "the other platforms construct them")]
pub(crate) enum LocalError {
    /// Somebody answers there.
    Answered,
    /// What is there is no socket.
    NotASocket,
    /// The operating system refused.
    Io(io::Error),
}

impl LocalListener {
    /// Refuses.
    pub(crate) fn bind(_path: &Path, _mode: u32, _backlog: u16) -> Result<Self, LocalError> {
        Err(LocalError::Io(io::ErrorKind::Unsupported.into()))
    }

    /// Accepts a connection.
    pub(crate) fn accept(&self) -> io::Result<(LocalStream, Peer)> {
        match self.0 {}
    }
}

/// A connection within this host: there is none.
#[derive(Debug)]
pub(crate) struct LocalStream(Infallible);

impl LocalStream {
    /// Ends our side.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self.0 {}
    }
}

impl io::Read for LocalStream {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl io::Write for LocalStream {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

macro_rules! source {
    ($name:ident) => {
        impl Source for $name {
            fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
                match self.0 {}
            }

            fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
                match self.0 {}
            }

            fn deregister(&mut self, _: &Registry) -> io::Result<()> {
                match self.0 {}
            }
        }
    };
}

source!(LocalListener);
source!(LocalStream);

/// Tells whether an error means that there is no room for one more connection (WSAEMFILE, WSAENOBUFS, or memory).
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(10024 | 10055))
        || error.kind() == io::ErrorKind::OutOfMemory
}

/// Returns how many descriptors the process may have: not known.
pub(crate) fn descriptor_limit() -> Option<usize> {
    None
}

/// Does nothing: there is no table to grow.
pub(crate) fn reserve_descriptors(_count: usize) -> io::Result<()> {
    Ok(())
}

/// A descriptor that could be given away: there is none.
#[derive(Debug)]
pub(crate) struct Spare;

impl Spare {
    /// Makes one.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Runs `work`.
    pub(crate) fn lend(&mut self, work: impl FnOnce()) {
        work();
    }
}
