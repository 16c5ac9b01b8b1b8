use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::harness::{Client, Dice, Wire, World, may_succeed};
use super::*;

const READY: &[u8] = b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n";
const HANDLED: &[u8] = b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(Limits::default())
}

fn limited(change: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits::default();
    change(&mut limits);
    World::new(limits)
}

fn status(text: &str) -> &str {
    text.get(9..12).unwrap_or(text)
}

fn ok(request: &super::super::ApiRequest) -> ApiResponse {
    ApiResponse::text(200, request.path.clone())
}

#[test]
fn a_probe_is_answered_at_once_and_the_connection_goes_on() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, READY);
    let text = client.take_text();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nOK\n"), "{text}");
    assert!(text.contains("\r\nX-SafeKit-Reason: ready\r\n"));
    assert!(text.contains("\r\nCache-Control: no-store\r\n"));
    assert!(text.contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    world.send(&client, b"GET /var/modules/lab/ready.txt?x HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = client.take_text();
    assert!(text.starts_with("HTTP/1.1 404 ") && text.ends_with("\r\n\r\nNOT FOUND\n"), "{text}");
    assert!(text.contains("\r\nX-SafeKit-Reason: stopped\r\n"));
    assert!(world.jobs.held.borrow().is_empty() && !client.is_closed());
}

/// A connection from 127.0.0.1 with which these bytes came.
fn connect_with(world: &mut World, bytes: &[u8], end: End) -> Option<Client> {
    let mut wire = Wire { room: usize::MAX, ..Wire::default() };
    wire.inbox.extend(bytes);
    wire.fin = end == End::Half;
    world.accept(Ipv4Addr::LOCALHOST.into(), wire)
}

/// Whether the peer has ended its side.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Open,
    Half,
}

