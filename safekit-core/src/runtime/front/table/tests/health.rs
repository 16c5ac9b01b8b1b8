//! Health answers: which requests get one, and when it is not given.

use std::time::Duration;

use super::{READY, status, world};

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
