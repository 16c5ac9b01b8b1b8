//! The bytes of a heartbeat and of a letter: encode, decode, authenticate, refuse what is old.
//!
//! In: rows and headers as plain types, or bytes from anywhere. Out: datagrams shorter than 1,200 bytes, or a
//! [`Datagram`], or a [`WireError`]. A datagram is read in three steps, each before the next one looks at a byte more:
//! is it ours (magic, version, key id, cluster), is the tag right, is what it says well formed.
//!
//! ```text
//! heartbeat = header section* tag            letter = header' tag
//! section   = type:u8 length:u16 bytes       unknown types are skipped: room for the next version
//! row       = fixed fields, sets, modules, extension*      unknown extensions are kept and relayed
//! ```
//!
//! All numbers are big-endian. A row is self-contained: what does not fit goes into another datagram.
//! Always: nothing that is not authentic is interpreted; nothing decoded differs from what its encoding gives.
//! Not here: what a row means (`membership`), sockets (`runtime`).
//!
//! Example: [`Seal`].

mod bytes;
mod check;
mod error;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod heartbeat;
mod key;
mod letter;
mod row;
mod seal;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use check::{incarnation_check, name_check};
pub use error::WireError;
pub use heartbeat::Heartbeat;
pub(crate) use heartbeat::{Echo, Header, HeartbeatWriter, RowMark};
pub use key::{Key, KeyRing};
pub use letter::Letter;
pub use row::ModuleFacts;
pub(crate) use row::{Hearing, Row, ViewName};
pub use seal::{Datagram, Seal};
pub(crate) use window::{ReplayWindow, is_later};

/// The version of the format that this program writes, and the only one it reads. What can be added without harm is
/// added as a section or an extension; this number changes only when older programs must not read on.
pub const VERSION: u8 = 1;
/// The most bytes of a datagram: it passes every network without being cut in pieces.
pub const DATAGRAM_BYTES_MAX: usize = 1_199;

/// One row always fits into a datagram of its own.
const _: () = assert!(
    heartbeat::HEADER_BYTES_MAX + heartbeat::SECTION_BYTES + row::BYTES_MAX + seal::TAG_BYTES
        <= DATAGRAM_BYTES_MAX
);
/// The marks of all rows always fit into one datagram.
const _: () = assert!(
    heartbeat::HEADER_BYTES_MAX
        + heartbeat::SECTION_BYTES
        + heartbeat::MARKS_BYTES_MAX
        + seal::TAG_BYTES
        <= DATAGRAM_BYTES_MAX
);
