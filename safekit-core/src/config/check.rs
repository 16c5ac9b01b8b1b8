//! Holds a tree of XML against the table of `schema`, and gives back values instead of texts.
//!
//! Each element and attribute is looked at once; what is not known or not supported is told and not entered.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::diagnostic::{Code, Report, Said, did_you_mean, quoted};
use super::model::Host;
use super::reader::{Document, Element, ElementIndex};
use super::spec::{AttributeSpec, DefaultValue, ElementSpec, Status};
use super::text;
use super::value::{self, Value};
use crate::ids::{LanName, NodeName};

/// An element that fits its specification, but for what was told.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) name: &'static str,
    pub(crate) at: usize,
    /// Its text, with the place of each character; empty where it holds none, or a fault of it was told.
    pub(crate) text: Vec<(usize, char)>,
    values: BTreeMap<&'static str, Entry>,
    children: Vec<Self>,
}

/// A value with its place; a default has the place of its element.
#[derive(Debug)]
struct Entry {
    value: Value,
    at: usize,
}

impl Checked {
    /// Returns the children of a name, in the order of the file.
    pub(crate) fn children(&self, name: &'static str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the first child of a name.
    pub(crate) fn child(&self, name: &'static str) -> Option<&Self> {
        self.children(name).next()
    }

    /// Returns where a value stands; where the element does, if the value was not written.
    pub(crate) fn value_at(&self, name: &str) -> usize {
        self.values.get(name).map_or(self.at, |entry| entry.at)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|entry| &entry.value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let Value::Text(text) = self.value(name)? else { return None };
        Some(text)
    }

    pub(crate) fn word(&self, name: &str) -> Option<&'static str> {
        let Value::Word(word) = self.value(name)? else { return None };
        Some(word)
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        let Value::Number(number) = self.value(name)? else { return None };
        Some(*number)
    }

