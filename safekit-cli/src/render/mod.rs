//! Makes text for people of what the agent says.
//!
//! In: reports. Out: plain text, without colours and without control characters, whoever named the things in it.
//!
//! Not here: JSON (the agent's own is printed as it came).

mod lists;
pub mod screen;
mod state;
mod table;

pub(crate) use lists::{
    boot, budget, cluster_confinfo, cluster_state, done, level, log, module_confinfo, module_ids,
    module_list, ports, process, watched,
};
pub(crate) use state::{module_state, node_state};

use crate::failure::Failure;

/// Columns of a terminal that sentences are fitted into.
const COLUMNS: usize = 80;
/// Begins an item of a list.
const ITEM: &str = "  - ";
/// Begins its further lines.
const ITEM_GOES_ON: &str = "    ";

/// Returns what is printed to the error output.
pub(crate) fn failure(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", plain(&failure.message));
    for line in &failure.details {
        text.push_str(plain(line).trim_end());
        text.push('\n');
    }
    text
}

/// Replaces what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Makes an item of a list, broken into lines of a terminal.
pub(crate) fn item(text: &str) -> String {
    let lines = broken(&plain(text), COLUMNS.saturating_sub(ITEM.len()));
    let begins = std::iter::once(ITEM).chain(std::iter::repeat(ITEM_GOES_ON));
    begins.zip(lines).map(|(begin, line)| format!("{begin}{line}\n")).collect()
}

/// Breaks a text at spaces into lines of at most `room` columns; a longer word, as a path, stays whole. At least one line.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if line.is_empty() {
            word.clone_into(&mut line);
        } else if line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::replace(&mut line, word.to_owned()));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

/// Tells a duration.
pub(crate) fn duration(duration_ms: u64) -> String {
    match duration_ms {
        0..1_000 => format!("{duration_ms} ms"),
        1_000..120_000 => format!("{}.{} s", duration_ms / 1_000, duration_ms % 1_000 / 100),
        120_000..7_200_000 => format!("{} min", duration_ms / 60_000),
        _ => format!("{} h", duration_ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests;
