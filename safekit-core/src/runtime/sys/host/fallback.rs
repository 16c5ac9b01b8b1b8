//! The host's boot where nothing is built yet.

use std::io;
use std::time::Duration;

pub(in crate::runtime) fn boot_id() -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn since_boot() -> io::Result<Duration> {
    Err(io::ErrorKind::Unsupported.into())
}
