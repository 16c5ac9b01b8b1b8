//! What authenticates heartbeats.

use std::fmt;

/// A secret shared by the nodes of a cluster: 32 random bytes.
///
/// Example: [`KeyRing`].
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Makes a key of 32 secret bytes, drawn at random (`runtime::host::random_key`): a password is not one.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the secret, to be kept where only the agent can read it. `Debug` never shows it.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The keys of a cluster: the first one seals what is sent, any of them opens what comes. Empty: the cluster runs
/// without keys, and a tag only shows damage.
///
/// ```
/// use safekit_core::wire::{Key, KeyRing};
///
/// // With the edge: `runtime::host::random_key` draws one.
/// let (new, old) = (Key::new([0x5a; 32]), Key::new([0xa5; 32]));
/// let ring = KeyRing { cluster: 0x00c0_ffee, keys: vec![new, old] };
/// assert_eq!(ring.keys[0].bytes()[0], 0x5a, "what is sent is sealed with this one");
/// assert_eq!(format!("{:?}", ring.keys[0]), "Key(..)");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    /// The cluster's random number, drawn when it was first configured: keeps two clusters on one network apart.
    pub cluster: u32,
    /// The keys, the one to send with first; at most two.
    pub keys: Vec<Key>,
}
