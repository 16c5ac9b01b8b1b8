//! The terminal as a screen that is drawn anew, and its keys one by one.
//!
//! In: frames, and what is typed. Out: the screen, and [`Key`]s.
//!
//! Always: the terminal is given back as it was, however the program ends: by the end of a [`Terminal`], by a panic of
//! the thread that opened it, or by a signal that asks a program to end, which comes as [`Key::End`]. Only SIGKILL
//! leaves no time for that: `stty sane` then helps.
//! Not here: what a key means, what a frame looks like.

#[cfg(not(unix))]
mod fallback;
mod keys;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use fallback::{Terminal, size};
#[cfg(unix)]
pub use unix::{Terminal, size};

use crate::render::screen::Colours;

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// A character was typed.
    Char(char),
    /// The program is to end: Ctrl-C, Ctrl-D, a signal, or the terminal is gone.
    End,
}

/// Tells whether standard input and output are a terminal that can be drawn on.
#[must_use]
pub fn is_interactive() -> bool {
    use std::io::IsTerminal;

    let can = |term: std::ffi::OsString| !term.is_empty() && term != "dumb";
    std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && std::env::var_os("TERM").is_some_and(can)
}

/// Tells whether the user wants colours: the variable `NO_COLOR` is not set, or empty.
#[must_use]
pub fn colours() -> Colours {
    match std::env::var_os("NO_COLOR").filter(|value| !value.is_empty()) {
        Some(_) => Colours::Off,
        None => Colours::On,
    }
}
