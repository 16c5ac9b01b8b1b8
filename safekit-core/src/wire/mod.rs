//! The bytes of a heartbeat and of a letter: encode, decode, authenticate, refuse what is old.

mod key;

pub use key::{Key, KeyRing};
