//! Mode 0600 from the first moment.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes a file that was not there.
///
/// # Errors
/// What the operating system says; [`io::ErrorKind::AlreadyExists`] where there is one.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
