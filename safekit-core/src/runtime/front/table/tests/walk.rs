//! Whatever clients do: rules that hold after each step of a random walk.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{SECOND, limited, ok, status};
use crate::runtime::front::harness::{Client, Dice};

/// What a client of the random walk has asked, and may therefore get.
struct Walker {
    client: Client,
    asked: Vec<String>,
    unsent: Vec<u8>,
}

fn ask(dice: &mut Dice, walker: &mut Walker, number: usize) {
    let fields = "Host: a\r\n";
    let text = match dice.roll(8) {
        0..4 => {
            walker.asked.push("OK\n".to_owned());
            format!("GET /var/modules/shop/ready.txt HTTP/1.1\r\n{fields}\r\n")
        }
        4 | 5 => {
            walker.asked.push(format!("/{number}"));
            format!("GET /{number} HTTP/1.1\r\n{fields}\r\n")
        }
        6 => {
            walker.asked.push(format!("/{number}"));
            let body = "b".repeat(1 + dice.roll(300));
            let length = body.len();
            format!("POST /{number} HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
        }
        _ => {
            walker.asked.push("NOT FOUND\n".to_owned());
            format!("GET /var/modules/lab/ready.txt HTTP/1.1\r\n{fields}\r\n")
        }
    };
    walker.unsent.extend_from_slice(text.as_bytes());
}

/// Asserts that what was received are the answers to what was asked, in order, as far as they came.
fn check_answers(walker: &Walker) {
    let text = walker.client.text();
    let mut rest = text.as_str();
    let mut last = false;
    let mut asked = walker.asked.iter();
    while let Some((head, tail)) = rest.split_once("\r\n\r\n") {
        assert!(!last, "nothing follows a last answer: {text}");
        assert!(head.starts_with("HTTP/1.1 "), "{text}");
        let length = head.split("Content-Length: ").nth(1).and_then(|at| at.split("\r\n").next());
        let length: usize = length.unwrap().parse().unwrap();
        last = head.contains("Connection: close");
        let Some(body) = tail.get(..length) else { return };
        rest = &tail[length..];
        match status(head) {
            "200" | "404" => assert_eq!(Some(body), asked.next().map(String::as_str), "{text}"),
            "503" if !last => drop(asked.next()),
            "408" | "503" | "504" => assert!(last),
            other => panic!("{other}: {text}"),
        }
    }
}

fn walk(seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut world = limited(|limits| {
        limits.connections = 12;
        limits.connections_per_address = 6;
        limits.bodies_bytes = 1500;
        limits.answers_bytes = 3000;
        limits.pipeline_bytes = 400;
        limits.queue = 3;
        limits.requests_per_turn = 3;
    });
    let mut walkers: Vec<Walker> = Vec::new();
    for number in 0..steps {
        world.board.stamp(world.now);
        let at = dice.roll(walkers.len().max(1));
        match (dice.roll(20), walkers.get_mut(at)) {
            (0 | 1, _) | (_, None) => {
                let from = Ipv4Addr::from_bits(0x7F00_0001 + u32::try_from(dice.roll(3)).unwrap());
                if let Some(client) = world.connect_from(IpAddr::V4(from)) {
                    walkers.push(Walker { client, asked: Vec::new(), unsent: Vec::new() });
                }
            }
            (2..8, Some(walker)) => {
                for _ in 0..=dice.roll(4) {
                    ask(&mut dice, walker, number);
                }
                let upto = dice.roll(walker.unsent.len() + 1);
                let bytes: Vec<u8> = walker.unsent.drain(..upto).collect();
                world.send(&walker.client, &bytes);
            }
            (8 | 9, Some(walker)) => {
                let bytes = std::mem::take(&mut walker.unsent);
                world.send(&walker.client, &bytes);
            }
            (10, Some(walker)) => walker.client.wire.borrow_mut().room = dice.roll(200),
            (11 | 12, Some(walker)) => {
                let bytes = if dice.roll(2) == 0 { usize::MAX } else { dice.roll(900) };
                world.room(&walker.client, bytes);
            }
            (13, Some(walker)) if dice.roll(3) == 0 => world.fin(&walker.client),
            (14, Some(walker)) if dice.roll(3) == 0 => world.reset(&walker.client),
            (15, _) => world.advance(Duration::from_millis(1 << dice.roll(14))),
            _ => {
                let held = world.jobs.held.borrow().len();
                if held > 0 {
                    world.answer(dice.roll(held), ok);
                }
            }
        }
        world.check();
        walkers.retain(|walker| {
            if walker.client.is_closed() {
                check_answers(walker);
            }
            !walker.client.is_closed()
        });
        assert_eq!(walkers.len(), world.table.open(), "a socket is closed when its place is free");
    }
    // Every state has a deadline: left alone, all connections end, and all budgets come back.
    world.advance(SECOND * 120);
    world.jobs.held.borrow_mut().clear();
    walkers.iter().for_each(check_answers);
    assert_eq!(world.table.open(), 0);
    assert_eq!((world.table.shared.bodies.held(), world.table.shared.answers.held()), (0, 0));
    assert!(world.table.addresses.is_empty());
}

#[test]
fn whatever_happens_the_rules_hold() {
    for seed in 0..25 {
        walk(seed, 1_500);
    }
}
