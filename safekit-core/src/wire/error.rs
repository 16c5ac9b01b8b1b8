//! Why bytes are refused.

/// Why bytes are not a datagram of this cluster. Nothing has changed when one of these comes back.
///
/// ```
/// use safekit_core::wire::{KeyRing, Seal, WireError};
///
/// let seal = Seal::new(&KeyRing::default());
/// assert_eq!(seal.open(b"hello"), Err(WireError::Length { bytes: 5 }));
/// assert_eq!(seal.open(&[0; 100]), Err(WireError::Magic));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Fewer or more bytes than any datagram has. Something else talks to this port, or the datagram was cut.
    #[error("{bytes} bytes are no datagram of a farm")]
    Length {
        /// How many came.
        bytes: usize,
    },
    /// The first bytes are not ours: something else talks to this port.
    #[error("this is no datagram of a farm")]
    Magic,
    /// The sender speaks another version of the format: update the older of the two.
    #[error("format version {version} is not understood here, only {}", super::VERSION)]
    Version {
        /// Its version.
        version: u8,
    },
    /// The sender belongs to another cluster, or uses a key that this node does not have.
    #[error("cluster {cluster:08x} with key {key_id:08x} is not known here")]
    UnknownKey {
        /// The cluster it names.
        cluster: u32,
        /// The key it names.
        key_id: u32,
    },
    /// The bytes were damaged or forged.
    #[error("the tag does not fit the bytes")]
    Tag,
    /// The datagram ends in the middle of something; an authentic sender has a fault.
    #[error("it ends within {what}")]
    Truncated {
        /// Within what.
        what: &'static str,
    },
    /// There are bytes behind the end; an authentic sender has a fault.
    #[error("{bytes} bytes too many after {what}")]
    Trailing {
        /// After what.
        what: &'static str,
        /// How many.
        bytes: usize,
    },
    /// A value is out of its bounds, or not written in the one way that is allowed; an authentic sender has a fault.
    #[error("{what} is out of bounds")]
    Value {
        /// Which.
        what: &'static str,
    },
}
