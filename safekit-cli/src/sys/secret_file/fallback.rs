//! No such files on this platform.

use std::fs::File;
use std::io;
use std::path::Path;

/// Says that there are none.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub(crate) fn create(_: &Path) -> io::Result<File> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
