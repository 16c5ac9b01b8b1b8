//! One view of a farm, for `safekit top` and for the demo: a pure function of reports and of the size of the terminal.
//!
//! In: a [`Scene`] (what the agents say, what clients see, lines of logs) and a [`Size`]. Out: a [`Frame`].
//!
//! Always: no line is wider and no frame higher than the size, whatever names and texts are like; nothing in a frame
//! steers the terminal: a character that is not printable, or whose width is not known, becomes `?`.
//! What does not fit is left out in this order: columns of lesser weight, log lines, reasons, nodes; that lines are
//! left out is said.
//! Not here: where reports come from (`watch`), how a frame comes onto the screen (`sys/terminal`).

mod frame;
mod grid;
mod rows;

use std::collections::VecDeque;

use safekit_core::control::StateReport;

use super::plain;
use frame::{Line, Style};

pub use frame::{Colours, Frame};

/// Lines beside those of the table from which on empty lines separate the parts.
const ROOMY: usize = 20;
/// Lines kept free below the table, where there is any choice.
const BELOW: usize = 7;

/// How much room there is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
}

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct Scene<'a> {
    /// The first words of the first line.
    pub title: &'a str,
    /// The last words of the first line, such as the time.
    pub right: &'a str,
    /// Show this module only; `None`: all.
    pub module: Option<&'a str>,
    /// The agents that are asked: one, or each node of the demo.
    pub seats: Vec<Seat<'a>>,
    /// What clients saw of the whole farm; `None` where nobody counts.
    pub clients: Option<Clients>,
    /// Sentences that come before what the reports have to say.
    pub notices: Vec<String>,
    /// Logs, each under its title. The newest lines are shown.
    pub logs: Vec<LogBlock<'a>>,
    /// The last line: what keys do. Empty: none.
    pub keys: &'a str,
}

/// An agent that is asked.
#[derive(Clone, Debug, Default)]
pub struct Seat<'a> {
    /// Its node; empty where that is not known.
    pub name: &'a str,
    /// What it said last.
    pub report: Option<&'a StateReport>,
    /// Milliseconds since it answered last; `None` while it answers.
    pub silent_ms: Option<u64>,
    /// What was done to it, in a word; shown in place of its state.
    pub note: Option<&'a str>,
    /// What clients saw of its node.
    pub clients: Option<Clients>,
    /// Whether keys are about it.
    pub chosen: bool,
}

/// Requests of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// Answered in the last seconds.
    pub recent_answered: u64,
    /// Not answered in the last seconds.
    pub recent_lost: u64,
    /// Answered since the begin.
    pub answered: u64,
    /// Not answered since the begin.
    pub lost: u64,
}

/// Lines of a log, oldest first.
#[derive(Clone, Debug, Default)]
pub struct LogBlock<'a> {
    /// What it is.
    pub title: String,
    /// Its newest lines.
    pub lines: Vec<&'a str>,
}

/// Draws the view.
///
/// ```
/// use safekit_cli::screen::{Scene, Size, frame};
///
/// let scene = Scene { title: "safekit top", keys: "q quit", ..Scene::default() };
/// assert_eq!(frame(&scene, Size { columns: 20, lines: 2 }).plain(), "safekit top\nq quit\n");
/// ```
#[must_use]
pub fn frame(scene: &Scene<'_>, size: Size) -> Frame {
    let table = rows::rows(scene);
    let mut lines = vec![headline(scene, rows::only_module(&table), size.columns)];
    let keys = usize::from(!scene.keys.is_empty());
    let gap = usize::from(size.lines >= table.len() + ROOMY);
    let mut left = size.lines.saturating_sub(1 + keys);
    let mut add = |part: Vec<Line>, left: &mut usize| {
        let gap = gap.min(left.saturating_sub(part.len()));
        if part.is_empty() || part.len() > *left {
            return;
        }
        *left -= part.len() + gap;
        lines.extend(std::iter::repeat_n(Line::default(), gap));
        lines.extend(part);
    };

    let reserved = BELOW.min(left / 2);
    add(grid::table(&table, scene, size.columns, left.saturating_sub(reserved)), &mut left);
    add(scene.clients.map(clients).into_iter().collect(), &mut left);
    let reasons = if scene.logs.is_empty() { left } else { left.div_ceil(2) };
    add(attention(scene, size.columns, reasons.saturating_sub(gap)), &mut left);
    let mut blocks = scene.logs.len();
    for block in &scene.logs {
        let room = left.checked_div(blocks).unwrap_or_default().saturating_sub(gap);
        add(log(block, size.columns, room), &mut left);
        blocks -= 1;
    }

    if keys == 1 {
        lines.truncate(size.lines.saturating_sub(1));
        lines.push(Line::new(safe(scene.keys), Style::Key));
    }
    lines.truncate(size.lines);
    Frame::new(lines.into_iter().map(|line| line.clipped(size.columns)).collect())
}

