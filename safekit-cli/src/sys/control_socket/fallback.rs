//! No control socket on this platform.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::Stream;

/// Says that there is none.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub(crate) fn connect(_: &Path, _: Duration) -> io::Result<Box<dyn Stream>> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
