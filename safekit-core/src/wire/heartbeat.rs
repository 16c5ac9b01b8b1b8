//! A sign of life: who sends, what it heard last of the receiver, which rows it has, and rows the receiver lacks.

use super::bytes::{Reader, put_incarnation, put_node_set};
use super::check::{incarnation_check, low16};
use super::row::Row;
use super::seal::{FRONT_BYTES, Kind, Seal, TAG_BYTES};
use super::{DATAGRAM_BYTES_MAX, WireError};
use crate::ids::{Incarnation, LanId, NODES_MAX, NodeId, NodeSet};

/// Bytes of the longest header, front included.
pub(super) const HEADER_BYTES_MAX: usize = FRONT_BYTES + 3 + 2 + 12 + 8 + 8 + 1 + 12 + 8;
/// Bytes in front of a section's content.
pub(super) const SECTION_BYTES: usize = 3;
/// Bytes of the marks of all rows.
pub(super) const MARKS_BYTES_MAX: usize = 1 + NODES_MAX / 8 + NODES_MAX * 4;
const SECTION_MARKS: u8 = 1;
const SECTION_ROW: u8 = 2;

/// A heartbeat that was read. Only whose it is can be seen from outside: the rest is for the sender's like, and changes
/// with the format.
///
/// Example: [`Seal`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// Who, to whom, when.
    pub(crate) header: Header,
    /// Which rows the sender has, by ascending id; `None` where this datagram does not say.
    pub(crate) marks: Option<Vec<(NodeId, RowMark)>>,
    /// Rows.
    pub(crate) rows: Vec<Row>,
}

impl Heartbeat {
    /// Returns who has sent it.
    #[must_use]
    pub fn sender(&self) -> NodeId {
        self.header.sender
    }
}

/// The front of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Who sends.
    pub(crate) sender: NodeId,
    /// To whom.
    pub(crate) receiver: NodeId,
    /// On which lan.
    pub(crate) lan: LanId,
    /// Check of the sender's name, see [`super::name_check`].
    pub(crate) name: u16,
    /// The sender's life.
    pub(crate) incarnation: Incarnation,
    /// Grows with each datagram that the sender sends to anybody.
    pub(crate) sequence: u64,
    /// When it was sent: microseconds on the sender's own clock.
    pub(crate) stamp: u64,
    /// What was heard last of the receiver.
    pub(crate) echo: Option<Echo>,
}

/// Proof of what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    /// Which life was heard.
    pub(crate) incarnation: Incarnation,
    /// The newest stamp of it.
    pub(crate) stamp: u64,
}

/// Says in four bytes which version of a row somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowMark {
    /// Check of its incarnation.
    pub(crate) incarnation: u16,
    /// The low half of its version.
    pub(crate) version: u16,
}

impl RowMark {
    /// Returns the mark of a row.
    #[must_use]
    pub(crate) fn of(row: &Row) -> Self {
        Self {
            incarnation: incarnation_check(row.incarnation),
            version: low16(u64::from(row.version)),
        }
    }

    /// Tells whether one who has the row of this mark has no need of another row of the same node: it is the same one,
    /// or an older version of the same life.
    #[must_use]
    pub(crate) fn covers(self, other: Self) -> bool {
        self.incarnation == other.incarnation
            && self.version.wrapping_sub(other.version) < u16::MAX / 2
    }
}

/// Makes one heartbeat; what does not fit is refused, for the next one.
#[derive(Debug)]
pub(crate) struct HeartbeatWriter {
    bytes: Vec<u8>,
}

