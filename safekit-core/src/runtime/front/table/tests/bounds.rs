//! What no client may have more of: time, connections, memory, turns.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{HANDLED, POST, READY, SECOND, limited, ok, status, world};
use crate::runtime::front::ApiResponse;
use crate::runtime::front::conn::News;
use crate::runtime::front::harness::Client;

#[test]
fn connections_that_were_answered_once_leave_room_for_new_ones() {
    let mut world = limited(|limits| limits.connections = 16);
    let kept: Vec<Client> = (0..16)
        .map(|_| {
            let client = world.connect();
            world.send(&client, READY);
            client
        })
        .collect();
    let closed: Vec<bool> = kept.iter().map(Client::is_closed).collect();
    assert_eq!(closed, [vec![true; 2], vec![false; 14]].concat(), "the oldest went");
    // As many as room was kept for come at once, and none of them closes another.
    let new = [world.connect(), world.connect()];
    for client in &new {
        world.send(client, READY);
        assert!(client.text().starts_with("HTTP/1.1 200 OK\r\n"), "{}", client.text());
    }
    assert_eq!((world.counters().evicted, world.table.open()), (4, 14));
    assert!(!new.iter().any(Client::is_closed));
}

#[test]
fn each_class_has_its_time_limit_and_its_answer() {
    let mut world = world();
    let silent = world.connect();
    let head = world.connect();
    world.send(&head, b"GET ");
    let body = world.connect();
    world.send(&body, POST);
    let work = world.connect();
    world.send(&work, HANDLED);
    let idle = world.connect();
    world.send(&idle, READY);
    idle.take_text();
    let write = world.connect();
    write.wire.borrow_mut().room = 0;
    world.send(&write, READY);
    let linger = world.connect();
    world.send(&linger, b"\0");
    assert!(linger.wire.borrow().shut && !linger.is_closed());
    // Progress inside a class does not help.
    world.advance(SECOND);
    assert!(linger.is_closed());
    world.send(&head, b"/x HTTP/1.1\r\n");
    world.send(&body, b"b");
    world.advance(SECOND * 4);
    assert!(silent.is_closed() && silent.text().is_empty());
    assert_eq!(status(&head.text()), "408");
    world.advance(SECOND);
    assert!(head.is_closed());
    world.advance(SECOND * 14);
    assert_eq!(status(&body.text()), "408");
    assert!(write.is_closed());
    world.advance(SECOND * 10);
    assert!(idle.is_closed() && idle.text().is_empty());
    assert_eq!(status(&work.text()), "504");
    world.answer(0, ok);
    assert_eq!(work.text().matches("HTTP/1.1 ").count(), 1, "an answer that is late is dropped");
    world.advance(SECOND);
    assert_eq!(world.table.open(), 0);
    let counters = world.counters();
    assert_eq!((counters.late_heads, counters.late_idle, counters.late_bodies), (2, 1, 1));
    assert_eq!((counters.late_handlers, counters.late_readers), (1, 1));
}

#[test]
fn a_request_whose_client_gave_up_is_marked() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, HANDLED);
    let cancelled = std::sync::Arc::clone(&world.jobs.held.borrow()[0].cancelled);
    assert!(!cancelled.load(std::sync::atomic::Ordering::Relaxed));
    world.advance(SECOND * 30);
    assert!(cancelled.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn each_request_has_a_time_limit_of_its_own() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, READY);
    for _ in 0..20 {
        world.advance(SECOND * 4);
        world.send(&client, &READY[..10]);
        world.advance(SECOND * 4);
        world.board.stamp(world.now);
        world.send(&client, &[&READY[10..], &READY[..3]].concat());
        world.advance(SECOND * 4);
        world.send(&client, &READY[3..]);
    }
    assert_eq!(client.text().matches("HTTP/1.1 ").count(), 41);
    assert!(!client.is_closed());
}

#[test]
fn who_must_go_is_the_oldest_of_the_cheapest_class() {
    let mut world = limited(|limits| limits.connections = 7);
    let work = world.connect();
    world.send(&work, HANDLED);
    let write = world.connect();
    write.wire.borrow_mut().room = 0;
    world.send(&write, READY);
    let body = world.connect();
    world.send(&body, POST);
    let idle = world.connect();
    world.send(&idle, READY);
    let old_head = world.connect();
    let new_head = world.connect();
    world.send(&old_head, b"G");
    let linger = world.connect();
    world.send(&linger, b"\0");
    let order = [linger, old_head, new_head, idle, body, write];
    let mut others = Vec::new();
    for (at, next) in order.iter().enumerate() {
        assert!(!next.is_closed());
        // The newcomers are at work, so that they are not the next to go.
        let other = world.connect();
        world.send(&other, HANDLED);
        others.push(other);
        assert!(next.is_closed(), "number {at}");
    }
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert!(world.connect_from(from).is_none(), "work is never given up");
    assert!(!work.is_closed() && others.iter().all(|other| !other.is_closed()));
    assert_eq!((world.counters().evicted, world.counters().refused_full), (6, 1));
}

#[test]
fn an_address_only_pushes_out_its_own() {
    let mut world = limited(|limits| limits.connections_per_address = 2);
    let v6 = |text: &str| IpAddr::V6(text.parse::<Ipv6Addr>().unwrap());
    let other = world.connect();
    let first = world.connect_from(v6("2001:db8:0:1::1")).unwrap();
    let second = world.connect_from(v6("2001:db8:0:1:ffff::2")).unwrap();
    let elsewhere = world.connect_from(v6("2001:db8:0:2::1")).unwrap();
    let third = world.connect_from(v6("2001:db8:0:1::3")).unwrap();
    assert!(first.is_closed());
    for client in [&other, &second, &elsewhere, &third] {
        assert!(!client.is_closed());
    }
    // An IPv4 address is the same when it comes through an IPv6 socket.
    let mapped = world.connect_from(v6("::ffff:127.0.0.1")).unwrap();
    world.connect();
    assert!(other.is_closed() && !mapped.is_closed());
    for client in [&second, &third] {
        world.send(client, HANDLED);
    }
    assert!(world.connect_from(v6("2001:db8:0:1::4")).is_none());
    assert_eq!(world.counters().refused_address, 1);
}

