//! The text of an element as characters that know where they stand in the file.

use super::escape::unescape;

const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
/// What text in Lua begins with: nobody reads it yet.
const LUA: &str = "--Lua Rules";

/// Takes the pieces of a text together: CDATA without its marks, references replaced, pieces in Lua left out. A blank is between
/// two pieces with something between them.
pub(super) fn characters(pieces: &[(usize, &str)]) -> Vec<(usize, char)> {
    let mut characters = Vec::new();
    let mut before_end = None;
    for (at, piece) in pieces {
        let (begin, end) = CDATA;
        let inner = piece.strip_prefix(begin).map(|rest| rest.strip_suffix(end).unwrap_or(rest));
        if inner.unwrap_or(piece).trim_start().starts_with(LUA) {
            continue;
        }
        if before_end != Some(*at) {
            characters.push((*at, ' '));
        }
        before_end = inner.is_none().then(|| at.saturating_add(piece.len()));
        match inner {
            Some(inner) => {
                let from = at.saturating_add(begin.len());
                characters.extend(inner.char_indices().map(|(inside, c)| (from + inside, c)));
            }
            None => unescaped(*at, piece, &mut characters),
        }
    }
    characters
}

/// Appends a piece with its references replaced; what one stands for has the place of its ampersand.
fn unescaped(at: usize, piece: &str, characters: &mut Vec<(usize, char)>) {
    let mut rest = piece;
    let mut at = at;
    while let Some(first) = rest.chars().next() {
        let reference = rest.find(';').filter(|_| first == '&').and_then(|end| rest.get(..=end));
        let taken = reference.unwrap_or_else(|| rest.get(..first.len_utf8()).unwrap_or(rest));
        let mut meant = String::new();
        unescape(taken, &mut meant, |_| {});
        characters.extend(meant.chars().map(|c| (at, c)));
        rest = rest.get(taken.len()..).unwrap_or_default();
        at = at.saturating_add(taken.len());
    }
}
