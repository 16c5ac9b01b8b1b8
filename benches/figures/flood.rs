//! What a node and its farm notice of a flood of datagrams on the heartbeats' port.
//!
//! Two agents, and the observer as the third node; the fourth is configured and nobody. The first agent is flooded with each
//! kind of datagram from a stranger, from the fourth node's own address, and, as root, with the observer's address written
//! into the packets.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use safekit_benches::farm::address;
use safekit_benches::flood::{Flood, Source, dropped};
use safekit_benches::meanwhile::Meanwhile;
use safekit_benches::samples::number;
use safekit_benches::{Trouble, Try};
use safekit_core::Machine;
use safekit_core::ids::{LanId, NodeId, NodeName};
use safekit_core::membership::{MembershipConfig, NodeConfig};
use safekit_core::node::{Input, Node, Output, Start};
use safekit_core::runtime::clock;
use safekit_core::wire::{Key, KeyRing};
use serde_json::json;

use crate::siege::{PATIENCE, PULSE, Siege, health, late, membership};
use crate::{Bench, say};

const COLUMNS: [&str; 8] = [
    "datagrams to one node",
    "sent/s",
    "read/s",
    "CPU of the agent",
    "CPU µs/read",
    "heartbeats late p50, p99, max",
    "health p50, p99, max; failed",
    "membership",
];

const PORT: u16 = 4800;

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let lasts = Duration::from_secs(bench.size.of(1, 5, 20));
    say(&format!("flood: each kind for {lasts:?}"));
    let mut siege = Siege::begin(bench, 4)?;
    let to = SocketAddrV4::new(address(1), PORT);
    // So many that each is another one.
    let end = clock::now() + PATIENCE;
    let genuine = loop {
        let sent = siege.observer.sent_to(SocketAddr::V4(to));
        if sent.len() >= 20 {
            break sent;
        }
        if clock::now() > end {
            return Err(Trouble::failed("the observer sends no heartbeats"));
        }
        std::thread::park_timeout(PULSE);
    };
    row(bench, &mut siege, "nothing: before", lasts, None)?;
    for (name, datagrams) in kinds(&genuine)? {
        for (from, source) in sources() {
            let flood = Flood { source, to, datagrams: datagrams.clone() };
            let done = row(bench, &mut siege, &format!("{name}, {from}"), lasts, Some(flood));
            if let Err(error) = done {
                say(&format!("flood: {name}, {from}: left out: {error}"));
            }
            siege.wait_whole()?;
        }
    }
    row(bench, &mut siege, "nothing: after", lasts, None)?;
    let refused = siege.farm.agent(0)?.state()?.faults.join("; ");
    bench.record.line("flood_faults", json!({ "faults": refused }))
}

fn sources() -> [(&'static str, Source); 3] {
    let own = SocketAddrV4::new(address(4), PORT);
    [
        ("a stranger", Source::Socket(SocketAddrV4::new(address(250), 0))),
        ("a node that is off", Source::Socket(own)),
        ("a living node, forged", Source::Written(SocketAddrV4::new(address(3), PORT))),
    ]
}

/// A kind of datagrams: its name, and some of it.
type Kind = (&'static str, Vec<Vec<u8>>);

/// Returns what is sent.
fn kinds(genuine: &[Vec<u8>]) -> Try<Vec<Kind>> {
    let changed = |change: fn(&mut Vec<u8>)| -> Vec<Vec<u8>> {
        let mut all = genuine.to_vec();
        all.iter_mut().for_each(change);
        all
    };
    let mut seed = 0x9e37_79b9_u32;
    let mut random = || {
        // Xorshift (Marsaglia 2003): no secret, only disorder.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed.to_le_bytes()
    };
    let noise = (0..64).map(|_| (0..40).flat_map(|_| random()).collect()).collect();
    Ok(vec![
        ("random", noise),
        ("truncated", changed(|bytes| bytes.truncate(60))),
        ("other version", changed(|bytes| bytes.iter_mut().skip(2).take(1).for_each(|it| *it = 2))),
        ("foreign cluster", foreign()?),
        ("wrong tag", changed(|bytes| bytes.iter_mut().rev().take(1).for_each(|it| *it ^= 1))),
        ("replayed", genuine.to_vec()),
    ])
}

/// Returns heartbeats of a cluster with other keys.
fn foreign() -> Try<Vec<Vec<u8>>> {
    let ids = |number| NodeId::new(number).ok_or_else(|| Trouble::failed("no such node"));
    let lan = LanId::new(0).ok_or_else(|| Trouble::failed("no such lan"))?;
    let node = |number: u8| -> Try<_> {
        let name = NodeName::new(&format!("node{number}"));
        let name = name.map_err(|error| Trouble::failed(error.to_string()))?;
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), u16::from(number));
        Ok((ids(number.into())?, NodeConfig { name, addresses: [(lan, address)].into() }))
    };
    let mut config = MembershipConfig::new(ids(3)?, [node(1)?, node(3)?].into());
    config.keys = KeyRing { cluster: 7, keys: vec![Key::new([9; 32])] };
    let mut now = clock::now();
    let mut node = Node::new(now, Start { counter: 1, random: 7 });
    node.handle_input(now, Input::ClusterConfigured(Box::new(config)));
    let mut sent = Vec::new();
    while sent.len() < 20 {
        node.handle_timeout(now);
        while let Some(output) = node.poll_output() {
            if let Output::Transmit(transmit) = output {
                sent.push(transmit.bytes);
            }
        }
        now = node.poll_timeout().ok_or_else(|| Trouble::failed("a node waits for nothing"))?;
    }
    Ok(sent)
}

fn row(
    bench: &mut Bench,
    siege: &mut Siege,
    name: &str,
    lasts: Duration,
    flood: Option<Flood>,
) -> Try<()> {
    let flooded = flood.as_ref().map(|flood| flood.to);
    let lost = |at: Option<SocketAddrV4>| at.map_or(0, dropped);
    let before = lost(flooded);
    let (seen, sent) = siege.watch(lasts, move |stop| match flood {
        Some(flood) => flood.run(1, stop),
        None => Ok(0),
    })?;
    let lost = lost(flooded).saturating_sub(before);
    let read = sent.saturating_sub(lost);
    let mut fields = seen.raw();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("flood".to_owned(), json!(name));
        fields.insert("sent".to_owned(), json!(sent));
        fields.insert("dropped_by_the_kernel".to_owned(), json!(lost));
    }
    bench.record.line("flood", fields)?;
    bench.row(&COLUMNS, cells(name, &seen, sent, read));
    Ok(())
}

fn cells(name: &str, seen: &Meanwhile, sent: u64, read: u64) -> [String; 8] {
    let seconds = seen.elapsed.as_secs_f64();
    let float = |count: u64| number(usize::try_from(count).unwrap_or(usize::MAX));
    let cpu = seen.cpu.as_secs_f64();
    let each = if read > 0 { format!("{:.2}", cpu * 1e6 / float(read)) } else { "-".to_owned() };
    [
        name.to_owned(),
        format!("{:.0}", float(sent) / seconds),
        format!("{:.0}", float(read) / seconds),
        format!("{:.1} %", 100.0 * cpu / seconds),
        each,
        late(seen),
        health(seen),
        membership(seen),
    ]
}
