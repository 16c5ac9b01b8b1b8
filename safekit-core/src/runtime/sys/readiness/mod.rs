//! Things other than sockets that the loop can wait for.

#[cfg(not(unix))]
mod fallback;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use fallback::Source;
#[cfg(not(unix))]
pub(in crate::runtime) use fallback::{deregister, register};
#[cfg(unix)]
pub use unix::Source;
#[cfg(unix)]
pub(in crate::runtime) use unix::{deregister, register};
