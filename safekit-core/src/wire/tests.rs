//! Damage to the bytes of heartbeats and letters: never accepted, never a panic.

use std::collections::BTreeMap;

use super::row::{BYTES_MAX, EXTENSION_BYTES_MAX};
use super::{
    DATAGRAM_BYTES_MAX, Datagram, Echo, Header, Hearing, Heartbeat, HeartbeatWriter, Key, KeyRing,
    Letter, ModuleFacts, ReplayWindow, Row, RowMark, Seal, ViewName, WireError,
};
use crate::ids::{
    Epoch, Incarnation, LanId, LanSet, MODULES_MAX, ModuleKey, NODES_MAX, NodeId, NodeSet,
};
use crate::module::state::ModuleState;

fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn seal(keys: &[u8]) -> Seal {
    let keys = keys.iter().map(|byte| Key::new([*byte; 32])).collect();
    Seal::new(&KeyRing { cluster: 0x0102_0304, keys })
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[2]
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn life(counter: u32) -> Incarnation {
    Incarnation { counter, random: 0xaabb_ccdd, life: 2 }
}

/// A row of a node that hears so many others and has so many modules.
fn row(node: usize, hears: usize, modules: usize) -> Row {
    let mut row = Row::new(id(node), life(5));
    row.version = 77;
    row.joining = false;
    row.out = false;
    row.armed = true;
    row.epoch = Epoch(41);
    row.cluster_signature = 0x1122_3344_5566_7788;
    for other in (1..=NODES_MAX).filter(|other| *other != node).take(hears) {
        row.hears.insert(id(other), Hearing { check: 0x5a00, lans: LanSet(3) });
    }
    let members: NodeSet = row.hears.keys().copied().chain([id(node)]).collect();
    row.view = Some(ViewName { members, digest: 0xfeed });
    for key in 0..modules {
        let facts = ModuleFacts {
            takes: key % 2 == 0,
            state: if key % 2 == 0 { ModuleState::UP_READY } else { ModuleState::WAIT_NOT_READY },
            lans: LanSet(1),
            config: 7,
            sharing: 9,
        };
        row.modules.insert(ModuleKey(u32::try_from(key * 1000).unwrap()), facts);
    }
    row
}

fn header() -> Header {
    Header {
        sender: id(1),
        receiver: id(2),
        lan: LanId::new(1).unwrap(),
        name: 0xbeef,
        incarnation: life(5),
        sequence: 6,
        stamp: 1_000_000,
        echo: Some(Echo { incarnation: life(4), stamp: 2_000_000 }),
    }
}

fn heartbeat(seal: &Seal, header: &Header, rows: &[Row]) -> Vec<u8> {
    let mut writer = HeartbeatWriter::new(seal, header);
    let marks: Vec<_> = rows.iter().map(|row| (row.node, RowMark::of(row))).collect();
    writer.marks(&marks);
    for row in rows {
        assert!(writer.row(&row.encode()), "no room");
    }
    writer.finish(seal)
}

fn read(seal: &Seal, bytes: &[u8]) -> Heartbeat {
    match seal.open(bytes).unwrap() {
        Datagram::Heartbeat(heartbeat) => heartbeat,
        Datagram::Letter(letter) => panic!("{letter:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_written_is_read() {
    let seal = seal(&[7]);
    let rows = [row(1, 2, 1), row(2, 5, 3), Row::tombstone(id(3), 9)];
    let read = read(&seal, &heartbeat(&seal, &header(), &rows));
    assert_eq!(read.header, header());
    assert_eq!(read.rows, rows);
    let marks: BTreeMap<_, _> = read.marks.unwrap().into_iter().collect();
    assert_eq!(marks[&id(2)], RowMark::of(&rows[1]));
}

/// The exact bytes of version 1. A change here is a change of the protocol.
#[test]
fn format_version_1_is_these_bytes() {
    let seal = seal(&[7]);
    let empty = HeartbeatWriter::new(&seal, &Header { echo: None, ..header() }).finish(&seal);
    assert_eq!(hex(&empty), GOLDEN_EMPTY.concat());
    let rows = [row(1, 2, 1)];
    assert_eq!(hex(&heartbeat(&seal, &header(), &rows)), GOLDEN_HEARTBEAT.concat());
    assert_eq!(hex(&Letter::new(id(3), 0xbeef, 9).seal(&seal)), GOLDEN_LETTER.concat());
}

/// What each release sent, caught from its agents: it is read, and what it says of itself is written in the same bytes.
#[test]
fn datagrams_of_each_release_are_read() {
    let bytes = |hex: &str| -> Vec<u8> {
        let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/releases");
    let mut releases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("datagrams.txt");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = |word: &'static str| text.lines().filter_map(move |it| it.strip_prefix(word));
        let cluster = u32::from_str_radix(lines("cluster ").next().unwrap(), 16).unwrap();
        let keys = lines("key ").map(|hex| Key::new(bytes(hex).try_into().unwrap())).collect();
        let seal = Seal::new(&KeyRing { cluster, keys });
        let (mut letters, mut senders) = (0, NodeSet::default());
        let (mut seen_view, mut seen_ready) = (false, false);
        for datagram in lines("datagram ") {
            let datagram = bytes(datagram);
            match seal.open(&datagram).unwrap_or_else(|error| panic!("{path:?}: {error}")) {
                Datagram::Letter(letter) => {
                    assert_eq!((letter.node, letter.counter), (id(1), 1));
                    letters += 1;
                }
                Datagram::Heartbeat(heartbeat) => {
                    assert_eq!(heartbeat.header.receiver, id(3));
                    senders.insert(heartbeat.sender());
                    for row in &heartbeat.rows {
                        let again = row.encode();
                        let kept = datagram.windows(again.len()).any(|part| part == again);
                        assert!(kept, "{path:?}: {row:?}");
                        seen_view |= row.view.is_some_and(|view| view.members.contains(id(2)));
                        let ready = ModuleState::UP_READY;
                        seen_ready |= row.modules.values().any(|it| it.takes && it.state == ready);
                    }
                }
            }
        }
        assert_eq!((letters, senders.contains(id(1)), senders.contains(id(2))), (1, true, true));
        assert!(seen_view && seen_ready, "{path:?}: views and modules are understood");
        releases += 1;
    }
    assert!(releases > 0, "{folder} is empty");
}

#[test]
fn every_damaged_bit_and_every_cut_is_refused() {
    let seal = seal(&[7]);
    let whole =
        [heartbeat(&seal, &header(), &[row(1, 3, 2)]), Letter::new(id(3), 0xbeef, 9).seal(&seal)];
    for whole in whole {
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(seal.open(&damaged).is_err(), "byte {at} bit {bit}");
            }
            assert!(seal.open(&whole[..at]).is_err(), "cut at {at}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(seal.open(&longer).is_err());
    }
}

#[test]
fn random_bytes_and_random_damage_are_refused() {
    let seal = seal(&[7]);
    let whole = heartbeat(&seal, &header(), &[row(1, 3, 2), row(2, 9, 4)]);
    let mut random = Random(4711);
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        match random.below(4) {
            0 => bytes = (0..random.below(1300)).map(|_| random.byte()).collect(),
            1 => bytes.truncate(random.below(whole.len())),
            2 => {
                let (from, to) = (random.below(whole.len()), random.below(whole.len()));
                bytes.swap(from, to);
            }
            _ => {
                for _ in 0..=random.below(6) {
                    let at = random.below(bytes.len());
                    bytes[at] = random.byte();
                }
            }
        }
        assert!(bytes == whole || seal.open(&bytes).is_err());
    }
}

/// Damage that a sender with the key and a fault would seal: read or refused, never a panic, and what is read has
/// exactly one encoding.
#[test]
fn authentic_nonsense_is_refused_or_reads_as_it_was_written() {
    let mut random = Random(1);
    let mut accepted = 0;
    for _ in 0..40_000 {
        let (node, hears) = (1 + random.below(NODES_MAX), random.below(6));
        let mut bytes = row(node, hears, random.below(4)).encode();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() + 1).min(bytes.len().saturating_sub(1));
            match random.below(3) {
                _ if bytes.is_empty() => {}
                0 => bytes[at] = random.byte(),
                1 => bytes.truncate(at),
                _ => bytes.insert(at, random.byte()),
            }
        }
        if let Ok(row) = Row::decode(&bytes) {
            assert_eq!(row.encode(), bytes);
            accepted += 1;
        }
    }
    assert!(accepted > 1_000, "the damage leaves something to read: {accepted}");
}

