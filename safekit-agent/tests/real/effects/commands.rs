//! What each command does, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::place::{Place, json, last_script, userconfig, wait_for, wait_until, write_module};
use crate::farm::{self, AGENT, Node, TempDir};

/// The nodes of these tests are at 127.101.x.y.
const NET: u8 = 101;

/// Runs a command, which must end with this code; returns what it says on both outputs.
pub(super) fn ends_with(node: &Node, code: i32, arguments: &[&str]) -> String {
    let output = node.try_safekit(arguments);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "safekit {arguments:?}: {text}");
    text
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_cluster_is_configured_carried_over_and_shown() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new();
    let mut nodes: Vec<Node> = (1..=2)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.101.31.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    let (first, second) = (&nodes[0], &nodes[1]);
    let (xml, zip) = (dir.0.join("cluster.xml"), dir.0.join("cluster.zip"));

    // Before there is a cluster.
    ends_with(first, 75, &["cluster", "export", text(&zip)]);
    assert!(!zip.exists());
    assert_eq!(json(first, &["cluster", "confinfo"])["nodes"], json!([]));
    assert_eq!(json(first, &["cluster", "state"])["modules"], json!([]));
    ends_with(first, 64, &["cluster", "config", text(&dir.0.join("nothing.xml"))]);
    fs::write(&xml, farm::cluster_xml(&nodes).replace("node2", "node 2")).unwrap();
    let said = ends_with(first, 65, &["cluster", "config", text(&xml)]);
    assert!(said.contains("cluster.xml:5:"), "the fault has a place: {said}");
    assert_eq!(json(first, &["cluster", "confinfo"])["nodes"], json!([]), "nothing has changed");

    // Configured on the first node; without a file it gets other keys.
    let with_command =
        farm::cluster_xml(&nodes).replace("\"default\"", "\"default\" command=\"on\"");
    fs::write(&xml, with_command).unwrap();
    let done = json(first, &["cluster", "config", text(&xml)]);
    assert_eq!(done["text"], "the cluster of node1, node2 is configured");
    assert!(done["details"].to_string().contains("command 'on' has no effect"), "{done}");
    let keys = || fs::read(first.root.join("var/cluster/keys")).unwrap();
    let old = keys();
    first.safekit(&["cluster", "config"]);
    assert_ne!(keys(), old);

    // Carried over to the second: only then they hear each other.
    let said = first.safekit(&["cluster", "export", text(&zip)]);
    assert!(said.contains("keep it secret"), "{said}");
    assert_eq!(fs::metadata(&zip).unwrap().permissions().mode() & 0o777, 0o600);
    second.safekit(&["cluster", "config", text(&zip)]);
    second.wait_for("both are in one view", |report| {
        report["view"]["members"] == json!(["node1", "node2"])
    });
    let signature = |node: &Node, at: usize| {
        let info = json(node, &["cluster", "confinfo"]);
        info["nodes"][at]["signature"].as_str().unwrap().to_owned()
    };
    assert_eq!(signature(first, 0), signature(second, 1));
    assert_eq!(signature(first, 0), signature(first, 1), "each tells the others");
    let said = first.safekit(&["cluster", "confinfo"]);
    assert!(
        said.contains(&signature(first, 0)) && said.contains("all nodes have the same"),
        "{said}"
    );

    // A module on one node is seen from the other.
    let folder = write_module(&dir, "web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    farm::start_module(first, "web", &folder);
    wait_until("node2 sees web on node1", || {
        let modules = json(second, &["cluster", "state"])["modules"].clone();
        modules.as_array().unwrap().iter().any(|module| {
            module["node"] == "node1" && module["state"] == "UP" && module["readiness"] == "Ready"
        })
    });
    let said = first.safekit(&["cluster", "state"]);
    assert!(said.contains("web") && said.contains("node1") && said.contains("UP"), "{said}");
    let said = first.safekit(&["state"]);
    assert!(said.contains("web") && said.contains("node2") && said.contains("UP"), "{said}");
    // The node's own log tells of the node, and of no module.
    let said = first.safekit(&["log"]);
    assert!(said.contains("farm membership: node1 node2") && !said.contains("Action"), "{said}");

    // Where no agent answers, no state is told.
    nodes[1].terminate();
    for arguments in [
        &["state"][..],
        &["state", "-m", "web", "-lq"],
        &["start", "-m", "web"],
        &["cluster", "state", "--json"],
        &["cluster", "export", text(&zip)],
        &["waitstop", "-m", "web", "--timeout", "1"],
    ] {
        ends_with(&nodes[1], 69, arguments);
    }
}

