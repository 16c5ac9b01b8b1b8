//! The rows: the newest of each node, its own included. Rows only ever get newer.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::NodeId;
use crate::wire::{Row, RowMark};

/// The newest row of each node that told one.
#[derive(Debug)]
pub(super) struct Table {
    rows: BTreeMap<NodeId, Known>,
    marks: Vec<(NodeId, RowMark)>,
}

/// A row, ready to be sent on.
#[derive(Debug)]
pub(super) struct Known {
    /// The row.
    pub(super) row: Row,
    /// Its bytes.
    pub(super) encoded: Vec<u8>,
    /// Its mark.
    pub(super) mark: RowMark,
    /// Since when it is known here.
    pub(super) since: Instant,
}

impl Table {
    /// Makes a table without rows.
    pub(super) fn new() -> Self {
        Self { rows: BTreeMap::new(), marks: Vec::new() }
    }

    /// Takes a row if it is newer than what is known, and tells whether it did.
    pub(super) fn merge(&mut self, now: Instant, row: Row) -> bool {
        if self.row(row.node).is_some_and(|known| !row.is_newer_than(known)) {
            return false;
        }
        let known = Known { encoded: row.encode(), mark: RowMark::of(&row), since: now, row };
        self.rows.insert(known.row.node, known);
        self.marks.clear();
        self.marks.extend(self.rows.iter().map(|(node, known)| (*node, known.mark)));
        true
    }

    /// Returns a node's row.
    pub(super) fn row(&self, node: NodeId) -> Option<&Row> {
        self.known(node).map(|known| &known.row)
    }

    /// Returns a node's row with its bytes.
    pub(super) fn known(&self, node: NodeId) -> Option<&Known> {
        self.rows.get(&node)
    }

    /// Gives all rows by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.rows.values()
    }

    /// Returns the marks of all rows, by id.
    pub(super) fn marks(&self) -> &[(NodeId, RowMark)] {
        &self.marks
    }
}
