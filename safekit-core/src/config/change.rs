//! What a new configuration of a module changes that a running one cannot take.
//!
//! In: two models. Out: the attributes that differ and that only a stopped module takes, each named as in the file. Which
//! ones may change is in the table (`schema`), nowhere else.
//!
//! Example: [`when_stopped()`].

use std::collections::BTreeSet;

use super::diagnostic::Report;
use super::model::ModuleConfig;
use super::reader::{self, Document, ElementIndex};
use super::schema::SAFE;
use super::spec::{Change, ElementSpec};

/// Returns what differs between two configurations of a module and cannot change while it runs, as `<lan name="b">`; empty
/// where a running module can take the new one.
///
/// ```
/// use safekit_core::config::{change, module};
/// use safekit_core::ids::ModuleName;
///
/// let read = |lan: &str, maxloop: u32| {
///     let text = format!(
///         "<safe><service mode=\"farm\" maxloop=\"{maxloop}\"><farm><lan name=\"{lan}\"/></farm></service></safe>"
///     );
///     let name = ModuleName::new("web").unwrap();
///     module::parse(&name, "userconfig.xml", text.as_bytes(), &|_| None).model.unwrap()
/// };
/// assert!(change::when_stopped(&read("a", 3), &read("a", 4)).is_empty());
/// let refused = change::when_stopped(&read("a", 3), &read("b", 3));
/// assert_eq!(refused, ["<farm> <lan name=\"a\">", "<farm> <lan name=\"b\">"]);
/// ```
#[must_use]
pub fn when_stopped(old: &ModuleConfig, new: &ModuleConfig) -> Vec<String> {
    let (old, new) = (fixed(old), fixed(new));
    old.symmetric_difference(&new).cloned().collect()
}

/// Returns what a running module cannot change, one line for each attribute.
fn fixed(config: &ModuleConfig) -> BTreeSet<String> {
    let text = config.to_xml();
    let mut report = Report::new("", &text);
    let mut document = reader::read(&text, None, SAFE.name, &mut report);
    reader::unescape_all(&mut document, &mut report);
    let mut lines = BTreeSet::new();
    for root in &document.roots {
        collect(&document, *root, &SAFE, "", &mut lines);
    }
    lines
}

fn collect(
    document: &Document<'_>,
    index: ElementIndex,
    spec: &ElementSpec,
    around: &str,
    lines: &mut BTreeSet<String>,
) {
    let Some(element) = document.elements.get(index) else { return };
    for attribute in &element.attributes {
        let known = spec.attributes.iter().find(|known| known.name == attribute.name);
        // What the table does not know is fixed: nobody has said that it may change.
        if known.is_none_or(|known| known.change == Change::WhenStopped) {
            let (name, value) = (attribute.name, &attribute.value);
            lines.insert(format!("{around}<{} {name}=\"{value}\">", element.name));
        }
    }
    let around = match element.name {
        "safe" | "service" => String::new(),
        name => format!("{around}<{name}> "),
    };
    for child in &element.children {
        let name = document.elements.get(*child).map(|child| child.name);
        let Some(spec) = spec.children.iter().find(|spec| Some(spec.name) == name) else {
            continue;
        };
        collect(document, *child, spec, &around, lines);
    }
}
