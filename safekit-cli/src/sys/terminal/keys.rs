//! Makes keys of bytes.

use super::Key;

/// Bytes of an escape sequence that is taken for one at most.
const SEQUENCE_MAX: usize = 32;

/// Returns the keys in what was read at once. Arrows and other keys that send a sequence are none: their letters must
/// not be taken for commands.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            // Ctrl-C, Ctrl-D, Ctrl-\.
            3 | 4 | 28 => keys.push(Key::End),
            0x1b => rest = after_sequence(after),
            b' '..=b'~' => keys.push(Key::Char(char::from(*first))),
            // Other control characters, and what is not ASCII, mean nothing here.
            _ => {}
        }
    }
    keys
}

/// Skips what follows ESC: `[` parameters and a final byte, `O` and one byte, or (with Alt) one character.
fn after_sequence(bytes: &[u8]) -> &[u8] {
    let length = match bytes.first() {
        Some(b'[') => {
            let body = bytes.iter().skip(1).take(SEQUENCE_MAX);
            2 + body.take_while(|byte| !(0x40..=0x7e).contains(*byte)).count()
        }
        Some(b'O') => 2,
        Some(_) => 1,
        None => 0,
    };
    bytes.get(length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_keys_and_sequences_are_none() {
        let table: [(&[u8], &[Key]); 10] = [
            (b"", &[]),
            (b"q", &[Key::Char('q')]),
            (b"k1", &[Key::Char('k'), Key::Char('1')]),
            (b"\x03", &[Key::End]),
            (b"\x04", &[Key::End]),
            (b"\x1b", &[]),
            (b"\x1b[A\x1b[1;5Cs", &[Key::Char('s')]),
            (b"\x1bOAx", &[Key::Char('x')]),
            (b"\x1bk", &[]),
            ("\u{e9}\r\n\x7fa".as_bytes(), &[Key::Char('a')]),
        ];
        for (bytes, expected) in table {
            assert_eq!(keys(bytes), expected, "{bytes:?}");
        }
    }
}
