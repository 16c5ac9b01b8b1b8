//! Big-endian numbers in a byte string: a reader that cannot leave its bytes, and the writing half.

use super::WireError;
use crate::ids::{Incarnation, NodeId, NodeSet};

/// Reads from the front of bytes.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` names them in errors.
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    /// Returns what is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) =
            self.rest.split_at_checked(bytes).ok_or(WireError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn node(&mut self) -> Result<NodeId, WireError> {
        NodeId::new(usize::from(self.u8()?)).ok_or(WireError::Value { what: "node id" })
    }

    pub(super) fn incarnation(&mut self) -> Result<Incarnation, WireError> {
        Ok(Incarnation { counter: self.u32()?, random: self.u32()?, life: self.u32()? })
    }

    /// Takes a set of nodes: the number of bytes, then the bits, lowest ids first, without zero bytes at the end.
    pub(super) fn node_set(&mut self) -> Result<NodeSet, WireError> {
        let length = usize::from(self.u8()?);
        let taken = self.take(length)?;
        if taken.last() == Some(&0) {
            return Err(WireError::Value { what: "set of nodes" });
        }
        let mut bits = [0; 16];
        bits.get_mut(..length)
            .ok_or(WireError::Value { what: "set of nodes" })?
            .copy_from_slice(taken);
        Ok(NodeSet::from_bits(u128::from_le_bytes(bits)))
    }

    /// Ends the reading: nothing may be left.
    pub(super) fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(WireError::Trailing { what: self.what, bytes }),
        }
    }
}

/// Writes an incarnation.
pub(super) fn put_incarnation(out: &mut Vec<u8>, incarnation: Incarnation) {
    out.extend_from_slice(&incarnation.counter.to_be_bytes());
    out.extend_from_slice(&incarnation.random.to_be_bytes());
    out.extend_from_slice(&incarnation.life.to_be_bytes());
}

/// Writes a set of nodes as [`Reader::node_set`] reads it.
pub(super) fn put_node_set(out: &mut Vec<u8>, set: NodeSet) {
    let bits = set.bits().to_le_bytes();
    let length = bits.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    put_count(out, length);
    out.extend_from_slice(bits.get(..length).unwrap_or_default());
}

/// Writes a count in one byte; counts here are bounded far below 255 by the types they count.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    debug_assert!(count <= 255, "a count of {count} does not fit one byte");
    out.push(u8::try_from(count).unwrap_or(u8::MAX));
}
