//! Takes the attributes out of one start tag, with the place of each name and value, and goes on behind each fault.

use super::diagnostic::{Said, quoted};
use super::reader::Attribute;

/// Walks over the attributes of one tag, and goes on behind each fault.
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Whether white space, or a fault that was told, is behind what comes next.
    separated: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at, separated: false }
    }

    /// Returns the next attribute, or a fault with its place. Each second call at least takes a character away.
    pub(crate) fn next(&mut self) -> Result<Option<Attribute<'a>>, (usize, Said)> {
        let spaces = self.take(|c| !is_space(c));
        if self.text.is_empty() {
            return Ok(None);
        }
        let name_at = self.at;
        let separated = self.separated || !spaces.is_empty();
        self.separated = true;
        if !separated {
            return Err((name_at, Said::new("white space is missing before the attribute")));
        }
        let name = self.take(|c| matches!(c, '=' | '"' | '\'') || is_space(c));
        if name.is_empty() {
            self.take_value();
            return Err((name_at, Said::new("the name of an attribute is missing")));
        }
        self.take(|c| !is_space(c));
        let Some(after) = self.text.strip_prefix('=') else {
            let message = format!("attribute {} has no value", quoted(name));
            return Err((name_at, Said::new(message).hint("write name=\"value\"")));
        };
        self.advance(after);
        self.take(|c| !is_space(c));
        let opening = self.at;
        let Some((raw, value_at)) = self.take_value() else {
            let message = format!("the value of attribute {} is not in quotes", quoted(name));
            return Err((opening, Said::new(message).hint("write name=\"value\"")));
        };
        self.separated = false;
        Ok(Some(Attribute { name, name_at, raw, value_at, value: String::new() }))
    }

    /// Takes a quoted text, with the place of its first character; `None` where none stands: then a word is taken.
    fn take_value(&mut self) -> Option<(&'a str, usize)> {
        for quote in ['"', '\''] {
            let Some(after) = self.text.strip_prefix(quote) else { continue };
            if let Some((raw, rest)) = after.split_once(quote) {
                let value_at = self.at + quote.len_utf8();
                self.advance(rest);
                return Some((raw, value_at));
            }
        }
        self.advance(self.text.strip_prefix(['=', '"', '\'']).unwrap_or(self.text));
        self.take(is_space);
        None
    }

    /// Takes what comes before the first character that `ends`.
    fn take(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.text.find(ends).unwrap_or(self.text.len());
        let (taken, rest) = self.text.split_at(end);
        self.advance(rest);
        taken
    }

    fn advance(&mut self, rest: &'a str) {
        self.at += self.text.len().saturating_sub(rest.len());
        self.text = rest;
    }
}

/// XML 1.0, production 3.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
