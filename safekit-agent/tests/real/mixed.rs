//! A cluster of agents of the last release and of the tree: upgraded and turned back node by node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::crash::{WATCHED, starts, upgrade_to};
use crate::farm::{self, AGENT, Node, TempDir};
use crate::release;

/// Nodes whose programs are files of their own, so that each can be another version.
struct Cluster {
    nodes: Vec<Node>,
    /// What each runs.
    programs: Vec<PathBuf>,
    dir: TempDir,
}

impl Cluster {
    /// Starts as many nodes as programs are given, at 127.121.`octet`.x, with the module `farm` Ready on all.
    fn new(octet: u8, old: &Path, first: &[&Path]) -> Self {
        let dir = TempDir::new();
        let mut cluster = Self { nodes: Vec::new(), programs: Vec::new(), dir };
        for (number, from) in (1..).zip(first) {
            let name = format!("node{number}");
            let program = cluster.dir.0.join(format!("program{number}"));
            fs::create_dir(&program).unwrap();
            let program = program.join("safekit-agent");
            farm::copy_program(from, &program);
            let mut node =
                Node::new(&cluster.dir.0, &name, &format!("127.121.{octet}.{number}"), None);
            node.start_agent_with(Command::new(&program));
            cluster.nodes.push(node);
            cluster.programs.push(program);
        }
        for (name, program) in [("old", old), ("new", Path::new(AGENT))] {
            fs::create_dir(cluster.dir.0.join(name)).unwrap();
            symlink(program, cluster.dir.0.join(name).join("safekit")).unwrap();
        }
        farm::configure_cluster(&cluster.dir.0, &cluster.nodes);
        let module = farm::write_module(&cluster.dir.0, WATCHED);
        cluster.nodes.iter().for_each(|node| farm::start_module(node, "farm", &module));
        cluster.settled();
        cluster
    }

    /// Waits until all agree on a view of all, share the load, and give the health answer that fits.
    fn settled(&self) {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let agreed = |report: &Value| {
            report["view"]["members"] == json!(names)
                && report["modules"][0]["participants"] == json!(names)
                && report["modules"][0]["readiness"] == "Ready"
                && report["faults"] == json!([])
        };
        let reports: Vec<Value> =
            self.nodes.iter().map(|node| node.wait_for("all are in one view", agreed)).collect();
        let shares = reports.iter().map(|report| report["modules"][0]["share"].as_u64().unwrap());
        assert_eq!(shares.sum::<u64>(), 256, "{reports:#?}");
        for node in &self.nodes {
            assert!(crate::way::ready(node).contains(" 200 OK"), "{}", crate::way::ready(node));
        }
    }

    /// Runs the command of the last release (`old`) or of the tree (`new`) on a node.
    fn command(&self, version: &str, node: &Node, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.dir.0.join(version).join("safekit"));
        command.arg("--root").arg(&node.root).args(arguments).output().unwrap()
    }

    fn said(&self, version: &str, node: &Node, arguments: &[&str]) -> String {
        let output = self.command(version, node, arguments);
        assert!(output.status.success(), "{version} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Puts another version in the place of a node's program, and has it take over under the running application.
    fn turn(&self, place: usize, to: &Path) {
        let node = &self.nodes[place];
        let (agent, application) = (node.agent_pid(), node.application_pids());
        let scripts = starts(node);
        upgrade_to(to, &self.programs[place]);
        farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::HUP);
        crate::crash::wait_adopted(node, agent, &application);
        assert_eq!(starts(node), scripts, "{}: no script was run", node.name);
        assert_eq!(node.report()["modules"][0]["loop_used"], 0, "the budget is not used");
        assert_eq!(node.report()["version"], version_of(to), "{}", node.name);
        self.settled();
    }

    /// The same by a stop and a start: the application is stopped and started, too.
    fn stop_and_start(&mut self, place: usize, to: &Path) {
        let node = &mut self.nodes[place];
        let application = node.application_pids();
        node.terminate();
        assert!(!farm::lives(application[0]), "the application was stopped");
        upgrade_to(to, &self.programs[place]);
        node.start_agent_with(Command::new(&self.programs[place]));
        assert_eq!(node.report()["version"], version_of(to), "{}", node.name);
        assert!(crate::way::ready(node).contains(" 404 "), "stopped is not ready");
        // 0.1.0 ended without waiting for the disk: then the stop that was saved is done again.
        node.wait_for("it is stopped, as it was saved", |report| {
            report["modules"][0]["state"] == "STOP"
        });
        node.safekit(&["start", "-m", "farm"]);
        self.settled();
    }

    /// The same after a kill of guardian and agent: what was saved by one is taken over by the other.
    fn kill_and_start(&mut self, place: usize, to: &Path) {
        let node = &mut self.nodes[place];
        let (agent, application, scripts) =
            (node.agent_pid(), node.application_pids(), starts(node));
        node.kill_guardian();
        node.wait_gone(agent);
        upgrade_to(to, &self.programs[place]);
        node.start_agent_with(Command::new(&self.programs[place]));
        crate::crash::wait_adopted(node, agent, &application);
        assert_eq!(node.report()["version"], version_of(to), "{}", node.name);
        assert_eq!(starts(node), scripts, "no script was run");
        self.settled();
    }

    /// What both commands say of a node.
    fn commands_understand(&self, place: usize) {
        let node = &self.nodes[place];
        for version in ["old", "new"] {
            let report: Value =
                serde_json::from_str(&self.said(version, node, &["state", "--json"])).unwrap();
            assert_eq!(report["node"], json!(node.name), "{version}");
            for arguments in [
                &["state"][..],
                &["state", "-v"],
                &["state", "-m", "farm"],
                &["cluster", "state"],
                &["module", "list"],
                &["confinfo", "-m", "farm"],
                &["level"],
                &["log", "-m", "farm"],
                &["printi", "-m", "farm", "heard"],
            ] {
                self.said(version, node, arguments);
            }
            let state = self.command(version, node, &["state", "-m", "farm", "-lq"]);
            assert_eq!(state.status.code(), Some(2), "UP is exit code 2: {state:?}");
            for (arguments, code) in [(&["start", "-m", "nobody"][..], 64), (&["sturt"], 64)] {
                let output = self.command(version, node, arguments);
                assert_eq!(output.status.code(), Some(code), "{version} {arguments:?} {output:?}");
                assert!(!output.stderr.is_empty(), "{version} {arguments:?}: it says why");
            }
            // Orders, too.
            self.said(version, node, &["stop", "-m", "farm"]);
            self.said(version, node, &["waitstop", "-m", "farm", "--timeout", "60s"]);
            self.said(version, node, &["start", "-m", "farm"]);
            self.said(version, node, &["waitstart", "-m", "farm", "--timeout", "60s"]);
            self.said(version, node, &["config", "-m", "farm"]);
        }
        self.settled();
    }
}