#[test]
fn a_request_that_comes_with_its_connection_needs_no_news() {
    let mut world = world();
    let last = b"GET /var/modules/shop/ready.txt HTTP/1.0\r\n\r\n";
    for end in [End::Open, End::Half] {
        let client = connect_with(&mut world, last, end).unwrap();
        assert!(client.text().starts_with("HTTP/1.1 200 OK\r\n"), "{}", client.text());
        assert!(client.is_closed() && !client.wire.borrow().watched);
    }
    let client = connect_with(&mut world, READY, End::Open).unwrap();
    assert!(client.take_text().starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(!client.is_closed() && client.wire.borrow().watched, "the next one is waited for");
    world.send(&client, READY);
    assert!(client.take_text().starts_with("HTTP/1.1 200 OK\r\n"));

    // Of a request in pieces the first one may come with the connection.
    let client = connect_with(&mut world, &READY[..20], End::Open).unwrap();
    assert!(client.wire.borrow().watched && client.text().is_empty());
    world.send(&client, &READY[20..]);
    assert!(client.take_text().starts_with("HTTP/1.1 200 OK\r\n"));

    // Nobody could ever tell that the next request has come.
    let unwatchable = Wire { room: usize::MAX, unwatchable: true, ..Wire::default() };
    let client = world.accept(Ipv4Addr::LOCALHOST.into(), unwatchable).unwrap();
    assert!(client.is_closed());
    assert_eq!(world.counters().accept_failures, 1);
}

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
fn head_and_options_on_the_health_path_are_as_get() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, READY);
    let get = client.take_text();
    world.send(&client, b"HEAD /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.take_text() + "OK\n", get);
    world.send(&client, b"OPTIONS /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.take_text(), get);
    world.send(&client, b"DELETE /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = client.take_text();
    assert!(text.contains("405 ") && text.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{text}");
}

#[test]
fn http_1_0_without_host_is_answered_and_closed() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, b"GET /var/modules/shop/ready.txt HTTP/1.0\r\n\r\n");
    assert!(client.text().contains(" 200 OK") && client.text().contains("Connection: close"));
    assert!(client.is_closed());
    let client = world.connect();
    world.send(
        &client,
        b"GET /var/modules/shop/ready.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    );
    assert!(client.text().contains("Connection: keep-alive") && !client.is_closed());
}

#[test]
fn options_elsewhere_is_never_a_success() {
    let mut world = world();
    for path in ["/", "*", "/var/modules/shop/", "/api", "/var/modules/none/ready.txt"] {
        let client = world.connect();
        world.send(&client, format!("OPTIONS {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(["404", "405"].contains(&status(&client.text())), "{path}: {}", client.text());
    }
    assert!(world.jobs.held.borrow().is_empty());
}

#[test]
fn a_stale_stamp_answers_404_and_a_new_one_200() {
    let mut world = world();
    let client = world.connect();
    world.advance(Duration::from_millis(300));
    world.send(&client, READY);
    assert_eq!(status(&client.take_text()), "200");
    world.advance(Duration::from_millis(1));
    world.send(&client, READY);
    assert!(client.take_text().contains("404 NOT FOUND\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nCache-Control: no-store\r\nX-SafeKit-Reason: stale\r\n"));
    world.board.stamp(world.now);
    world.send(&client, READY);
    assert_eq!(status(&client.take_text()), "200");
}

#[test]
fn a_positive_answer_that_is_no_longer_true_is_not_sent() {
    let mut world = world();
    let client = world.connect();
    // The thread stands still between forming the answer and sending it.
    world.delay.set(Duration::from_millis(301));
    world.send(&client, READY);
    assert!(client.is_closed() && client.text().is_empty());
    world.delay.set(Duration::ZERO);
    // The peer does not read, and meanwhile the module stops.
    let client = world.connect();
    client.wire.borrow_mut().room = 0;
    world.send(&client, READY);
    let shop = crate::ids::ModuleName::new("shop").unwrap();
    world.board.publish(&shop, false, "stopped");
    world.room(&client, usize::MAX);
    assert!(client.is_closed() && client.text().is_empty());
    assert_eq!(world.counters().withdrawn, 2);
}

#[test]
fn a_pipeline_is_answered_in_order_across_the_handler() {
    let mut world = world();
    let client = world.connect();
    let bytes = [READY, POST, b"body", READY, HANDLED, READY].concat();
    world.send(&client, &bytes);
    assert_eq!(client.text().matches("HTTP/1.1 ").count(), 1);
    assert_eq!(world.jobs.held.borrow()[0].request.body, b"body");
    world.answer(0, ok);
    assert_eq!(client.text().matches("HTTP/1.1 ").count(), 3);
    world.answer(0, ok);
    let text = client.text();
    let bodies: Vec<&str> = text.split("\r\n\r\n").skip(1).collect();
    let begins: Vec<bool> = bodies.iter().map(|body| body.starts_with("/api")).collect();
    assert_eq!(begins, [false, true, false, true, false]);
}

#[test]
fn requests_byte_by_byte_are_answered_like_whole_ones() {
    let mut world = world();
    let client = world.connect();
    for byte in [READY, READY, POST, b"body", b"\r\n", READY].concat() {
        world.send(&client, &[byte]);
        if !world.jobs.held.borrow().is_empty() {
            world.answer(0, ok);
        }
    }
    assert_eq!(client.text().matches("HTTP/1.1 200 ").count(), 4);
}

#[test]
fn an_end_in_the_same_news_as_the_request_is_seen() {
    let mut world = world();
    let client = world.connect();
    client.wire.borrow_mut().inbox.extend(READY);
    world.fin(&client);
    assert_eq!(status(&client.text()), "200");
    assert!(client.is_closed());
}

#[test]
fn a_half_closed_client_gets_the_answer_of_the_handler() {
    let mut world = world();
    let client = world.connect();
    client.wire.borrow_mut().inbox.extend([POST, b"body", READY].concat());
    world.fin(&client);
    assert!(!client.is_closed());
    world.answer(0, ok);
    assert_eq!(client.text().matches("HTTP/1.1 200 ").count(), 2);
    assert!(client.is_closed());
}

#[test]
fn a_client_that_ends_before_its_request_does_is_closed() {
    for bytes in [&b""[..], b"GET", POST] {
        let mut world = world();
        let client = world.connect();
        world.send(&client, bytes);
        world.fin(&client);
        assert!(client.is_closed() && client.text().is_empty());
    }
}

#[test]
fn a_waiting_client_is_told_to_go_on_only_when_it_waits() {
    let mut world = world();
    let head =
        b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let client = world.connect();
    world.send(&client, head);
    assert_eq!(client.take_text(), "HTTP/1.1 100 Continue\r\n\r\n");
    world.send(&client, b"body");
    world.answer(0, ok);
    assert_eq!(status(&client.text()), "200");
    let client = world.connect();
    world.send(&client, &[&head[..], b"bo"].concat());
    assert_eq!(client.text(), "");
}

#[test]
fn a_body_that_is_not_admitted_is_refused_before_it_is_read() {
    let mut world = world();
    world.table.shared.admit = Some(std::sync::Arc::new(|request| {
        assert!(request.body.is_empty());
        match request.header("authorization") {
            Some("panic") => panic!("a fault of the embedder"),
            Some(_) => Ok(()),
            None => Err(ApiResponse::text(401, "who are you?\n")),
        }
    }));
    let client = world.connect();
    world.send(&client, POST);
    assert_eq!(status(&client.text()), "401");
    assert!(client.text().contains("Connection: close") && client.wire.borrow().shut);
    assert_eq!(world.counters().refused_admit, 1);
    for (who, held) in [("me", 1), ("panic", 1)] {
        let client = world.connect();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: {who}\r\nContent-Length: 1\r\n\r\n1"
        );
        world.send(&client, head.as_bytes());
        assert_eq!(world.jobs.held.borrow().len(), held);
    }
    assert_eq!(world.counters().handler_faults, 1);
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
fn a_handler_cannot_break_the_framing() {
    let mut world = world();
    let client = world.connect();
    world.send(&client, HANDLED);
    world.answer(0, |_| ApiResponse::text(200, "").with_header("X", "a\r\n\r\nb"));
    assert_eq!(status(&client.take_text()), "500");
    world.send(&client, READY);
    assert_eq!(status(&client.take_text()), "200");
    world.send(&client, b"HEAD /api HTTP/1.1\r\nHost: a\r\n\r\n");
    world.answer(0, ok);
    let text = client.take_text();
    assert!(text.contains("Content-Length: 4\r\n") && text.ends_with("\r\n\r\n"), "{text}");
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
fn what_follows_a_last_request_does_not_take_the_answer_back() {
    let mut world = world();
    let client = world.connect();
    let last = b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    world.send(&client, &[&last[..], READY].concat());
    assert_eq!(client.text().matches("HTTP/1.1 ").count(), 1);
    assert!(client.wire.borrow().shut && !client.is_closed());
    world.fin(&client);
    assert!(client.is_closed());
}

#[test]
fn a_stop_ends_the_quiet_at_once_and_the_others_with_their_answer() {
    let mut world = world();
    let idle = world.connect();
    world.send(&idle, READY);
    let silent = world.connect();
    let head = world.connect();
    world.send(&head, &READY[..9]);
    let work = world.connect();
    world.send(&work, HANDLED);
    world.table.begin_stop(world.now);
    world.check();
    assert!(idle.is_closed() && silent.is_closed() && !head.is_closed() && !work.is_closed());
    world.send(&head, &READY[9..]);
    world.answer(0, ok);
    for client in [head, work] {
        assert!(client.text().contains("200 OK") && client.text().contains("Connection: close"));
        assert!(client.is_closed());
    }
    assert_eq!(world.table.open(), 0);
}

#[test]
fn names_of_connections_that_ended_reach_nobody() {
    let mut world = limited(|limits| limits.connections = 1);
    let first = world.connect();
    world.send(&first, HANDLED);
    world.reset(&first);
    // The handler has the request, so nothing is read and the reset is not seen; the time limit ends it.
    world.advance(SECOND * 60);
    assert!(first.is_closed());
    let second = world.connect();
    assert_eq!(first.id.place, second.id.place);
    world.send(&second, HANDLED);
    world.answer(0, |_| ApiResponse::text(200, "for the first"));
    second.wire.borrow_mut().fin = true;
    world.news(&first, News { readable: true, writable: true, ended: true });
    assert!(second.text().is_empty() && !second.is_closed());
    world.answer(0, |_| ApiResponse::text(200, "for the second"));
    assert!(second.text().ends_with("for the second"), "{}", second.text());
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
