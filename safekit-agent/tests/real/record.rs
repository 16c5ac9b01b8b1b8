//! An incident that is seen again away from the host it happened on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustix::process::Signal;
use safekit_core::event::Event;
use safekit_core::explain::line;
use safekit_core::node::{self, Node as Machine};
use safekit_core::record::Recording;
use safekit_core::runtime::clock;
use safekit_core::wire::Key;
use safekit_farm::FarmNode;
use safekit_farm::node::Output;

use crate::crash::{is_ready, one_node, wait_adopted};
use crate::farm::{self, AGENT, Node, TempDir};

/// Which states the module's log tells.
fn states_in_log(node: &Node) -> Vec<String> {
    let log = node.safekit(&["log", "-m", "farm", "-A", "-s", "1000"]);
    let told = log.lines().filter_map(|line| line.split_once("Local state "));
    told.map(|(_, state)| state.to_owned()).collect()
}

fn keys(node: &Node) -> Vec<Key> {
    let text = fs::read_to_string(node.root.join("var/cluster/keys")).unwrap();
    let keys = text.lines().filter_map(|line| line.strip_prefix("key "));
    let byte = |hex: &str, place: usize| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
    keys.map(|hex| Key::new(std::array::from_fn(|place| byte(hex, 2 * place)))).collect()
}

#[test]
fn what_an_agent_recorded_happens_again_elsewhere() {
    let dir = TempDir::new();
    let node = one_node(&dir, "127.110.81.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    let folder = node.root.join("var/record");
    fs::create_dir(&folder).unwrap();
    let before = states_in_log(&node).len();
    node.reload();
    wait_adopted(&node, agent, &application);
    farm::signal(application[0], Signal::KILL);
    node.wait_for("the application is started again", |report| {
        is_ready(report) && farm::pids(report).first().is_some_and(|pid| *pid != application[0])
    });
    let states = states_in_log(&node).split_off(before);
    assert!(states.len() > 2, "{states:?}");
    node.reload();

    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    assert_eq!(files.len(), 2, "one for each agent: {files:?}");
    let recorded = files.first().unwrap();
    assert_eq!(fs::metadata(recorded).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(recorded).unwrap();
    let secret = fs::read_to_string(node.root.join("var/cluster/keys")).unwrap();
    assert!(
        secret.lines().filter_map(|line| line.strip_prefix("key ")).all(|it| !text.contains(it))
    );

    let recording = Recording::read(&text, &keys(&node)).unwrap();
    assert!(recording.is_complete());
    let mut again = FarmNode::new(Machine::new(clock::now(), recording.start()));
    let given = recording.replay(clock::now(), &mut again);
    let names = again.node().explain_names([].into());
    let events = given.into_iter().filter_map(|(_, output)| {
        let Output::Node(node::Output::Event(event)) = output else { return None };
        Some(event)
    });
    let events: Vec<Event> = events.collect();
    assert!(events.iter().any(|event| matches!(event, Event::ProcessDied { .. })));
    let told = events.iter().map(|event| line(event, &names).text);
    let told = told.filter_map(|text| text.strip_prefix("Local state ").map(str::to_owned));
    assert_eq!(told.collect::<Vec<_>>(), states);
}
