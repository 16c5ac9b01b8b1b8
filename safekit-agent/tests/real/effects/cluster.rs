//! What the attributes of cluster.xml do.

use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::place::{self, wait_for, write_module};
use crate::farm::{Node, PATIENCE, TempDir};

/// Agents without a cluster.
fn agents(dir: &TempDir, octet: u8, count: u8) -> Vec<Node> {
    let mut nodes: Vec<Node> = (1..=count)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.103.{octet}.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    nodes
}

/// Configures the cluster on all nodes.
fn configure(dir: &TempDir, nodes: &[Node], lans: &str) {
    let (xml, zip) = (dir.0.join("cluster.xml"), dir.0.join("cluster.zip"));
    fs::write(&xml, format!("<cluster>{lans}</cluster>\n")).unwrap();
    nodes[0].safekit(&["cluster", "config", xml.to_str().unwrap()]);
    nodes[0].safekit(&["cluster", "export", zip.to_str().unwrap()]);
    for node in &nodes[1..] {
        node.safekit(&["cluster", "config", zip.to_str().unwrap()]);
    }
}

/// Waits until a node hears these others, and them only.
fn wait_alive(node: &Node, others: &[&str]) {
    node.wait_for("the others are there", |report| {
        let nodes = report["nodes"].as_array().unwrap();
        let alive = nodes.iter().filter(|member| member["state"] == "alive");
        alive.map(|member| member["name"].as_str().unwrap()).eq(others.iter().copied())
    });
}

/// Waits until a node has lost another one; returns the silence that it gives as the reason.
fn silence_at_loss(node: &Node, other: usize) -> Duration {
    let report =
        node.wait_for("the other is lost", |report| report["nodes"][other]["state"] == "lost");
    let why = report["nodes"][other]["why"].as_str().unwrap();
    let silence = why.strip_prefix("silent for ").and_then(|rest| rest.split_once(" s,"));
    let silence = silence.unwrap_or_else(|| panic!("{why}")).0;
    Duration::from_secs_f64(silence.parse().unwrap())
}

fn kill(node: &Node) {
    // The agent dies with its guardian, and nobody is left to announce its end.
    let pid = i32::try_from(node.guardian_pid()).unwrap();
    crate::farm::signal(pid, rustix::process::Signal::KILL);
}

#[test]
fn nodes_hear_each_other_on_the_port_and_are_lost_after_the_configured_silence() {
    let dir = TempDir::new();
    let nodes = agents(&dir, 21, 3);
    let members: Vec<String> = nodes
        .iter()
        .map(|node| format!("<node name=\"{}\" addr=\"{}\"/>", node.name, node.address))
        .collect();
    let lans = format!(
        "<lans port=\"4917\" pulse=\"200ms\" mlost_count=\"15\" slost_count=\"8\"><lan name=\"only\">{}</lan></lans>",
        members.concat()
    );
    configure(&dir, &nodes, &lans);
    wait_alive(&nodes[0], &["node2", "node3"]);
    wait_alive(&nodes[1], &["node1", "node3"]);
    let report = nodes[1].report();
    assert_eq!(report["nodes"][0]["lans"], json!(["only"]));
    let address = nodes[1].address.as_str();
    assert!(UdpSocket::bind((address, 4917)).is_err(), "the agent listens there");
    assert!(UdpSocket::bind((address, 4800)).is_ok(), "and nowhere else");

    // Shorter than these times by the defaults of any of the three: 100 ms, 10 and 10.
    kill(&nodes[0]);
    kill(&nodes[2]);
    let lowest = silence_at_loss(&nodes[1], 0);
    assert!(lowest >= Duration::from_millis(2900), "pulse x mlost_count: {lowest:?}");
    let other = silence_at_loss(&nodes[1], 2);
    assert!(other >= Duration::from_millis(1500), "pulse x slost_count: {other:?}");
}

