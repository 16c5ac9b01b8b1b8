//! Makes files that only their owner may read.

#[cfg(not(unix))]
mod fallback;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use fallback::create;
#[cfg(unix)]
pub(crate) use unix::create;
