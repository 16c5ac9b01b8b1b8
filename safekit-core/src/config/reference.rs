//! Writes the reference of cluster.xml and userconfig.xml from the table in `schema`, as Markdown.
//!
//! What is in the table is in the reference, and nothing else: a test compares the files of `docs/reference` with it.
//!
//! Example: [`userconfig()`].

use std::fmt::Write as _;

use super::schema::{CLUSTER, SAFE};
use super::spec::{AttributeSpec, Change, DefaultValue, ElementSpec, Kind, Occurs, Origin, Status};

const WRITTEN: &str = "Written from the table that the product checks files with: do not edit it by hand. \
                       `SAFEKIT_WRITE=1 cargo test -p safekit-core --test config` writes it anew.";

/// Returns the reference of cluster.xml, in Markdown.
///
/// ```
/// assert!(safekit_core::config::reference::cluster().contains("| `pulse` |"));
/// ```
#[must_use]
pub fn cluster() -> String {
    let intro = "The nodes and the networks between them: one file for the whole cluster, the same on all nodes. \
                 It is read by `safekit cluster config`.";
    file("cluster.xml", intro, &CLUSTER)
}

/// Returns the reference of userconfig.xml, in Markdown.
///
/// ```
/// assert!(safekit_core::config::reference::userconfig().contains("| `maxloop` |"));
/// ```
#[must_use]
pub fn userconfig() -> String {
    let intro = "One module: how it lives, what starts and stops it, what is watched. It is checked by `safekit confcheck` \
                 and read by `safekit config`.";
    file("userconfig.xml", intro, &SAFE)
}

fn file(name: &str, intro: &str, root: &ElementSpec) -> String {
    let mut text = String::new();
    put(&mut text, &format!("# {name}\n"));
    put(&mut text, &format!("{intro}\n"));
    put(&mut text, &format!("{WRITTEN}\n"));
    put(
        &mut text,
        "Elements stand in any order. A duration is a whole number with `d`, `h`, `m`, `s`, `ms` or `us`; a bare number \
         is in the unit that is named. *Running*: whether SafeKit takes a new value while the module runs; here \
         `safekit config` asks for a stopped module. *Status*: `same` as in SafeKit 8.2; `ours`: SafeKit has no such \
         attribute.\n",
    );
    element(&mut text, "", None, root);
    text
}

/// Writes an element and all in it; `around_status` is what holds for the element around it, where that has no effect.
fn element(
    text: &mut String,
    around: &str,
    around_status: Option<&'static str>,
    spec: &ElementSpec,
) {
    let inner_status = around_status.or_else(|| short(spec.status));
    let path = match around {
        "" => spec.name.to_owned(),
        _ => format!("{around}/{}", spec.name),
    };
    put(text, &format!("## `{path}`\n"));
    let status = element_status(spec.status);
    put(text, &cell(&format!("{} {}.{status}\n", spec.doc, occurs(spec.occurs))));
    if let Some(bytes_max) = spec.text_bytes_max {
        put(text, &format!("It holds text of up to {bytes_max} bytes.\n"));
    }
    if !spec.attributes.is_empty() {
        put(text, "| attribute | value | default | running | status | meaning |");
        put(text, "|---|---|---|---|---|---|");
        spec.attributes.iter().for_each(|attribute| row(text, inner_status, attribute));
        put(text, "");
    }
    spec.children.iter().for_each(|child| element(text, &path, inner_status, child));
}

fn row(text: &mut String, around_status: Option<&'static str>, spec: &AttributeSpec) {
    let default = match spec.default {
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Text(text) => format!("`{text}`"),
        DefaultValue::None(what) => what.to_owned(),
    };
    let running = match spec.change {
        Change::WhileRunning => "yes",
        Change::WhenStopped => "no",
    };
    let status = match (spec.origin, spec.status) {
        (Origin::Ours, _) => "ours".to_owned(),
        (Origin::SafeKit, Status::Supported) => around_status.unwrap_or("same").to_owned(),
        (Origin::SafeKit, status) => remark(status),
    };
    let cells = [&value(spec.kind), &default, running, &status, spec.doc].map(cell);
    put(text, &format!("| `{}` | {} |", spec.name, cells.join(" | ")));
}

/// Gives the type of a value, and what is to be said of single words.
fn value(kind: Kind) -> String {
    let (choices, others) = if let Kind::OneOf { choices, others } = kind {
        (choices, others.map(|what| format!("{what} (not yet: refused)")))
    } else if let Kind::WordOr { choices, other, chars_max } = kind {
        (choices, Some(format!("{other} of up to {chars_max} characters")))
    } else {
        return kind.to_string();
    };
    let mut said: Vec<String> = choices
        .iter()
        .map(|choice| {
            if choice.status == Status::Supported {
                format!("`{}`", choice.text)
            } else {
                format!("`{}` ({})", choice.text, remark(choice.status))
            }
        })
        .collect();
    said.extend(others);
    said.join(", ")
}

fn remark(status: Status) -> String {
    match status {
        Status::Supported => "same".to_owned(),
        Status::KnownNotYet(without) | Status::CheckedNotYet(without) => {
            format!("not yet, refused: {without}")
        }
        Status::Obsolete(why) => format!("obsolete, accepted with a warning: {why}"),
        Status::NoEffect(why) => format!("without effect, accepted with a warning: {why}"),
        Status::NoEffectYet(what_not) => {
            format!("accepted with a warning, without effect yet: {what_not}")
        }
    }
}

/// Says in short what holds for all that is in an element; nothing where it has effect.
fn short(status: Status) -> Option<&'static str> {
    match status {
        Status::Supported => None,
        Status::KnownNotYet(_) | Status::CheckedNotYet(_) => Some("not yet"),
        Status::Obsolete(_) | Status::NoEffect(_) => Some("without effect"),
        Status::NoEffectYet(_) => Some("without effect yet"),
    }
}

fn element_status(status: Status) -> String {
    match status {
        Status::Supported => String::new(),
        Status::KnownNotYet(_)
        | Status::CheckedNotYet(_)
        | Status::Obsolete(_)
        | Status::NoEffect(_)
        | Status::NoEffectYet(_) => format!(" **{}.**", capitalised(&remark(status))),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn occurs(occurs: Occurs) -> String {
    match (occurs.min, occurs.max) {
        (1, 1) => "Exactly once".to_owned(),
        (0, 1) => "Once or not at all".to_owned(),
        (_, usize::MAX) => "Any number".to_owned(),
        (0, max) => format!("Up to {max}"),
        (min, max) => format!("{min} to {max}"),
    }
}

/// Makes a text fit for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn put(text: &mut String, line: &str) {
    let infallible = writeln!(text, "{line}");
    debug_assert!(infallible.is_ok(), "a String takes all");
}