    /// Returns a number that the table bounds to what fits.
    pub(crate) fn unsigned<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        T::try_from(self.number(name)?).ok()
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        let Value::Duration(duration) = self.value(name)? else { return None };
        Some(*duration)
    }

    pub(crate) fn node_name(&self, name: &str) -> Option<&NodeName> {
        let Value::Node(node) = self.value(name)? else { return None };
        Some(node)
    }

    pub(crate) fn lan_name(&self, name: &str) -> Option<&LanName> {
        let Value::Lan(lan) = self.value(name)? else { return None };
        Some(lan)
    }

    pub(crate) fn host(&self, name: &str) -> Option<&Host> {
        let Value::Host(host) = self.value(name)? else { return None };
        Some(host)
    }

    pub(crate) fn ip(&self, name: &str) -> Option<IpAddr> {
        match self.host(name)? {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

/// Checks a document; `beside` may stand beside the root.
pub(crate) fn check(
    document: &Document<'_>,
    root: &'static ElementSpec,
    beside: Option<&'static ElementSpec>,
    report: &mut Report<'_>,
) -> Option<Checked> {
    let mut checker = Checker { document, root, report };
    checker.document_root(beside)
}

struct Checker<'c, 'a, 'r> {
    document: &'c Document<'a>,
    root: &'static ElementSpec,
    report: &'c mut Report<'r>,
}

impl<'c, 'a> Checker<'c, 'a, '_> {
    fn document_root(&mut self, beside: Option<&'static ElementSpec>) -> Option<Checked> {
        let document = self.document;
        let root = self.root;
        let mut found: Option<Checked> = None;
        let mut wrong_root = false;
        for element in document.roots.iter().filter_map(|index| document.elements.get(*index)) {
            if let Some(spec) = beside.filter(|spec| spec.name == element.name) {
                self.element(element, spec);
            } else if element.name != root.name {
                wrong_root = true;
                let name = root.name;
                self.report.error(element.at, Code::UnknownElement, || {
                    Said::new(format!("<{}> cannot be the root element", shown(element.name)))
                        .hint(format!("the root is <{name}>"))
                });
            } else if found.is_some() {
                self.report.error(element.at, Code::RepeatedElement, || {
                    Said::new(format!("a second root element <{}>", element.name))
                        .hint("a file has exactly one")
                });
            } else {
                found = Some(self.element(element, root));
            }
        }
        if found.is_none() && !wrong_root && document.complete {
            let name = root.name;
            self.report.error(0, Code::MissingElement, || {
                Said::new(format!("the root element <{name}> is missing"))
            });
        }
        found
    }

    fn element(&mut self, element: &Element<'a>, spec: &'static ElementSpec) -> Checked {
        let mut checked = Checked {
            name: spec.name,
            at: element.at,
            text: Vec::new(),
            values: BTreeMap::new(),
            children: Vec::new(),
        };
        if !self.is_decided(element, spec) {
            return checked;
        }
        checked.text = self.text(element, spec);
        self.attributes(element, spec, &mut checked);
        self.children(element, spec, &mut checked);
        checked
    }

    /// Tells whether the rest of an element is to be looked at: not where the one word that decides is not supported yet.
    fn is_decided(&mut self, element: &Element<'a>, spec: &'static ElementSpec) -> bool {
        let Some(name) = spec.decided_by else { return true };
        let known = spec.attributes.iter().find(|known| known.name == name);
        let written = element.attributes.iter().find(|attribute| attribute.name == name);
        let (Some(known), Some(written)) = (known, written) else { return true };
        let status = value::word_status(known.kind, &written.value);
        if !matches!(status, Some(Status::KnownNotYet(_))) {
            return true;
        }
        self.attribute(spec, known, &written.value, (written.name_at, written.value_at));
        false
    }

    fn text(&mut self, element: &Element<'a>, spec: &'static ElementSpec) -> Vec<(usize, char)> {
        let Some(at) = element.text_at else { return Vec::new() };
        let Some(bytes_max) = spec.text_bytes_max else {
            self.report.error(at, Code::UnexpectedText, || {
                Said::new(format!("text is not allowed in <{}>", spec.name))
                    .hint("a comment is written <!-- ... -->")
            });
            return Vec::new();
        };
        let bytes = element.text_bytes;
        if bytes > bytes_max {
            self.report.error(at, Code::Limit, || {
                Said::new(format!(
                    "the text of <{}> has {bytes} bytes, more than {bytes_max}",
                    spec.name
                ))
            });
        }
        if let Some((at, said)) = &element.text_fault {
            self.report.error(*at, Code::Reference, || said.clone());
        }
        if bytes > bytes_max || element.text_fault.is_some() {
            return Vec::new();
        }
        text::characters(&element.texts)
    }

    fn attributes(
        &mut self,
        element: &Element<'a>,
        spec: &'static ElementSpec,
        checked: &mut Checked,
    ) {
        let mut written: BTreeMap<&str, _> = BTreeMap::new();
        for attribute in &element.attributes {
            if spec.attributes.iter().any(|known| known.name == attribute.name) {
                written.insert(attribute.name, attribute);
                continue;
            }
            self.report.error(attribute.name_at, Code::UnknownAttribute, || {
                let names = spec.attributes.iter().map(|known| known.name);
                let hint = did_you_mean(attribute.name, names).unwrap_or_else(|| {
                    let supported = spec.attributes.iter();
                    let supported = supported.filter(|known| known.status.is_offered());
                    let names: Vec<_> = supported.map(|known| known.name).collect();
                    match names.as_slice() {
                        [] => "it has none".to_owned(),
                        _ => format!("it has {}", names.join(", ")),
                    }
                });
                let name = quoted(attribute.name);
                Said::new(format!("unknown attribute {name} of <{}>", spec.name)).hint(hint)
            });
        }
        for known in spec.attributes {
            let entry = match written.get(known.name) {
                Some(attribute) => {
                    let (at, value_at) = (attribute.name_at, attribute.value_at);
                    self.attribute(spec, known, &attribute.value, (at, value_at))
                }
                None => self.absent(element, spec, known),
            };
            if let Some(entry) = entry {
                checked.values.insert(known.name, entry);
            }
        }
    }

    fn absent(
        &mut self,
        element: &Element<'a>,
        spec: &'static ElementSpec,
        known: &'static AttributeSpec,
    ) -> Option<Entry> {
        match known.default {
            DefaultValue::Text(text) => {
                value::read(known.kind, text).ok().map(|value| Entry { value, at: element.at })
            }
            DefaultValue::None(_) => None,
            DefaultValue::Required => {
                self.report.error(element.at, Code::MissingAttribute, || {
                    let (element, name) = (spec.name, known.name);
                    Said::new(format!("<{element}> needs the attribute '{name}'"))
                        .hint(known.kind.to_string())
                });
                None
            }
        }
    }

    fn attribute(
        &mut self,
        spec: &'static ElementSpec,
        known: &'static AttributeSpec,
        text: &str,
        (at, value_at): (usize, usize),
    ) -> Option<Entry> {
        let name = known.name;
        match known.status {
            Status::Supported => {}
            Status::NoEffect(why) => self.report.warning(at, Code::NoEffect, || {
                Said::new(format!("attribute '{name}' of <{}> has no effect", spec.name)).hint(why)
            }),
            Status::NoEffectYet(what_not) => self.report.warning(at, Code::NoEffect, || {
                let element = spec.name;
                let message = "is accepted, without effect yet";
                Said::new(format!("attribute '{name}' of <{element}> {message}: {what_not}"))
            }),
            Status::Obsolete(why) => {
                self.report.warning(at, Code::Obsolete, || {
                    Said::new(format!("attribute '{name}' of <{}> is obsolete", spec.name))
                        .hint(why)
                });
                return None;
            }
            Status::KnownNotYet(without) | Status::CheckedNotYet(without) => {
                self.report.error(at, Code::NotSupportedYet, || {
                    let element = spec.name;
                    let message = "is known, and not supported yet";
                    Said::new(format!("attribute '{name}' of <{element}> {message}")).hint(without)
                });
                return None;
            }
        }
        match value::read(known.kind, text) {
            Ok(value) => {
                self.word(known, text, value_at);
                Some(Entry { value, at: value_at })
            }
            Err(bad) => {
                let at = value_at.saturating_add(bad.at);
                self.report.error(at, bad.code, || {
                    let quote = quoted(text);
                    Said::new(format!("{name} {quote} {}", bad.what)).hint_maybe(bad.hint)
                });
                None
            }
        }
    }

    /// Tells of a word that is accepted without effect.
    fn word(&mut self, known: &'static AttributeSpec, text: &str, at: usize) {
        let name = known.name;
        match value::word_status(known.kind, text) {
            Some(Status::NoEffect(why) | Status::Obsolete(why)) => {
                self.report.warning(at, Code::NoEffect, || {
                    Said::new(format!("{name} {} has no effect", quoted(text))).hint(why)
                });
            }
            Some(Status::NoEffectYet(what_not)) => self.report.warning(at, Code::NoEffect, || {
                let text = quoted(text);
                Said::new(format!("{name} {text} is accepted, without effect yet: {what_not}"))
            }),
            Some(Status::Supported | Status::KnownNotYet(_) | Status::CheckedNotYet(_)) | None => {}
        }
    }

    fn children(
        &mut self,
        element: &Element<'a>,
        spec: &'static ElementSpec,
        checked: &mut Checked,
    ) {
        let mut counts: BTreeMap<&str, (usize, ElementIndex)> = BTreeMap::new();
        for index in &element.children {
            let Some(child) = self.document.elements.get(*index) else { continue };
            let Some(known) = spec.children.iter().find(|known| known.name == child.name) else {
                self.unknown_element(child, spec);
                continue;
            };
            let (count, first) = counts.entry(known.name).or_insert((0, child.at));
            *count += 1;
            let (count, first) = (*count, *first);
            if count > known.occurs.max {
                self.too_many(child, known, spec, first);
            } else if let Some(child) = self.child(child, known) {
                checked.children.push(child);
            }
        }
        for known in spec.children.iter().filter(|known| known.occurs.min > 0) {
            if !counts.contains_key(known.name) && self.document.complete {
                self.report.error(element.at, Code::MissingElement, || {
                    let vowel = known.name.starts_with(['a', 'e', 'i', 'o', 'u']);
                    let what = match (known.occurs.max, vowel) {
                        (1, false) => "a",
                        (1, true) => "an",
                        _ => "at least one",
                    };
                    Said::new(format!("<{}> needs {what} <{}>", spec.name, known.name))
                });
            }
        }
    }

    /// Looks at an element as far as its status says; `None` where nothing is looked at.
    fn child(&mut self, child: &Element<'a>, known: &'static ElementSpec) -> Option<Checked> {
        let name = known.name;
        let not_yet =
            |without| Said::new(format!("<{name}> is known, and not supported yet")).hint(without);
        match known.status {
            Status::Supported => {}
            Status::KnownNotYet(without) => {
                self.report.error(child.at, Code::NotSupportedYet, || not_yet(without));
                return None;
            }
            Status::CheckedNotYet(without) => {
                self.report.error(child.at, Code::NotSupportedYet, || not_yet(without));
            }
            Status::Obsolete(why) => {
                self.report.warning(child.at, Code::Obsolete, || {
                    Said::new(format!("<{name}> is obsolete")).hint(why)
                });
                return None;
            }
            Status::NoEffect(why) => self.report.warning(child.at, Code::NoEffect, || {
                Said::new(format!("<{name}> has no effect")).hint(why)
            }),
            Status::NoEffectYet(what_not) => self.report.warning(child.at, Code::NoEffect, || {
                Said::new(format!("<{name}> is accepted, without effect yet: {what_not}"))
            }),
        }
        Some(self.element(child, known))
    }

    fn too_many(
        &mut self,
        child: &Element<'a>,
        known: &ElementSpec,
        parent: &ElementSpec,
        first: usize,
    ) {
        let line = self.report.line(first);
        let (name, parent, max) = (known.name, parent.name, known.occurs.max);
        self.report.error(child.at, Code::RepeatedElement, || match max {
            1 => Said::new(format!("a second <{name}> in <{parent}>"))
                .hint(format!("one is allowed; the first is in line {line}")),
            _ => Said::new(format!("more than {max} <{name}> in <{parent}>")),
        });
    }

    fn unknown_element(&mut self, child: &Element<'a>, parent: &'static ElementSpec) {
        let root = self.root;
        self.report.error(child.at, Code::UnknownElement, || {
            let names = parent.children.iter().map(|known| known.name);
            let hint = match home_of(root, child.name) {
                Some(home) => format!("it belongs in <{home}>"),
                None => did_you_mean(child.name, names).unwrap_or_else(|| {
                    let supported = parent.children.iter();
                    let supported = supported.filter(|known| known.status.is_offered());
                    let names: Vec<_> =
                        supported.map(|known| format!("<{}>", known.name)).collect();
                    match names.as_slice() {
                        [] => "it holds no elements".to_owned(),
                        _ => format!("allowed are {}", names.join(", ")),
                    }
                }),
            };
            let name = shown(child.name);
            Said::new(format!("unknown element <{name}> in <{}>", parent.name)).hint(hint)
        });
    }
}

