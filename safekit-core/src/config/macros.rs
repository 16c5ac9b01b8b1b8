//! Replaces `%NAME%` in the values of attributes by the value of a macro, else of the environment.
//!
//! One pass over the file: `<macro name="N" value="V"/>` counts for all that comes after it, other macros' values
//! included. What was put in is never looked at again, and all values together have [`EXPANDED_BYTES_MAX`] at most: no
//! file can grow without bound. A `%` that does not enclose a name stands for itself; so does `&#37;`.

use std::collections::BTreeMap;

use super::diagnostic::{Code, Report, Said, did_you_mean, quoted};
use super::escape::{is_xml_char, unescape};
use super::reader::{Attribute, Document};

/// The most bytes that all values of a file have once macros are replaced.
pub(crate) const EXPANDED_BYTES_MAX: usize = 1 << 20;

/// Fills in the values of all attributes of a document.
pub(crate) fn expand(
    document: &mut Document<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
    report: &mut Report<'_>,
) {
    let mut expander = Expander { macros: BTreeMap::new(), environment, bytes: 0, full: false };
    for element in &mut document.elements {
        for attribute in &mut element.attributes {
            expander.expand(attribute, report);
        }
        if element.name == "macro" {
            expander.define(&element.attributes, report);
        }
    }
    if document.complete {
        expander.macros.iter().for_each(|(name, defined)| defined.unused(name, report));
    }
}

struct Expander<'e> {
    macros: BTreeMap<String, Defined>,
    environment: &'e dyn Fn(&str) -> Option<String>,
    /// Bytes of all values so far.
    bytes: usize,
    /// Whether the bound was passed, and told.
    full: bool,
}

struct Defined {
    value: String,
    at: usize,
    used: bool,
}

impl Defined {
    fn unused(&self, name: &str, report: &mut Report<'_>) {
        // What is no name is told by the schema.
        if !self.used && is_macro_name(name) {
            report.warning(self.at, Code::Doubtful, || {
                Said::new(format!("macro {} is never used", quoted(name)))
                    .hint("it counts for what comes after it; write %NAME% there, or leave it out")
            });
        }
    }
}

impl Expander<'_> {
    fn define(&mut self, attributes: &[Attribute<'_>], report: &mut Report<'_>) {
        let named = |name: &str| attributes.iter().find(|attribute| attribute.name == name);
        // What is missing, or no name, is told by the schema.
        let (Some(name), Some(value)) = (named("name"), named("value")) else { return };
        let defined = Defined { value: value.value.clone(), at: name.value_at, used: false };
        if let Some(before) = self.macros.insert(name.value.clone(), defined) {
            let line = report.line(before.at);
            report.warning(name.value_at, Code::Duplicate, || {
                Said::new(format!(
                    "macro '{}' replaces the one of line {line} from here on",
                    name.value
                ))
            });
        }
    }

    fn expand(&mut self, attribute: &mut Attribute<'_>, report: &mut Report<'_>) {
        let raw = attribute.raw;
        let mut value = String::new();
        let mut rest = raw;
        while let Some((before, name, after)) = next_macro(rest) {
            if self.full {
                return;
            }
            let from = attribute.value_at + (raw.len() - rest.len());
            self.literal(before, from, &mut value, report);
            self.replace(name, from + before.len(), &mut value, report);
            rest = after;
            if self.bytes.saturating_add(value.len()) > EXPANDED_BYTES_MAX {
                break;
            }
        }
        let from = attribute.value_at + (raw.len() - rest.len());
        self.literal(rest, from, &mut value, report);
        self.bytes = self.bytes.saturating_add(value.len());
        if self.bytes > EXPANDED_BYTES_MAX && !self.full {
            self.full = true;
            report.error(attribute.value_at, Code::Limit, || {
                let limit = EXPANDED_BYTES_MAX;
                Said::new(format!("with macros replaced the values have more than {limit} bytes"))
            });
        }
        attribute.value = value;
    }

    fn literal(&self, raw: &str, at: usize, into: &mut String, report: &mut Report<'_>) {
        unescape(raw, into, |bad| {
            report.error(at + bad.at, Code::Reference, || bad.said);
        });
    }

    fn replace(&mut self, name: &str, at: usize, into: &mut String, report: &mut Report<'_>) {
        if let Some(defined) = self.macros.get_mut(name) {
            defined.used = true;
            into.push_str(&defined.value);
            return;
        }
        let Some(value) = (self.environment)(name) else {
            report.error(at, Code::Macro, || {
                let names = self.macros.keys().map(String::as_str);
                let other = "write <macro name=... value=.../> before it, or &#37; for '%'";
                Said::new(format!("{} is neither a macro nor in the environment", quoted(name)))
                    .hint(did_you_mean(name, names).unwrap_or_else(|| other.to_owned()))
            });
            return;
        };
        if !value.chars().all(is_xml_char) {
            report.error(at, Code::Macro, || {
                let name = quoted(name);
                Said::new(format!(
                    "{name} of the environment has a character that XML does not allow"
                ))
            });
            return;
        }
        into.push_str(&value);
    }
}

/// Finds the first `%NAME%`: what comes before it, its name, what comes after it.
fn next_macro(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let begin = from + text.get(from..)?.find('%')?;
        let name_at = begin + 1;
        let after = text.get(name_at..)?;
        let name_len =
            after.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let (name, end) = after.split_at(name_len);
        match end.strip_prefix('%') {
            Some(rest) if is_macro_name(name) => return Some((text.get(..begin)?, name, rest)),
            // The closing '%' may be the opening one of another.
            Some(_) | None => from = name_at + name_len,
        }
    }
}

fn is_macro_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
