//! The way of a first administrator, with real agents on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::farm::{self, APPLICATION, Node, TempDir};

/// The module's userconfig.xml, with the name of the process put in.
const USERCONFIG: &str = "<!DOCTYPE safe>\n<safe>\n<service mode=\"farm\" maxloop=\"3\" loop_interval=\"24\">\n\
    <!-- Farm topology configuration for the membership protocol -->\n<farm>\n<lan name=\"default\" />\n</farm>\n\
    <errd polltimer=\"10\">\n<proc name=\"demo-shop\" atleast=\"1\" action=\"restart\" class=\"both\" />\n</errd>\n\
    <user nicestoptimeout=\"300\" forcestoptimeout=\"300\" logging=\"userlog\" />\n</service>\n</safe>\n";

/// Asks for a path as `HAProxy` does by default; the whole answer.
pub(crate) fn get(node: &Node, request: &str) -> String {
    let mut stream = TcpStream::connect((node.address.as_str(), farm::HEALTH_PORT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn ready(node: &Node) -> String {
    get(node, "GET /var/modules/farm/ready.txt HTTP/1.0\r\n\r\n")
}

/// Two nodes with the module `farm` UP on both.
fn two_nodes(dir: &TempDir, octet: u8) -> Vec<Node> {
    assert!(USERCONFIG.contains(APPLICATION));
    let mut nodes: Vec<Node> = (1..=2)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.77.{octet}.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    let module = farm::write_module(&dir.0, USERCONFIG);
    nodes.iter().for_each(|node| farm::start_module(node, "farm", &module));
    nodes
}

#[test]
fn the_way_of_a_first_administrator() {
    let dir = TempDir::new();
    let nodes = two_nodes(&dir, 1);
    for node in &nodes {
        let answer = ready(node);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") || answer.starts_with("HTTP/1.0 200 OK\r\n"),
            "{answer}"
        );
        let state = node.try_safekit(&["state", "-m", "farm", "-lq"]);
        assert_eq!(state.status.code(), Some(2), "UP is exit code 2");
        assert!(String::from_utf8_lossy(&state.stdout).contains("UP"));
        node.wait_for("both are in one view and share the load", |report| {
            report["view"]["members"] == serde_json::json!(["node1", "node2"])
                && report["modules"][0]["participants"] == serde_json::json!(["node1", "node2"])
        });
        let report = node.report();
        assert_eq!(report["guardian_pid"].as_u64(), Some(node.guardian_pid().into()));
        assert_ne!(report["agent_pid"], report["guardian_pid"]);
    }
    assert!(
        get(&nodes[0], "OPTIONS / HTTP/1.0\r\n\r\n").contains(" 40"),
        "HAProxy's bare check must not find a 2xx"
    );

    // A stop on one node: its answer is negative, the other takes all.
    nodes[0].safekit(&["stop", "-m", "farm"]);
    nodes[0].safekit(&["waitstop", "-m", "farm", "--timeout", "60s"]);
    assert!(ready(&nodes[0]).contains(" 404 "), "a stopped module is not ready");
    assert_eq!(
        nodes[0].try_safekit(&["state", "-m", "farm", "-lq"]).status.code(),
        Some(0),
        "STOP is exit code 0"
    );
    nodes[1].wait_for("node2 takes all", |report| {
        report["modules"][0]["participants"] == serde_json::json!(["node2"])
            && report["modules"][0]["share"] == 256
    });
    let log = nodes[0].safekit(&["log", "-m", "farm"]);
    assert!(log.contains("Action stop called by"), "{log}");
    nodes[0].safekit(&["start", "-m", "farm"]);
    nodes[0].safekit(&["waitstate", "-m", "farm", "UP", "--timeout", "60s"]);

    // A mistyped module can never be read as UP.
    let state = nodes[0].try_safekit(&["state", "-m", "farn", "-lq"]);
    assert!(state.status.code() >= Some(64), "{state:?}");
}

#[test]
fn an_agent_that_is_killed_leaves_the_application_alone_and_comes_back() {
    let dir = TempDir::new();
    let nodes = two_nodes(&dir, 2);
    let (agent, application) = (nodes[0].agent_pid(), nodes[0].application_pids());
    assert_eq!(application.len(), 1);
    farm::signal(agent, rustix::process::Signal::KILL);
    nodes[1].wait_for("node1 is back", |report| {
        report["view"]["epoch"].as_u64() > Some(1) && report["nodes"][0]["state"] == "alive"
    });
    nodes[0].wait_for("the next agent has adopted the application", |report| {
        report["agent_pid"].as_i64() != Some(agent.into())
            && report["modules"][0]["readiness"] == "Ready"
    });
    assert_eq!(nodes[0].application_pids(), application);
    assert_eq!(nodes[0].report()["guardian_pid"].as_u64(), Some(nodes[0].guardian_pid().into()));
}

#[test]
fn a_killed_application_is_restarted_and_the_fourth_time_stops_the_module() {
    let dir = TempDir::new();
    let nodes = two_nodes(&dir, 3);
    let node = &nodes[0];
    for _ in 0..3 {
        let old = node.application_pids();
        old.iter().for_each(|pid| farm::signal(*pid, rustix::process::Signal::KILL));
        node.wait_for("the application runs again", |report| {
            let module = &report["modules"][0];
            let pids = module["watched"][0]["pids"].as_array().unwrap();
            module["readiness"] == "Ready"
                && pids.len() == 1
                && pids[0].as_i64() != Some(old[0].into())
        });
    }
    node.application_pids()
        .iter()
        .for_each(|pid| farm::signal(*pid, rustix::process::Signal::KILL));
    node.wait_for("maxloop has stopped the module", |report| {
        report["modules"][0]["state"] == "STOP"
    });
    let log = node.safekit(&["log", "-m", "farm"]);
    assert!(log.contains("Action stop called by maxloop"), "{log}");
    assert!(ready(node).contains(" 404 "));
}

#[test]
fn sigterm_stops_the_modules_and_ends_the_agent() {
    let dir = TempDir::new();
    let mut nodes = two_nodes(&dir, 4);
    let application = nodes[0].application_pids();
    nodes[0].terminate();
    assert!(!farm::lives(application[0]), "the application still runs");
    nodes[1].wait_for("node1 has left", |report| report["nodes"][0]["state"] == "left");
}

#[test]
fn damaged_files_are_named_and_can_be_mended_while_the_application_runs_on() {
    let dir = TempDir::new();
    let nodes = two_nodes(&dir, 5);
    let node = &nodes[0];
    let application = node.application_pids();
    assert_eq!(application.len(), 1);

    std::fs::write(node.root.join("var/cluster/keys"), "").unwrap();
    farm::signal(node.agent_pid(), rustix::process::Signal::KILL);
    node.wait_for("the next agent names the file, and watches the application", |report| {
        report["faults"].to_string().contains("keys") && farm::pids(report) == application
    });
    assert!(ready(node).contains(" 404 "), "a node without a cluster is not ready");
    node.safekit(&["cluster", "config", dir.0.join("cluster.zip").to_str().unwrap()]);
    node.wait_for("the cluster is mended", |report| {
        report["modules"][0]["readiness"] == "Ready" && report["faults"] == serde_json::json!([])
    });

    std::fs::write(node.root.join("private/modules/farm/conf/safeconf.xml"), "<safe").unwrap();
    farm::signal(node.agent_pid(), rustix::process::Signal::KILL);
    node.wait_for("the next agent names the file", |report| {
        report["faults"].to_string().contains("safeconf.xml")
    });
    node.safekit(&["config", "-m", "farm"]);
    node.wait_for("the module is mended", |report| {
        report["modules"][0]["readiness"] == "Ready" && report["faults"] == serde_json::json!([])
    });
    assert_eq!(node.application_pids(), application, "nothing has touched the application");
}
