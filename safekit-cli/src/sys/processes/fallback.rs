//! No list of processes on this platform; a command that runs out of time is ended alone.

use std::io;
use std::process::{Child, Command, ExitStatus};

use safekit_core::ids::ProcessId;
use safekit_core::module::watch::ProcessInfo;

use super::Signal;

/// Says that there is none.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub(crate) fn list() -> io::Result<Vec<ProcessInfo>> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Says that it cannot.
///
/// # Errors
/// Always [`io::ErrorKind::Unsupported`].
pub(crate) fn send(_: ProcessId, _: Signal) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Does nothing.
pub(crate) fn own_group(_: &mut Command) {}

/// Ends a command.
pub(crate) fn end_group(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Returns the exit code of a command.
pub(crate) fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
