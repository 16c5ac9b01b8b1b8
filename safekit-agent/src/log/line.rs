//! The form of a log line: `| YYYY-MM-DD hh:mm:ss.uuuuuu | origin | L | message`, local time.

use std::fmt::Write;

use jiff::Zoned;
use safekit_core::event::Severity;

/// The most bytes of a message; the rest is cut, and the line says so.
const MESSAGE_BYTES_MAX: usize = 4096;
/// The most bytes of a field before the message.
const FIELD_BYTES_MAX: usize = 128;

/// How much a line of a module log matters. The first four are main messages, the others verbose ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something is broken.
    Critical,
    /// Something has changed.
    Event,
    /// Somebody asked for something.
    User,
    /// A script runs.
    Script,
    /// Something may become a problem.
    Warning,
    /// Worth knowing.
    Info,
    /// For finding faults.
    Debug,
}

impl Level {
    /// Returns the letter in the line.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Critical => 'C',
            Self::Event => 'E',
            Self::User => 'U',
            Self::Script => 'S',
            Self::Warning => 'W',
            Self::Info => 'I',
            Self::Debug => 'D',
        }
    }

    /// Returns the level of an event.
    pub(crate) fn of(severity: Severity) -> Self {
        Self::from_letter(severity.letter()).unwrap_or(Self::Event)
    }

    /// Returns the level of a letter.
    pub(crate) fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'C' => Self::Critical,
            'E' => Self::Event,
            'U' => Self::User,
            'S' => Self::Script,
            'W' => Self::Warning,
            'I' => Self::Info,
            'D' => Self::Debug,
            _ => return None,
        })
    }

    /// Tells whether its lines are main messages.
    pub(crate) fn is_main(self) -> bool {
        match self {
            Self::Critical | Self::Event | Self::User | Self::Script => true,
            Self::Warning | Self::Info | Self::Debug => false,
        }
    }
}

/// Makes a line of a module log, with its line end.
pub(crate) fn module_line(at: &Zoned, level: Level, origin: &str, message: &str) -> String {
    let mut line = begin(at);
    push_field(&mut line, origin);
    line.push_str(" | ");
    line.push(level.letter());
    line.push_str(" | ");
    push_clean(&mut line, message, MESSAGE_BYTES_MAX);
    line.push('\n');
    line
}

/// Makes a line from fields and a last text, with its line end.
pub(crate) fn fields_line(at: &Zoned, fields: &[&str], last: &str) -> String {
    let mut line = begin(at);
    for field in fields {
        push_field(&mut line, field);
        line.push_str(" | ");
    }
    push_clean(&mut line, last, MESSAGE_BYTES_MAX);
    line.push('\n');
    line
}

/// What a line of a module log says, apart from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// How much it matters.
    pub level: Level,
    /// Who says it.
    pub origin: &'a str,
    /// What is said: harmless, and without line end.
    pub message: &'a str,
}

/// Takes a line of a module log apart; `None` for what is no such line.
pub(crate) fn parts(line: &str) -> Option<Parts<'_>> {
    let mut fields = line.strip_prefix("| ")?.splitn(4, " | ");
    let (_time, origin, letter) = (fields.next()?, fields.next()?, fields.next()?);
    let mut chars = letter.chars();
    let level = Level::from_letter(chars.next()?).filter(|_| chars.next().is_none())?;
    Some(Parts { level, origin, message: fields.next()?.trim_end_matches('\n') })
}

fn begin(at: &Zoned) -> String {
    format!("| {} | ", at.strftime("%Y-%m-%d %H:%M:%S.%6f"))
}

/// A field must not hold what separates fields.
fn push_field(line: &mut String, field: &str) {
    let mut clean = String::new();
    push_clean(&mut clean, field, FIELD_BYTES_MAX);
    line.push_str(&clean.replace('|', "/"));
}

/// Appends a text so that it stays in its line and does nothing to a terminal.
fn push_clean(line: &mut String, text: &str, bytes_max: usize) {
    let end = line.len() + bytes_max;
    for c in text.trim_end_matches(['\n', '\r']).chars() {
        if line.len() >= end {
            line.push_str("... (cut)");
            return;
        }
        if is_harmless(c) {
            line.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(line, "{}", c.escape_default());
        }
    }
}

/// Control characters, line ends of other alphabets, and what turns the direction of writing are not.
fn is_harmless(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}'))
}
