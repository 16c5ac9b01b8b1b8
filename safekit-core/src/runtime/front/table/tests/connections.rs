//! What comes on one connection, in whatever pieces, and how it ends.

use std::net::Ipv4Addr;

use super::{HANDLED, POST, READY, SECOND, limited, ok, status, world};
use crate::runtime::front::ApiResponse;
use crate::runtime::front::conn::News;
use crate::runtime::front::harness::{Client, Wire, World};

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
