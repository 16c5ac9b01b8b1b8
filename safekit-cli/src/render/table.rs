//! Columns of text, as wide as their widest cell; the last one is broken into the lines of a terminal.

use std::fmt::{self, Display};

use super::{COLUMNS, broken, plain};

/// Spaces between two columns.
const GAP: &str = "  ";
/// Columns that the last one gets at least, however wide the others are.
const ROOM_MIN: usize = 24;

/// Rows under a headline.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table with a headline.
    pub(super) fn new(headline: &[&str]) -> Self {
        Self { rows: vec![headline.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// Makes a table without a headline.
    pub(super) fn bare() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub(super) fn row<const COLUMNS: usize>(&mut self, cells: [&dyn Display; COLUMNS]) {
        self.rows.push(cells.iter().map(|cell| plain(&cell.to_string())).collect());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let width = cell.chars().count();
                match widths.get_mut(column) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            let last = row.len().saturating_sub(1);
            for (cell, width) in row.iter().zip(&widths).take(last) {
                line.push_str(&format!("{cell:<width$}{GAP}"));
            }
            let indent = line.chars().count();
            let room = COLUMNS.saturating_sub(indent).max(ROOM_MIN);
            for part in broken(row.last().map_or("", String::as_str), room) {
                writeln!(f, "{}", format!("{line}{part}").trim_end())?;
                line = " ".repeat(indent);
            }
        }
        Ok(())
    }
}
