//! Nothing but sockets can be waited for here yet.

use std::convert::Infallible;
use std::io;

use mio::{Registry, Token};

/// Nothing of this kind exists here.
///
/// Example: [`WatchToken`](crate::runtime::WatchToken).
#[derive(Debug)]
pub struct Source(Infallible);

pub(in crate::runtime) fn register(_: &Registry, source: &Source, _: Token) -> io::Result<()> {
    match source.0 {}
}

pub(in crate::runtime) fn deregister(_: &Registry, source: &Source) {
    match source.0 {}
}
