//! Every attribute of the table is in the cases, once with a value that is taken and once with one that is not.

use std::collections::BTreeSet;

use safekit_core::config::schema::{CLUSTER, SAFE};
use safekit_core::config::spec::{ElementSpec, Kind, Status};

use super::tables::{TABLES, cases, run};

/// Parent, element, attribute.
type Name = (String, String, String);

/// An attribute as it is written, with its line and its first and last column.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    name: Name,
    line: usize,
    columns: (usize, usize),
}

/// Walks over a text that may be damaged; what it does not understand it passes over.
fn written(text: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let end = match rest {
            _ if rest.starts_with("<!--") => rest.find("-->"),
            _ if rest.starts_with("<![CDATA[") => rest.find("]]>"),
            _ => rest.find('>'),
        };
        let Some(end) = end else { break };
        let tag = &rest[1..end];
        if tag.starts_with('/') {
            open.pop();
        } else if tag.starts_with(char::is_alphabetic) {
            let parent = open.last().cloned().unwrap_or_default();
            let inner = tag.trim_end_matches('/');
            let name_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
            let element = inner[..name_end].to_owned();
            let tag_at = text.len() - rest.len() + 1;
            attributes(
                text,
                (tag_at + name_end, &inner[name_end..]),
                (&parent, &element),
                &mut found,
            );
            if !tag.ends_with('/') {
                open.push(element);
            }
        }
        rest = &rest[end..];
    }
    found
}

fn attributes(
    text: &str,
    (at, inner): (usize, &str),
    (parent, element): (&str, &str),
    found: &mut Vec<Written>,
) {
    let mut from = 0;
    while let Some(equals) = inner[from..].find("=\"").map(|equals| from + equals) {
        let Some(end) = inner[equals + 2..].find('"').map(|end| equals + 2 + end) else { return };
        let name = inner[from..equals].trim().to_owned();
        let name_at = at + equals - name.len();
        let line_at = text[..name_at].rfind('\n').map_or(0, |newline| newline + 1);
        let column = |at: usize| text[line_at..at].chars().count() + 1;
        found.push(Written {
            name: (parent.to_owned(), element.to_owned(), name),
            line: text[..name_at].matches('\n').count() + 1,
            columns: (column(name_at), column(at + end)),
        });
        from = end + 1;
    }
}

/// Returns line and column of each error.
fn errors(outcome: &str) -> Vec<(usize, usize)> {
    let places = outcome.lines().filter(|line| line.contains(": error: ")).map(|line| {
        let mut parts = line.split(':').skip(1).map(|part| part.parse().unwrap_or_default());
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    });
    places.collect()
}

/// Collects what must be there: attributes that are taken, and those with values that are not.
fn demanded(
    parent: &str,
    element: &ElementSpec,
    good: &mut BTreeSet<Name>,
    bad: &mut BTreeSet<Name>,
) {
    if matches!(element.status, Status::KnownNotYet(_) | Status::Obsolete(_)) {
        return;
    }
    for attribute in element.attributes {
        let name = (parent.to_owned(), element.name.to_owned(), attribute.name.to_owned());
        let refused = matches!(attribute.status, Status::KnownNotYet(_));
        let unseen = matches!(attribute.status, Status::Obsolete(_));
        // Of a text only the length can be wrong: `texts_that_are_too_long_are_refused`.
        let any = matches!(attribute.kind, Kind::Text { .. });
        if !refused {
            good.insert(name.clone());
        }
        if refused || !(any || unseen) {
            bad.insert(name);
        }
    }
    element.children.iter().for_each(|child| demanded(element.name, child, good, bad));
}

#[test]
fn every_attribute_has_a_good_and_a_bad_case() {
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    demanded("", &CLUSTER, &mut good, &mut bad);
    demanded("", &SAFE, &mut good, &mut bad);
    assert!(good.len() > 90 && bad.len() > 80, "{} and {}", good.len(), bad.len());
    let mut count = 0;
    for case in TABLES.iter().flat_map(|table| cases(table)) {
        count += 1;
        let errors = errors(&run(&case));
        for attribute in written(case.input) {
            let (first, last) = attribute.columns;
            let at = |(line, column): &(usize, usize)| {
                *line == attribute.line && (first..=last).contains(column)
            };
            match errors.iter().any(at) {
                true => bad.remove(&attribute.name),
                false => good.remove(&attribute.name),
            };
        }
        assert!(!case.header.is_empty());
    }
    assert!(good.is_empty(), "without a good case: {good:#?}");
    assert!(bad.is_empty(), "without a bad case: {bad:#?}");
    assert!(count > 900, "{count} cases");
}

#[test]
fn attributes_are_found_where_they_stand() {
    let found = written("<a x=\"1\"/>\n<b><!-- <c y=\"\"/> --><c é=\"2\" y=\"3\"></c></b>");
    let name = |parent: &str, element: &str, name: &str| {
        (parent.to_owned(), element.to_owned(), name.to_owned())
    };
    let expected = [
        Written { name: name("", "a", "x"), line: 1, columns: (4, 8) },
        Written { name: name("b", "c", "é"), line: 2, columns: (25, 29) },
        Written { name: name("b", "c", "y"), line: 2, columns: (31, 35) },
    ];
    assert_eq!(found, expected);
}
