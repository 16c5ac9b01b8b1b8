//! What SafeKit takes in place of a command, or writes in a form that clap does not read.
//!
//! `-p` prints the folders, `-r "<special command>"` runs one of the special commands, and `kill` takes its options with one
//! dash (`-name=httpd`).

use std::ffi::{OsStr, OsString};

use crate::failure::Failure;

/// The options that stand in place of a command.
pub(super) const WORDS: [&str; 2] = ["-p", "-r"];
/// What `-r` runs.
const COMMANDS: [&str; 2] = ["boundcmd", "processtree"];
/// Options of `kill` that are written with one dash.
const LONG: [&str; 3] = ["-name", "-argregex", "-level"];

/// What a command line is.
#[derive(Debug)]
pub(super) enum Special {
    /// `-p`.
    Places,
    /// A command line for clap.
    Line(Vec<OsString>),
    /// `-r` with something that is no special command.
    Unknown(Failure),
}

/// Looks at the arguments after the program's name.
pub(super) fn read(arguments: Vec<OsString>) -> Special {
    let words: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    match words.as_slice() {
        [first] if *first == "-p" => Special::Places,
        [first, rest @ ..] if *first == "-r" => run(rest),
        [..] if is_kill(&words) => Special::Line(arguments.iter().map(|word| long(word)).collect()),
        [..] => Special::Line(arguments),
    }
}

/// Tells whether the first word that is no option for all commands is `kill`.
fn is_kill(words: &[&OsStr]) -> bool {
    match words {
        [first, _, rest @ ..] if *first == "--root" => is_kill(rest),
        [first, rest @ ..] if first.to_string_lossy().starts_with("--") => is_kill(rest),
        [first, ..] => *first == "kill",
        [] => false,
    }
}

fn run(rest: &[&OsStr]) -> Special {
    // One argument holds the whole command, as SafeKit writes it; its words have no blanks in them.
    let words: Vec<OsString> = match rest {
        [one] => one.to_string_lossy().split_whitespace().map(OsString::from).collect(),
        [..] => rest.iter().map(|word| (*word).to_owned()).collect(),
    };
    let known = words.first().is_some_and(|word| COMMANDS.iter().any(|known| word == known));
    if known {
        return Special::Line(words);
    }
    let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let failure = Failure::usage(format!("'{word}' is no special command of this version"));
    Special::Unknown(failure.detail(format!("-r runs: {}", COMMANDS.join(", "))))
}

fn long(word: &OsStr) -> OsString {
    let text = word.to_string_lossy();
    let name = text.split('=').next().unwrap_or_default();
    if LONG.contains(&name) {
        let mut with = OsString::from("-");
        with.push(word);
        return with;
    }
    word.to_owned()
}