#[test]
fn heartbeats_go_out_once_in_a_pulse() {
    // The test itself is the other node: it hears, and never answers.
    let dir = TempDir::new();
    let ear = UdpSocket::bind(("127.103.22.2", 4800)).unwrap();
    let nodes = agents(&dir, 22, 1);
    let configure = |pulse: &str, count: u32| {
        let lans = format!(
            "<lans pulse=\"{pulse}\" slost_count=\"{count}\"><lan name=\"only\"><node name=\"node1\" addr=\"127.103.22.1\"/><node name=\"node2\" addr=\"127.103.22.2\"/></lan></lans>"
        );
        configure(&dir, &nodes, &lans);
        nodes[0].wait_for("it works alone", |report| report["joined"] == true);
        // What came by then tells of the time before.
        ear.set_nonblocking(true).unwrap();
        while ear.recv(&mut [0; 2048]).is_ok() {}
        ear.set_nonblocking(false).unwrap();
    };
    // After a change they are quicker for half a second: so each time may take a while to come.
    configure("1s", 3);
    wait_for_span(&ear, 4, |span| span >= Duration::from_millis(2400));
    configure("10ms", 30);
    wait_for_span(&ear, 60, |span| span <= Duration::from_millis(1500));
}

/// Waits until so many heartbeats in succession come in such a time.
fn wait_for_span(ear: &UdpSocket, count: usize, fits: impl Fn(Duration) -> bool) {
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut times = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match ear.recv(&mut [0; 2048]) {
            Ok(_) => times.push(Instant::now()),
            // A socket with a time limit is not asked again by itself after a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("no heartbeat: {error}"),
        }
        if let Some(first) = times.len().checked_sub(count)
            && fits(times[times.len() - 1] - times[first])
        {
            return;
        }
    }
    panic!("never {count} heartbeats in such a time");
}

/// Carries datagrams to another address, as NAT does; ends when dropped.
struct Relay {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn new(from: &str, to: &'static str) -> Self {
        let socket = UdpSocket::bind((from, 4800)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(length) = socket.recv(&mut buffer) {
                    // Lost where nobody listens yet, as elsewhere.
                    drop(socket.send_to(&buffer[..length], (to, 4800)));
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[test]
fn a_node_behind_nat_is_reached_and_a_module_counts_its_own_lans_only() {
    let dir = TempDir::new();
    // The outer address of node1 belongs to the relay: node1 must take its inner one.
    let _relay = Relay::new("127.103.23.11", "127.103.23.1");
    let nodes = agents(&dir, 23, 2);
    // On the second lan nobody carries anything to the outer addresses.
    configure(
        &dir,
        &nodes,
        "<lans><lan name=\"wide\">
        <node name=\"node1\" addr=\"127.103.23.11\" laddr=\"127.103.23.1\"/>
        <node name=\"node2\" addr=\"127.103.23.2\"/></lan>
        <lan name=\"dead\">
        <node name=\"node1\" addr=\"127.103.23.21\" laddr=\"127.103.23.31\"/>
        <node name=\"node2\" addr=\"127.103.23.22\" laddr=\"127.103.23.32\"/></lan></lans>",
    );
    wait_alive(&nodes[0], &["node2"]);
    wait_alive(&nodes[1], &["node1"]);
    for node in &nodes {
        assert_eq!(node.report()["faults"], json!([]), "every lan has its socket");
        for lan in ["wide", "dead"] {
            let config =
                place::userconfig("", "<user/>").replace("\"default\"", &format!("\"{lan}\""));
            let folder = write_module(&dir, lan, &config, &[("start_both", "true")]);
            crate::farm::start_module(node, lan, &folder);
        }
    }
    let shares = |with: Value| move |report: &Value| report["participants"] == with;
    for node in &nodes {
        wait_for(node, "wide", "both share the load", shares(json!(["node1", "node2"])));
        wait_for(node, "dead", "each has all the load", shares(json!([node.name])));
        let report = node.report();
        let other = report["nodes"].as_array().unwrap().iter().find(|n| n["state"] == "alive");
        assert_eq!(other.unwrap()["lans"], json!(["wide"]));
    }
}