fn headline(scene: &Scene<'_>, module: Option<&str>, columns: usize) -> Line {
    let mut left = Line::new(safe(scene.title), Style::Strong);
    if let Some(module) = module {
        left.push(&format!("  module {}", safe(module)), Style::Plain);
    }
    if let Some(report) = rows::answering(scene, None) {
        let text = match &report.view {
            _ if report.node.is_empty() => "the cluster is not configured on this node".to_owned(),
            Some(view) => format!("view {}: {}", view.epoch, view.members.join(", ")),
            None => "in no view".to_owned(),
        };
        left.push(&format!("  {}", safe(&text)), Style::Plain);
    }
    let right = safe(scene.right);
    let room = columns.saturating_sub(right.len() + 2);
    if right.is_empty() || room < scene.title.len() {
        return left;
    }
    let mut line = left.clipped(room);
    let fill = columns.saturating_sub(right.len() + line.width());
    line.push(&" ".repeat(fill), Style::Plain);
    line.push(&right, Style::Faint);
    line
}

fn clients(clients: Clients) -> Line {
    let mut line = Line::new(
        format!(
            "clients: {} answered, {} lost in the last 5 s; {} answered, ",
            clients.recent_answered, clients.recent_lost, clients.answered
        ),
        Style::Plain,
    );
    let style = if clients.recent_lost > 0 { Style::Bad } else { Style::Plain };
    line.push(&format!("{} lost in all", clients.lost), style);
    line
}

/// What a person should look at: faults, and why something is not as it should be.
fn attention(scene: &Scene<'_>, columns: usize, room: usize) -> Vec<Line> {
    let sentences = rows::sentences(scene);
    let mut lines = Vec::new();
    for (sentence, style) in &sentences {
        for (number, part) in grid::wrapped(&safe(sentence), columns.saturating_sub(2)).enumerate()
        {
            let lead = if number == 0 { "! " } else { "  " };
            let mut line = Line::new(lead.to_owned(), *style);
            line.push(&part, Style::Plain);
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(room);
    if more > 0 {
        lines.truncate(room.saturating_sub(1));
        let text = format!("  ... {} more lines: safekit state", more + 1);
        lines.extend((room > 0).then(|| Line::new(text, Style::Faint)));
    }
    lines
}

/// The newest lines of a log; nothing where not even one of them fits.
fn log(block: &LogBlock<'_>, columns: usize, room: usize) -> Vec<Line> {
    if room < 2 {
        return Vec::new();
    }
    let mut parts: VecDeque<Line> = VecDeque::new();
    for text in block.lines.iter().rev() {
        let text = safe(&short(text).unwrap_or_else(|| (*text).to_owned()));
        let folded: Vec<String> =
            grid::wrapped(text.trim_end(), columns.saturating_sub(2)).take(room - 1).collect();
        // Whole entries only; the newest is shown in any case.
        if parts.len() + folded.len() >= room {
            break;
        }
        for (number, part) in folded.into_iter().enumerate().rev() {
            let lead = if number == 0 { "" } else { "  " };
            parts.push_front(Line::new(format!("{lead}{part}"), Style::Plain));
        }
    }
    let title = Line::new(safe(&block.title), Style::Strong);
    std::iter::once(title).chain(parts).collect()
}

/// Shortens a line of an agent's log, `| date time | source | level | text`, to its time of day, level and text; `None`
/// where it has another form.
fn short(line: &str) -> Option<String> {
    let mut fields = line.strip_prefix("| ")?.splitn(4, " | ");
    let (when, _source) = (fields.next()?, fields.next()?);
    let (level, text) = (fields.next()?, fields.next()?);
    let time = when.split_once(' ')?.1.split('.').next()?;
    Some(format!("{time} {level} {text}"))
}

/// Keeps the characters that take exactly one place each, and that change nothing around them.
///
/// Kept are ASCII, Latin, Greek and Cyrillic letters. All others become `?`: some are twice as wide, some have no
/// width, some turn the direction of writing.
fn safe(text: &str) -> String {
    let kept = |c: &char| matches!(c, ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{24f}' | '\u{384}'..='\u{482}' | '\u{48a}'..='\u{52f}');
    plain(text).chars().map(|c| if kept(&c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests;
