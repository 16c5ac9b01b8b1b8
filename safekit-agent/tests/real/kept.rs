//! What each release wrote, kept as files: the agent of the tree reads it, without the release being built.
//!
//! `testdata/releases/VERSION/root` are the files of a node whose module was UP, with an export of its cluster and a package
//! of its module beside them; `safekit-core/testdata/releases/VERSION/datagrams.txt` is what it sent (read by the tests of
//! `wire`). `SAFEKIT_WRITE=1` writes both anew from the last release.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::farm::{self, Node, TempDir};
use crate::release;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
/// Where the nodes were, and are again when their files are read.
const NET: &str = "127.123.1";

/// A module that a boot of the host starts where it was UP; nothing in it depends on where it runs.
const USERCONFIG: &str = "<!DOCTYPE safe>\n<safe>\n<service mode=\"farm\" boot=\"auto\" drain=\"0\" maxloop=\"5\">\n\
    <farm><lan name=\"default\"/></farm>\n<errd><proc name=\"kept-none\" atleast=\"-1\" atmax=\"9\" action=\"restart\"/></errd>\n\
    <user><var name=\"KEPT\" value=\"a &amp; b\"/></user>\n</service>\n</safe>\n";
/// A boot that no host ever had.
const OTHER_BOOT: &str = "00000000-0000-0000-0000-000000000000";
/// What is kept of a node: no logs, no locks, no sockets, no recordings.
const KEPT: [&str; 9] = [
    "var/cluster/cluster.xml",
    "var/cluster/cluster_ip.xml",
    "var/cluster/keys",
    "var/incarnation",
    "var/modules/farm/id",
    "var/modules/farm/state.json",
    "modules/farm",
    "private/modules/farm",
    "address",
];

fn kept(version: &str) -> PathBuf {
    Path::new(PACKAGE).join("testdata/releases").join(version)
}

fn sent(version: &str) -> PathBuf {
    let core = Path::new(PACKAGE).parent().unwrap().join("safekit-core/testdata/releases");
    core.join(version).join("datagrams.txt")
}

/// Copies a file or a folder, by the program that can.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// Runs the last release and keeps what it writes and sends.
fn write(program: &Path) {
    let version = release::last().version;
    let dir = TempDir::new();
    let mut nodes: Vec<Node> = (1..=3)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("{NET}.{n}"), None))
        .collect();
    for node in &mut nodes[..2] {
        node.start_agent_with(Command::new(program));
    }
    let xml = dir.0.join("cluster.xml");
    fs::write(&xml, farm::cluster_xml(&nodes)).unwrap();
    let third = UdpSocket::bind((nodes[2].address.as_str(), 4800)).unwrap();
    third.set_read_timeout(Some(farm::PATIENCE)).unwrap();
    let (first, second) = (&nodes[0], &nodes[1]);
    let zip = dir.0.join("cluster.zip");
    first.safekit(&["cluster", "config", xml.to_str().unwrap()]);
    first.safekit(&["cluster", "export", zip.to_str().unwrap()]);
    second.safekit(&["cluster", "config", zip.to_str().unwrap()]);
    let module = farm::write_module(&dir.0, USERCONFIG);
    for script in ["start_both", "stop_both"] {
        let text = format!("#!/bin/sh\necho \"{script} $KEPT\"\n");
        fs::write(module.join("bin").join(script), text).unwrap();
    }
    for node in [first, second] {
        farm::start_module(node, "farm", &module);
        node.wait_for("it is Ready", |report| report["modules"][0]["readiness"] == "Ready");
    }
    let package = dir.0.join("farm.safe");
    first.safekit(&["module", "package", "-m", "farm", package.to_str().unwrap()]);

    let folder = kept(&version);
    drop(fs::remove_dir_all(&folder));
    for name in KEPT {
        copy(&first.root.join(name), &folder.join("root").join(name));
    }
    // Wherever it is read, that is not this boot of this host.
    let state = folder.join("root/var/modules/farm/state.json");
    let text = fs::read_to_string(&state).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(text.contains(boot.trim()), "{text}");
    fs::write(&state, text.replace(boot.trim(), OTHER_BOOT)).unwrap();
    for file in [&zip, &package] {
        copy(file, &folder.join(file.file_name().unwrap()));
    }

    // One of each kind and length, and the letter at the end.
    farm::signal(first.agent_pid(), Signal::KILL);
    let keys = fs::read_to_string(first.root.join("var/cluster/keys")).unwrap();
    let mut text = format!("What safekit-agent {version} sent: keys, then datagrams.\n{keys}");
    let mut seen: Vec<(u8, usize)> = Vec::new();
    let end = Instant::now() + Duration::from_secs(20);
    let mut bytes = [0; 2048];
    while Instant::now() < end {
        let length = third.recv(&mut bytes).unwrap();
        let kind = (bytes[3], length);
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        let hex: String = bytes[..length].iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("datagram {hex}\n"));
        if bytes[3] == 2 {
            break;
        }
    }
    assert!(seen.iter().any(|(kind, _)| *kind == 2), "the letter came");
    fs::create_dir_all(sent(&version).parent().unwrap()).unwrap();
    fs::write(sent(&version), text).unwrap();
}

