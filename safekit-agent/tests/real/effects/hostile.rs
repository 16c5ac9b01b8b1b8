//! Surroundings that work against the agent: files, ports, limits, other configurations, signals at the wrong moment.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::place::{Place, json, userconfig, wait_for, wait_until, write_module};
use crate::farm::{self, AGENT, HEALTH_PORT, Node, TempDir};
use crate::lab;

/// The nodes of these tests are at 127.102.x.y.
const NET: u8 = 102;

/// A userconfig.xml whose application is drained.
fn draining(seconds: u32) -> String {
    userconfig("", "<user/>").replace("drain=\"0\"", &format!("drain=\"{seconds}\""))
}

fn faults(report: &Value) -> Vec<String> {
    let faults = report["faults"].as_array().into_iter().flatten();
    faults.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Waits until a node has a fault in which all these words are; returns it.
fn wait_for_fault(node: &Node, words: &[&str]) -> String {
    let fits = |fault: &String| words.iter().all(|word| fault.contains(word));
    let report = node
        .wait_for(&format!("a fault with {words:?}"), |report| faults(report).iter().any(&fits));
    faults(&report).into_iter().find(fits).unwrap()
}

fn wait_for_no_fault(node: &Node) {
    node.wait_for("no fault is left", |report| faults(report).is_empty());
}

/// An application that must not outlive its test, though no agent may be there to stop it.
struct Ended(i32);

impl Drop for Ended {
    fn drop(&mut self) {
        farm::signal(self.0, Signal::KILL);
    }
}

/// Takes a port as soon as it is free.
fn had<T>(bind: impl Fn() -> std::io::Result<T>) -> T {
    let taken = RefCell::new(None);
    wait_until("a port is free", || {
        let mut taken = taken.borrow_mut();
        *taken = bind().ok();
        taken.is_some()
    });
    taken.into_inner().unwrap()
}

/// Waits until module web is saved in that phase: that is done beside the event loop.
fn wait_for_saved(node: &Node, phase: &str) {
    let file = node.root.join("var/modules/web/state.json");
    wait_until(&format!("web is saved as {phase}"), || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        text.contains(&format!("\"phase\":\"{phase}\""))
    });
}

/// Runs an agent that is to end by itself; returns its exit code and what it says.
fn run_to_its_end(command: &mut Command, root: &Path) -> (Option<i32>, String) {
    command.args(["run", "--node", "node1", "--bind", "127.102.40.9", "--root"]).arg(root);
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_root_that_cannot_be_written_is_named_with_what_to_do() {
    let dir = TempDir::new();
    let file = dir.0.join("file");
    fs::write(&file, "").unwrap();
    for (root, what) in [(file.clone(), "move it away"), (file.join("below"), "move it away")] {
        let (code, said) = run_to_its_end(&mut Command::new(AGENT), &root);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(file.to_str().unwrap()) && said.contains(what), "{said}");
        assert_eq!(said.lines().count(), 1, "said once: {said}");
    }

    if !lab::wanted() {
        return;
    }
    let root = dir.0.join("root");
    fs::create_dir(&root).unwrap();
    let Some(mut command) = lab::in_own_mounts() else { return };
    command
        .args(["sh", "-c", "mount -t tmpfs -o ro none \"$ROOT\" && exec \"$AGENT\" \"$@\"", "sh"])
        .env("ROOT", &root)
        .env("AGENT", AGENT);
    let (code, said) = run_to_its_end(&mut command, &root);
    assert_eq!(code, Some(1), "{said}");
    let folder = root.join("var");
    assert!(said.contains(folder.to_str().unwrap()) && said.contains("for writing"), "{said}");
    assert_eq!(said.lines().count(), 1, "said once: {said}");
}

#[test]
fn wrong_arguments_have_a_code_that_no_state_has() {
    for wrong in [
        &["run", "--rot", "/nowhere"][..],
        &["run", "--bind", "here"],
        &["agent", "--node"],
        &["demo", "--nodes", "many"],
        &["rum"],
        &[],
    ] {
        let output = Command::new(AGENT).args(wrong).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{wrong:?}");
    }
    for asked in ["--version", "--help"] {
        let output = Command::new(AGENT).arg(asked).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty() && !output.stdout.is_empty());
    }
}

