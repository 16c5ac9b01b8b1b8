//! Nothing but sockets can be waited for here yet.

use std::convert::Infallible;
use std::io;

use mio::{Registry, Token};

/// Nothing of this kind exists here.
pub(in crate::runtime) type Source = Infallible;

pub(in crate::runtime) fn register<S>(
    _registry: &Registry,
    _source: &S,
    _token: Token,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::runtime) fn deregister<S>(_registry: &Registry, _source: &S) {}
