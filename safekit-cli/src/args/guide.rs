//! What each command is for, in one table: help, the manual page, the shell completion and the reference page are made of it.
//!
//! Always: a command of the command line has exactly one row here; its options come from their definition (`raw`).

mod complete;
mod print;
mod table;

use clap::ValueEnum;

use crate::failure::Failure;

pub(super) use print::print;
use table::{GROUPS, Row};

/// The forms that everything can be printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The reference page
    Markdown,
    /// The manual page
    Man,
    /// The completion of the shell bash
    Bash,
    /// The completion of the shell zsh
    Zsh,
    /// The completion of the shell fish
    Fish,
}

const AFTER_HELP: &str = "\
Where there is no -m, the variable SAFEMODULE names the module; scripts have it.
'safekit help COMMAND' explains a command with an example.

A farm from nothing. On the first node:
  safekit cluster config cluster.xml
  safekit cluster export cluster.zip    copy it to the other nodes
On every other node:
  safekit cluster config cluster.zip
On every node:
  safekit module install -m web ./web   a folder with conf/ and bin/, or web.safe
  safekit config -m web
  safekit start -m web && safekit waitstart -m web --timeout 1m
  safekit state

Exit codes: 0 done, 64 asked wrongly, 65 faults in a configuration, 69 no agent
answers, 70 internal error, 75 refused in the state of the moment, or the
awaited state did not come. 'state -lq': 0 STOP, 1 WAIT, 2 UP. 'incloop',
'checkloop': 1 the limit is reached. 'boundcmd': the code of the command, 2 out
of time.

An independent implementation; SafeKit is a trademark of Evidian.";

/// Gives each command its line and its example, and the whole its overview.
pub(super) fn teach(command: clap::Command) -> clap::Command {
    let command = command.help_template(overview()).after_help(AFTER_HELP);
    GROUPS.iter().flat_map(|group| group.rows).fold(command, |command, row| {
        match row.words.split_once(' ') {
            Some((first, second)) => command.mut_subcommand(first, |inner| {
                inner.mut_subcommand(second, |inner| explained(inner, row))
            }),
            None => command.mut_subcommand(row.words, |inner| explained(inner, row)),
        }
    })
}

fn explained(command: clap::Command, row: &Row) -> clap::Command {
    let usage = format!("safekit {} {}", row.words, row.usage);
    let after = format!("{}Example:\n  {}", notes(row), row.example);
    command.about(row.line).override_usage(usage.trim_end().to_owned()).after_help(after)
}

fn notes(row: &Row) -> String {
    if row.notes.is_empty() { String::new() } else { format!("{}\n\n", row.notes) }
}

fn overview() -> String {
    let mut text = "{about}\n\nUsage: {usage}\n".to_owned();
    for group in GROUPS {
        text.push_str(&format!("\n{}\n", group.title));
        for row in group.rows {
            let usage = format!("{} {}", row.words, row.usage);
            text.push_str(&format!("  {:<28} {}\n", usage.trim_end(), row.line));
        }
    }
    text + "\nOptions:\n{options}\n{after-help}"
}

/// Returns the help of a command, or of all.
///
/// # Errors
/// A usage failure where there is no such command.
pub(super) fn help(mut command: clap::Command, words: &[String]) -> Result<String, Failure> {
    command.build();
    let mut at = &mut command;
    for word in words {
        at = at.find_subcommand_mut(word).ok_or_else(|| {
            Failure::usage(format!("there is no command 'safekit {}'", words.join(" ")))
                .detail("'safekit --help' lists the commands of this version")
        })?;
    }
    Ok(at.render_help().to_string())
}

/// Returns where help is for a command line that was refused.
pub(super) fn pointer(arguments: &[std::ffi::OsString]) -> String {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let is_begin = |row: &&Row| {
        let row: Vec<&str> = row.words.split(' ').collect();
        words.windows(row.len()).any(|window| window == row)
    };
    let rows = || GROUPS.iter().flat_map(|group| group.rows);
    let second = |row: &Row| row.words.split_once(' ').map(|(_, second)| second);
    // 'processtree kill' is not 'kill'.
    let two = rows().filter(|row| second(row).is_some()).find(is_begin);
    match two.or_else(|| rows().find(is_begin)) {
        Some(row) => format!("'safekit help {}' explains the command", row.words),
        None => match rows().find(|row| second(row).is_some_and(|word| words.contains(&word))) {
            Some(row) => {
                format!("'safekit {0}' may be meant: 'safekit help {0}' explains it", row.words)
            }
            None => "'safekit --help' lists the commands of this version".to_owned(),
        },
    }
}

/// Returns the words of the rows.
#[cfg(test)]
pub(super) fn rows() -> Vec<&'static str> {
    GROUPS.iter().flat_map(|group| group.rows).map(|row| row.words).collect()
}
