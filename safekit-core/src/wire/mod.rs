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

mod bytes;
mod check;
mod error;
mod heartbeat;
mod key;
mod letter;
mod row;
mod seal;
mod window;

pub use check::{incarnation_check, name_check};
pub use error::WireError;
pub use heartbeat::{Echo, Header, Heartbeat, HeartbeatWriter, RowMark};
pub use key::{Key, KeyRing};
pub use letter::Letter;
pub use row::{Hearing, ModuleFacts, Row, ViewName};
pub use seal::{Datagram, Seal};
pub use window::ReplayWindow;
pub(crate) use window::is_later;

/// The version of the format that this program writes, and the only one it reads. What can be added without harm is
/// added as a section or an extension; this number changes only when older programs must not read on.
pub const VERSION: u8 = 1;
/// The most bytes of a datagram: it passes every network without being cut in pieces.
pub const DATAGRAM_BYTES_MAX: usize = 1_199;
/// The most bytes of a row: 128 nodes heard, a view of 128, 32 modules, and all extensions.
pub const ROW_BYTES_MAX: usize = row::BYTES_MAX;
/// The most bytes of all extensions of a row.
pub const ROW_EXTENSION_BYTES_MAX: usize = row::EXTENSION_BYTES_MAX;

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
