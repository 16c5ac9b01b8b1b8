//! What the commands of upkeep do: keys, lock, removal, update, budget, boot, ports, packages, logs, processes, help.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::commands::{ends_with, text};
use super::place::{Place, json, process, userconfig, wait_until, write_module};
use crate::farm::{self, Node, TempDir};

/// The nodes of these tests are at 127.106.x.y.
const NET: u8 = 106;

/// Two nodes of one cluster.
fn pair(dir: &TempDir, octet: u8) -> Vec<Node> {
    let mut nodes: Vec<Node> = (1..=2)
        .map(|n| Node::new(&dir.0, &format!("node{n}"), &format!("127.106.{octet}.{n}"), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    both_hear(&nodes);
    nodes
}

fn both_hear(nodes: &[Node]) {
    for node in nodes {
        node.wait_for("both are in one view", |report| {
            report["view"]["members"] == json!(["node1", "node2"])
        });
    }
}

/// How a node sees the other one.
fn state_of(report: &Value, name: &str) -> String {
    let nodes = report["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["name"] == name).unwrap();
    node["state"].as_str().unwrap().to_owned()
}

#[test]
fn keys_are_made_and_removed_and_others_are_not_cut_off_by_mistake() {
    let dir = TempDir::new();
    let nodes = pair(&dir, 41);
    let (first, second) = (&nodes[0], &nodes[1]);
    let keys = || fs::read_to_string(first.root.join("var/cluster/keys")).unwrap();
    let old = keys();
    for command in ["genkey", "delkey"] {
        let said = ends_with(first, 75, &["cluster", command]);
        assert!(said.contains("node2 would no longer hear"), "{said}");
        assert_eq!(keys(), old);
    }
    first.safekit(&["cluster", "genkey", "--force"]);
    assert_ne!(keys(), old);
    first.wait_for("node2 is not heard", |report| state_of(report, "node2") != "alive");
    let zip = dir.0.join("keys.zip");
    first.safekit(&["cluster", "export", text(&zip)]);
    second.safekit(&["cluster", "config", text(&zip)]);
    both_hear(&nodes);

    let done = json(first, &["cluster", "delkey", "--force"]);
    assert!(done["text"].as_str().unwrap().contains("no keys"), "{done}");
    assert!(!keys().contains("\nkey "), "{}", keys());
    first.wait_for("it is told that there are no keys", |report| {
        report["faults"].to_string().contains("without keys")
    });
    first.wait_for("node2 is not heard", |report| state_of(report, "node2") != "alive");
    second.safekit(&["cluster", "delkey", "--force"]);
    both_hear(&nodes);
}

#[test]
fn a_cluster_configuration_is_checked_locked_and_removed() {
    let dir = TempDir::new();
    let nodes = pair(&dir, 42);
    let (first, second) = (&nodes[0], &nodes[1]);
    let xml = dir.0.join("cluster.xml");
    let signature = |node: &Node| json(node, &["cluster", "confinfo"])["nodes"].clone();
    let before = signature(first);

    // Checked.
    let good = farm::cluster_xml(&nodes);
    fs::write(&xml, good.replace("name=\"default\"", "name=\"default\" pulse=\"x\"")).unwrap();
    let said = ends_with(first, 65, &["cluster", "confcheck", text(&xml)]);
    assert!(said.contains("cluster.xml:3:"), "the fault has a place: {said}");
    ends_with(first, 64, &["cluster", "confcheck", text(&dir.0.join("nothing.xml"))]);
    fs::write(&xml, good.replace("node2", "node3")).unwrap();
    let done = json(first, &["cluster", "confcheck", text(&xml)]);
    assert!(done["text"].as_str().unwrap().contains("no errors"), "{done}");
    assert_eq!(signature(first), before, "checking changes nothing");

    // Locked.
    first.safekit(&["cluster", "config", "lock"]);
    assert_eq!(signature(first)[0]["lock"], true);
    assert!(first.safekit(&["cluster", "confinfo"]).contains("  1\n"));
    for command in [
        &["cluster", "config", text(&xml)][..],
        &["cluster", "config"],
        &["cluster", "genkey", "--force"],
        &["cluster", "delkey", "--force"],
        &["cluster", "deconfig"],
    ] {
        let said = ends_with(first, 75, command);
        assert!(said.contains("unlock"), "{said}");
    }
    assert_eq!(signature(first)[0]["signature"], before[0]["signature"]);
    fs::write(&xml, &good).unwrap();
    first.safekit(&["cluster", "config", text(&xml), "unlock"]);
    assert_eq!(signature(first)[0]["lock"], false);
    first.safekit(&["cluster", "config", text(&xml), "lock"]);
    ends_with(first, 75, &["cluster", "config", text(&xml)]);
    first.safekit(&["cluster", "config", "unlock"]);
    let zip = dir.0.join("again.zip");
    first.safekit(&["cluster", "export", text(&zip)]);
    second.safekit(&["cluster", "config", text(&zip)]);
    both_hear(&nodes);

    // Removed: only when nothing runs, with goodbye, and the module is there for the next cluster.
    let folder = write_module(&dir, "web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    farm::start_module(second, "web", &folder);
    let said = ends_with(second, 75, &["cluster", "deconfig"]);
    assert!(said.contains("module web is not stopped"), "{said}");
    both_hear(&nodes);
    second.safekit(&["stop", "-m", "web"]);
    second.safekit(&["waitstop", "-m", "web", "--timeout", "60s"]);
    json(second, &["cluster", "deconfig"]);
    first.wait_for("node2 has said goodbye", |report| state_of(report, "node2") == "left");
    assert_eq!(signature(second), json!([]));
    assert!(!second.root.join("var/cluster/keys").exists());
    let sockets = fs::read_to_string("/proc/net/udp").unwrap();
    // 127.106.42.2:4800 as its own address, as the kernel writes it; the first node has a socket for what comes from there.
    let own = |line: &str| line.split_whitespace().nth(1) == Some("022A6A7F:12C0");
    assert!(!sockets.lines().any(own), "the socket is closed: {sockets}");
    assert!(ends_with(second, 75, &["start", "-m", "web"]).contains("cluster is not configured"));
    assert_eq!(json(second, &["module", "list"])["modules"][0]["configured"], true);
    ends_with(second, 75, &["cluster", "deconfig"]);
    second.safekit(&["cluster", "config", text(&zip)]);
    both_hear(&nodes);
    second.safekit(&["start", "-m", "web"]);
    second.safekit(&["waitstart", "-m", "web", "--timeout", "60s"]);
}

#[test]
fn a_running_module_takes_what_may_change_and_nothing_else() {
    let place = Place::new(NET, 43);
    let node = &place.node;
    let path = node.root.join("modules/web/conf/userconfig.xml");
    let config = userconfig("maxloop=\"3\"", "<user/>");
    place.install("web", &config, &[("start_both", "echo up >>\"$SAFEUSERVAR/story\"")]);
    let said = ends_with(node, 75, &["update", "-m", "web"]);
    assert!(said.contains("does not run"), "{said}");
    place.up("web");
    let active = || json(node, &["confinfo", "-m", "web"])["active"]["signature"].clone();
    for (command, maxloop) in [("update", 5), ("config", 6)] {
        let changed = config.replace("maxloop=\"3\"", &format!("maxloop=\"{maxloop}\""));
        fs::write(&path, changed).unwrap();
        json(node, &[command, "-m", "web"]);
        assert_eq!(place.report("web")["loop_max"], maxloop);
    }
    assert_eq!(place.text("web", "story"), "up\n", "the application was left alone");

    // Another lan, which the cluster has.
    let two = |lan: &str| config.replace("<lan name=\"default\"/>", lan);
    let cluster = fs::read_to_string(place.dir.0.join("cluster.xml")).unwrap();
    let other = "<lan name=\"other\"><node name=\"node1\" addr=\"127.106.43.2\"/></lan>";
    fs::write(place.dir.0.join("two.xml"), cluster.replace("</lans>", &format!("{other}</lans>")))
        .unwrap();
    node.safekit(&["cluster", "config", text(&place.dir.0.join("two.xml"))]);
    place.wait_for("web", "it is Ready again", |report| report["readiness"] == "Ready");
    let before = active();
    fs::write(&path, two("<lan name=\"other\"/>")).unwrap();
    for command in ["update", "config"] {
        let said = ends_with(node, 75, &[command, "-m", "web"]);
        assert!(said.contains("<farm> <lan name=\"other\">"), "{said}");
        assert_eq!(active(), before);
    }
    fs::write(&path, "<safe>").unwrap();
    ends_with(node, 65, &["update", "-m", "web"]);
    fs::write(&path, two("<lan name=\"other\"/>")).unwrap();

    // Removed when it is stopped; configured anew it begins anew.
    assert!(ends_with(node, 75, &["deconfig", "-m", "web"]).contains("not stopped"));
    place.down("web");
    json(node, &["deconfig", "-m", "web"]);
    assert_eq!(json(node, &["module", "list"])["modules"][0]["configured"], false);
    assert!(ends_with(node, 64, &["start", "-m", "web"]).contains("not configured"));
    ends_with(node, 75, &["deconfig", "-m", "web"]);
    ends_with(node, 64, &["deconfig", "-m", "nobody"]);
    node.safekit(&["config", "-m", "web"]);
    // Nothing was started: its userlogs of the time before are no sign that it runs.
    assert_eq!(place.report("web")["state"], "STOP");
    place.up("web");
}

#[test]
fn a_module_that_is_started_while_it_is_configured_is_met_as_one_that_runs() {
    let place = Place::new(NET, 50);
    let node = &place.node;
    let config = userconfig("", "<user/>");
    // It is there when the configuration is to be met by one that was stopped before.
    let start = "cd \"$SAFE\"; [ ! -e \"$SAFEUSERVAR/start\" ] \
                 || { ./safekit start -m web && ./safekit waitstart -m web --timeout 60s; }";
    place.install("web", &config, &[("config", start)]);
    let active = || json(node, &["confinfo", "-m", "web"])["active"]["signature"].clone();
    let before = active();
    fs::write(place.file("web", "start"), "").unwrap();
    let path = node.root.join("modules/web/conf/userconfig.xml");
    fs::write(&path, config.replace("mode=\"farm\"", "mode=\"light\"")).unwrap();
    let said = ends_with(node, 75, &["config", "-m", "web"]);
    assert!(said.contains("runs, and only a stopped one takes another"), "{said}");
    assert_eq!(active(), before);
    place.wait_for("web", "it is Ready", |report| report["readiness"] == "Ready");
}

#[test]
fn automatic_actions_are_counted_checked_and_forgotten() {
    let mut place = Place::new(NET, 44);
    place.install("web", &userconfig("maxloop=\"2\"", "<user/>"), &[("start_both", "true")]);
    let node = &place.node;
    ends_with(node, 0, &["checkloop", "-m", "web"]);
    ends_with(node, 0, &["incloop", "-m", "web", "-i", "tester"]);
    assert!(place.log("web").contains("incloop called by tester"));
    let report = json(node, &["incloop", "-m", "web", "-i", "tester"]);
    assert_eq!(report, json!({"used": 2, "max": 2, "reached": false}));
    assert_eq!(place.report("web")["loop_used"], 2);
    let said = ends_with(node, 1, &["checkloop", "-m", "web"]);
    assert!(said.contains("the limit is reached"), "{said}");
    ends_with(node, 1, &["incloop", "-m", "web", "-i", "tester"]);
    ends_with(node, 0, &["resetloop", "-m", "web", "-i", "tester"]);
    ends_with(node, 0, &["checkloop", "-m", "web"]);
    ends_with(node, 0, &["incloop", "-m", "web"]);
    for command in ["incloop", "resetloop", "checkloop"] {
        ends_with(node, 64, &[command, "-m", "nobody"]);
    }
    // It outlives the agent, and no agent is never a limit.
    place.node.terminate();
    ends_with(&place.node, 69, &["checkloop", "-m", "web"]);
    place.node.start_agent();
    assert_eq!(place.report("web")["loop_used"], 1);
}

#[test]
fn what_was_said_on_a_node_decides_about_the_start_of_a_module() {
    let mut place = Place::new(NET, 45);
    for (name, boot) in [("said-on", "ignore"), ("said-off", "ignore"), ("fixed", "off")] {
        let config = userconfig(&format!("boot=\"{boot}\""), "<user/>");
        place.install(name, &config, &[("start_both", "true")]);
    }
    let node = &place.node;
    json(node, &["boot", "on", "-m", "said-on"]);
    json(node, &["boot", "on", "-m", "said-off"]);
    json(node, &["boot", "off", "-m", "said-off"]);
    let done = json(node, &["boot", "on", "-m", "fixed"]);
    assert!(done["details"].to_string().contains("no effect"), "{done}");
    ends_with(node, 64, &["boot", "on", "-m", "nobody"]);
    let status = json(node, &["boot", "status"]);
    assert_eq!(status["modules"].as_array().unwrap().len(), 3);
    let status = json(node, &["boot", "status", "-m", "said-on"]);
    assert_eq!(
        status["modules"],
        json!([{"name": "said-on", "configured": "ignore", "node": "on"}])
    );
    assert!(node.safekit(&["boot", "status"]).contains("said on this node"));
    assert_eq!(place.report("said-on")["boot"], "on");
    // A new configuration leaves it as it was said.
    node.safekit(&["config", "-m", "said-on"]);

    place.node.terminate();
    for name in ["said-on", "said-off", "fixed"] {
        let path = place.file(name, "state.json");
        let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        state["boot_id"] = json!("the boot before this one");
        fs::write(&path, state.to_string()).unwrap();
    }
    place.node.start_agent();
    place.wait_for("said-on", "it is started", |report| report["readiness"] == "Ready");
    for name in ["said-off", "fixed"] {
        assert_eq!(place.report(name)["state"], "STOP", "{name}");
    }
}

#[test]
fn modules_are_packed_and_their_ids_ports_and_processes_listed() {
    let place = Place::new(NET, 46);
    let node = &place.node;
    let config = userconfig(
        "",
        "<user/><errd><proc name=\"eff-packed\" atleast=\"1\" action=\"noaction\"/></errd>",
    );
    let stop = super::place::END_PROCESSES;
    let scripts = [("start_both", process("eff-packed", 46)), ("stop_both", stop.to_owned())];
    let scripts: Vec<(&str, &str)> =
        scripts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    place.install("web", &config, &scripts);
    let package = place.dir.0.join("web.safe");
    node.safekit(&["module", "package", "-m", "web", text(&package)]);
    node.safekit(&["module", "install", "-m", "copy", text(&package)]);
    node.safekit(&["config", "-m", "copy"]);
    let script = |name: &str| {
        fs::read_to_string(node.root.join(format!("modules/{name}/bin/start_both"))).unwrap()
    };
    assert_eq!(script("web"), script("copy"));
    ends_with(node, 64, &["module", "package", "-m", "nobody", text(&package)]);
    ends_with(node, 64, &["module", "package", "-m", "web", text(&place.dir.0)]);

    let said = node.safekit(&["module", "listid"]);
    assert!(said.contains("copy") && said.contains('2'), "{said}");
    assert_eq!(json(node, &["module", "listid"])["modules"][1]["id"], 1);
    let said = node.safekit(&["module", "getports", "-m", "web"]);
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], "List of the ports used by SafeKit");
    assert_eq!(lines[6..], ["farm", "    port UDP 4800"], "{said}");
    assert_eq!(node.safekit(&["module", "getports", "-i", "1"]), said);
    ends_with(node, 64, &["module", "getports", "-i", "9"]);

    // What is watched is what runs, and a process is ended by its name.
    place.up("web");
    place.wait_for("web", "it is seen", |report| report["watched"][0]["state"] == "up");
    let said = node.safekit(&["errd", "list", "-m", "web"]);
    let pid = place.text("web", "pids").trim().to_owned();
    assert!(said.contains("proc.eff-packed") && said.contains(&pid), "{said}");
    let kill = |argregex: &str, level: &str| {
        let (argregex, level) = (format!("-argregex={argregex}"), format!("-level={level}"));
        node.safekit(&["kill", "-name=eff-packed", &argregex, &level])
    };
    assert!(kill("646", "test").starts_with(&format!("{pid} ")));
    assert_eq!(kill("nothing", "9"), "");
    ends_with(node, 64, &["kill", "-name=eff-packed", "-argregex=(", "-level=test"]);
    assert!(farm::lives(pid.parse().unwrap()));
    kill("646", "terminate");
    wait_until("the process is dead", || !farm::lives(pid.parse().unwrap()));
}

#[test]
fn processes_are_bounded_and_listed_and_ended_as_trees() {
    let dir = TempDir::new();
    let safekit = dir.0.join("safekit");
    std::os::unix::fs::symlink(farm::AGENT, &safekit).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&safekit).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&["boundcmd", "60", "sh", "-c", "echo said; exit 7"]), (7, "said\n".to_owned()));
    assert_eq!(run(&["boundcmd", "1", "sleep", "600"]).0, 2);
    assert_eq!(run(&["-r", "boundcmd 60 true"]).0, 0);
    assert_eq!(run(&["boundcmd", "60", "/nothing/there"]).0, 64);
    assert_eq!(run(&["boundcmd", "60", "sh", "-c", "kill -9 $$"]).0, 137);

    let mut child = sleeper();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (pid, inner) = (child.id().to_string(), line.trim().to_owned());
    let (code, said) = run(&["processtree", "list", &pid]);
    assert_eq!(code, 0);
    let pids: Vec<&str> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(pids, [pid.as_str(), inner.as_str()], "{said}");
    assert!(run(&["processtree", "list"]).1.lines().count() > 2);
    assert_eq!(run(&["-r", "processtree", "kill", &pid]).0, 0);
    child.wait().unwrap();
    wait_until("the inner process is dead", || !farm::lives(inner.parse().unwrap()));
    assert_eq!(run(&["processtree", "kill", &pid]).0, 64);
    assert_eq!(run(&["processtree", "kill", &std::process::id().to_string()]).0, 64);

    // The folders, and the help.
    let root = dir.0.join("root");
    let output = Command::new(&safekit).arg("-p").env("SAFE", &root).output().unwrap();
    let (root, said) = (root.display(), String::from_utf8(output.stdout).unwrap());
    assert_eq!(said, format!("SAFE={root}\nSAFEVAR={root}/var\nSAFEBIN={root}/private/bin\n"));
    assert!(run(&["help", "module", "package"]).1.contains("safekit module package -m web"));
    assert!(run(&["help", "--as", "man"]).1.starts_with(".TH SAFEKIT 1"));
}

