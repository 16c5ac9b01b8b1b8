//! The form of a sentence: `<...>` stands for any text, `[...]` for a part that may be left out.

/// The most parts of a form that may be left out: each doubles the forms that are tried.
const OPTIONS_MAX: usize = 3;

/// Tells whether a text has a form.
pub(super) fn fits(form: &str, text: &str) -> bool {
    fits_within(form, text, OPTIONS_MAX)
}

fn fits_within(form: &str, text: &str, options_max: usize) -> bool {
    let option = form.split_once('[').and_then(|(before, rest)| {
        let (inner, after) = rest.split_once(']')?;
        Some((before, inner, after))
    });
    match (option, options_max.checked_sub(1)) {
        (Some((before, inner, after)), Some(left)) => {
            fits_within(&format!("{before}{inner}{after}"), text, left)
                || fits_within(&format!("{before}{after}"), text, left)
        }
        (Some(_), None) => false,
        (None, _) => fits_plain(form, text),
    }
}

/// The literal parts stand in the text one after the other, the first at its beginning and the last at its end.
fn fits_plain(form: &str, text: &str) -> bool {
    let literals: Vec<&str> =
        form.split('<').map(|part| part.split_once('>').map_or(part, |it| it.1)).collect();
    let [first, middle @ .., last] = literals.as_slice() else { return form == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for literal in middle {
        let Some((_, after)) = rest.split_once(literal) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}
