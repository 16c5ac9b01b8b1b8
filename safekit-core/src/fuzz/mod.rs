//! Doors for fuzzers: hostile bytes for what reads them first, with what must hold asserted. A fault is a panic.
//!
//! Behind the feature `fuzz`, for the package of that name; nothing of it is in a product. What is public anyway (the
//! readers of both configuration files, the machines) is attacked from outside.
//!
//! ```
//! use safekit_core::fuzz::{Draw, Forger, connection, datagram, value};
//! use safekit_core::ids::{LanId, NodeId, NodeName};
//! use safekit_core::wire::{Datagram, Key, KeyRing, Seal};
//!
//! // Whatever the bytes: nothing of it panics.
//! datagram(b"\0not a heartbeat");
//! connection(b"GET / HTTP/1.1\r\n\r\n");
//! value(b"\x0718446744073709551616d");
//!
//! // A node with the keys of the cluster that says anything.
//! let keys = KeyRing { cluster: 1, keys: vec![Key::new([7; 32])] };
//! let [me, peer] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
//! let names = [(me, NodeName::new("node1")?), (peer, NodeName::new("node2")?)];
//! let mut forger = Forger::new(&keys, me, names.into());
//! let bytes = forger.forge(LanId::new(0).ok_or("the first lan")?, &mut Draw::new(b"\x01\x02"));
//! assert!(Seal::new(&keys).open(&bytes).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod draw;
mod forger;

pub use draw::Draw;
pub use forger::Forger;

/// Reads bytes as a datagram with a right tag, and without.
///
/// Example: [`crate::fuzz`].
pub fn datagram(bytes: &[u8]) {
    crate::wire::fuzz::datagram(bytes);
}

/// Reads a text as a value of a configuration file; the first byte says of which attribute.
///
/// Example: [`crate::fuzz`].
pub fn value(bytes: &[u8]) {
    crate::config::fuzz::value(bytes);
}

/// Gives the HTTP front what clients send; bytes from `0xF0` on say what else happens (`runtime/front/fuzz.rs`).
///
/// Example: [`crate::fuzz`].
pub fn connection(bytes: &[u8]) {
    crate::runtime::front::connection(bytes);
}