#[test]
fn modules_are_installed_configured_and_removed() {
    let place = Place::new(NET, 32);
    let node = &place.node;
    let config = userconfig("", "<user/>");
    let folder = write_module(&place.dir, "web", &config, &[("start_both", "true")]);
    let listed = || json(node, &["module", "list"])["modules"].clone();
    assert_eq!(listed(), json!([]));
    ends_with(node, 64, &["module", "install", "-m", "web", text(&place.dir.0.join("nothing"))]);
    ends_with(node, 64, &["config", "-m", "web"]);

    let done = json(node, &["module", "install", "-m", "web", text(&folder)]);
    assert!(done["text"].as_str().unwrap().contains("web is installed"), "{done}");
    assert_eq!(listed(), json!([{"name": "web", "mode": "farm", "configured": false, "id": 1}]));
    assert!(node.safekit(&["module", "list"]).contains("web"));
    assert!(ends_with(node, 64, &["start", "-m", "web"]).contains("not configured"));
    let info = || json(node, &["confinfo", "-m", "web"]);
    assert_eq!(info()["active"], Value::Null);

    // Checked, and only then applied.
    let path = node.root.join("modules/web/conf/userconfig.xml");
    fs::write(&path, config.replace("drain=\"0\"", "drain=\"0\" bot=\"on\"")).unwrap();
    for command in ["confcheck", "config"] {
        let said = ends_with(node, 65, &[command, "-m", "web"]);
        assert!(said.contains("userconfig.xml:2:"), "the fault has a place: {said}");
    }
    assert_eq!(info()["active"], Value::Null);
    fs::write(&path, &config).unwrap();
    node.safekit(&["confcheck", "-m", "web"]);
    let done = json(node, &["confcheck", "-m", "web"]);
    assert!(done["text"].as_str().unwrap().contains("no errors"), "{done}");
    assert_eq!(info()["active"], Value::Null, "checking applies nothing");
    assert_eq!(json(node, &["config", "-m", "web"])["text"], "module web is configured");
    assert_eq!(info()["active"]["signature"], info()["current"]["signature"]);
    assert_eq!(listed()[0]["configured"], true);
    fs::write(&path, config.replace("drain=\"0\"", "drain=\"1\"")).unwrap();
    assert_ne!(info()["active"]["signature"], info()["current"]["signature"]);
    let said = node.safekit(&["confinfo", "-m", "web"]);
    assert!(said.contains(info()["active"]["signature"].as_str().unwrap()), "{said}");

    // Another one takes its place only where that is wanted.
    fs::write(folder.join("bin/start_both"), "#!/bin/sh\n# another\n").unwrap();
    let script = || fs::read_to_string(node.root.join("modules/web/bin/start_both")).unwrap();
    ends_with(node, 75, &["module", "install", "-m", "web", text(&folder)]);
    assert!(script().contains("true"));
    node.safekit(&["module", "install", "-m", "web", "-r", text(&folder)]);
    assert!(script().contains("another"));
    node.safekit(&["config", "-m", "web"]);

    // A module that runs stays; of a stopped one a package is kept, which can be installed.
    place.up("web");
    assert!(ends_with(node, 75, &["module", "uninstall", "-m", "web"]).contains("not stopped"));
    place.down("web");
    json(node, &["module", "uninstall", "-m", "web"]);
    assert_eq!(listed(), json!([]));
    ends_with(node, 64, &["state", "-m", "web", "-lq"]);
    let package = node.root.join("Application_Modules/backup/web.safe");
    node.safekit(&["module", "install", "-m", "copy", text(&package)]);
    node.safekit(&["config", "-m", "copy"]);
    place.up("copy");
    assert!(last_script(&place.report("copy"), "start_both")["end"] == "with exit code 0");
}

/// A module whose scripts tell what they do, and whose prestart waits for the file `go`.
fn storyteller(place: &Place) {
    let note = |script: &str| format!("echo {script} \"$@\" >>\"$SAFEUSERVAR/story\"");
    let prestart = note("prestart") + "\nuntil [ -e \"$SAFEUSERVAR/go\" ]; do sleep 0.05; done";
    let start = note("start_both")
        + "\n\"$SAFE/safekit\" printi 'a quiet word'\n\"$SAFE/safekit\" printe 'a loud word'";
    let (stop, poststop) = (note("stop_both"), note("poststop"));
    let scripts = [
        ("prestart", prestart.as_str()),
        ("start_both", &start),
        ("stop_both", &stop),
        ("poststop", &poststop),
    ];
    place.install("tale", &userconfig("", "<user/>"), &scripts);
}

