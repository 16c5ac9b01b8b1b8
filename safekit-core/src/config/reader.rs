//! Reads XML into a tree that knows where everything stands.
//!
//! In: the bytes of a file. Out: elements in the order of the file, with the places of names and values, and
//! diagnostics. A fault inside a tag, a wrong end tag or a bad comment does not end the pass; a tag or comment that is
//! never closed, and a broken limit, do.
//!
//! Against hostile files: [`FILE_BYTES_MAX`], [`PARTS_MAX`], [`DEPTH_MAX`]; a DOCTYPE without internal subset, so that no
//! entity can be declared; only the five predefined entities and numeric references; work grows with the file, not
//! with its square.
//!
//! Not here: which elements there may be (`schema`), macros (`macros`).

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;

use super::diagnostic::{Code, Report, Said, quoted};
use super::escape::{is_xml_char, unescape};
use super::scan::{Scan, is_space};

/// The most bytes of a configuration file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The most elements and attributes, counted together.
pub const PARTS_MAX: usize = 20_000;
/// The deepest nesting of elements.
pub const DEPTH_MAX: usize = 32;

/// An element's place in [`Document::elements`].
pub(crate) type ElementIndex = usize;

/// The tree, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    pub(crate) elements: Vec<Element<'a>>,
    /// Elements that are in no other one.
    pub(crate) roots: Vec<ElementIndex>,
    /// Whether the file was read to its end: only then is something missing that is not there.
    pub(crate) complete: bool,
}

/// One element.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    /// Where its `<` stands.
    pub(crate) at: usize,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) children: Vec<ElementIndex>,
    /// Where its first text stands, white space left out.
    pub(crate) text_at: Option<usize>,
    /// The length of all its text, from there on.
    pub(crate) text_bytes: usize,
    /// Its text piece by piece, as written, with the place of each; CDATA has its marks.
    pub(crate) texts: Vec<(usize, &'a str)>,
    /// The first reference in its text that is none, with its place.
    pub(crate) text_fault: Option<(usize, Said)>,
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) name_at: usize,
    /// As written, references included.
    pub(crate) raw: &'a str,
    pub(crate) value_at: usize,
    /// What it means; filled in by the caller, from `raw`.
    pub(crate) value: String,
}

/// What is wrong with the bytes as a whole.
#[derive(Debug)]
pub(crate) enum Undecodable {
    TooLong { bytes: usize },
    NotUtf8,
}

/// Turns bytes into text, a byte order mark left out. The text ends before the first fault.
pub(crate) fn decode(bytes: &[u8]) -> (&str, Option<Undecodable>) {
    if bytes.len() > FILE_BYTES_MAX {
        return ("", Some(Undecodable::TooLong { bytes: bytes.len() }));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(good).unwrap_or_default(), Some(Undecodable::NotUtf8))
        }
    }
}

/// Reads a document whose DOCTYPE, if it has one, is `doctype`.
pub(crate) fn read<'a>(
    text: &'a str,
    fault: Option<&Undecodable>,
    doctype: &'static str,
    report: &mut Report<'_>,
) -> Document<'a> {
    match fault {
        Some(Undecodable::TooLong { bytes }) => {
            report.error(0, Code::Limit, || {
                Said::new(format!("the file has {bytes} bytes, more than {FILE_BYTES_MAX}"))
            });
            return Document::default();
        }
        Some(Undecodable::NotUtf8) => {
            report.error(text.len(), Code::Encoding, || {
                Said::new("this byte is not UTF-8").hint("save the file in UTF-8")
            });
            return Document::default();
        }
        None => {}
    }
    for (at, c) in text.char_indices().filter(|(_, c)| !is_xml_char(*c)) {
        report.error(at, Code::Encoding, || {
            Said::new(format!("character U+{:04X} is not allowed in XML", u32::from(c)))
        });
    }
    let mut reader = TreeReader {
        text,
        doctype,
        report,
        document: Document::default(),
        open: Vec::new(),
        parts: 0,
        doctype_seen: false,
    };
    reader.run();
    reader.document
}

