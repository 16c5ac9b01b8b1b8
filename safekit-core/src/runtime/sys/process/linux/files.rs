//! Reads small files and links of /proc into one buffer.
//!
//! Always: what this host lacks at the moment (descriptors, memory) is an error, and never taken for a process that is
//! gone.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, readlinkat_raw};
use rustix::io::Errno;

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<T> {
    /// This.
    Is(T),
    /// The process, or what is asked of it, is not there.
    Gone,
    /// The kernel does not tell us.
    Refused,
}

/// Reads, and keeps the memory for the next time.
#[derive(Debug, Default)]
pub(super) struct Files {
    path: String,
    buffer: Vec<u8>,
}

impl Files {
    /// Reads a file of a process, up to [`FILE_BYTES_MAX`].
    ///
    /// # Errors
    /// When this host lacks something: nothing is known then.
    pub(super) fn read(&mut self, pid: u32, name: &str) -> io::Result<Content<&[u8]>> {
        self.name(pid, name);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) => return unread(error),
        };
        let mut held = 0;
        loop {
            if self.buffer.len() == held {
                self.buffer.resize((held * 2).max(FIRST_BYTES), 0);
            }
            let room = self.buffer.get_mut(held..).unwrap_or_default();
            let size = room.len();
            let got = match file.read(room) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return unread(error),
            };
            held += got;
            // Files of /proc come whole where there is room for them.
            if got < size || held >= FILE_BYTES_MAX {
                let held = held.min(FILE_BYTES_MAX);
                return Ok(Content::Is(self.buffer.get(..held).unwrap_or_default()));
            }
        }
    }

    /// Reads where a link of a process points to.
    ///
    /// # Errors
    /// When this host lacks something: nothing is known then.
    pub(super) fn link(&mut self, pid: u32, name: &str) -> io::Result<Content<&OsStr>> {
        self.name(pid, name);
        self.buffer.resize(self.buffer.len().max(FIRST_BYTES), 0);
        match readlinkat_raw(CWD, self.path.as_str(), self.buffer.as_mut_slice()) {
            Ok(length) => {
                Ok(Content::Is(OsStr::from_bytes(self.buffer.get(..length).unwrap_or_default())))
            }
            Err(error) => unread(error.into()),
        }
    }

    fn name(&mut self, pid: u32, name: &str) {
        use std::fmt::Write as _;
        self.path.clear();
        // Memory does not refuse.
        let _ = write!(self.path, "/proc/{pid}/{name}");
    }
}

fn unread<T>(error: io::Error) -> io::Result<Content<T>> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => Err(error),
        Some(Errno::NOENT | Errno::SRCH) => Ok(Content::Gone),
        Some(_) | None => Ok(Content::Refused),
    }
}

/// Room for most command lines, and for every path that the kernel tells.
const FIRST_BYTES: usize = 4096;
/// More of a file is not read: the longest single argument of Linux.
pub(super) const FILE_BYTES_MAX: usize = 128 * 1024;
