//! Replaces references in the value of an attribute, and writes them.
//!
//! Only the five predefined entities and numeric references exist: no file can declare one of its own.

use super::diagnostic::{Said, quoted};

/// Why a reference cannot be replaced; with its place within the text.
#[derive(Debug)]
pub(crate) struct BadReference {
    pub(crate) at: usize,
    pub(crate) said: Said,
}

/// Appends what a piece of an attribute's value means: references replaced, each white space a blank.
pub(crate) fn unescape(raw: &str, into: &mut String, mut fault: impl FnMut(BadReference)) {
    let mut rest = raw;
    loop {
        let end = rest.find(['&', '\r', '\n', '\t']).unwrap_or(rest.len());
        let (plain, special) = rest.split_at(end);
        into.push_str(plain);
        let at = raw.len() - special.len();
        rest = if let Some(reference) = special.strip_prefix('&') {
            match replace_reference(reference) {
                Ok((c, after)) => {
                    into.push(c);
                    after
                }
                Err(said) => {
                    fault(BadReference { at, said });
                    reference
                }
            }
        } else if let Some(after) =
            special.strip_prefix("\r\n").or_else(|| special.strip_prefix(['\r', '\n', '\t']))
        {
            into.push(' ');
            after
        } else {
            return;
        };
    }
}

/// Reads what follows an ampersand.
fn replace_reference(text: &str) -> Result<(char, &str), Said> {
    let name_len = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
    let (name, rest) = text.split_at(name_len);
    let Some(rest) = rest.strip_prefix(';') else {
        return Err(
            Said::new("'&' begins a reference that does not end").hint("write &amp; for '&'")
        );
    };
    let number = |digits: &str, radix| {
        let numeric = digits.chars().all(|c| c.is_digit(radix));
        let code = if numeric { u32::from_str_radix(digits, radix).ok() } else { None };
        code.and_then(char::from_u32).filter(|c| is_xml_char(*c))
    };
    let found = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => number(digits, 16),
            (None, Some(digits)) => number(digits, 10),
            (None, None) => None,
        },
    };
    found.map(|c| (c, rest)).ok_or_else(|| {
        Said::new(format!("reference {} is not defined", quoted(&format!("&{name};"))))
            .hint("&amp; &lt; &gt; &quot; &apos; &#10; and &#xA; are read")
    })
}

/// Writes a value so that reading gives it back, and no macro is seen in it.
pub(crate) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '%' => escaped.push_str("&#37;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// XML 1.0, production 2.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