/// Returns the element that may hold an element of that name.
fn home_of(spec: &'static ElementSpec, name: &str) -> Option<&'static str> {
    if spec.children.iter().any(|child| child.name == name) {
        return Some(spec.name);
    }
    spec.children.iter().find_map(|child| home_of(child, name))
}

/// Makes the name of an element fit to stand in angle brackets.
fn shown(name: &str) -> String {
    quoted(name).trim_matches('\'').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::schema::{CLUSTER, MACRO, SAFE};
    use super::*;

    fn walk(spec: &'static ElementSpec, seen: &mut usize) {
        let sentence = |text: &str| text.ends_with('.') && text.starts_with(char::is_uppercase);
        assert!(sentence(spec.doc), "<{}> {:?}", spec.name, spec.doc);
        assert!(spec.occurs.min <= spec.occurs.max, "<{}>", spec.name);
        for (place, attribute) in spec.attributes.iter().enumerate() {
            let name = format!("{} of <{}>", attribute.name, spec.name);
            *seen += 1;
            if !matches!(attribute.status, Status::Obsolete(_)) {
                assert!(sentence(attribute.doc), "{name} {:?}", attribute.doc);
            }
            let before = &spec.attributes[..place];
            assert!(
                before.iter().all(|other| other.name != attribute.name),
                "{name} is there twice"
            );
            if let DefaultValue::Text(text) = attribute.default {
                assert!(value::read(attribute.kind, text).is_ok(), "the default of {name}");
            }
        }
        for (place, child) in spec.children.iter().enumerate() {
            let before = &spec.children[..place];
            assert!(before.iter().all(|other| other.name != child.name), "<{}> twice", child.name);
            walk(child, seen);
        }
    }

    #[test]
    fn the_table_holds_together() {
        let mut seen = 0;
        for root in [&CLUSTER, &SAFE, &MACRO] {
            walk(root, &mut seen);
        }
        assert!(seen > 40, "{seen} attributes");
    }
}