/// What the scripts have done since the last question.
fn told(place: &Place) -> Vec<String> {
    let story = place.text("tale", "story");
    fs::write(place.file("tale", "story"), "").unwrap();
    story.lines().map(str::to_owned).collect()
}

#[test]
fn a_module_is_controlled_waited_for_and_shown() {
    let place = Place::new(NET, 33);
    let node = &place.node;
    storyteller(&place);
    let quick = "300ms";

    // STOP.
    assert_eq!(ends_with(node, 0, &["state", "-m", "tale", "-lq"]), "STOP\n");
    node.safekit(&["waitstop", "-m", "tale"]);
    ends_with(node, 75, &["waitstart", "-m", "tale"]);
    ends_with(node, 75, &["restart", "-m", "tale"]);
    ends_with(node, 75, &["stopstart", "-m", "tale"]);

    // WAIT, until the file is there.
    json(node, &["start", "-m", "tale"]);
    assert_eq!(ends_with(node, 1, &["state", "-m", "tale", "-lq"]), "WAIT\n");
    let said = ends_with(node, 75, &["waitstart", "-m", "tale", "--timeout", quick]);
    assert!(said.contains("in time"), "{said}");
    ends_with(node, 75, &["waitstate", "-m", "tale", "UP", "--timeout", quick]);
    ends_with(node, 75, &["waitstop", "-m", "tale", "--timeout", quick]);
    ends_with(node, 75, &["config", "-m", "tale"]);
    fs::write(place.file("tale", "go"), "").unwrap();

    // UP.
    assert_eq!(json(node, &["waitstart", "-m", "tale"])["readiness"], "Ready");
    assert_eq!(json(node, &["waitstate", "-m", "tale", "UP"])["state"], "UP");
    assert_eq!(ends_with(node, 2, &["state", "-m", "tale", "-lq"]), "UP\n");
    assert_eq!(told(&place), ["prestart STOP WAIT start", "start_both WAIT UP start"]);
    ends_with(node, 75, &["waitstop", "-m", "tale"]);
    assert!(node.safekit(&["state", "-m", "tale"]).contains("tale on node1: UP (Ready)"));
    assert_eq!(json(node, &["state", "-m", "tale"])["name"], "tale");
    assert_eq!(json(node, &["state"])["modules"][0]["name"], "tale");

    // restart and stopstart, once by a detector: it counts.
    node.safekit(&["restart", "-m", "tale", "-i", "tester"]);
    wait_until("it is restarted", || place.text("tale", "story").contains("start_both"));
    node.safekit(&["waitstart", "-m", "tale", "--timeout", "60s"]);
    let story = told(&place);
    assert!(story.iter().all(|line| line.ends_with(" UP UP restart")), "{story:?}");
    assert!(story.last().unwrap().starts_with("start_both"), "{story:?}");
    assert_eq!(place.report("tale")["loop_used"], 1);
    assert!(place.log("tale").contains("Action restart called by tester"));
    json(node, &["stopstart", "-m", "tale"]);
    node.safekit(&["waitstart", "-m", "tale", "--timeout", "60s"]);
    let story = told(&place);
    let word = |line: &String| line.split(' ').next().unwrap().to_owned();
    let words: Vec<String> = story.iter().map(word).collect();
    assert_eq!(
        words,
        ["stop_both", "stop_both", "poststop", "prestart", "start_both"],
        "{story:?}"
    );
    assert_eq!(place.report("tale")["loop_used"], 0, "an administrator resets the count");

    // stop is graceful first, forcestop is not.
    json(node, &["stop", "-m", "tale"]);
    assert_eq!(json(node, &["waitstop", "-m", "tale"])["state"], "STOP");
    node.safekit(&["waitstate", "-m", "tale", "STOP"]);
    assert_eq!(
        told(&place),
        ["stop_both UP WAIT stop", "stop_both force WAIT STOP stop", "poststop WAIT STOP stop"]
    );
    place.up("tale");
    told(&place);
    json(node, &["forcestop", "-m", "tale"]);
    node.safekit(&["waitstop", "-m", "tale", "--timeout", "60s"]);
    let story = told(&place);
    assert!(story.iter().all(|line| !line.starts_with("stop_both UP")), "{story:?}");
    assert!(story[0].starts_with("stop_both force"), "{story:?}");
}