/// Goes on with the next event, or ends the pass.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    End,
}

struct TreeReader<'a, 'r, 's> {
    text: &'a str,
    doctype: &'static str,
    report: &'r mut Report<'s>,
    document: Document<'a>,
    /// Elements not closed yet, the outermost first; at most [`DEPTH_MAX`].
    open: Vec<ElementIndex>,
    parts: usize,
    doctype_seen: bool,
}

impl<'a> TreeReader<'a, '_, '_> {
    fn run(&mut self) {
        let mut xml = Reader::from_str(self.text);
        let config = xml.config_mut();
        config.check_comments = true;
        config.allow_dangling_amp = true;
        // Which end tag belongs to which start tag is found out here: so that one wrong tag is one fault.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        loop {
            let from = offset(xml.buffer_position());
            let event = xml.read_event();
            let to = offset(xml.buffer_position());
            let step = match event {
                Ok(Event::Eof) => {
                    self.end_of_file();
                    Step::End
                }
                Ok(event) => self.event(&event, from, to),
                Err(error) => {
                    let at = offset(xml.error_position());
                    self.error(&error, at, to > from)
                }
            };
            if step == Step::End {
                return;
            }
        }
    }

    fn error(&mut self, error: &Error, at: usize, progress: bool) -> Step {
        if let Error::IllFormed(IllFormedError::DoubleHyphenInComment) = error {
            self.report.error(at, Code::Syntax, || {
                Said::new("'--' inside a comment").hint("write single hyphens, or spaces between")
            });
            return if progress { Step::On } else { Step::End };
        }
        self.report.error(at, Code::Syntax, || match error {
            Error::Syntax(error) => Said::new(error.to_string().replace('`', "'"))
                .hint("what is behind it was not read; look for a missing quote, '>' or '-->'"),
            Error::IllFormed(error) => Said::new(error.to_string().replace('`', "'")),
            Error::Io(_)
            | Error::InvalidAttr(_)
            | Error::Encoding(_)
            | Error::Escape(_)
            | Error::Namespace(_) => Said::new(format!("not well-formed: {error}")),
        });
        Step::End
    }

    fn event(&mut self, event: &Event<'_>, from: usize, to: usize) -> Step {
        match event {
            Event::Start(_) => self.start_tag(from, to, "<", ">"),
            Event::Empty(_) => match self.start_tag(from, to, "<", "/>") {
                Step::On => {
                    self.open.pop();
                    Step::On
                }
                Step::End => Step::End,
            },
            Event::End(_) => {
                self.end_tag(from, to);
                Step::On
            }
            Event::Text(_) | Event::GeneralRef(_) => {
                self.text(from, to);
                self.references(from, to);
                Step::On
            }
            Event::CData(_) => {
                self.text(from, to);
                Step::On
            }
            Event::Decl(_) => {
                self.declaration(from, to);
                Step::On
            }
            Event::DocType(_) => self.document_type(from, to),
            Event::Comment(_) | Event::PI(_) | Event::Eof => Step::On,
        }
    }

    /// Counts an element or attribute.
    fn count_part(&mut self, at: usize) -> Step {
        self.parts += 1;
        if self.parts <= PARTS_MAX {
            return Step::On;
        }
        self.report.error(at, Code::Limit, || {
            Said::new(format!("more than {PARTS_MAX} elements and attributes"))
        });
        Step::End
    }

    fn start_tag(&mut self, from: usize, to: usize, begin: &str, end: &str) -> Step {
        let tag = self.text.get(from..to).unwrap_or_default();
        let inner =
            tag.strip_prefix(begin).and_then(|tag| tag.strip_suffix(end)).unwrap_or_default();
        let name_len = inner.find(is_space).unwrap_or(inner.len());
        let (name, rest) = inner.split_at(name_len);
        if self.count_part(from) == Step::End {
            return Step::End;
        }
        if self.open.len() >= DEPTH_MAX {
            self.report.error(from, Code::Limit, || {
                Said::new(format!("elements are nested deeper than {DEPTH_MAX}"))
            });
            return Step::End;
        }
        if !is_name(name) {
            self.report.error(from, Code::Syntax, || {
                Said::new(format!("{} is not the name of an element", quoted(name)))
            });
        }
        let index = self.document.elements.len();
        let element = Element {
            name,
            at: from,
            attributes: Vec::new(),
            children: Vec::new(),
            text_at: None,
            text_bytes: 0,
            texts: Vec::new(),
            text_fault: None,
        };
        self.document.elements.push(element);
        match self.open.last().and_then(|parent| self.document.elements.get_mut(*parent)) {
            Some(parent) => parent.children.push(index),
            None => self.document.roots.push(index),
        }
        self.open.push(index);
        self.attributes(index, rest, from + begin.len() + name_len)
    }

    fn attributes(&mut self, index: ElementIndex, text: &'a str, at: usize) -> Step {
        let mut scan = Scan::new(text, at);
        let mut seen = BTreeSet::new();
        loop {
            let attribute = match scan.next() {
                Ok(None) => return Step::On,
                Ok(Some(attribute)) => attribute,
                Err((at, message)) => {
                    self.report.error(at, Code::Syntax, || message);
                    continue;
                }
            };
            if self.count_part(attribute.name_at) == Step::End {
                return Step::End;
            }
            if !is_name(attribute.name) {
                self.report.error(attribute.name_at, Code::Syntax, || {
                    Said::new(format!("{} is not the name of an attribute", quoted(attribute.name)))
                });
                continue;
            }
            if let Some(inside) = attribute.raw.find('<') {
                self.report.error(attribute.value_at + inside, Code::Syntax, || {
                    Said::new("'<' inside the value of an attribute")
                        .hint("write &lt;, or look for a missing quote")
                });
                continue;
            }
            if !seen.insert(attribute.name) {
                self.report.error(attribute.name_at, Code::Duplicate, || {
                    Said::new(format!("attribute {} is written twice", quoted(attribute.name)))
                });
                continue;
            }
            if let Some(element) = self.document.elements.get_mut(index) {
                element.attributes.push(attribute);
            }
        }
    }

    fn end_tag(&mut self, from: usize, to: usize) {
        let tag = self.text.get(from..to).unwrap_or_default();
        let name = tag.trim_start_matches("</").trim_end_matches('>').trim_end_matches(is_space);
        let elements = &self.document.elements;
        let name_of =
            |index: &ElementIndex| elements.get(*index).map_or("", |element| element.name);
        let at_of = |index: &ElementIndex| elements.get(*index).map_or(0, |element| element.at);
        let Some(depth) = self.open.iter().rposition(|index| name_of(index) == name) else {
            self.report.error(from, Code::Syntax, || {
                Said::new(format!("end tag {} closes nothing", quoted(tag)))
            });
            return;
        };
        if let [_, .., innermost] = self.open.get(depth..).unwrap_or_default() {
            let line = self.report.line(at_of(innermost));
            let inner = name_of(innermost);
            self.report.error(from, Code::Syntax, || {
                Said::new(format!("</{name}> comes while <{inner}> of line {line} is still open"))
                    .hint(format!("write </{inner}> first, or <{inner} .../>"))
            });
        }
        self.open.truncate(depth);
    }

    fn text(&mut self, from: usize, to: usize) {
        let text = self.text.get(from..to).unwrap_or_default();
        let inside = text.find(|c| !is_space(c));
        let element = self.open.last().and_then(|index| self.document.elements.get_mut(*index));
        match (element, inside) {
            (Some(element), Some(inside)) => {
                element.text_at.get_or_insert(from + inside);
                element.text_bytes += text.len();
                element.texts.push((from, text));
            }
            (Some(element), None) => element.text_bytes += text.len(),
            (None, None) => {}
            (None, Some(inside)) => {
                self.report.error(from + inside, Code::UnexpectedText, || {
                    Said::new("text outside of the root element")
                });
            }
        }
    }

    /// Keeps the first wrong reference in the text of an element: whether it may hold text is found out later.
    fn references(&mut self, from: usize, to: usize) {
        let text = self.text.get(from..to).unwrap_or_default();
        let element = self.open.last().and_then(|index| self.document.elements.get_mut(*index));
        let Some(element) = element.filter(|element| element.text_fault.is_none()) else { return };
        unescape(text, &mut String::new(), |bad| {
            element.text_fault.get_or_insert((from + bad.at, bad.said));
        });
    }

    fn declaration(&mut self, from: usize, to: usize) {
        if from > 0 {
            self.report.error(from, Code::Syntax, || {
                Said::new("an XML declaration stands only at the very beginning of the file")
            });
        }
        let declaration = self.text.get(from..to).unwrap_or_default();
        let inner = declaration.trim_start_matches("<?xml").trim_end_matches("?>");
        let mut scan = Scan::new(inner, from + "<?xml".len());
        loop {
            match scan.next() {
                Ok(None) => return,
                Err((at, message)) => self.report.error(at, Code::Syntax, || message),
                Ok(Some(pseudo)) if pseudo.name == "encoding" => self.encoding(&pseudo),
                Ok(Some(_)) => {}
            }
        }
    }

    /// The file is UTF-8; another encoding that says the same for these bytes will do.
    fn encoding(&mut self, declared: &Attribute<'_>) {
        let is = |name: &str| declared.raw.eq_ignore_ascii_case(name);
        let ascii_superset = is("us-ascii") || is("windows-1252") || {
            declared.raw.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("iso-8859-"))
        };
        if is("utf-8") || (ascii_superset && self.text.is_ascii()) {
            return;
        }
        self.report.error(declared.value_at, Code::Encoding, || {
            Said::new(format!("encoding {} is not read", quoted(declared.raw)))
                .hint("save the file in UTF-8, and declare that")
        });
    }

    fn document_type(&mut self, from: usize, to: usize) -> Step {
        let declaration = self.text.get(from..to).unwrap_or_default();
        let inner = declaration.strip_prefix("<!DOCTYPE").and_then(|rest| rest.strip_suffix('>'));
        let late = !self.document.roots.is_empty() || self.doctype_seen;
        self.doctype_seen = true;
        let doctype = self.doctype;
        if inner.map(|name| name.trim_matches(is_space)) != Some(doctype) {
            self.report.error(from, Code::Doctype, || {
                Said::new(format!("this document type is not read; only <!DOCTYPE {doctype}> is"))
                    .hint("entities and external files are refused for safety")
            });
            return Step::End;
        }
        if late {
            self.report.error(from, Code::Doctype, || {
                Said::new("<!DOCTYPE> stands once, before the first element")
            });
        }
        Step::On
    }

    fn end_of_file(&mut self) {
        self.document.complete = true;
        let Some(element) = self.open.last().and_then(|index| self.document.elements.get(*index))
        else {
            return;
        };
        let name = element.name;
        self.report
            .error(element.at, Code::Syntax, || Said::new(format!("<{name}> is never closed")));
    }
}

/// Fills in the value of each attribute, with nothing but references replaced.
pub(crate) fn unescape_all(document: &mut Document<'_>, report: &mut Report<'_>) {
    for attribute in document.elements.iter_mut().flat_map(|element| &mut element.attributes) {
        let value_at = attribute.value_at;
        unescape(attribute.raw, &mut attribute.value, |bad| {
            report.error(value_at + bad.at, Code::Reference, || bad.said);
        });
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// XML 1.0, production 5, letters beyond ASCII taken as they are.
pub(super) fn is_name(text: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    text.starts_with(begins)
        && text.chars().all(|c| begins(c) || c.is_alphanumeric() || matches!(c, '-' | '.'))
}
