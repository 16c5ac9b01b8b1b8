//! What comes to the heartbeats' port from people who have no key moves nothing.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;

use crate::farm::{self, Node, PATIENCE, TempDir};

/// Addresses of this file's tests.
const NET: &str = "127.118.1";
/// Where heartbeats go.
const PORT: u16 = 4800;
/// So many datagrams of each kind from each source.
const COUNT: usize = 5_000;

/// Returns what must not change.
fn standing(node: &Node) -> [Value; 4] {
    let report = node.report();
    let states = report["nodes"].as_array().into_iter().flatten().take(2);
    let states = states.map(|node| node["state"].clone()).collect();
    [report["view"].clone(), report["incarnation"].clone(), report["joined"].clone(), states]
}

/// Returns heartbeats of both nodes as the third one, which is off, gets them: genuine in each byte, for somebody else.
fn overheard(ear: &UdpSocket) -> Vec<Vec<u8>> {
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 2_048];
    let heartbeats = (0..20).map(|_| {
        let length = ear.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    });
    heartbeats.collect()
}

/// Changes each of some datagrams.
fn changed(all: &[Vec<u8>], change: impl Fn(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    let mut all = all.to_vec();
    all.iter_mut().for_each(change);
    all
}

#[test]
fn floods_of_forged_replayed_and_foreign_datagrams_leave_membership_as_it_is() {
    let dir = TempDir::new();
    let mut nodes: Vec<Node> = (1..=3)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("{NET}.{n}"), None))
        .collect();
    nodes[..2].iter_mut().for_each(Node::start_agent);
    // A loss takes 10 s: a machine that is busy with the floods of this test is no fault.
    let xml = farm::cluster_xml(&nodes).replace("<lans>", "<lans slost_count=\"100\">");
    let (file, zip) = (dir.0.join("cluster.xml"), dir.0.join("cluster.zip"));
    std::fs::write(&file, xml).unwrap();
    nodes[0].safekit(&["cluster", "config", file.to_str().unwrap()]);
    nodes[0].safekit(&["cluster", "export", zip.to_str().unwrap()]);
    nodes[1].safekit(&["cluster", "config", zip.to_str().unwrap()]);
    for node in &nodes[..2] {
        node.wait_for("both are in one view", |report| {
            report["view"]["members"] == serde_json::json!(["node1", "node2"])
        });
    }
    let before = standing(&nodes[0]);
    let off = UdpSocket::bind((format!("{NET}.3"), PORT)).unwrap();
    let genuine = overheard(&off);
    let stranger = UdpSocket::bind((format!("{NET}.200"), 0)).unwrap();
    let kinds = [
        ("replayed", genuine.clone()),
        ("wrong tag", changed(&genuine, |bytes| *bytes.last_mut().unwrap() ^= 1)),
        ("truncated", changed(&genuine, |bytes| bytes.truncate(60))),
        ("other version", changed(&genuine, |bytes| bytes[2] = 2)),
        ("foreign cluster", changed(&genuine, |bytes| bytes[8] ^= 1)),
        ("unknown key", changed(&genuine, |bytes| bytes[4] ^= 1)),
        ("random", changed(&genuine, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x5a))),
        ("empty", vec![Vec::new()]),
        ("too long", vec![vec![b'F'; 4_000]]),
    ];
    for (kind, datagrams) in kinds {
        for source in [&stranger, &off] {
            for bytes in datagrams.iter().cycle().take(COUNT) {
                source.send_to(bytes, (format!("{NET}.1"), PORT)).unwrap();
            }
        }
        assert_eq!(standing(&nodes[0]), before, "{kind}");
    }
    // Whoever sent them is named, and what was said of it is bounded.
    let log = nodes[0].wait_for_log("refused");
    assert!(log.lines().count() < 500, "{log}");
    // Both go on hearing each other.
    for (node, other) in [(0, 1), (1, 0)] {
        nodes[node].wait_for("the other one is heard", |report| {
            let silence = report["nodes"][other]["silence_ms"].as_u64();
            silence.is_some_and(|silence| Duration::from_millis(silence) < Duration::from_secs(5))
        });
    }
    assert_eq!(standing(&nodes[0]), before);
}
