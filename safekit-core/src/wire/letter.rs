//! The end of a life, announced: by the node itself when it leaves, or by its guardian when it died.
//!
//! The bytes are constant for a node and counter, so they are sealed once, when the life begins, and the guardian
//! needs no key. It has no sequence and no time, and needs none: it ends every life of its counter for ever, and none
//! of a higher one, in whatever order things arrive.

use super::bytes::Reader;
use super::seal::{Kind, Seal};
use super::{Row, WireError};
use crate::ids::NodeId;

/// The end of all lives of one counter.
///
/// Example: [`Seal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// Whose.
    pub node: NodeId,
    /// Check of its name, see [`super::name_check`].
    pub(crate) name: u16,
    /// Which lives.
    pub counter: u32,
}

impl Letter {
    /// Makes the letter about a node and counter.
    #[must_use]
    pub(crate) fn new(node: NodeId, name: u16, counter: u32) -> Self {
        Self { node, name, counter }
    }

    /// Returns the datagram.
    #[must_use]
    pub(crate) fn seal(self, seal: &Seal) -> Vec<u8> {
        let mut out = seal.front(Kind::Letter);
        out.push(self.node.number());
        out.extend_from_slice(&self.name.to_be_bytes());
        out.extend_from_slice(&self.counter.to_be_bytes());
        seal.finish(out)
    }

    /// Returns the row that says the same.
    #[must_use]
    pub(crate) fn row(self) -> Row {
        Row::tombstone(self.node, self.counter)
    }
}

/// Reads a letter behind its front.
pub(super) fn read(bytes: &[u8]) -> Result<Letter, WireError> {
    let mut reader = Reader::new("letter", bytes);
    let letter = Letter { node: reader.node()?, name: reader.u16()?, counter: reader.u32()? };
    reader.finish()?;
    Ok(letter)
}
