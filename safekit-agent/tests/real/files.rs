//! What becomes of an agent whose files are not as it left them.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::crash;
use crate::farm::{self, AGENT, Node, TempDir};
use crate::lab;

fn has_fault(report: &Value, what: &str) -> bool {
    let faults = report["faults"].as_array().into_iter().flatten();
    faults.filter_map(Value::as_str).any(|fault| fault.contains(what))
}

#[test]
fn a_counter_that_the_disk_does_not_take_is_a_fault_until_it_does() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.108.61.1", None);
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

/// A node alone with the module `farm` UP, and its saved state.
fn up(dir: &TempDir, address: &str) -> (Node, PathBuf) {
    let node = crash::one_node(dir, address, AGENT);
    let state = node.root.join("var/modules/farm/state.json");
    assert!(state.is_file());
    (node, state)
}

/// Kills the agent, does something to its files, and lets the next one start.
fn kill_agent_and(node: &mut Node, change: impl FnOnce()) {
    let agent = node.agent_pid();
    node.kill_guardian();
    node.wait_gone(agent);
    change();
    node.start_agent();
}

#[test]
fn a_damaged_state_is_named_and_the_application_is_found_and_watched() {
    let dir = TempDir::new();
    let (mut node, state) = up(&dir, "127.108.81.1");
    let application = node.application_pids();
    let whole = fs::read(&state).unwrap();
    let damages = [&b""[..], &whole[..whole.len() / 2], &[0; 100], b"{\"version\":1}"];
    for damage in damages {
        kill_agent_and(&mut node, || fs::write(&state, damage).unwrap());
        node.wait_for("the application is watched again", |report| {
            report["modules"][0]["readiness"] == "Ready" && farm::pids(report) == application
        });
    }
    let log = node.safekit(&["log", "-m", "farm"]);
    assert_eq!(log.matches("is damaged").count(), damages.len(), "{log}");
    assert!(state.with_extension("json.damaged").is_file(), "it is kept for who wants to know");
    let starts = log.matches("Script start_both >").count();
    assert_eq!(starts, 1, "no script was run: {log}");
}

#[test]
fn a_state_of_a_newer_version_is_refused_by_name_and_left_alone() {
    let dir = TempDir::new();
    let (mut node, state) = up(&dir, "127.108.82.1");
    let application = node.application_pids();
    let ours = fs::read_to_string(&state).unwrap();
    let newer = ours.replacen("\"version\":1", "\"version\":2", 1);
    assert_ne!(ours, newer);
    kill_agent_and(&mut node, || fs::write(&state, &newer).unwrap());
    node.wait_for("the file is named", |report| has_fault(report, "version 2"));
    assert_eq!(fs::read_to_string(&state).unwrap(), newer);
    assert!(farm::lives(application[0]));
    assert!(crate::way::ready(&node).contains(" 404 "), "nobody watches it");
    // Back to the version that the file is of: here the file is made ours again.
    fs::write(&state, &ours).unwrap();
    node.safekit(&["config", "-m", "farm"]);
    node.wait_for("the application is watched again", |report| {
        report["modules"][0]["readiness"] == "Ready" && farm::pids(report) == application
    });
}

#[test]
fn a_deleted_state_does_not_start_the_application_a_second_time() {
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.108.83.1", None);
    node.start_agent();
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    // The boot policy would start it.
    let config = crash::WATCHED.replace("drain=", "boot=\"on\" drain=");
    farm::start_module(&node, "farm", &farm::write_module(&dir.0, &config));
    let application = node.application_pids();
    let state = node.root.join("var/modules/farm/state.json");
    kill_agent_and(&mut node, || fs::remove_file(&state).unwrap());
    node.wait_for("the application is watched again", |report| {
        report["modules"][0]["readiness"] == "Ready" && farm::pids(report) == application
    });
    let log = node.safekit(&["log", "-m", "farm"]);
    assert!(log.contains("state.json is missing; the module is taken as UP"), "{log}");
    assert_eq!(log.matches("Script start_both >").count(), 1, "no script was run: {log}");
}

/// Runs this test again where root can mount without anybody seeing it; tells whether this is that run.
fn in_own_mounts(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if std::env::var_os("SAFEKIT_NO_LAB").is_some() || !rustix::process::getuid().is_root() {
        println!("left out: needs root, and SAFEKIT_NO_LAB must not be set");
        return false;
    }
    let Some(mut command) = lab::in_own_mounts() else { return false };
    let output = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert!(text.contains("1 passed"), "{text}");
    false
}

const INSIDE: &str = "SAFEKIT_TEST_INSIDE";

