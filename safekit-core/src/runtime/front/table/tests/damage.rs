//! Damaged requests never succeed, and never depend on how they are cut.

use super::{READY, SECOND, ok, status, world};
use crate::runtime::front::harness::{Dice, may_succeed};

/// Good requests, to be damaged.
const GOOD: [&[u8]; 6] = [
    READY,
    b"GET /api?x=y HTTP/1.1\r\nHost: example.org:9010\r\nAccept: */*\r\n\r\n",
    b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\nbody",
    b"GET http://a/api HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /var/modules/shop/ready.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody",
];

fn damage(dice: &mut Dice) -> Vec<u8> {
    const PIECES: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b"\r\n\r\n",
        b"Content-Length: 7\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: b\r\n",
        b"\xff",
        b"0",
        b"HTTP/1.1",
        b"/../",
    ];
    let mut bytes = GOOD[dice.roll(GOOD.len())].to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
            1 => drop(bytes.remove(at)),
            2 => drop(bytes.splice(at..at, PIECES[dice.roll(PIECES.len())].iter().copied())),
            3 => bytes[at] ^= 1 << dice.roll(8),
            _ => {
                let end = (at + dice.roll(12)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                drop(bytes.splice(to..to, copy));
            }
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes
}

#[test]
fn damaged_requests_never_succeed_and_never_depend_on_how_they_are_cut() {
    let mut dice = Dice(9);
    let mut successes = 0;
    for _ in 0..10_000 {
        let bytes = damage(&mut dice);
        let mut texts = Vec::new();
        for piece in [bytes.len(), 1 + dice.roll(20)] {
            let mut world = world();
            let client = world.connect();
            for part in bytes.chunks(piece) {
                world.send(&client, part);
                while !world.jobs.held.borrow().is_empty() {
                    world.answer(0, ok);
                }
            }
            world.advance(SECOND * 60);
            assert_eq!(world.table.open(), 0);
            texts.push(client.text().replace("HTTP/1.1 100 Continue\r\n\r\n", ""));
        }
        assert_eq!(texts[0], texts[1], "{:?}", String::from_utf8_lossy(&bytes));
        if status(&texts[0]).starts_with('2') {
            successes += 1;
            assert!(may_succeed(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
    assert!((1_000..9_000).contains(&successes), "{successes} tell little");
}
