//! Hostile texts for each kind of value of both configuration files.

use super::duration;
use super::schema::{CLUSTER, SAFE};
use super::spec::{ElementSpec, Kind};
use super::value::{self, Value};

/// Reads a text as the kind that its first byte picks; a duration must be the same once it is written and read again.
pub(crate) fn value(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut kinds = Vec::new();
    collect(&SAFE, &mut kinds);
    collect(&CLUSTER, &mut kinds);
    let Some(kind) = kinds.get(usize::from(*first) % kinds.len().max(1)) else { return };
    match value::read(*kind, text) {
        Ok(value) => check(*kind, text, &value),
        Err(bad) => {
            assert!(text.is_char_boundary(bad.at), "a fault is told where a character begins");
            assert!(bad.what.len() < 1_000, "what is told of a fault is bounded");
        }
    }
}

fn check(kind: Kind, text: &str, value: &Value) {
    match (kind, value) {
        (Kind::Duration { unit, min, max, .. }, Value::Duration(duration)) => {
            assert!(duration.is_zero() || (min..=max).contains(duration), "{text}: {duration:?}");
            let written = duration::text(*duration, unit);
            assert_eq!(duration::parse(&written, unit), Ok(*duration), "{text}: {written}");
        }
        (Kind::Number { min, max }, Value::Number(number)) => {
            assert!((min..=max).contains(number), "{text}: {number}");
        }
        (Kind::Services { .. }, Value::Text(written)) => {
            let again = value::read(kind, written);
            assert!(again.is_ok_and(|again| again == *value), "{text}: {written}");
        }
        (Kind::Regex { .. }, Value::Text(pattern)) => {
            if let Ok(regex) = value::regex(pattern) {
                let _found = regex.is_match(text);
            }
        }
        _ => {}
    }
}

fn collect(element: &ElementSpec, kinds: &mut Vec<Kind>) {
    kinds.extend(element.attributes.iter().map(|attribute| attribute.kind));
    element.children.iter().for_each(|child| collect(child, kinds));
}
