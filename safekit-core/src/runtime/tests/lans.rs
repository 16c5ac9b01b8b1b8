//! Datagrams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Socket, Type};

use super::{Bench, clock, eventually, lan, start_both, thread};
use crate::ids::LanId;
use crate::membership::Transmit;
use crate::module::script::{Script, ScriptEnd};
use crate::node::{Input, Output};
use crate::runtime::lans::DATAGRAM_BYTES_MAX;
use crate::runtime::sys;

const V4: &str = "127.0.0.1:0";
const V4_OTHER: &str = "127.0.0.2:0";
const V6: &str = "[::1]:0";

fn bound(lans: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let lans: Vec<(LanId, SocketAddr)> =
        lans.iter().enumerate().map(|(i, text)| (lan(i), text.parse().unwrap())).collect();
    bench.edge.bind_lans(&lans).unwrap();
    bench
}

fn send(bench: &mut Bench, from: usize, to: SocketAddr, bytes: &[u8]) {
    let transmit = Transmit { lan: lan(from), to, bytes: bytes.to_vec() };
    assert!(bench.edge.perform(Output::Transmit(transmit)).is_none());
}

fn datagram(bench: &mut Bench) -> (LanId, SocketAddr, Vec<u8>) {
    bench.until(|input| {
        let Input::DatagramReceived { lan, from, bytes } = input else { return None };
        Some((*lan, *from, bytes.clone()))
    })
}

fn sender() -> Socket {
    Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap()
}

