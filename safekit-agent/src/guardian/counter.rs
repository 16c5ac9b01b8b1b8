//! The counter of the agent's starts, on disk: SAFEVAR/incarnation.

use std::path::PathBuf;

use crate::store::files;

/// The first line; a newer form gets another one.
const HEADER: &str = "safekit incarnation 1";

/// A counter that only grows. Where the disk does not take it, it goes on in memory.
#[derive(Debug)]
pub(super) struct Counter {
    path: PathBuf,
    value: u32,
    fault: Option<String>,
}

impl Counter {
    /// Reads the counter; it begins with 0 where there is none, or none that can be read: the other nodes know better
    /// then, and say so.
    pub(super) fn read(path: PathBuf) -> Self {
        let (value, fault) = match files::read_text(&path, 256) {
            Ok(text) => match parse(&text) {
                Some(value) => (value, None),
                None => (0, Some(format!("{} is damaged or of a newer version", path.display()))),
            },
            Err(error) if error.is_not_found() => (0, None),
            Err(error) => (0, Some(error.to_string())),
        };
        Self { path, value, fault }
    }

    /// Takes the next value.
    pub(super) fn next(&mut self) -> u32 {
        self.raise(self.value.saturating_add(1));
        self.value
    }

    /// Returns the value that was taken last.
    pub(super) fn value(&self) -> u32 {
        self.value
    }

    /// Takes a value that others know, where it is greater.
    pub(super) fn raise(&mut self, value: u32) {
        if value <= self.value {
            return;
        }
        self.value = value;
        self.write();
    }

    /// Writes the counter again where it is not on disk: there may be space again.
    pub(super) fn write_again(&mut self) {
        if self.fault.is_some() {
            self.write();
        }
    }

    fn write(&mut self) {
        let text = format!("{HEADER}\n{}\n", self.value);
        let written = files::write_atomic(&self.path, text.as_bytes(), 0o640);
        self.fault = written.err().map(|error| error.to_string());
    }

    /// Returns why the counter is not on disk; for the first value also why it could not be read.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

fn parse(text: &str) -> Option<u32> {
    let mut lines = text.lines();
    (lines.next()? == HEADER).then_some(())?;
    lines.next()?.trim().parse().ok()
}