/// What an agent's report calls its version.
fn version_of(program: &Path) -> String {
    if program == Path::new(AGENT) {
        env!("CARGO_PKG_VERSION").to_owned()
    } else {
        release::last().version
    }
}

/// Asks all agents again and again, and keeps what must never be: two views of one number that have a member in common.
/// (Nodes that do not hear each other may use a number twice, each for themselves.)
struct Watch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Vec<String>)>,
}

impl Watch {
    fn start(nodes: &[Node]) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let sockets: Vec<PathBuf> =
            nodes.iter().map(|node| node.root.join("var/safekit.sock")).collect();
        let end = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let (mut views, mut wrong, mut asked) =
                (BTreeMap::<u64, BTreeSet<BTreeSet<String>>>::new(), Vec::new(), 0);
            while !end.load(Ordering::Relaxed) {
                for socket in &sockets {
                    // An agent that is being replaced does not answer.
                    let Some(report) = ask(socket) else { continue };
                    asked += 1;
                    let view = &report["view"];
                    let Some(epoch) = view["epoch"].as_u64() else { continue };
                    let members = names(&view["members"]);
                    let same = views.entry(epoch).or_default();
                    let differs = |other: &BTreeSet<String>| {
                        *other != members && !other.is_disjoint(&members)
                    };
                    if let Some(other) = same.iter().find(|other| differs(other)) {
                        wrong.push(format!("view {epoch} is {other:?} and {members:?}"));
                    }
                    same.insert(members);
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
            (asked, wrong)
        });
        Self { ended, thread }
    }

    /// Ends it, and fails where something was wrong.
    fn end(self) {
        self.ended.store(true, Ordering::Relaxed);
        let (asked, wrong) = self.thread.join().unwrap();
        assert!(asked > 0, "it has seen something");
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

fn names(members: &Value) -> BTreeSet<String> {
    let members = members.as_array().into_iter().flatten();
    members.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn ask(socket: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream
        .write_all(b"GET /api/v1/state HTTP/1.1\r\nHost: safekit\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn a_cluster_is_upgraded_and_turned_back_node_by_node() {
    let Some(old) = release::agent() else { return };
    let new = Path::new(AGENT);
    let mut cluster = Cluster::new(1, &old, &[&old, &old, &old]);
    let watch = Watch::start(&cluster.nodes);
    // Up in the three ways that there are, with nodes of both versions in between.
    cluster.turn(0, new);
    cluster.stop_and_start(1, new);
    cluster.kill_and_start(2, new);
    // And back again, while nothing is saved in a newer form.
    cluster.turn(0, &old);
    cluster.stop_and_start(1, &old);
    cluster.kill_and_start(2, &old);
    // The second time finds what the first one left.
    cluster.turn(0, new);
    watch.end();
}

#[test]
fn each_version_understands_the_letter_about_a_dead_agent_of_the_other() {
    let Some(old) = release::agent() else { return };
    let cluster = Cluster::new(2, &old, &[&old, Path::new(AGENT)]);
    for (dies, reads) in [(0, 1), (1, 0)] {
        let (dies, reads) = (&cluster.nodes[dies], &cluster.nodes[reads]);
        let left = format!("{} has left: ", dies.name);
        let told = || reads.safekit(&["log", "-A", "-s", "10000"]).matches(&left).count();
        let before = told();
        let (agent, application) = (dies.agent_pid(), dies.application_pids());
        farm::signal(agent, Signal::KILL);
        crate::crash::wait_adopted(dies, agent, &application);
        cluster.settled();
        let log = reads.safekit(&["log", "-A", "-s", "10000"]);
        assert_eq!(told(), before + 1, "{} heard of it by the letter alone:\n{log}", reads.name);
    }
}

#[test]
fn the_command_of_each_version_talks_to_the_agent_of_the_other() {
    let Some(old) = release::agent() else { return };
    let cluster = Cluster::new(3, &old, &[&old, Path::new(AGENT)]);
    cluster.commands_understand(0);
    cluster.commands_understand(1);
}
