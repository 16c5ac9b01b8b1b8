//! What the edge knows of the host itself: its boot, its addresses, its source of chance.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::runtime::sys;
use crate::wire::Key;

/// Returns the id of this boot of the host: another text after each boot.
///
/// # Errors
/// When the operating system does not tell.
pub fn boot_id() -> io::Result<String> {
    sys::host::boot_id()
}

/// Returns the time since the host was booted; goes on while the host sleeps, unlike [`crate::runtime::clock::now`].
///
/// # Errors
/// When the operating system does not tell.
pub fn since_boot() -> io::Result<Duration> {
    sys::host::since_boot()
}

/// An address of this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// The number of bits of its network.
    pub prefix_bits: u8,
    /// The operating system's number of the interface that has it.
    pub interface_index: u32,
}

/// Lists the addresses of this host, loopback included, sorted.
///
/// # Errors
/// When the operating system does not tell.
pub fn local_addresses() -> io::Result<Vec<LocalAddress>> {
    let mut addresses = sys::netif::addresses()?;
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// Draws the random number of a start: see [`crate::node::Start::random`].
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random() -> io::Result<u32> {
    getrandom::u32().map_err(io::Error::other)
}

/// Draws a key for a new cluster. Every node of the cluster has to have the same one: it is drawn once, and kept as a
/// secret.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random_key() -> io::Result<Key> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Key::new(bytes))
}

/// Asks the operating system to end this process with SIGKILL as soon as its parent's thread that started it ends.
/// To be called last before the work begins: a change of user rights takes it back.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when `parent_pid` is no longer the parent: it has ended already, and this process has
/// to end by itself. [`io::ErrorKind::Unsupported`] where the operating system has nothing like it.
pub fn end_with_parent(parent_pid: u32) -> io::Result<()> {
    sys::process::end_with_parent(parent_pid)
}

/// Keeps SIGTERM, SIGINT and SIGHUP back from this thread, from threads that it starts, and from programs that it starts or
/// becomes, until [`release_signals`]: one that comes meanwhile waits. For the time in which nobody catches them, when they
/// would end the process without its work being done. The scripts of modules start without it.
///
/// # Errors
/// When the operating system refuses; [`io::ErrorKind::Unsupported`] where it has nothing like it.
pub fn hold_signals() -> io::Result<()> {
    sys::process::hold_signals()
}

/// Takes [`hold_signals`] back, by this process or by the one that started it: what waits comes at once.
///
/// # Errors
/// See [`hold_signals`].
pub fn release_signals() -> io::Result<()> {
    sys::process::release_signals()
}
