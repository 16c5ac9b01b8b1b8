//! Linux: sockets of this host with credentials, and the table of descriptors.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::process::{Resource, getrlimit};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::runtime::front::Peer;

/// A read that gives less than was asked for means that nothing more waits (epoll(7), question 9).
pub(crate) const SHORT_READ_IS_ALL: bool = true;

/// A port can be taken again at once after its last user has gone, and nobody can take it from its user by this.
pub(crate) const REUSE_ADDRESS: bool = true;

/// Sends what fits, as the last bytes before our side is ended: they wait for that end, so that both go in one segment,
/// but a fifth of a second at most (tcp(7), `TCP_CORK`).
pub(crate) fn write_last(stream: &mio::net::TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(stream, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

/// A socket in the file system that accepts connections.
#[derive(Debug)]
pub(crate) struct LocalListener {
    listener: mio::net::UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

/// Why a socket in the file system could not be opened.
#[derive(Debug)]
pub(crate) enum LocalError {
    /// Somebody answers there.
    Answered,
    /// What is there is no socket.
    NotASocket,
    /// The operating system refused.
    Io(io::Error),
}

impl From<io::Error> for LocalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl LocalListener {
    /// Opens a socket; a socket file on which nobody answers is replaced.
    pub(crate) fn bind(path: &Path, mode: u32, backlog: u16) -> Result<Self, LocalError> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(LocalError::NotASocket),
            Ok(_) => match connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path)?;
                }
                // A full backlog and missing rights also mean that somebody is there.
                Ok(()) | Err(_) => return Err(LocalError::Answered),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Nobody can connect before `listen`, so there is no moment with wrong rights.
        let made = fs::set_permissions(path, Permissions::from_mode(mode))
            .and_then(|()| socket.listen(i32::from(backlog)))
            .and_then(|()| fs::symlink_metadata(path));
        let file = match made {
            Ok(found) => (found.dev(), found.ino()),
            Err(error) => {
                fs::remove_file(path)?;
                return Err(error.into());
            }
        };
        let listener = mio::net::UnixListener::from_std(UnixListener::from(OwnedFd::from(socket)));
        Ok(Self { listener, path: path.to_owned(), file })
    }

    /// Accepts a connection, with what the operating system says about the process at its other end.
    pub(crate) fn accept(&self) -> io::Result<(LocalStream, Peer)> {
        let (stream, _) = self.listener.accept()?;
        let peer = peer_of(&stream)?;
        Ok((LocalStream(stream), peer))
    }
}

/// Tries whether somebody accepts there, without waiting for one who does not.
fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// Asks who is at the other end. The number of its process is 0 where this process cannot see it, as from outside of a
/// container; rustix has no value for that.
#[expect(unsafe_code, reason = "rustix takes a process number of 0 for impossible")]
fn peer_of(stream: &mio::net::UnixStream) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = libc::socklen_t::try_from(size_of_val(&found)).unwrap_or_default();
    // SAFETY: the kernel writes at most `size` bytes into `found`, whose fields are plain numbers, and says how many.
    let asked = unsafe {
        let into = std::ptr::from_mut(&mut found).cast();
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            into,
            &raw mut size,
        )
    };
    if asked != 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = u32::try_from(found.pid).unwrap_or(0);
    Ok(Peer::Local { uid: found.uid, gid: found.gid, pid })
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // Should it fail, the next start finds a socket on which nobody answers.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A connection within this host.
#[derive(Debug)]
pub(crate) struct LocalStream(mio::net::UnixStream);

impl LocalStream {
    /// Ends our side.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

impl io::Read for LocalStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl io::Write for LocalStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

macro_rules! source {
    ($name:ident, $field:tt) => {
        impl Source for $name {
            fn register(
                &mut self,
                registry: &Registry,
                token: Token,
                interests: Interest,
            ) -> io::Result<()> {
                self.$field.register(registry, token, interests)
            }

            fn reregister(
                &mut self,
                registry: &Registry,
                token: Token,
                interests: Interest,
            ) -> io::Result<()> {
                self.$field.reregister(registry, token, interests)
            }

            fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
                self.$field.deregister(registry)
            }
        }
    };
}

source!(LocalListener, listener);
source!(LocalStream, 0);

/// Tells whether an error means that the process or the host has no descriptor or no memory for one more connection.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Returns how many descriptors the process may have; `None`: no limit.
pub(crate) fn descriptor_limit() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Makes the process's table of descriptors large enough for so many; as far as the limit allows.
pub(crate) fn reserve_descriptors(count: usize) -> io::Result<()> {
    let count = count.min(descriptor_limit().unwrap_or(count));
    let last = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
    let file = File::open("/dev/null")?;
    drop(rustix::io::fcntl_dupfd_cloexec(&file, last)?);
    Ok(())
}

/// A descriptor that is held in order to be given away when there is no other.
#[derive(Debug)]
pub(crate) struct Spare(Option<File>);

impl Spare {
    /// Takes a descriptor.
    pub(crate) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Frees the descriptor for as long as `work` runs.
    pub(crate) fn lend(&mut self, work: impl FnOnce()) {
        self.0 = None;
        work();
        self.0 = File::open("/dev/null").ok();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("safekit-local-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn who_accepts_nobody_is_there_all_the_same() {
        let path = folder("full").join("socket");
        let busy = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        busy.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        busy.listen(0).unwrap();
        let _waits: Vec<_> = std::iter::repeat_with(|| {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.connect(&SockAddr::unix(&path).unwrap()).map(|()| socket)
        })
        .take_while(Result::is_ok)
        .collect();
        assert!(matches!(LocalListener::bind(&path, 0o600, 8), Err(LocalError::Answered)));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    /// Set for the part of the next test that runs among processes of its own.
    const INSIDE: &str = "SAFEKIT_TEST_INSIDE";

    #[test]
    fn whose_process_cannot_be_seen_is_known_by_its_user() {
        if let Some(path) = std::env::var_os(INSIDE) {
            return accept_one(Path::new(&path));
        }
        if !rustix::process::geteuid().is_root() {
            println!("left out: it needs root");
            return;
        }
        let path = folder("outside").join("socket");
        let name =
            "runtime::sys::local::linux::tests::whose_process_cannot_be_seen_is_known_by_its_user";
        let mut server = Command::new("unshare")
            .args(["--pid", "--fork"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut client = loop {
            if let Ok(client) = UnixStream::connect(&path) {
                break client;
            }
            assert!(server.try_wait().unwrap().is_none(), "it has ended early");
            std::thread::yield_now();
        };
        client.write_all(b"x").unwrap();
        assert!(server.wait().unwrap().success());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    fn accept_one(path: &Path) {
        let listener = LocalListener::bind(path, 0o600, 8).unwrap();
        let peer = loop {
            match listener.accept() {
                Ok((_, peer)) => break peer,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            std::thread::yield_now();
        };
        assert!(matches!(peer, Peer::Local { uid: 0, pid: 0, .. }), "{peer:?}");
    }
}
