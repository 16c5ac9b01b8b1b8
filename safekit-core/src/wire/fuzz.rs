//! Hostile bytes under a right tag: what somebody with the key, or a faulty program, could send.

use super::seal::Kind;
use super::{
    DATAGRAM_BYTES_MAX, Datagram, Heartbeat, HeartbeatWriter, Key, KeyRing, Letter, Row, Seal,
};

/// Reads bytes as a datagram and as a row. What is read must say the same once it is written and read again; a row is
/// written in one way only.
pub(crate) fn datagram(bytes: &[u8]) {
    let seal = Seal::new(&KeyRing { cluster: 1, keys: vec![Key::new([7; 32])] });
    assert!(seal.open(bytes).is_err(), "bytes that nobody has sealed");
    if let Ok(row) = Row::decode(bytes) {
        assert_eq!(row.encode(), bytes, "a row has one encoding");
    }
    let Some((kind, body)) = bytes.split_first() else { return };
    let sealed = anything(&seal, *kind, body);
    match seal.open(&sealed) {
        Ok(Datagram::Heartbeat(heartbeat)) => {
            let again = written(&seal, &heartbeat);
            assert_eq!(seal.open(&again), Ok(Datagram::Heartbeat(heartbeat)));
        }
        Ok(Datagram::Letter(letter)) => assert_eq!(Letter::seal(letter, &seal), sealed),
        Err(_) => {}
    }
}

/// Puts front and tag around a body, as a letter where the number is odd; what is too long is cut.
pub(crate) fn anything(seal: &Seal, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = seal.front(if kind % 2 == 1 { Kind::Letter } else { Kind::Heartbeat });
    let room = DATAGRAM_BYTES_MAX - super::seal::TAG_BYTES - bytes.len();
    bytes.extend(body.iter().take(room));
    seal.finish(bytes)
}

/// Writes what was read. It always fits: it came out of one datagram.
fn written(seal: &Seal, heartbeat: &Heartbeat) -> Vec<u8> {
    let mut writer = HeartbeatWriter::new(seal, &heartbeat.header);
    if let Some(marks) = &heartbeat.marks {
        writer.marks(marks);
    }
    for row in &heartbeat.rows {
        assert!(writer.row(&row.encode()), "what came in one datagram fits into one");
    }
    writer.finish(seal)
}