#[test]
fn only_the_keys_of_the_ring_open() {
    let rows = [row(1, 2, 1)];
    let (old, new, both, none) = (seal(&[1]), seal(&[2]), seal(&[2, 1]), seal(&[]));
    let from_old = heartbeat(&old, &header(), &rows);
    let from_new = heartbeat(&both, &header(), &rows);
    let unsealed = heartbeat(&none, &header(), &rows);
    assert!(both.open(&from_old).is_ok() && both.open(&from_new).is_ok());
    assert!(new.open(&from_new).is_ok(), "the first key seals");
    let foreign = [(&new, &from_old), (&old, &from_new), (&old, &unsealed), (&none, &from_old)];
    for (seal, bytes) in foreign {
        assert!(matches!(seal.open(bytes), Err(WireError::UnknownKey { .. })));
    }
    assert!(none.open(&unsealed).is_ok());
    let elsewhere = Seal::new(&KeyRing { cluster: 5, keys: vec![Key::new([1; 32])] });
    assert!(matches!(elsewhere.open(&from_old), Err(WireError::UnknownKey { .. })));
    let mut later = from_old.clone();
    later[2] = 2;
    assert_eq!(old.open(&later), Err(WireError::Version { version: 2 }));
}

#[test]
fn replayed_and_reordered_datagrams_do_not_pass_the_window() {
    let seal = seal(&[7]);
    let mut window = ReplayWindow::default();
    let mut random = Random(3);
    let sent: Vec<Vec<u8>> =
        (0..200).map(|sequence| heartbeat(&seal, &Header { sequence, ..header() }, &[])).collect();
    let mut passed = Vec::new();
    for _ in 0..5_000 {
        let at = random.below(200);
        let header = read(&seal, &sent[at]).header;
        if window.admit(header.incarnation, header.sequence) {
            passed.push(at);
        }
    }
    assert!(passed.is_sorted_by(|one, next| one < next), "each once, and in order");
    assert_eq!(passed.last(), Some(&199));
}

