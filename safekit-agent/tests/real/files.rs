//! What becomes of an agent whose files are not as it left them.

use std::fs;

use serde_json::Value;

use crate::farm::{Node, TempDir};

fn has_fault(report: &Value, what: &str) -> bool {
    let faults = report["faults"].as_array().into_iter().flatten();
    faults.filter_map(Value::as_str).any(|fault| fault.contains(what))
}

#[test]
fn a_counter_that_the_disk_does_not_take_is_a_fault_until_it_does() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.78.61.1", None);
    let file = node.root.join("var/incarnation");
    fs::create_dir_all(file.join("in the way")).unwrap();
    node.start_agent();
    let fault = "the counter of starts is kept in memory only";
    node.wait_for("the fault stands", |report| has_fault(report, fault));
    fs::remove_dir_all(&file).unwrap();
    node.wait_for("the fault has gone", |report| !has_fault(report, fault));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, "safekit incarnation 1\n1\n");
    let log = node.safekit(&["log"]);
    assert!(log.contains("the counter of starts is on disk again"), "{log}");
}
