//! Words of a line: bytes to words without blanks, and back.

use std::fmt::Write as _;
use std::str::{FromStr, SplitAsciiWhitespace};
use std::time::Duration;

/// A line that is being written.
#[derive(Debug)]
pub(super) struct Line(String);

impl Line {
    pub(super) fn new(kind: &str) -> Self {
        Self(kind.to_owned())
    }

    /// Adds a word that has no blank.
    pub(super) fn word(mut self, word: impl std::fmt::Display) -> Self {
        let infallible = write!(self.0, " {word}");
        debug_assert!(infallible.is_ok(), "a String takes all");
        self
    }

    /// Adds any text as one word. It begins with `=`, so that an empty one is a word too.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.push_str(" =");
        for byte in text.bytes() {
            if byte.is_ascii_graphic() && byte != b'%' {
                self.0.push(char::from(byte));
            } else {
                let infallible = write!(self.0, "%{byte:02x}");
                debug_assert!(infallible.is_ok(), "a String takes all");
            }
        }
        self
    }

    /// Adds bytes as one word of hexadecimal digits, beginning with `=`.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.push_str(" =");
        for byte in bytes {
            let infallible = write!(self.0, "{byte:02x}");
            debug_assert!(infallible.is_ok(), "a String takes all");
        }
        self
    }

    pub(super) fn duration(self, duration: Duration) -> Self {
        self.word(duration.as_nanos())
    }

    /// Adds something, or `-` for nothing.
    pub(super) fn maybe<T>(self, thing: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match thing {
            Some(thing) => add(self, thing),
            None => self.word("-"),
        }
    }

    /// Adds how many there are, then each.
    pub(super) fn each<T>(
        self,
        things: impl ExactSizeIterator<Item = T>,
        add: impl FnMut(Self, T) -> Self,
    ) -> Self {
        let line = self.word(things.len());
        things.fold(line, add)
    }

    pub(super) fn end(self) -> String {
        self.0
    }
}

/// What should have been there.
pub(super) type Expected = &'static str;

/// The words of a line that is being read.
#[derive(Clone, Debug)]
pub(super) struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self(line.split_ascii_whitespace())
    }

    pub(super) fn word(&mut self, what: Expected) -> Result<&'a str, Expected> {
        self.0.next().ok_or(what)
    }

    /// Takes a word as whatever it is to be.
    pub(super) fn parse<T: FromStr>(&mut self, what: Expected) -> Result<T, Expected> {
        self.word(what)?.parse().map_err(|_error| what)
    }

    pub(super) fn text(&mut self, what: Expected) -> Result<String, Expected> {
        let word = self.word(what)?.strip_prefix('=').ok_or(what)?;
        let mut bytes = Vec::new();
        let mut rest = word.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if *byte == b'%' {
                let (digits, after) = rest.split_at_checked(2).ok_or(what)?;
                bytes.push(hex(digits).ok_or(what)?);
                rest = after;
            } else {
                bytes.push(*byte);
            }
        }
        String::from_utf8(bytes).map_err(|_error| what)
    }

    pub(super) fn bytes(&mut self, what: Expected) -> Result<Vec<u8>, Expected> {
        let word = self.word(what)?.strip_prefix('=').ok_or(what)?;
        word.as_bytes().chunks(2).map(|digits| hex(digits).ok_or(what)).collect()
    }

    pub(super) fn duration(&mut self, what: Expected) -> Result<Duration, Expected> {
        self.parse(what).map(Duration::from_nanos)
    }

    /// Takes something, or `-` for nothing.
    pub(super) fn maybe<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, Expected>,
    ) -> Result<Option<T>, Expected> {
        let mut ahead = self.clone();
        if ahead.word("-") == Ok("-") {
            *self = ahead;
            return Ok(None);
        }
        take(self).map(Some)
    }

    /// Takes how many there are, then each. A number that is not true costs no memory.
    pub(super) fn each<T>(
        &mut self,
        mut take: impl FnMut(&mut Self) -> Result<T, Expected>,
    ) -> Result<Vec<T>, Expected> {
        let count: usize = self.parse("a number of things")?;
        let mut things = Vec::new();
        for _ in 0..count {
            things.push(take(self)?);
        }
        Ok(things)
    }

    pub(super) fn end(&mut self) -> Result<(), Expected> {
        self.0.next().map_or(Ok(()), |_more| Err("the end of the line"))
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 2)?;
    u8::from_str_radix(text, 16).ok()
}
