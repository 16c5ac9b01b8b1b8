//! Short checks that stand for longer things.

use sha2::{Digest, Sha256};

use crate::ids::{Incarnation, NodeName};

/// Returns 16 bits that stand for an incarnation in a row. Lives of one process never share them until there were
/// 65,536; those of two processes do by chance, once in 65,536: then an edge of a former life counts until the next
/// heartbeat, and no agreement follows from it, because a view is named by whole incarnations.
#[must_use]
pub(crate) fn incarnation_check(incarnation: Incarnation) -> u16 {
    let start = (u64::from(incarnation.counter) << 32) | u64::from(incarnation.random);
    // The finalizer of splitmix64: every bit of the start reaches the upper 16.
    let mut mixed = start.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    low16(mixed >> 48).wrapping_add(low16(u64::from(incarnation.life)))
}

/// Returns 16 bits that stand for a node's name: two cluster.xml that number the nodes differently are noticed.
#[must_use]
pub(crate) fn name_check(name: &NodeName) -> u16 {
    let digest = Sha256::digest(name.as_str().as_bytes());
    digest.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// Returns the low 16 bits.
pub(super) fn low16(number: u64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}