impl HeartbeatWriter {
    /// Begins a heartbeat.
    #[must_use]
    pub(crate) fn new(seal: &Seal, header: &Header) -> Self {
        let mut bytes = seal.front(Kind::Heartbeat);
        bytes.push(header.sender.number());
        bytes.push(header.receiver.number());
        bytes.push(header.lan.number());
        bytes.extend_from_slice(&header.name.to_be_bytes());
        put_incarnation(&mut bytes, header.incarnation);
        bytes.extend_from_slice(&header.sequence.to_be_bytes());
        bytes.extend_from_slice(&header.stamp.to_be_bytes());
        match header.echo {
            None => bytes.push(0),
            Some(echo) => {
                bytes.push(1);
                put_incarnation(&mut bytes, echo.incarnation);
                bytes.extend_from_slice(&echo.stamp.to_be_bytes());
            }
        }
        Self { bytes }
    }

    /// Adds which rows the sender has, by ascending id; there is always room for it right after the header.
    pub(crate) fn marks(&mut self, marks: &[(NodeId, RowMark)]) {
        let mut content = Vec::with_capacity(17 + marks.len() * 4);
        put_node_set(&mut content, marks.iter().map(|(node, _)| *node).collect::<NodeSet>());
        for (_, mark) in marks {
            content.extend_from_slice(&mark.incarnation.to_be_bytes());
            content.extend_from_slice(&mark.version.to_be_bytes());
        }
        let fits = self.section(SECTION_MARKS, &content);
        debug_assert!(fits, "marks are written right after the header");
    }

    /// Adds a row as [`Row::encode`] gives it, and tells whether there was room. A row alone always fits.
    #[must_use]
    pub(crate) fn row(&mut self, encoded: &[u8]) -> bool {
        self.section(SECTION_ROW, encoded)
    }

    /// Returns the datagram.
    #[must_use]
    pub(crate) fn finish(self, seal: &Seal) -> Vec<u8> {
        seal.finish(self.bytes)
    }

    fn section(&mut self, kind: u8, content: &[u8]) -> bool {
        let Ok(length) = u16::try_from(content.len()) else { return false };
        if self.bytes.len() + SECTION_BYTES + content.len() + TAG_BYTES > DATAGRAM_BYTES_MAX {
            return false;
        }
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(content);
        true
    }
}

/// Reads a heartbeat behind its front.
pub(super) fn read(bytes: &[u8]) -> Result<Heartbeat, WireError> {
    let mut reader = Reader::new("heartbeat", bytes);
    let header = read_header(&mut reader)?;
    let mut heartbeat = Heartbeat { header, marks: None, rows: Vec::new() };
    while !reader.rest().is_empty() {
        let kind = reader.u8()?;
        let length = usize::from(reader.u16()?);
        let content = reader.take(length)?;
        match kind {
            SECTION_MARKS if heartbeat.marks.is_some() => {
                return Err(WireError::Value { what: "number of mark sections" });
            }
            SECTION_MARKS => heartbeat.marks = Some(read_marks(content)?),
            SECTION_ROW => heartbeat.rows.push(Row::decode(content)?),
            // A later version says something that this one does not need.
            _ => {}
        }
    }
    Ok(heartbeat)
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, WireError> {
    let (sender, receiver) = (reader.node()?, reader.node()?);
    let lan = LanId::new(usize::from(reader.u8()?)).ok_or(WireError::Value { what: "lan id" })?;
    let name = reader.u16()?;
    let incarnation = reader.incarnation()?;
    let (sequence, stamp) = (reader.u64()?, reader.u64()?);
    let echo = match reader.u8()? {
        0 => None,
        1 => Some(Echo { incarnation: reader.incarnation()?, stamp: reader.u64()? }),
        _ => return Err(WireError::Value { what: "echo" }),
    };
    Ok(Header { sender, receiver, lan, name, incarnation, sequence, stamp, echo })
}

fn read_marks(content: &[u8]) -> Result<Vec<(NodeId, RowMark)>, WireError> {
    let mut reader = Reader::new("marks", content);
    let nodes = reader.node_set()?;
    let mut marks = Vec::with_capacity(content.len() / 4);
    for node in nodes.iter() {
        marks.push((node, RowMark { incarnation: reader.u16()?, version: reader.u16()? }));
    }
    reader.finish()?;
    Ok(marks)
}
