//! Connects to the agent's control socket.

#[cfg(not(unix))]
mod fallback;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use fallback::connect;
#[cfg(unix)]
pub(crate) use unix::connect;

use std::io::{Read, Write};

/// A connection.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}