#[test]
fn largest_row_fits_into_a_datagram_and_so_do_the_marks_of_128_nodes() {
    let seal = seal(&[7]);
    let mut largest = row(128, NODES_MAX - 1, MODULES_MAX);
    largest.extension = vec![0; EXTENSION_BYTES_MAX];
    let encoded = largest.encode();
    assert!(encoded.len() <= BYTES_MAX);
    let mut writer = HeartbeatWriter::new(&seal, &header());
    assert!(writer.row(&encoded));
    assert!(!writer.row(&encoded), "two of them do not fit");
    let datagram = writer.finish(&seal);
    assert!(datagram.len() <= DATAGRAM_BYTES_MAX);
    assert_eq!(read(&seal, &datagram).rows, [largest]);

    let marks: Vec<_> =
        (1..=NODES_MAX).map(|node| (id(node), RowMark::of(&row(node, 3, 0)))).collect();
    let mut writer = HeartbeatWriter::new(&seal, &header());
    writer.marks(&marks);
    assert_eq!(read(&seal, &writer.finish(&seal)).marks, Some(marks));
}

#[test]
fn extension_of_a_later_version_is_kept_and_relayed() {
    let mut later = row(1, 2, 1);
    later.extension = vec![200, 3, 1, 2, 3, 201, 0];
    let decoded = Row::decode(&later.encode()).unwrap();
    assert_eq!(decoded, later);
    let mut broken = later.encode();
    *broken.last_mut().unwrap() = 1;
    assert!(Row::decode(&broken).is_err(), "a field that ends too early");
    later.extension = vec![0; EXTENSION_BYTES_MAX + 2];
    assert!(Row::decode(&later.encode()).is_err(), "more than there may be");
}

#[test]
fn marks_tell_who_lacks_what() {
    let mark = |version: u32| {
        let mut row = row(1, 0, 0);
        row.version = version;
        RowMark::of(&row)
    };
    assert!(mark(5).covers(mark(5)) && mark(6).covers(mark(5)));
    assert!(!mark(5).covers(mark(6)));
    assert!(mark(70_000).covers(mark(65_530)), "versions beyond 16 bits");
    let other_life = RowMark::of(&Row::new(id(1), life(6)));
    assert!(!other_life.covers(mark(5)) && !mark(5).covers(other_life));
}

const GOLDEN_EMPTY: [&str; 2] = [
    "464301014bb06f8e01020304010201beef00000005aabbccdd000000020000000000000006000000",
    "00000f424000a1ff7e973347ecf22d6dc5824f3ac53a",
];
const GOLDEN_HEARTBEAT: [&str; 5] = [
    "464301014bb06f8e01020304010201beef00000005aabbccdd000000020000000000000006000000",
    "00000f42400100000004aabbccdd0000000200000000001e848001000601017188004d0200430100",
    "000005aabbccdd000000020000004d181122334455667788000000000000002901065a00035a0003",
    "0107000000000000feed0100000000150100000007000000092c6bec4c2e15858ea6c38f86cd89f7",
    "71",
];
const GOLDEN_LETTER: [&str; 1] =
    ["464301024bb06f8e0102030403beef000000093e6d73659983be4a87c904ed9a637a9f"];