#[test]
fn what_each_release_wrote_is_read() {
    if std::env::var_os("SAFEKIT_WRITE").is_some()
        && let Some(program) = release::agent()
    {
        write(&program);
    }
    let last = release::last().version;
    assert!(
        kept(&last).is_dir() && sent(&last).is_file(),
        "SAFEKIT_WRITE=1 keeps what {last} writes"
    );
    for entry in fs::read_dir(kept("")).unwrap() {
        let folder = entry.unwrap().path();
        println!("{}", folder.display());
        the_root_is_taken_over(&folder);
        the_exports_are_taken(&folder);
    }
}

/// The host has booted since, and the module was UP: it is found configured, and started because it was.
fn the_root_is_taken_over(folder: &Path) {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", &format!("{NET}.1"), None);
    fs::remove_dir_all(&node.root).unwrap();
    copy(&folder.join("root"), &node.root);
    // A repository keeps no such modes.
    let keys = node.root.join("var/cluster/keys");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let secret = fs::read(&keys).unwrap();
    let counter = fs::read_to_string(node.root.join("var/incarnation")).unwrap();
    let counter: u64 = counter.lines().last().unwrap().parse().unwrap();
    node.start_agent();
    let report = node
        .wait_for("it was UP and is again", |report| report["modules"][0]["readiness"] == "Ready");
    let names: Vec<&Value> =
        report["nodes"].as_array().unwrap().iter().map(|node| &node["name"]).collect();
    assert_eq!(names, ["node1", "node2", "node3"]);
    assert_eq!(report["faults"], json!([]), "{report:#}");
    let module = &report["modules"][0];
    assert_eq!((&module["name"], &module["loop_max"]), (&json!("farm"), &json!(5)));
    assert_eq!(module["faults"], json!([]), "{report:#}");
    assert_eq!(report["incarnation"], json!(format!("{}.0", counter + 1)), "counted on");
    assert_eq!(fs::read(&keys).unwrap(), secret);
    let log = node.safekit(&["log", "-m", "farm", "-A"]);
    assert!(log.contains("Action start called at boot time"), "{log}");
    // What an administrator edits is what is in force.
    node.safekit(&["config", "-m", "farm"]);
}

/// An export of the cluster and a package of the module, as they are carried to another node.
fn the_exports_are_taken(folder: &Path) {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node2", &format!("{NET}.2"), None);
    node.start_agent();
    node.safekit(&["cluster", "config", folder.join("cluster.zip").to_str().unwrap()]);
    farm::start_module(&node, "farm", &folder.join("farm.safe"));
    let keys = |root: &Path| fs::read_to_string(root.join("var/cluster/keys")).unwrap();
    assert_eq!(keys(&node.root), keys(&folder.join("root")));
    node.wait_for("it is Ready", |report| report["modules"][0]["readiness"] == "Ready");
}