#[test]
fn all_bodies_together_are_bounded_by_what_came() {
    let mut world = limited(|limits| {
        limits.bodies_bytes = 100;
        limits.body_bytes = 100;
    });
    let post = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
    let clients: Vec<Client> = (0..10).map(|_| world.connect()).collect();
    for client in &clients {
        world.send(client, post);
        world.send(client, &[7; 10]);
    }
    assert_eq!(world.table.shared.bodies.held(), 100);
    world.send(&clients[0], &[7]);
    assert_eq!(status(&clients[0].text()), "503");
    assert_eq!(world.table.shared.bodies.held(), 90);
    world.fin(&clients[1]);
    world.reset(&clients[2]);
    assert_eq!(world.table.shared.bodies.held(), 70);
    world.send(&clients[3], &[7; 30]);
    world.advance(SECOND * 30);
    assert_eq!(world.table.shared.bodies.held(), 0);
    // A body counts until the handler is done with it.
    let client = world.connect();
    world.send(&client, post);
    world.send(&client, &[7; 100]);
    assert_eq!(world.table.shared.bodies.held(), 100);
    world.answer(0, ok);
    assert_eq!(world.table.shared.bodies.held(), 0);
}

#[test]
fn all_waiting_answers_together_are_bounded_and_the_oldest_goes() {
    let mut world = limited(|limits| limits.answers_bytes = 1000);
    let clients: Vec<Client> = (0..5).map(|_| world.connect()).collect();
    for client in &clients {
        client.wire.borrow_mut().room = 0;
        world.send(client, HANDLED);
        world.answer(0, |_| ApiResponse::text(200, "x".repeat(300)));
    }
    let closed: Vec<bool> = clients.iter().map(Client::is_closed).collect();
    assert_eq!(closed, [true, true, true, false, false]);
    assert_eq!(world.counters().dropped_answers, 3);
    let client = world.connect();
    world.send(&client, HANDLED);
    world.answer(0, |_| ApiResponse::text(200, "x".repeat(1001)));
    assert_eq!(status(&client.text()), "500");
    for client in &clients {
        world.room(client, usize::MAX);
    }
    assert_eq!(world.table.shared.answers.held(), 0);
}

#[test]
fn a_large_answer_leaves_no_memory_behind_on_a_connection_that_goes_on() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, HANDLED);
    world.answer(0, |_| ApiResponse::text(200, "x".repeat(1 << 20)));
    assert!(client.text().len() > 1 << 20 && !client.is_closed());
    // What each connection may own is among the rules that are asserted after each step.
    world.check();
}

#[test]
fn line_ends_alone_do_not_keep_an_idle_connection() {
    let mut world = limited(|limits| limits.idle_time = SECOND * 10);
    let client = world.connect();
    world.send(&client, READY);
    for _ in 0..9 {
        world.advance(SECOND);
        world.send(&client, b"\r");
        world.send(&client, b"\n");
    }
    assert!(!client.is_closed());
    world.advance(SECOND);
    assert!(client.is_closed(), "ten seconds after its answer");
}

#[test]
fn a_client_that_pipelines_without_reading_holds_little_and_gets_all_when_it_reads() {
    let mut world = world();
    let client = world.connect();
    client.wire.borrow_mut().room = 0;
    world.send(&client, &READY.repeat(10_000));
    assert!(world.table.shared.answers.held() < 17 * 1024);
    assert!(client.wire.borrow().inbox.len() > 500_000 - 64 * 1024, "the rest is not read");
    let mut turns = 0;
    while client.text().matches("HTTP/1.1 200").count() < 10_000 {
        turns += 1;
        assert!(turns < 10_000 && !client.is_closed());
        world.room(&client, 5_000);
    }
}

#[test]
fn a_full_queue_answers_503_and_the_connection_goes_on() {
    let mut world = limited(|limits| limits.queue = 1);
    let first = world.connect();
    world.send(&first, HANDLED);
    let second = world.connect();
    world.send(&second, &[POST, b"body", READY].concat());
    let text = second.text();
    assert_eq!(status(&text), "503");
    assert!(text.contains("\r\nRetry-After: 1\r\n") && text.contains("HTTP/1.1 200 OK"), "{text}");
    assert!(!second.is_closed());
    assert_eq!(world.table.shared.bodies.held(), 0);
}

#[test]
fn a_refused_client_may_go_on_sending_for_a_while() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    assert_eq!(status(&client.text()), "413");
    world.send(&client, &[7; 200 * 1024]);
    assert!(!client.is_closed());
    world.send(&client, &[7; 56 * 1024]);
    assert!(client.is_closed());
}

#[test]
fn one_connection_does_not_keep_the_others_waiting() {
    let mut world = world();
    let client = world.connect();
    client.wire.borrow_mut().inbox.extend(READY.repeat(1000));
    let news = News { readable: true, ..News::default() };
    let answered = |client: &Client| client.text().matches("HTTP/1.1 200").count();
    world.table.handle_news(world.now, client.id, news);
    assert_eq!(answered(&client), 64);
    assert!(world.table.has_turns());
    world.table.run_again(world.now);
    assert_eq!(answered(&client), 128);
    world.settle();
    assert_eq!(answered(&client), 1000);
}