#[test]
fn too_few_open_files_are_said_before_anything_begins() {
    let dir = TempDir::new();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 20 && exec \"$AGENT\" \"$@\"", "sh"]).env("AGENT", AGENT);
    let (code, said) = run_to_its_end(&mut command, &dir.0.join("root"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("may open 20 files only") && said.contains("LimitNOFILE"), "{said}");
    assert!(!dir.0.join("root").exists());
}

#[test]
fn the_working_files_are_for_the_owner_and_the_group_only() {
    let place = Place::new(NET, 41);
    place.install("web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    let mode =
        |path: &str| fs::metadata(place.node.root.join(path)).unwrap().permissions().mode() & 0o777;
    for folder in ["var", "var/cluster", "var/modules", "modules", "private/modules"] {
        assert_eq!(mode(folder), 0o750, "{folder}");
    }
    assert_eq!(mode("var/cluster/keys") & 0o077, 0);
}

#[test]
fn what_fails_inside_is_no_state_and_is_named() {
    let place = Place::new(NET, 42);
    let node = &place.node;
    place.install("web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    place.up("web");
    let log = place.file("web", "log.txt");
    // The lines of the start are written; then something takes the place of the file.
    node.safekit(&["log", "-m", "web"]);
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    for arguments in [&["log", "-m", "web"][..], &["log", "-m", "web", "--json"]] {
        let output = node.try_safekit(arguments);
        assert_eq!(output.status.code(), Some(70), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(log.to_str().unwrap()) && said.contains("move the file away"),
            "{said}"
        );
    }
    // The file is still held open where it was: only a restart of the agent opens it anew.
    node.reload();
    node.safekit(&["printe", "-m", "web", "lost"]);
    wait_for_fault(node, &[log.to_str().unwrap(), "move the file away"]);
    fs::remove_dir(&log).unwrap();
    node.safekit(&["printe", "-m", "web", "kept"]);
    wait_for_no_fault(node);
    let shown = node.safekit(&["log", "-m", "web"]);
    assert!(shown.contains("before this one") && shown.contains("kept"), "{shown}");

    // An agent that stands still: whatever is answered, it is no state of that one. The guardian mends it at about the time at
    // which the command would give up: then the next one has answered.
    let agent = node.agent_pid();
    farm::signal(agent, Signal::STOP);
    let output = node.try_safekit(&["state", "-m", "web", "-lq"]);
    let code = output.status.code().unwrap();
    assert!((code >= 64 && output.stdout.is_empty()) || node.agent_pid() != agent, "{output:?}");
    let report = node.wait_for("the next agent answers", |report| report["agent_pid"] != agent);
    assert_eq!(report["modules"][0]["state"], "UP");
    let said = node.safekit(&["log"]);
    assert!(
        said.contains("the agent before this one was killed, because it stood still"),
        "{said}"
    );
}

#[test]
fn ports_that_are_taken_are_named_and_taken_when_they_are_free() {
    let mut place = Place::new(NET, 43);
    let module = farm::write_module(&place.dir.0, &draining(0));
    farm::start_module(&place.node, "web", &module);
    let pid: i32 = place.text("web", "pid").trim().parse().unwrap();
    let _ended = Ended(pid);
    let agent = place.node.agent_pid();
    place.node.kill_guardian();
    place.node.wait_gone(agent);
    let address = place.node.address.clone();
    // The threads of a killed process let go of its sockets one after the other.
    let health = had(|| TcpListener::bind((address.as_str(), HEALTH_PORT)));
    let heartbeats = had(|| UdpSocket::bind((address.as_str(), 4800)));

    place.node.start_agent();
    let fault = wait_for_fault(&place.node, &[":9010", "the port is in use"]);
    assert!(fault.contains("ss -ltnp"), "{fault}");
    let fault =
        wait_for_fault(&place.node, &[":4800", "another program has this address and port"]);
    assert!(fault.contains("ss -ulpn"), "{fault}");
    assert!(farm::lives(pid), "{}", place.log("web"));
    drop((health, heartbeats));
    wait_for_no_fault(&place.node);
    place.wait_for("web", "it is UP", |report| report["readiness"] == "Ready");
    assert!(farm::lives(pid), "the same application all the time");
    assert!(!place.log("web").contains("stop_both"), "{}", place.log("web"));
}

#[test]
fn an_agent_that_cannot_start_is_told_from_one_that_is_not_there() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.102.48.1", None);
    let (log, safekit) = (node.root.join("agent.log"), node.root.join("safekit"));
    let socket = node.root.join("var/safekit.sock");
    fs::create_dir_all(&socket).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            wait_until("the guardian tries again", || {
                let said = fs::read_to_string(&log).unwrap_or_default();
                said.contains("the file there is not a socket")
                    && said.contains("it is started again in 1 s")
            });
            let output = Command::new(safekit).arg("state").output().unwrap();
            assert_eq!(output.status.code(), Some(69), "{output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("its guardian (pid") && said.contains("its output"), "{said}");
            fs::remove_dir(&socket).unwrap();
        });
        // Waits until an agent answers: by itself, once nothing is in the way.
        node.start_agent();
    });
    node.terminate();
    let output = node.try_safekit(&["state"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is not running"), "{said}");
}

#[test]
fn nodes_with_other_configurations_are_named_with_what_to_do() {
    let dir = TempDir::new();
    let mut nodes: Vec<Node> = (1..=3)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.102.44.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    let (first, third) = (&nodes[0], &nodes[2]);
    let (xml, zip) = (dir.0.join("cluster.xml"), dir.0.join("cluster.zip"));
    let together = |what: &str| {
        for node in &nodes {
            node.wait_for(what, |report| {
                report["view"]["members"] == json!(["node1", "node2", "node3"])
            });
            wait_for_no_fault(node);
        }
    };
    together("all are together");

    // Other keys: neither hears the other, and each names it.
    third.safekit(&["cluster", "config", xml.to_str().unwrap()]);
    wait_for_fault(first, &["node3 (127.102.44.3:4800)", "key", "cluster export"]);
    wait_for_fault(third, &["node1 (127.102.44.1:4800)", "key", "cluster export"]);
    wait_for_fault(third, &["node2 (127.102.44.2:4800)"]);
    third.safekit(&["cluster", "config", zip.to_str().unwrap()]);
    together("they hear each other again");

    // The same keys, and another cluster.xml.
    let resolved = third.root.join("var/cluster/cluster_ip.xml");
    let text = fs::read_to_string(&resolved).unwrap();
    let port = text.find("port=").unwrap();
    fs::write(&resolved, format!("{}mlost_count=\"9\" {}", &text[..port], &text[port..])).unwrap();
    third.reload();
    wait_for_fault(first, &["cluster configuration on node3 differs", "cluster export"]);
    wait_for_fault(third, &["cluster configuration on node1 differs", "cluster config"]);
    third.safekit(&["cluster", "config", zip.to_str().unwrap()]);
    together("they have the same one again");

    // A module with another configuration.
    let folder = write_module(&dir, "web", &draining(0), &[("start_both", "true")]);
    farm::start_module(first, "web", &folder);
    let other = write_module(&dir, "other", &draining(7), &[("start_both", "true")]);
    farm::start_module(third, "web", &other);
    wait_for_fault(first, &["module web on node3 differs", "'safekit config -m web'"]);
    wait_for_fault(third, &["module web on node1 differs", "'safekit config -m web'"]);
    third.safekit(&["module", "install", "-m", "web", "-r", folder.to_str().unwrap()]);
    third.safekit(&["config", "-m", "web"]);
    together("they have the same module");
}

/// The health answer of a module: its status code; 0 where nobody answers.
pub(super) fn health(node: &Node, module: &str) -> u16 {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((node.address.as_str(), HEALTH_PORT))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let path = format!("/var/modules/{module}/ready.txt");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_default();
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[test]
fn an_agent_killed_in_a_drain_never_calls_clients_back() {
    let dir = TempDir::new();
    let mut nodes: Vec<Node> = (1..=2)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.102.45.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    let folder = farm::write_module(&dir.0, &draining(600));
    nodes.iter().for_each(|node| farm::start_module(node, "web", &folder));
    let node = &nodes[0];
    wait_for(node, "web", "both serve", |report| {
        report["participants"] == json!(["node1", "node2"])
    });
    let pid = fs::read_to_string(node.root.join("var/modules/web/pid")).unwrap();
    let pid: i32 = pid.trim().parse().unwrap();
    // Without a balancer that asks there would be nothing to drain.
    assert_eq!(health(node, "web"), 200);
    node.safekit(&["stop", "-m", "web"]);
    let saved = fs::read_to_string(node.root.join("var/modules/web/state.json")).unwrap();
    assert!(saved.contains("\"phase\":\"stopping\""), "on the disk when it is answered: {saved}");
    wait_for(node, "web", "it drains", |report| !report["drain_left_ms"].is_null());
    assert!(farm::lives(pid), "it serves on");
    assert_ne!(health(node, "web"), 200);

    farm::signal(node.agent_pid(), Signal::KILL);
    wait_until("the next agent has finished the stop", || {
        assert_ne!(health(node, "web"), 200, "nobody comes back");
        let output = node.try_safekit(&["state", "-m", "web", "--json"]);
        serde_json::from_slice::<Value>(&output.stdout)
            .is_ok_and(|report| report["state"] == "STOP" && report["readiness"] == "NotReady")
    });
    assert!(!farm::lives(pid));
    let log = node.safekit(&["log", "-m", "web", "-A"]);
    assert!(log.contains("ended in the middle of a start or stop"), "{log}");
    assert!(log.contains("the agent before this one was ended by signal 9"), "{log}");
    node.safekit(&["start", "-m", "web"]);
    node.safekit(&["waitstart", "-m", "web", "--timeout", "60s"]);
    assert_eq!(health(node, "web"), 200);
}

#[test]
fn a_module_whose_files_are_damaged_says_which_and_how_to_mend_it() {
    let place = Place::new(NET, 46);
    let node = &place.node;
    place.install("web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    place.up("web");
    place.down("web");
    let named = |path: &Path, words: &[&str]| {
        node.reload();
        for arguments in [
            &["state", "-m", "web"][..],
            &["state", "-m", "web", "-lq"],
            &["state", "-m", "web", "--json"],
            &["start", "-m", "web"],
        ] {
            let output = node.try_safekit(arguments);
            assert_eq!(output.status.code(), Some(65), "{arguments:?}: {output:?}");
            assert!(output.stdout.is_empty(), "{output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(path.to_str().unwrap()), "{said}");
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
        let level = node.safekit(&["level", "-m", "web"]);
        assert!(level.contains("not served: ") && level.contains(words[0]), "{level}");
        wait_for_fault(node, &[path.to_str().unwrap()]);
    };

    let active = node.root.join("private/modules/web/conf/safeconf.xml");
    fs::remove_file(&active).unwrap();
    fs::write(&active, "<safe>\n<servic\n").unwrap();
    named(&active, &["safeconf.xml:", "'safekit config -m web'"]);
    node.safekit(&["config", "-m", "web"]);
    wait_for_no_fault(node);
    place.up("web");
    place.down("web");

    let saved = place.file("web", "state.json");
    wait_for_saved(node, "stopped");
    let text = fs::read_to_string(&saved).unwrap();
    fs::write(&saved, text.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    named(&saved, &["has version 2", "remove the file", "'safekit config -m web'"]);
    fs::remove_file(&saved).unwrap();
    node.safekit(&["config", "-m", "web"]);
    wait_for_no_fault(node);
    place.up("web");
}

#[test]
fn what_is_read_parses_as_json_and_fits_into_a_terminal() {
    let place = Place::new(NET, 47);
    let node = &place.node;
    let body = "<user/><errd><proc name=\"eff-none\" atleast=\"-1\"/></errd>";
    place.install("web", &userconfig("", body), &[("start_both", "true"), ("stop_both", "true")]);
    place.install("idle", &userconfig("", "<user/>"), &[]);
    place.up("web");
    node.safekit(&["restart", "-m", "web"]);
    wait_for(node, "web", "it is restarted", |report| {
        report["readiness"] == "Ready" && report["last_scripts"].as_array().unwrap().len() > 1
    });
    for arguments in [
        &["state"][..],
        &["state", "-v"],
        &["state", "-m", "web"],
        &["state", "-m", "web", "-v"],
        &["module", "list"],
        &["confinfo", "-m", "web"],
        &["confcheck", "-m", "web"],
        &["cluster", "state"],
        &["cluster", "confinfo"],
        &["level"],
        &["level", "-m", "web"],
        &["log"],
        &["log", "-m", "web", "-A"],
    ] {
        assert!(json(node, arguments).is_object(), "{arguments:?}");
        let text = node.safekit(arguments);
        assert!(!text.is_empty() && !text.contains('\t'), "{arguments:?}: {text}");
        // A line of a log is one line, whatever it tells.
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert!(arguments[0] == "log" || wide.is_none(), "{arguments:?}: {wide:?}\n{text}");
    }
}
