//! Sets or removes one attribute in a file of the user, and leaves everything else byte for byte as it was: comments, order,
//! line ends, byte order mark.
//!
//! Not here: whether the value makes sense. The caller reads the outcome with `cluster::parse` or `module::parse`, and
//! writes it to disk only where that has no error.
//!
//! Example: [`set()`].

use super::diagnostic::{Diagnostic, Report};
use super::escape::{escape, is_xml_char};
use super::reader::{self, Document, Element, is_name};

/// The byte order mark.
const MARK: char = '\u{feff}';

/// Why a file was not edited: nothing was changed.
///
/// ```
/// use safekit_core::config::edit::{self, EditError};
///
/// let text = "<safe><service mode='farm'/></safe>";
/// let error = edit::set(text, "safe/service/errd", "polltimer", "10s");
/// assert_eq!(error, Err(EditError::NoElement { path: "safe/service/errd".to_owned() }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file is not well-formed: it is mended by hand first.
    #[error("{first}")]
    Malformed {
        /// What is wrong, and where.
        first: Box<Diagnostic>,
    },
    /// No element is at that place.
    #[error("there is no {path} in the file")]
    NoElement {
        /// The place that was asked for.
        path: String,
    },
    /// The name cannot be that of an attribute.
    #[error("'{name}' is not the name of an attribute")]
    Name {
        /// The name.
        name: String,
    },
    /// The value has a character that XML does not allow.
    #[error("the value has the character U+{code:04X}, which XML does not allow")]
    Character {
        /// The number of the character.
        code: u32,
    },
}

/// Sets an attribute of the element at a place: in its place where it is written, else as the last one of its element.
///
/// `path` is made of the names of elements, from the root on; `[2]` behind a name is the second one of that name in its
/// parent, and `[1]` need not be written. `value` is what shall be read there: what XML needs is escaped, and so is `%`,
/// so that no macro is seen in it.
///
/// ```
/// use safekit_core::config::edit;
///
/// let text = "<safe><service mode='farm'/><!-- ours --></safe>";
/// let edited = edit::set(text, "safe/service", "maxloop", "5")?;
/// assert_eq!(edited, "<safe><service mode='farm' maxloop=\"5\"/><!-- ours --></safe>");
/// assert_eq!(edit::remove(&edited, "safe/service", "maxloop")?, text);
/// # Ok::<(), edit::EditError>(())
/// ```
///
/// # Errors
/// See [`EditError`]: the file is not well-formed, it has no such element, or name or value cannot be written.
pub fn set(text: &str, path: &str, attribute: &str, value: &str) -> Result<String, EditError> {
    if !is_name(attribute) {
        return Err(EditError::Name { name: attribute.chars().take(64).collect() });
    }
    if let Some(c) = value.chars().find(|c| !is_xml_char(*c)) {
        return Err(EditError::Character { code: u32::from(c) });
    }
    // The quotes around it stay as they are, of either kind.
    let value = escape(value).replace('\'', "&apos;");
    edit(text, path, |element| {
        let written = element.attributes.iter().find(|known| known.name == attribute);
        match (written, element.attributes.iter().map(end_of).max()) {
            (Some(known), _) => (known.value_at..known.value_at + known.raw.len(), value.clone()),
            (None, Some(behind)) => (behind..behind, format!(" {attribute}=\"{value}\"")),
            (None, None) => {
                let behind = element.at + 1 + element.name.len();
                (behind..behind, format!(" {attribute}=\"{value}\""))
            }
        }
    })
}

/// Removes an attribute of the element at a place, with the white space before it; without it the text stays as it is.
/// `path` is that of [`set`].
///
/// # Errors
/// See [`EditError`]: the file is not well-formed, or it has no such element.
///
/// Example: [`set()`].
pub fn remove(text: &str, path: &str, attribute: &str) -> Result<String, EditError> {
    edit(text, path, |element| {
        let Some(known) = element.attributes.iter().find(|known| known.name == attribute) else {
            return (0..0, String::new());
        };
        // What is before it is the name of the element, or another attribute.
        let others = element.attributes.iter().map(end_of).filter(|end| *end <= known.name_at);
        let name_end = element.at + 1 + element.name.len();
        (others.max().unwrap_or(name_end)..end_of(known), String::new())
    })
}

/// Returns the place behind the closing quote.
fn end_of(attribute: &reader::Attribute<'_>) -> usize {
    attribute.value_at + attribute.raw.len() + 1
}

/// Replaces the piece of the text that `change` names for the element.
fn edit(
    text: &str,
    path: &str,
    change: impl Fn(&Element<'_>) -> (std::ops::Range<usize>, String),
) -> Result<String, EditError> {
    let body = text.strip_prefix(MARK).unwrap_or(text);
    let mark = if body.len() < text.len() { "\u{feff}" } else { "" };
    let root = path.split(['/', '[']).next().unwrap_or_default();
    let mut report = Report::new("file", body);
    let (_, too_long) = reader::decode(body.as_bytes());
    let document = reader::read(body, too_long.as_ref(), doctype(root), &mut report);
    if report.failed() {
        let faults = report.finish::<()>(None, Vec::new()).diagnostics;
        if let Some(first) = faults.into_iter().next() {
            return Err(EditError::Malformed { first: Box::new(first) });
        }
    }
    let element = find(&document, path)
        .ok_or_else(|| EditError::NoElement { path: path.chars().take(256).collect() })?;
    let (range, new) = change(element);
    let before = body.get(..range.start).unwrap_or_default();
    let after = body.get(range.end..).unwrap_or_default();
    Ok([mark, before, &new, after].concat())
}

/// Returns the document type of a file with that root.
fn doctype(root: &str) -> &'static str {
    match root {
        "cluster" => "cluster",
        _ => "safe",
    }
}

fn find<'d, 'a>(document: &'d Document<'a>, path: &str) -> Option<&'d Element<'a>> {
    let mut found: Option<&Element<'a>> = None;
    for step in path.split('/') {
        let (name, number) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, number)) => (name, number.parse::<usize>().ok()?),
            None => (step, 1),
        };
        let around = match found {
            Some(element) => &element.children,
            None => &document.roots,
        };
        let mut named = around
            .iter()
            .filter_map(|index| document.elements.get(*index))
            .filter(|element| element.name == name);
        found = Some(named.nth(number.checked_sub(1)?)?);
    }
    found
}