/// A shell that starts another process, tells its pid, and waits for it.
fn sleeper() -> Child {
    Command::new("sh")
        .args(["-c", "sleep 647 & echo $!; wait"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn logs_are_followed_saved_and_tell_who_gave_commands() {
    let place = Place::new(NET, 48);
    let node = &place.node;
    place.install("web", &userconfig("", "<user/>"), &[("start_both", "true")]);
    for number in 1..=30 {
        node.safekit(&["printe", "-m", "web", &format!("line {number}")]);
    }
    let mut child = Command::new(node.root.join("safekit"))
        .args(["logview", "-m", "web", "-A", "-s", "2"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().ends_with("| E | line 29"));
    assert!(next().ends_with("| E | line 30"));
    node.safekit(&["printi", "-m", "web", "quietly"]);
    node.safekit(&["printe", "-m", "web", "again"]);
    node.safekit(&["printe", "-m", "web", "again"]);
    let said = [next(), next(), next()];
    assert!(said[0].ends_with("| I | quietly") && said[2].ends_with("| E | again"), "{said:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    ends_with(node, 64, &["logview", "-m", "nobody"]);

    let file = place.dir.0.join("web.log");
    let (main, all) = (&["logsave", "-m", "web", text(&file)], ["-A"]);
    node.safekit(main);
    let saved = || fs::read_to_string(&file).unwrap();
    assert!(saved().contains("line 1\n") && !saved().contains("quietly"));
    node.safekit(&[&main[..], &all].concat());
    assert!(saved().contains("quietly"));
    ends_with(node, 64, &["logsave", "-m", "web", "/nothing/there.log"]);
    // All that is kept is saved, not only as much as one answer of the agent holds.
    let log = place.file("web", "log.txt");
    let older = "| 2026-11-01 00:00:00.000000 | web | E | older ".to_owned() + &"x".repeat(150);
    let older: String = (0..20_000).map(|number| format!("{older} {number}\n")).collect();
    fs::write(log.with_file_name("log.old.txt"), older).unwrap();
    node.safekit(main);
    assert!(
        saved().contains("x 0\n") && saved().contains("x 19999\n") && saved().contains("line 1\n")
    );
    assert!(saved().lines().count() > 20_000);

    let said = node.safekit(&["cmdlog"]);
    assert!(said.contains("START config") && said.contains("END 0"), "{said}");
    assert_eq!(node.safekit(&["cmdlog", "-s", "1"]).lines().count(), 1);
    let lines = json(node, &["cmdlog"])["lines"].clone();
    assert!(lines.as_array().unwrap().len() > 3);
}

#[test]
fn scripts_of_questions_that_hang_leave_room_for_orders() {
    let place = Place::new(NET, 51);
    let node = &place.node;
    let gate = "exec cat \"$SAFEUSERVAR/gate\"";
    place.install("web", &userconfig("", "<user/>"), &[("level", gate), ("confcheck", gate)]);
    let made = Command::new("mkfifo").arg(place.file("web", "gate")).status().unwrap();
    assert!(made.success());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| node.safekit(&["level", "-m", "web"]));
        }
        wait_until("four scripts run", || place.userlogs("web", "level").len() == 4);
        let said = node.safekit(&["level", "-m", "web"]);
        assert!(said.contains("script level is not run, because 4 such scripts run"), "{said}");
        let said = ends_with(node, 75, &["confcheck", "-m", "web"]);
        assert!(said.contains("script confcheck is not run"), "{said}");
        place.up("web");
        place.down("web");
        // Whoever opens the pipe to write and closes it ends all that read it.
        fs::write(place.file("web", "gate"), "").unwrap();
    });
    assert_eq!(place.userlogs("web", "level").len(), 4);
}

#[test]
fn scripts_of_commands_run_and_their_failures_count() {
    let place = Place::new(NET, 49);
    let node = &place.node;
    let note = |script: &str| {
        format!(
            "echo \"{script} $SAFEMODULE $*\" >>\"$SAFEUSERVAR/story\"; echo {script} says $COLOUR"
        )
    };
    let fails = |script: &str| note(script) + "; [ ! -e \"$SAFEUSERVAR/fail\" ]";
    let scripts = ["config", "postconfig", "deconfig", "confcheck", "update", "level", "state"];
    let scripts: Vec<(&str, String)> = scripts.map(|script| (script, fails(script))).to_vec();
    let scripts: Vec<(&str, &str)> =
        scripts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let config = userconfig("", "<user><var name=\"COLOUR\" value=\"blue\"/></user>");
    place.install("web", &config, &scripts);
    let told = || {
        let story = place.text("web", "story");
        fs::write(place.file("web", "story"), "").unwrap();
        story.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told(), ["config web ", "postconfig web "]);
    assert_eq!(place.userlogs("web", "postconfig").len(), 1);
    node.safekit(&["confcheck", "-m", "web"]);
    assert!(node.safekit(&["level", "-m", "web"]).contains("level says blue"));
    assert!(node.safekit(&["state", "-m", "web", "-v"]).contains("state says blue"));
    assert_eq!(json(node, &["state", "-m", "web", "-v"])["script_lines"][0], "state says blue");
    // Only who asks for all of it lets the script run.
    assert!(!node.safekit(&["state", "-m", "web"]).contains("state says"));
    place.up("web");
    node.safekit(&["update", "-m", "web"]);
    assert_eq!(
        told(),
        [
            "confcheck web ",
            "level web ",
            "state web ",
            "state web ",
            "config web ",
            "postconfig web ",
            "update web UP UP"
        ]
    );
    ends_with(node, 75, &["deconfig", "-m", "web"]);
    ends_with(node, 75, &["module", "uninstall", "-m", "web"]);
    assert_eq!(told(), [""; 0], "nothing is cleared away while it runs");
    place.down("web");

    // One that fails before anything is applied holds it up; one that clears away does not.
    fs::write(place.file("web", "fail"), "").unwrap();
    let active = || json(node, &["confinfo", "-m", "web"])["active"]["signature"].clone();
    let before = active();
    let path = node.root.join("modules/web/conf/userconfig.xml");
    fs::write(&path, config.replace("blue", "red")).unwrap();
    for command in ["confcheck", "config"] {
        let said = ends_with(node, 65, &[command, "-m", "web"]);
        assert!(said.contains("has ended with exit status: 1; nothing was changed"), "{said}");
        assert!(said.contains(&format!("{command} says blue")), "{said}");
    }
    assert_eq!(active(), before);
    let done = json(node, &["deconfig", "-m", "web"]);
    assert!(done["details"].to_string().contains("deconfig says blue"), "{done}");
    assert_eq!(active(), Value::Null);
}