#[test]
fn on_a_full_disk_the_application_is_kept_alive_and_faults_go_when_there_is_room() {
    let name =
        "files::on_a_full_disk_the_application_is_kept_alive_and_faults_go_when_there_is_room";
    if !in_own_mounts(name) {
        return;
    }
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.108.84.1", None);
    let var = node.root.join("var");
    fs::create_dir_all(&var).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&var)
        .status()
        .unwrap();
    assert!(mounted.success());
    node.start_agent();
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    let module = farm::write_module(&dir.0, crash::WATCHED);
    for script in ["start_both", "stop_both"] {
        // What the application writes is its own affair: here it has another disk.
        let path = module.join("bin").join(script);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("$SAFEUSERVAR", "$SAFE")).unwrap();
    }
    farm::start_module(&node, "farm", &module);
    let application = node.application_pids();

    let filler = var.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
    farm::signal(application[0], rustix::process::Signal::KILL);
    let report = node.wait_for("the application runs again, and the fault stands", |report| {
        let faults = report["modules"][0]["faults"].to_string();
        report["modules"][0]["readiness"] == "Ready"
            && farm::pids(report).first().is_some_and(|pid| *pid != application[0])
            && faults.contains("cannot be saved")
    });
    assert!(report["modules"][0]["faults"].to_string().contains("No space left"), "{report:#}");
    // Longer than the room that the log has in the last block of its file.
    let lost = "nobody will read this ".repeat(150);
    for _ in 0..4 {
        node.safekit(&["printe", "-m", "farm", &lost]);
    }
    assert!(crate::way::ready(&node).contains(" 200 OK"));

    drop(file);
    fs::remove_file(&filler).unwrap();
    node.wait_for("the state is saved", |report| {
        report["modules"][0]["faults"].as_array().is_some_and(Vec::is_empty)
    });
    node.safekit(&["printe", "-m", "farm", "there is room"]);
    let log = node.safekit(&["log", "-m", "farm"]);
    let lost = log.lines().map(lines_lost).collect::<Vec<_>>();
    assert!(lost.iter().sum::<u64>() >= 4, "{log}");
    assert!(lost.windows(2).all(|pair| pair.contains(&0)), "told together with a line: {log}");
    assert!(log.contains("there is room"), "{log}");
}

/// Returns how many lines a line of the log tells to be lost for lack of room.
fn lines_lost(line: &str) -> u64 {
    let told = line.split_once(" before this one").filter(|it| it.1.contains("No space left"));
    told.map_or(0, |it| it.0.split(' ').rev().nth(1).unwrap().parse().unwrap())
}

#[test]
fn a_group_that_is_made_later_may_give_commands_after_sighup() {
    if !in_own_mounts("files::a_group_that_is_made_later_may_give_commands_after_sighup") {
        return;
    }
    let dir = TempDir::new();
    let groups = dir.0.join("group");
    fs::write(&groups, "root:x:0:\n").unwrap();
    let bound = Command::new("mount").arg("--bind").arg(&groups).arg("/etc/group").status();
    assert!(bound.unwrap().success());
    let mut node = Node::new(&dir.0, "node1", "127.108.86.1", None);
    node.start_agent();
    let (var, socket) = (node.root.join("var"), node.root.join("var/safekit.sock"));
    let owner = |path: &PathBuf| fs::metadata(path).map(|it| (it.gid(), it.mode() & 0o777));
    assert_eq!(owner(&socket).unwrap(), (0, 0o600));
    let agent = node.agent_pid();
    fs::write(&groups, "root:x:0:\nsafekit:x:990:\n").unwrap();
    farm::signal(i32::try_from(node.guardian_pid()).unwrap(), rustix::process::Signal::HUP);
    node.wait_for("the next agent is there", |report| {
        report["agent_pid"].as_i64() != Some(agent.into())
    });
    // It answers a moment before it has opened its socket to others.
    node.wait_for("the group may reach the socket", |_| {
        owner(&socket).is_ok_and(|it| it == (990, 0o660))
    });
    assert_eq!(owner(&var).unwrap(), (990, 0o750));
}

#[test]
fn a_plain_user_whose_folder_cannot_be_written_is_told_so() {
    if !rustix::process::getuid().is_root() {
        println!("left out: needs root");
        return;
    }
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.108.85.1", None);
    std::os::unix::fs::chown(&node.root, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new("setpriv");
    let user = NOBODY.to_string();
    // Where root's own folder holds the program, others cannot reach it.
    let program = dir.0.join("agent");
    farm::copy_program(AGENT.as_ref(), &program);
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(&program);
    node.start_agent_with(command);
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    // A process of its own name: a plain user cannot see whose those of other tests are.
    let module = farm::write_module(&dir.0, &crash::WATCHED.replace("demo-shop", "sk-plain-app"));
    let start = "ln -sf \"$(command -v sleep)\" \"$SAFE/sk-plain-app\"\n\"$SAFE/sk-plain-app\" 600 &\necho $! >\"$SAFE/pid\"";
    fs::write(module.join("bin/start_both"), format!("#!/bin/sh\n{start}\n")).unwrap();
    let stop = "kill -KILL \"$(cat \"$SAFE/pid\")\" 2>/dev/null";
    fs::write(module.join("bin/stop_both"), format!("#!/bin/sh\n{stop}\n")).unwrap();
    farm::start_module(&node, "farm", &module);
    let folder = node.root.join("var/modules/farm");
    fs::set_permissions(&folder, Permissions::from_mode(0o500)).unwrap();
    node.application_pids()
        .iter()
        .for_each(|pid| farm::signal(*pid, rustix::process::Signal::KILL));
    let faults = |report: &Value| report["modules"][0]["faults"].to_string();
    let report = node.wait_for("the fault stands", |report| faults(report).contains("saved"));
    assert!(faults(&report).contains("Permission denied"), "{report:#}");
    fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
    node.wait_for("the fault has gone", |report| faults(report) == "[]");
}

/// The user who owns nothing.
const NOBODY: u32 = 65534;
