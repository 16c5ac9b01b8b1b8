//! Lays out the rows in columns that fit, and breaks sentences into lines.

use super::frame::{Line, Style};
use super::rows::{Row, only_module};
use super::{Scene, safe};

/// Spaces between two columns.
const GAP: usize = 2;

/// Words of a sentence that are shown at most.
const WORDS_MAX: usize = 500;

/// A column.
struct Column {
    heading: &'static str,
    /// Which one goes first where not all fit, the highest; 0 stays.
    weight: u8,
    /// How wide at least, so that columns do not jump when their text changes.
    least: usize,
    /// How wide at most.
    most: usize,
    cells: Vec<(String, Style)>,
}

impl Column {
    fn width(&self) -> usize {
        let widest = self.cells.iter().map(|(text, _)| text.chars().count()).max();
        widest.unwrap_or_default().max(self.heading.len()).max(self.least).min(self.most)
    }
}

/// Returns the table: its headline, and as many rows as fit.
pub(super) fn table(rows: &[Row], scene: &Scene<'_>, columns: usize, room: usize) -> Vec<Line> {
    if rows.is_empty() || room < 2 {
        return Vec::new();
    }
    let shown = if rows.len() < room { rows.len() } else { room.saturating_sub(2) };
    let kept = fitting(all(rows.get(..shown).unwrap_or_default(), scene, columns), columns);
    let mut lines = vec![row(&kept, columns, |column| (column.heading.to_owned(), Style::Strong))];
    for number in 0..shown {
        lines.push(row(&kept, columns, |column| {
            column.cells.get(number).cloned().unwrap_or_default()
        }));
    }
    if shown < rows.len() {
        let text = format!("... {} more lines: safekit cluster state", rows.len() - shown);
        lines.push(Line::new(text, Style::Faint));
    }
    lines
}

fn all(rows: &[Row], scene: &Scene<'_>, columns: usize) -> Vec<Column> {
    let chooses = scene.seats.iter().any(|seat| seat.chosen);
    let node = |row: &Row| match (chooses, row.chosen) {
        (false, _) => row.node.clone(),
        (true, true) => format!("> {}", row.node),
        (true, false) => format!("  {}", row.node),
    };
    let name_most = (columns / 4).max(9);
    let plain = |text: String| (text, Style::Plain);
    let make = |heading, weight, least, most, cell: &dyn Fn(&Row) -> (String, Style)| Column {
        heading,
        weight,
        least,
        most,
        cells: rows
            .iter()
            .map(|row| {
                let (text, style) = cell(row);
                (safe(&text), style)
            })
            .collect(),
    };
    let mut made = vec![
        make("NODE", 0, 0, name_most, &|row| plain(node(row))),
        make("AGENT", 2, 9, 11, &|row| row.agent.clone()),
        make("MODULE", 1, 0, name_most, &|row| plain(row.module.clone())),
        make("STATE", 0, 16, 22, &|row| row.state.clone()),
        make("SHARE", 4, 0, 5, &|row| plain(row.share.clone())),
        make("HEALTH", 5, 0, 6, &|row| row.health.clone()),
        make("LOOP", 6, 0, 9, &|row| plain(row.budget.clone())),
    ];
    if scene.seats.iter().any(|seat| seat.clients.is_some()) {
        made.push(make("OK/LOST 5S", 3, 0, 13, &|row| {
            row.clients.map_or_else(Default::default, |told| {
                let style = if told.recent_lost > 0 { Style::Bad } else { Style::Plain };
                (format!("{}/{}", told.recent_answered, told.recent_lost), style)
            })
        }));
        made.push(make("IN ALL", 7, 9, 19, &|row| {
            plain(row.clients.map_or_else(String::new, |it| format!("{}/{}", it.answered, it.lost)))
        }));
    }
    // With one module only, the headline of the view names it.
    let without = rows.iter().all(|row| row.module.is_empty());
    if without || only_module(rows).is_some() {
        made.retain(|column| column.heading != "MODULE");
    }
    made
}

/// Takes columns away until the others fit.
fn fitting(mut all: Vec<Column>, columns: usize) -> Vec<Column> {
    let width = |all: &[Column]| {
        all.iter().map(|column| column.width() + GAP).sum::<usize>().saturating_sub(GAP)
    };
    while width(&all) > columns {
        let Some(last) = all.iter().map(|column| column.weight).max().filter(|last| *last > 0)
        else {
            break;
        };
        all.retain(|column| column.weight != last);
    }
    all
}

fn row(kept: &[Column], columns: usize, cell: impl Fn(&Column) -> (String, Style)) -> Line {
    let mut line = Line::default();
    for column in kept {
        let (text, style) = cell(column);
        let width = column.width();
        let piece = Line::new(text, style).clipped(width);
        let fill = width - piece.width();
        line.append(piece);
        line.push(&" ".repeat(fill + GAP), Style::Plain);
    }
    line.trimmed().clipped(columns)
}

/// Breaks a sentence between words into lines; a word that is wider than a line is cut by whoever draws it.
pub(super) fn wrapped(text: &str, columns: usize) -> impl Iterator<Item = String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').take(WORDS_MAX) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            // No line begins with the spaces that ended the one before.
            Some(_) if word.is_empty() => {}
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter()
}
