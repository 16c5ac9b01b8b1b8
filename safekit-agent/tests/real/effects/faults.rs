//! What becomes of modules and of the health answer when the host, a script or another copy of the node works against
//! them: no state is lost, and nobody is told of an application that does not serve.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::{Value, json};

use super::hostile::health;
use super::place::{Place, last_script, userconfig, wait_until};
use crate::crash::WATCHED;
use crate::farm::{self, APPLICATION_PORT, HEALTH_PORT, Node, TempDir};
use crate::lab::{self, Lab};

/// The nodes of these tests are at 127.124.x.y.
const NET: u8 = 124;

/// A prober that keeps its connection: it needs no new one where none can be had.
struct Prober(TcpStream);

impl Prober {
    fn new(node: &Node) -> Self {
        let stream = TcpStream::connect((node.address.as_str(), HEALTH_PORT)).unwrap();
        stream.set_read_timeout(Some(farm::PATIENCE)).unwrap();
        Self(stream)
    }

    /// The status of the next answer.
    fn ask(&mut self, module: &str) -> u16 {
        write!(self.0, "GET /var/modules/{module}/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut bytes = [0; 2048];
        let length = self.0.read(&mut bytes).unwrap();
        let answer = String::from_utf8_lossy(&bytes[..length]);
        answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// Sets how many files a process may have open at once.
fn set_files(pid: i32, files: u64) {
    let pid = Pid::from_raw(pid).unwrap();
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(files), maximum }).unwrap();
}

/// The lowest number that no open file of a process has.
fn lowest_free(pid: i32) -> u64 {
    let taken = |number: &u64| Path::new(&format!("/proc/{pid}/fd/{number}")).exists();
    (0..).find(|number| !taken(number)).unwrap()
}

#[test]
fn an_agent_without_a_free_descriptor_tells_no_lie_and_goes_on_when_there_are_some() {
    let place = Place::new(NET, 1);
    let node = &place.node;
    let config = WATCHED.replace("drain=", "maxloop=\"20\" drain=");
    farm::start_module(node, "farm", &farm::write_module(&place.dir.0, &config));
    let application = node.application_pids();
    node.wait_for("it is Ready", |report| report["modules"][0]["readiness"] == "Ready");
    let agent = node.agent_pid();
    let mut prober = Prober::new(node);
    assert_eq!(prober.ask("farm"), 200);

    set_files(agent, lowest_free(agent));
    assert_eq!(prober.ask("farm"), 200, "it serves, and that is said");
    farm::signal(application[0], Signal::KILL);
    let begin = Instant::now();
    while prober.ask("farm") == 200 {
        assert!(begin.elapsed() < farm::PATIENCE, "Ready without an application");
        farm::pause();
    }
    println!("negative after {:.3} s", begin.elapsed().as_secs_f64());
    for _ in 0..50 {
        assert_ne!(prober.ask("farm"), 200, "nobody serves");
        farm::pause();
    }
    assert!(farm::lives(agent), "{}", node.agent_log());

    // Its scripts could not be started: it is stopped, which is the truth, and says why.
    set_files(agent, 4096);
    let report = node.wait_for("it is stopped", |report| report["modules"][0]["state"] == "STOP");
    assert_eq!(report["agent_pid"], agent, "the same agent: {report:#}");
    assert!(
        report["modules"][0]["faults"].to_string().contains("Too many open files"),
        "{report:#}"
    );
    let log = place.log("farm");
    assert!(log.contains("Action stop called by start_both"), "{log}");
    node.safekit(&["start", "-m", "farm"]);
    node.wait_for("it runs again", |report| {
        report["modules"][0]["readiness"] == "Ready" && !farm::pids(report).is_empty()
    });
    assert_eq!(prober.ask("farm"), 200);
}

#[test]
fn an_application_whose_port_is_taken_leads_to_a_stop_and_not_to_ready() {
    let place = Place::new(NET, 2);
    let node = &place.node;
    let thief = TcpListener::bind((node.address.as_str(), APPLICATION_PORT)).unwrap();
    let config = WATCHED.replace("drain=", "maxloop=\"1\" drain=");
    let folder = farm::write_module(&place.dir.0, &config);
    node.safekit(&["module", "install", "-m", "farm", folder.to_str().unwrap()]);
    node.safekit(&["config", "-m", "farm"]);
    node.safekit(&["start", "-m", "farm"]);
    node.wait_for("it is given up", |report| {
        let module = &report["modules"][0];
        module["state"] == "STOP" && module["loop_used"] != 0
    });
    assert_eq!(health(node, "farm"), 404);
    let log = place.log("farm");
    assert!(log.contains("Process demo-shop not running"), "{log}");
    assert!(log.contains("Action stop called by maxloop"), "{log}");
    // The script's output says why.
    let said: String = place
        .userlogs("farm", "start_both")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(said.contains("Address already in use"), "{said}");
    drop(thief);
    node.safekit(&["start", "-m", "farm"]);
    node.application_pids();
    node.wait_for("it is Ready", |report| report["modules"][0]["readiness"] == "Ready");
}

/// A control group that holds few processes, where one can be made; it goes away with its owner.
struct FewProcesses(Option<PathBuf>);

impl FewProcesses {
    fn new(most: u32) -> Self {
        let make = || -> std::io::Result<PathBuf> {
            let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
            let root = if unified { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/pids" };
            let folder = Path::new(root).join(format!("safekit-test-{}-pids", std::process::id()));
            fs::create_dir(&folder)?;
            fs::write(folder.join("pids.max"), most.to_string())?;
            Ok(folder)
        };
        let made = make();
        if let Err(why) = &made {
            println!("no control group that bounds processes can be made here: {why}");
        }
        Self(made.ok())
    }

    /// The line of a script that enters it.
    fn enter(&self) -> String {
        self.0.as_ref().map_or_else(String::new, |folder| {
            format!("echo $$ >{}", folder.join("cgroup.procs").display())
        })
    }
}

impl Drop for FewProcesses {
    fn drop(&mut self) {
        let Some(folder) = &self.0 else { return };
        for _ in 0..200 {
            let inside = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            inside.lines().for_each(|pid| farm::signal(pid.parse().unwrap_or(0), Signal::KILL));
            if fs::remove_dir(folder).is_ok() {
                return;
            }
            farm::pause();
        }
        println!("{} could not be removed", folder.display());
    }
}

/// What forks as fast as a process may, at most some hundred times, and goes on trying.
const FORKS: &str = "exec perl -e 'open F, \">>\", \"$ENV{SAFEUSERVAR}/children\"; $| = 1; select F; $| = 1; my $n = 0; \
    while (1) { my $p = $n < 300 ? fork : undef; if (defined $p) { if (!$p) { sleep 600; exit } print F \"$p\\n\"; $n++ } \
    else { select undef, undef, undef, 0.01 } }'";

/// Asks for another module's health answer until something has happened; it has to be positive all the time.
fn serves_until(node: &Node, module: &str, what: &str, happened: impl Fn() -> bool) {
    wait_until(what, || {
        assert_eq!(health(node, module), 200, "{module} is Ready all the time");
        happened()
    });
}

fn with_neighbour(octet: u8) -> Place {
    let place = Place::new(NET, octet);
    place.install("neighbour", &userconfig("", "<user/>"), &[("start_both", "true")]);
    place.up("neighbour");
    place
}

#[test]
fn a_script_that_forks_endlessly_is_ended_with_all_it_started_and_others_serve_on() {
    let few = FewProcesses::new(64);
    let place = with_neighbour(3);
    let forks = format!("{}\n{FORKS}", few.enter());
    place.install("web", &userconfig("", "<user starttimeout=\"2\"/>"), &[("start_both", &forks)]);
    place.node.safekit(&["start", "-m", "web"]);
    serves_until(&place.node, "neighbour", "the script is ended", || {
        let end = last_script(&place.report("web"), "start_both")["end"].clone();
        end == "because its time limit had passed"
    });
    let children = place.text("web", "children");
    assert!(children.lines().count() > 30, "it has forked: {children}");
    serves_until(&place.node, "neighbour", "all its children are ended", || {
        children.lines().all(|pid| !farm::lives(pid.parse().unwrap()))
    });
    assert_eq!(place.report("neighbour")["loop_used"], 0);
}

/// Kilobytes of memory that a process has in use.
fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_script_that_floods_its_output_fills_its_own_file_and_nothing_else() {
    const FLOOD: u64 = 40_000_000;
    let place = with_neighbour(4);
    let flood = format!(
        "yes 'the same again and again' | head -c {FLOOD}\nyes flood | head -c 1000000 >&2"
    );
    place.install("web", &userconfig("", "<user/>"), &[("start_both", &flood)]);
    let before = resident(place.node.agent_pid());
    place.node.safekit(&["start", "-m", "web"]);
    serves_until(&place.node, "neighbour", "the script has ended", || {
        place.report("web")["readiness"] == "Ready"
    });
    let userlogs = place.userlogs("web", "start_both");
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    assert!(length(&userlogs[0]) >= FLOOD, "nothing of it is lost");
    let grown = resident(place.node.agent_pid()).saturating_sub(before);
    assert!(grown < 16 * 1024, "none of it went through the agent: {grown} kB more");
    assert!(length(&place.file("web", "log.txt")) < 100_000);
    // Over its size it is emptied when the module starts: a small script in its place.
    let script = place.node.root.join("modules/web/bin/start_both");
    fs::write(script, "#!/bin/sh\ntrue\n").unwrap();
    place.down("web");
    place.node.safekit(&["config", "-m", "web"]);
    place.up("web");
    assert_eq!(length(&userlogs[0]), 0);
}

#[test]
fn children_that_a_script_leaves_behind_hold_nothing_up() {
    let place = with_neighbour(5);
    // They keep the output open, each in its own way.
    let leave = "sleep 600 & echo $! >>\"$SAFEUSERVAR/left\"\nsetsid sleep 600 & echo $! >>\"$SAFEUSERVAR/left\"";
    let scripts = [("start_both", leave), ("stop_both", leave)];
    place.install("web", &userconfig("", "<user/>"), &scripts);
    place.up("web");
    place.node.safekit(&["restart", "-m", "web"]);
    place.wait_for("web", "it is restarted", |report| {
        report["readiness"] == "Ready" && !last_script(report, "stop_both").is_null()
    });
    place.down("web");
    assert_eq!(health(&place.node, "web"), 404);
    assert_eq!(health(&place.node, "neighbour"), 200);
    let left = place.text("web", "left");
    assert!(left.lines().count() >= 8, "each run has left two: {left}");
    // They are the application's affair, and nobody else's.
    for pid in left.lines().map(|pid| pid.parse().unwrap()) {
        assert!(farm::lives(pid), "nobody has ended what was meant to stay");
        farm::signal(pid, Signal::KILL);
    }
}

#[test]
fn a_script_without_memory_is_named_and_the_module_is_not_taken_to_run() {
    let place = with_neighbour(6);
    // No more memory than the shell has already: what it wants to start does not start.
    let body = "<user/><errd polltimer=\"1\"><proc name=\"eff-never\" action=\"restart\"/></errd>";
    let starve = "ulimit -v 3000\nexec perl -e '$x = \"x\" x 100000000; exec \"sleep\", \"600\"'";
    place.install("web", &userconfig("maxloop=\"1\"", body), &[("start_both", starve)]);
    place.node.safekit(&["start", "-m", "web"]);
    serves_until(&place.node, "neighbour", "it is given up", || {
        let report = place.report("web");
        report["state"] == "STOP" && report["loop_used"] != 0
    });
    assert_eq!(health(&place.node, "web"), 404);
    let log = place.log("web");
    let failed = log
        .lines()
        .any(|line| line.contains("| E | Script start_both") && !line.contains("with exit code 0"));
    assert!(failed, "the script's failure is told:\n{log}");
    assert!(log.contains("Action stop called by maxloop"), "{log}");
}

#[test]
fn a_second_agent_on_the_same_root_ends_and_the_first_one_goes_on() {
    let place = with_neighbour(7);
    let node = &place.node;
    let (guardian, agent) = (node.guardian_pid(), node.agent_pid());
    let output = Command::new(farm::AGENT)
        .args(["run", "--node", "node1", "--bind", "127.124.7.2", "--root"])
        .arg(&node.root)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&guardian.to_string()), "it names the one that is there: {said}");
    assert_eq!((node.agent_pid(), health(node, "neighbour")), (agent, 200));
}

