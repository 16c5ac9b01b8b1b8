//! What the edge knows of the host itself: its boot, its addresses, its source of chance.
//!
//! Example: [`boot_id()`].

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::runtime::sys;
use crate::wire::Key;

/// Returns the id of this boot of the host: another text after each boot.
///
/// # Errors
/// When the operating system does not tell.
///
/// # Example
/// ```
/// use safekit_core::runtime::host::{boot_id, since_boot};
///
/// // What was kept by an earlier process of the same boot may still be running.
/// assert_eq!(boot_id()?, boot_id()?);
/// assert!(since_boot()?.as_secs() > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn boot_id() -> io::Result<String> {
    sys::host::boot_id()
}

/// Returns the time since the host was booted; goes on while the host is suspended.
///
/// # Errors
/// When the operating system does not tell.
///
/// Example: [`boot_id()`].
pub fn since_boot() -> io::Result<Duration> {
    sys::host::since_boot()
}

/// An address of this host.
///
/// Example: [`local_addresses()`].
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
///
/// # Example
/// ```
/// use std::net::IpAddr;
/// use safekit_core::config::cluster;
/// use safekit_core::runtime::host::{LocalAddress, local_addresses};
///
/// let own: Vec<IpAddr> =
///     local_addresses()?.iter().map(|address: &LocalAddress| address.address).collect();
/// // Which node of cluster.xml this host is.
/// let text = br#"<cluster><lans><lan name="default">
///   <node name="node1" addr="127.0.0.1"/><node name="node2" addr="198.51.100.7"/>
/// </lan></lans></cluster>"#;
/// let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
/// assert_eq!(cluster.identify(&own)?.number(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// Example: [`random_key()`].
pub fn random() -> io::Result<u32> {
    getrandom::u32().map_err(io::Error::other)
}

/// Draws a key for a new cluster. Every node of the cluster has to have the same one: it is drawn once, and kept as a
/// secret.
///
/// # Errors
/// When the operating system gives no randomness.
///
/// # Example
/// ```
/// use safekit_core::node::Start;
/// use safekit_core::runtime::host::{random, random_key};
/// use safekit_core::wire::KeyRing;
///
/// // Once, when the cluster is made; then copied to every node.
/// let ring = KeyRing { cluster: random()?, keys: vec![random_key()?] };
/// assert_ne!(ring.keys[0], random_key()?);
/// // At each start of a node.
/// let start = Start { counter: 1, random: random()? };
/// # assert_eq!(start.counter, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
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
///
/// # Example
/// ```no_run
/// // Not run: it would bind the life of the test to that of its starter.
/// use safekit_core::runtime::host::end_with_parent;
///
/// let parent: u32 = std::env::args().nth(1).unwrap_or_default().parse()?;
/// end_with_parent(parent)?;
/// // From here on this process does not outlive that one.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn end_with_parent(parent_pid: u32) -> io::Result<()> {
    sys::process::end_with_parent(parent_pid)
}

/// Keeps SIGTERM, SIGINT and SIGHUP back from this thread, from threads that it starts, and from programs that it starts or
/// becomes, until [`release_signals`]: one that comes meanwhile waits. For the time in which nobody catches them, when they
/// would end the process without its work being done. The scripts of modules start without it.
///
/// # Errors
/// When the operating system refuses; [`io::ErrorKind::Unsupported`] where it has nothing like it.
///
/// # Example
/// ```
/// use safekit_core::runtime::host::{hold_signals, release_signals};
///
/// hold_signals()?;
/// // Load the configuration, start threads, and then what catches signals.
/// release_signals()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn hold_signals() -> io::Result<()> {
    sys::process::hold_signals()
}

/// Takes [`hold_signals`] back, by this process or by the one that started it: what waits comes at once.
///
/// # Errors
/// See [`hold_signals`].
///
/// Example: [`hold_signals`].
pub fn release_signals() -> io::Result<()> {
    sys::process::release_signals()
}

/// Gives this thread the lowest real-time priority: nothing without one keeps it from running, however busy the host is.
/// Threads and programs that it starts afterwards have none. For the thread that turns an [`crate::runtime::Edge`] with times
/// so short that waiting for a processor would count as silence; that thread must never work for long.
///
/// On Linux it is `SCHED_RR` with priority 1 and `SCHED_RESET_ON_FORK`.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] where this process may not: it needs `CAP_SYS_NICE` or a limit `RLIMIT_RTPRIO` of at
/// least 1, and where the kernel shares real-time among control groups a share of its own. [`io::ErrorKind::Unsupported`]
/// where the operating system has nothing like it. The priority is what it was.
///
/// # Example
/// ```
/// use std::io::ErrorKind;
///
/// use safekit_core::runtime::host::take_realtime_priority;
///
/// let urgent = match take_realtime_priority() {
///     Ok(()) => true,
///     // Slower, and right all the same.
///     Err(error) if error.kind() == ErrorKind::PermissionDenied => false,
///     Err(error) => return Err(error.into()),
/// };
/// // Whatever this thread starts is scheduled as everything else is.
/// std::thread::spawn(|| ());
/// # let _ = urgent;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn take_realtime_priority() -> io::Result<()> {
    sys::process::take_realtime_priority()
}