#[test]
fn a_detector_gives_every_command_under_its_own_name() {
    let place = Place::new(NET, 35);
    let node = &place.node;
    storyteller(&place);
    fs::write(place.file("tale", "go"), "").unwrap();
    let by = |command: &str| {
        node.safekit(&[command, "-m", "tale", "-i", "tester"]);
        let line = format!("Action {command} called by tester");
        assert!(place.log("tale").contains(&line), "{line}: {}", place.log("tale"));
    };
    let used = || place.report("tale")["loop_used"].clone();
    let up = || node.safekit(&["waitstart", "-m", "tale", "--timeout", "60s"]);
    let down = || node.safekit(&["waitstop", "-m", "tale", "--timeout", "60s"]);

    // Only what may go round in a circle is counted; only an administrator makes the count begin anew.
    by("start");
    up();
    assert_eq!(used(), 0);
    told(&place);
    by("stopstart");
    wait_until("it is started again", || place.text("tale", "story").contains("start_both"));
    up();
    assert_eq!(used(), 1);
    by("stop");
    down();
    assert_eq!(used(), 1);
    let story = told(&place);
    assert_eq!(
        story[story.len() - 3..],
        ["stop_both UP WAIT stop", "stop_both force WAIT STOP stop", "poststop WAIT STOP stop"]
    );
    by("start");
    up();
    assert_eq!(used(), 1);
    told(&place);
    by("forcestop");
    down();
    assert_eq!(used(), 1);
    let story = told(&place);
    assert!(story[0].starts_with("stop_both force"), "{story:?}");
    place.up("tale");
    assert_eq!(used(), 0);
    let commands = fs::read_to_string(node.root.join("var/commandlog.txt")).unwrap();
    for command in ["start", "stopstart", "stop", "forcestop"] {
        let end = format!("START {command}");
        let mut lines = commands.lines().filter(|line| line.ends_with(&end));
        assert!(lines.any(|line| line.contains("| tester | tale |")), "{end}: {commands}");
    }
}

#[test]
fn logs_are_written_and_shown_and_shutdown_leaves_the_agent() {
    let place = Place::new(NET, 34);
    let node = &place.node;
    storyteller(&place);
    fs::write(place.file("tale", "go"), "").unwrap();
    place.install(
        "still",
        &userconfig("", "<user/><errd><proc name=\"eff-none\" atleast=\"-1\"/></errd>"),
        &[("start_both", "true")],
    );
    place.up("tale");

    // Written by a script, which names no module: SAFEMODULE does.
    let shown = |arguments: &[&str]| node.safekit(&[&["log", "-m", "tale"], arguments].concat());
    let (main, all) = (shown(&[]), shown(&["-A"]));
    assert!(main.contains("| E | a loud word"), "{main}");
    assert!(!main.contains("a quiet word") && all.contains("| I | a quiet word"), "{all}");
    let all: Vec<&str> = all.lines().collect();
    let last = shown(&["-A", "-s", "2"]);
    assert_eq!(last.lines().collect::<Vec<_>>(), all[all.len() - 2..]);
    let lines = json(node, &["log", "-m", "tale", "-A"])["lines"].clone();
    assert_eq!(lines.as_array().unwrap().len(), all.len());
    node.safekit(&["printe", "-m", "tale", "by hand"]);
    node.safekit(&["printi", "-m", "tale", "quietly by hand"]);
    assert!(shown(&["-s", "1"]).ends_with("| E | by hand\n"));
    assert!(shown(&["-s", "1", "-A"]).ends_with("| I | quietly by hand\n"));
    for command in [&["log"][..], &["printe", "text"], &["printi", "text"], &["level"]] {
        ends_with(node, 64, &[command, &["-m", "nobody"]].concat());
    }

    // Every resource, and what runs here.
    place.up("still");
    let said = |arguments: &[&str]| node.safekit(arguments);
    assert!(said(&["state", "-m", "still", "-v"]).contains("proc.eff-none"));
    assert!(!said(&["state", "-m", "tale"]).contains("proc."));
    assert!(said(&["level"]).contains(env!("CARGO_PKG_VERSION")));
    assert!(said(&["level", "-m", "tale"]).contains("tale"));
    assert_eq!(json(node, &["level"])["version"], env!("CARGO_PKG_VERSION"));

    // The agent of a root can be named.
    let link = place.dir.0.join("safekit");
    std::os::unix::fs::symlink(AGENT, &link).unwrap();
    let mut command = Command::new(link);
    let output = command
        .args(["--root", text(&node.root), "state", "-m", "tale", "-lq"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");

    // All modules stop, the agent stays.
    let agent = node.agent_pid();
    let done = json(node, &["shutdown"]);
    assert_eq!(done["text"], "2 modules are being stopped");
    for name in ["tale", "still"] {
        wait_for(node, name, "it is stopped", |report| {
            report["state"] == "STOP" && report["readiness"] == "NotReady"
        });
    }
    assert_eq!(node.agent_pid(), agent);
    assert!(ends_with(node, 0, &["shutdown"]).contains("no module runs"));
}