/// Copies what makes a node this one: its cluster, keys, counter and modules.
fn clone_of(node: &Node, dir: &TempDir, address: &str, namespace: String) -> Node {
    let copy = Node::new(&dir.0.join("clone"), &node.name, address, Some(namespace));
    for name in ["modules", "private", "var/cluster", "var/incarnation", "var/modules"] {
        fs::create_dir_all(copy.root.join(name).parent().unwrap()).unwrap();
        let mut cp = Command::new("cp");
        cp.arg("-r").arg(node.root.join(name)).arg(copy.root.join(name));
        assert!(cp.status().unwrap().success());
    }
    // Another host: what was saved is of another boot.
    let state = copy.root.join("var/modules/farm/state.json");
    let mut saved: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    saved["boot_id"] = json!("the boot of another host");
    fs::write(&state, saved.to_string()).unwrap();
    copy
}

#[test]
fn a_cloned_node_is_named_and_takes_nothing_from_the_one_that_is_there() {
    if !lab::wanted() {
        return;
    }
    let mut lab =
        Lab::without_agents(&[("n1", "10.77.0.1"), ("n2", "10.77.0.2"), ("n3", "10.77.0.9")]);
    for number in 1..=2 {
        let namespace = lab.namespace_of(&format!("n{number}"));
        let address = format!("10.77.0.{number}");
        lab.nodes.push(Node::new(&lab.dir.0, &format!("node{number}"), &address, Some(namespace)));
    }
    lab.nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&lab.dir.0, &lab.nodes);
    let module = farm::write_module(&lab.dir.0, WATCHED);
    lab.nodes.iter().for_each(|node| farm::start_module(node, "farm", &module));
    let together = |report: &Value| {
        report["view"]["members"] == json!(["node1", "node2"])
            && report["modules"][0]["participants"] == json!(["node1", "node2"])
            && report["modules"][0]["share"] == 128
            && report["modules"][0]["readiness"] == "Ready"
    };
    lab.nodes.iter().for_each(|node| drop(node.wait_for("both share", together)));
    let application = lab.nodes[0].application_pids();

    // A copy on a host with another address: it can neither be heard nor hear, and says why.
    let space = lab.namespace_of("n3");
    let mut copy = clone_of(&lab.nodes[0], &lab.dir, "10.77.0.9", space.clone());
    copy.start_agent();
    let report = copy.wait_for("the fault is named", |report| {
        report["faults"].to_string().contains("heartbeats cannot be sent")
    });
    assert!(report["faults"].to_string().contains("10.77.0.1:4800"), "{report:#}");
    copy.terminate();

    // And on one that has the same address, too: it is heard as the other one's later life.
    let ip = |what: &[&str]| {
        let output = lab::in_namespace(&space, "ip").args(what).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    ip(&["addr", "add", "10.77.0.1/32", "dev", "lo"]);
    copy.start_agent();
    let said = "Two agents run as node1 with the same key";
    lab.nodes[1].wait_for("it is named while it lasts", |report| {
        report["faults"].to_string().contains(said)
    });
    // The one that is heard and hears is in, and nobody else's share is given to the copy.
    lab.nodes.iter().for_each(|node| drop(node.wait_for("both share all the same", together)));
    let report = copy.report();
    assert_eq!(report["modules"][0]["share"], 0, "nothing runs on the copy: {report:#}");
    copy.terminate();
    lab.nodes.iter().for_each(|node| drop(node.wait_for("both share again", together)));
    lab.nodes[1].wait_for("the fault has gone with it", |report| report["faults"] == json!([]));
    assert_eq!(lab.nodes[0].application_pids(), application, "it was left alone");
    assert_eq!(lab.nodes[0].report()["modules"][0]["loop_used"], 0);
}
