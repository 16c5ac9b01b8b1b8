//! Attacks, each with a prober beside it.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;
use std::time::Duration;

use socket2::Socket;

use crate::help::*;

#[test]
fn idle_connections_do_not_keep_a_prober_out() {
    let (front, addr) = start(|limits| {
        limits.connections = 100;
        limits.connections_per_address = 60;
    });
    under_probes(addr, |pace| {
        let idle = flood(addr, 500, 40, pace);
        eventually("only so many are left", || front.counters().evicted >= 400);
        assert!(front.counters().open <= 100);
        drop(idle);
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn one_address_does_not_push_out_others() {
    let (front, addr) = start(|limits| limits.connections_per_address = 10);
    let mut other = connect_from(PROBER, addr).unwrap();
    under_probes(addr, |_| {
        let idle: Vec<_> = (0..100).map(|_| connect(addr)).collect();
        eventually("all are accepted", || front.counters().accepted >= 101);
        drop(idle);
    });
    other.write_all(READY_CLOSE).unwrap();
    assert_eq!(status(&read_all(other).unwrap()), "200");
}

/// Sends byte after byte on many connections, and opens each again that was closed, until `enough`.
fn drip(addr: SocketAddr, head: &[u8], mut enough: impl FnMut() -> bool) {
    let mut dripping = Vec::new();
    eventually("the slow ones are ended", || {
        for number in dripping.len()..60 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            if stream.write_all(head).is_ok() {
                dripping.push(stream);
            }
        }
        dripping.retain_mut(|stream| stream.write_all(b"a").is_ok());
        enough()
    });
}

#[test]
fn slow_heads_are_ended() {
    let (front, addr) = start(|limits| {
        // Also the prober's own head must come within it, on a busy machine.
        limits.head_time = Duration::from_secs(1);
        limits.linger_time = Duration::from_millis(20);
    });
    under_probes(addr, |_| drip(addr, b"GET /", || front.counters().late_heads >= 100));
}

#[test]
fn slow_bodies_are_ended() {
    let (front, addr) = start(|limits| {
        limits.body_time = Duration::from_millis(200);
        limits.linger_time = Duration::from_millis(20);
    });
    under_probes(addr, |_| drip(addr, POST_1000, || front.counters().late_bodies >= 100));
}

#[test]
fn half_closed_connections_are_ended_at_once() {
    let (front, addr) = start(|_| {});
    under_probes(addr, |_| {
        let mut half = Vec::new();
        for number in 0..500 {
            let stream = connect_from(attacker(number), addr).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            half.push(stream);
        }
        for stream in half {
            assert_eq!(read_all(stream).unwrap_or_default(), "");
        }
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn pipelines_that_are_not_read_do_no_harm() {
    let (front, addr) = start(|limits| limits.write_time = Duration::from_millis(300));
    under_probes(addr, |_| {
        let requests = READY.repeat(1000);
        let mut clients = Vec::new();
        for number in 0..10 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            stream.set_nonblocking(true).unwrap();
            // Until the front reads no more, or has closed.
            let mut blocked = now();
            while now() < blocked + Duration::from_millis(100) {
                match stream.write(&requests) {
                    Ok(_) => blocked = now(),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::park_timeout(Duration::from_millis(1));
                    }
                    Err(_) => break,
                }
            }
            clients.push(stream);
        }
        eventually("they are closed", || front.counters().late_readers >= 10);
        drop(clients);
    });
}

#[test]
fn big_answers_that_are_not_read_are_bounded() {
    let (front, addr) = start(|limits| limits.answers_bytes = 500_000);
    under_probes(addr, |_| {
        let mut clients = Vec::new();
        eventually("some are dropped", || {
            let mut stream = connect_from(attacker(clients.len()), addr).unwrap();
            for _ in 0..30 {
                if stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").is_err() {
                    break;
                }
            }
            clients.push(stream);
            front.counters().dropped_answers >= 5
        });
    });
}

#[test]
fn resets_do_no_harm() {
    let (front, addr) = start(|_| {});
    under_probes(addr, |_| {
        for number in 0..1000 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            if number % 2 == 0 {
                stream.write_all(READY).unwrap();
            }
            let socket = Socket::from(stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn huge_heads_are_refused() {
    let (_front, addr) = start(|_| {});
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    let one = format!("{head}X: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("{head}{}\r\n", "X: y\r\n".repeat(200_000));
    let line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    under_probes(addr, |_| {
        for _ in 0..20 {
            for (bytes, expected) in [(&one, "431"), (&many, "431"), (&line, "414")] {
                let mut stream = connect(addr);
                // The front may end before everything is sent.
                drop(stream.write_all(bytes.as_bytes()));
                assert_eq!(status(&read_all(stream).unwrap()), expected);
            }
        }
    });
}

#[test]
fn what_could_smuggle_a_request_is_refused_and_nothing_behind_it_answered() {
    let (_front, addr) = start(|_| {});
    for (fields, expected) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "501"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", "501"),
        ("Transfer-Encoding: gzip\r\nContent-Length: 5", "501"),
        ("Transfer-Encoding: xchunked", "501"),
        ("Transfer-Encoding : chunked", "400"),
        ("Transfer-Encoding:\r\n chunked", "400"),
        ("Content-Length: 5\r\nContent-Length: 6", "400"),
        ("Content-Length: 5\r\nContent-Length: 5", "400"),
        ("Content-Length: 5, 6", "400"),
        ("Content-Length: +5", "400"),
        ("Content-Length: 5\nX: y", "400"),
        ("Content-Length: 4611686018427387904", "413"),
        ("Content-Length: 99999999999999999999999999", "413"),
        ("Host: b", "400"),
    ] {
        let hidden = String::from_utf8_lossy(READY);
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n{hidden}");
        let answer = exchange(addr, text.as_bytes());
        assert_eq!(status(&answer), expected, "{fields}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields}");
        assert!(answer.contains("Connection: close"), "{fields}");
    }
}

#[test]
fn a_refusal_can_be_read_while_the_client_still_sends() {
    let (_front, addr) = start(|_| {});
    for _ in 0..20 {
        let mut stream = connect(addr);
        stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n").unwrap();
        // The client looks for an answer between the pieces, and sends on all the same.
        for _ in 0..64 {
            if stream.write_all(&[7; 16 * 1024]).is_err() {
                break;
            }
        }
        assert_eq!(status(&read_all(stream).unwrap()), "413");
    }
}