fn sender_at(address: &str) -> (Socket, SocketAddr) {
    let socket = sender();
    socket.bind(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn datagrams(inputs: &[Input]) -> usize {
    inputs.iter().filter(|input| matches!(input, Input::DatagramReceived { .. })).count()
}

#[test]
fn datagrams_go_from_lan_to_lan() {
    for lans in [[V4, V4_OTHER], [V6, V6]] {
        let mut bench = bound(&lans);
        let addresses = bench.edge.lan_addresses();
        send(&mut bench, 0, addresses[&lan(1)], b"hello");
        assert_eq!(datagram(&mut bench), (lan(1), addresses[&lan(0)], b"hello".to_vec()));
        send(&mut bench, 1, addresses[&lan(0)], b"");
        assert_eq!(datagram(&mut bench), (lan(0), addresses[&lan(1)], Vec::new()));
        let counters = bench.edge.lan_counters();
        assert_eq!((counters[&lan(0)].sent, counters[&lan(0)].received), (1, 1));
    }
}

#[test]
fn one_turn_takes_all_that_waits_though_the_deadline_has_passed() {
    let mut bench = bound(&[V4, V4_OTHER]);
    let deadline = clock::now();
    let sender = sender();
    for address in bench.edge.lan_addresses().into_values() {
        for _ in 0..150 {
            sender.send_to(b"beat", &address.into()).unwrap();
        }
    }
    bench.turn(deadline);
    assert_eq!(datagrams(&bench.inputs), 300);
}

#[test]
fn too_large_datagrams_are_dropped_and_counted() {
    let mut bench = bound(&[V4]);
    let address = bench.edge.lan_addresses()[&lan(0)];
    let sender = sender();
    for size_bytes in [DATAGRAM_BYTES_MAX + 1, 60_000, DATAGRAM_BYTES_MAX] {
        sender.send_to(&vec![7; size_bytes], &address.into()).unwrap();
    }
    assert_eq!(datagram(&mut bench).2.len(), DATAGRAM_BYTES_MAX);
    assert_eq!(bench.edge.lan_counters()[&lan(0)].oversized, 2);
    assert_eq!(datagrams(&bench.inputs), 0);
}

#[test]
fn a_stolen_port_is_named_and_the_other_lans_work() {
    let first = bound(&["127.0.0.79:0"]);
    let taken = first.edge.lan_addresses()[&lan(0)];
    let mut bench = Bench::new();
    let lans = [
        (lan(0), taken),
        (lan(1), V4.parse().unwrap()),
        (lan(2), "192.0.2.1:4800".parse().unwrap()),
    ];
    let error = bench.edge.bind_lans(&lans).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.failed.len(), 2);
    assert!(text.contains(&format!("UDP {taken}: another program has this address")), "{text}");
    assert!(text.contains("UDP 192.0.2.1:4800: this host has no such address"), "{text}");
    let own = bench.edge.lan_addresses()[&lan(1)];
    send(&mut bench, 1, own, b"me");
    assert_eq!(datagram(&mut bench).2, b"me");
    drop(first);
    // Freed, it can be bound, once no process that is just being started has it any more.
    eventually(|| bench.edge.bind_lans(&lans[..2]).is_ok());
}

#[test]
fn errors_of_sending_are_counted_and_stop_nothing() {
    let mut bench = bound(&[V4]);
    let own = bench.edge.lan_addresses()[&lan(0)];
    let closed: SocketAddr = {
        let other = bound(&[V4_OTHER]);
        other.edge.lan_addresses()[&lan(0)]
    };
    send(&mut bench, 0, closed, b"nobody there");
    send(&mut bench, 0, "255.255.255.255:9".parse().unwrap(), b"not permitted");
    send(&mut bench, 0, "[::1]:9".parse().unwrap(), b"another family");
    send(&mut bench, 5, own, b"no such lan");
    send(&mut bench, 0, own, b"still here");
    assert_eq!(datagram(&mut bench).2, b"still here");
    let counters = &bench.edge.lan_counters()[&lan(0)];
    assert_eq!((counters.send_errors, bench.edge.unbound_transmits()), (2, 1));
    assert!(counters.last_send_error.is_some());
}

#[test]
fn lans_that_stay_or_change_places_lose_nothing() {
    let mut bench = Bench::new();
    // Ports that were free a moment ago, on addresses that no other test uses.
    let free = bound(&["127.0.0.77:0", "127.0.0.78:0"]).edge.lan_addresses();
    let (one, two) = (free[&lan(0)], free[&lan(1)]);
    // A process that is just being started by another test may hold them for a moment.
    eventually(|| bench.edge.bind_lans(&[(lan(0), one), (lan(1), two)]).is_ok());
    sender().send_to(b"waits", &one.into()).unwrap();
    bench.edge.bind_lans(&[(lan(0), two), (lan(1), one)]).unwrap();
    let (lan_of_it, _, bytes) = datagram(&mut bench);
    assert_eq!((lan_of_it, bytes), (lan(1), b"waits".to_vec()));
    bench.edge.bind_lans(&[(lan(3), one)]).unwrap();
    sender().send_to(b"again", &one.into()).unwrap();
    assert_eq!(datagram(&mut bench).0, lan(3));
    assert_eq!(bench.edge.lan_addresses().len(), 1);
}

#[test]
fn what_waits_from_a_node_that_is_sent_to_stays_when_lans_are_bound_again() {
    let mut bench = Bench::new();
    let free = bound(&["127.0.0.79:0", "127.0.0.80:0"]).edge.lan_addresses();
    let (one, two) = (free[&lan(0)], free[&lan(1)]);
    eventually(|| bench.edge.bind_lans(&[(lan(0), one), (lan(1), two)]).is_ok());
    let (peer, address) = sender_at(V4_OTHER);
    send(&mut bench, 0, address, b"hello");
    // As each second while another lan has no address.
    for (number, lans) in
        [[(lan(0), one), (lan(1), two)], [(lan(0), two), (lan(1), one)]].iter().enumerate()
    {
        peer.send_to(b"waits", &one.into()).unwrap();
        bench.edge.bind_lans(lans).unwrap();
        let (lan_of_it, from, bytes) = datagram(&mut bench);
        assert_eq!((lan_of_it, from, bytes), (lan(number), address, b"waits".to_vec()));
    }
}

/// Sends until the receiver's buffer is full many times over, with datagrams no longer than those that are looked for:
/// what is shorter could find room where they find none.
fn flood(address: SocketAddr) {
    let stranger = sender();
    for _ in 0..30_000 {
        stranger.send_to(&[0; 4], &address.into()).unwrap();
    }
}

#[test]
fn strangers_do_not_crowd_out_who_is_sent_to() {
    if !sys::socket::SEPARATES_SENDERS {
        return;
    }
    let mut bench = bound(&[V4]);
    let mut peer = bound(&[V4_OTHER]);
    let own = bench.edge.lan_addresses()[&lan(0)];
    let other = peer.edge.lan_addresses()[&lan(0)];
    // Before anything was sent there its datagrams come as anybody's do, and all are lost once the buffer is full.
    flood(own);
    send(&mut peer, 0, own, b"first");
    bench.turn(clock::now());
    let from_peer = |inputs: &[Input]| {
        let is_its = |input: &&Input| matches!(input, Input::DatagramReceived { from, .. } if *from == other);
        inputs.iter().filter(is_its).count()
    };
    assert_eq!(from_peer(&bench.inputs), 0, "the flood is too small to show anything");
    while bench.edge.wait(Some(clock::now()), &mut bench.inputs).is_ok() {
        let strange = datagrams(&bench.inputs);
        bench.inputs.clear();
        if strange == 0 {
            break;
        }
    }
    send(&mut bench, 0, other, b"to the peer");
    flood(own);
    for _ in 0..10 {
        send(&mut peer, 0, own, b"beat");
    }
    // One of them may go by the thread that has the kernel look for who is silent.
    eventually(|| {
        bench.edge.wait(Some(clock::now()), &mut bench.inputs).unwrap();
        from_peer(&bench.inputs) == 10
    });
    // The flood is still read, as far as it came in.
    assert!(datagrams(&bench.inputs) > 100);
}

#[test]
fn an_address_that_is_shared_with_peers_is_shared_with_nobody_else() {
    if !sys::socket::SEPARATES_SENDERS {
        return;
    }
    let mut bench = bound(&[V4]);
    let own = bench.edge.lan_addresses()[&lan(0)];
    for port in 1..=3 {
        send(&mut bench, 0, SocketAddr::new([127, 0, 0, 2].into(), port), b"hello");
    }
    let other = sender();
    other.set_reuse_address(true).unwrap();
    other.set_reuse_port(true).unwrap();
    assert_eq!(other.bind(&own.into()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    // Nobody is there: what the host says about it is no error of this socket, and stops nothing.
    sender().send_to(b"still here", &own.into()).unwrap();
    assert_eq!(datagram(&mut bench).2, b"still here");
    assert_eq!(bench.edge.lan_counters()[&lan(0)].receive_errors, 0);
}

#[test]
fn a_flood_of_datagrams_does_not_starve_the_ends_of_scripts() {
    let mut bench = bound(&[V4]);
    let address = bench.edge.lan_addresses()[&lan(0)];
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let (stop, sender) = (Arc::clone(&stop), sender());
        thread::spawn("flood", move || {
            while !stop.load(Ordering::Relaxed) {
                sender.send_to(&[0; 100], &address.into()).unwrap();
            }
        })
        .unwrap()
    };
    while datagrams(&bench.inputs) < 5000 {
        bench.turn(clock::now());
    }
    bench.inputs.clear();
    bench.script(Script::StartBoth, "#!/bin/sh\nexit 5\n");
    let id = bench.run(start_both());
    let mut end = None;
    while end.is_none() {
        bench.turn(clock::now());
        let inputs = std::mem::take(&mut bench.inputs);
        end = inputs
            .into_iter()
            .find(|input| matches!(input, Input::ActionFinished { id: ended, .. } if *ended == id));
    }
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    let Some(Input::ActionFinished { outcome, .. }) = end else { panic!() };
    bench.inputs.push(Input::ActionFinished { id, outcome });
    assert_eq!(bench.end(id).0, ScriptEnd::Exited { code: 5 });
}
