//! What becomes of an agent that does not get what it needs from its host: ports, descriptors, a disk to write to.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use serde_json::Value;

use crate::farm::{self, HEALTH_PORT, Node, TempDir};

fn fault(report: &Value, what: &str) -> Option<String> {
    let faults = report["faults"].as_array().into_iter().flatten().filter_map(Value::as_str);
    faults.into_iter().find(|fault| fault.contains(what)).map(str::to_owned)
}

#[test]
fn taken_ports_are_faults_until_they_are_free_and_the_application_runs_meanwhile() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.109.62.1", None);
    let health = TcpListener::bind((node.address.as_str(), HEALTH_PORT)).unwrap();
    let heartbeats = UdpSocket::bind((node.address.as_str(), 4800)).unwrap();
    node.start_agent();
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    let folder = farm::write_module(&dir.0, USERCONFIG);
    farm::start_module(&node, "farm", &folder);
    let application = node.application_pids();

    let report = node.report();
    let told = fault(&report, "health answers cannot be given").expect("the fault of 9010 stands");
    assert!(told.contains("127.109.62.1:9010") && told.contains("in use"), "{told}");
    let told = fault(&report, "heartbeats cannot be sent").expect("the fault of 4800 stands");
    assert!(told.contains("lan default") && told.contains("127.109.62.1:4800"), "{told}");
    assert!(node.agent_log().contains("health answers cannot be given"), "{}", node.agent_log());

    drop((health, heartbeats));
    node.wait_for("both ports are had", |report| {
        report["faults"].as_array().is_some_and(Vec::is_empty)
            && report["modules"][0]["readiness"] == "Ready"
    });
    assert!(crate::way::ready(&node).contains(" 200 OK"), "{}", crate::way::ready(&node));
    assert_eq!(node.application_pids(), application, "it was left alone");
}

#[test]
fn an_agent_with_too_few_open_files_says_so() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.109.62.2", None);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 60; exec \"$0\" \"$@\"", farm::AGENT]);
    node.start_agent_with(command);
    let told = fault(&node.report(), "files may be open at once").expect("the fault stands");
    assert!(told.starts_with("only 60 files") && told.contains("LimitNOFILE"), "{told}");
    assert!(node.agent_log().contains(&told), "{}", node.agent_log());
}

#[test]
fn a_root_that_cannot_be_used_is_said_with_its_path() {
    let dir = TempDir::new();
    let file = dir.0.join("file");
    std::fs::write(&file, "").unwrap();
    let output = Command::new(farm::AGENT).arg("run").arg("--root").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(file.to_str().unwrap()) && said.contains("File exists"), "{said}");
}

const USERCONFIG: &str = "<safe><service mode=\"farm\" drain=\"0\"><farm><lan name=\"default\"/></farm>\
    <errd><proc name=\"demo-shop\" action=\"restart\"/></errd><user/></service></safe>";
