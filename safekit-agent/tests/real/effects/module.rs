//! What the attributes of userconfig.xml do, where only real processes can show it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::commands::ends_with;
use super::place::{
    END_PROCESSES, Place, last_script, pids, process, resource, userconfig, wait_until,
};
use crate::farm;

/// The nodes of these tests are at 127.105.x.y.
const NET: u8 = 105;

const TIME_LIMIT: &str = "because its time limit had passed";

#[test]
fn variables_reach_the_scripts_and_output_is_kept_as_configured() {
    let place = Place::new(NET, 11);
    let config = |value: &str, logging: &str| {
        let user = format!(
            "<user logging=\"{logging}\" userlogsize=\"1\"><var name=\"EFFECT\" value=\"%WHICH% value\"/></user>"
        );
        let config = userconfig("", &user);
        config.replace("<safe>", &format!("<safe><macro name=\"WHICH\" value=\"{value}\"/>"))
    };
    let start = "echo \"told: $EFFECT\"\necho \"$EFFECT\" >\"$SAFEUSERVAR/seen\"";
    place.install("vars", &config("first", "userlog"), &[("start_both", start)]);
    place.up("vars");
    assert_eq!(place.text("vars", "seen"), "first value\n");
    let userlogs = place.userlogs("vars", "start_both");
    assert_eq!(userlogs.len(), 1);
    assert!(fs::read_to_string(&userlogs[0]).unwrap().contains("told: first value"));

    // A running module takes both.
    place.reconfigure("vars", &config("second", "none"));
    place.node.safekit(&["restart", "-m", "vars"]);
    wait_until("the new variable is seen", || place.text("vars", "seen") == "second value\n");
    place.node.safekit(&["waitstart", "-m", "vars", "--timeout", "60s"]);
    assert_eq!(place.userlogs("vars", "start_both"), userlogs, "nothing is kept");

    // At its size or over it a userlog is emptied when the module starts.
    let small = place.file("vars", "userlog_2020-01-01T000000_start_both.ulog");
    fs::write(&small, [b'x'; 1023]).unwrap();
    fs::write(&userlogs[0], [b'x'; 1024]).unwrap();
    place.down("vars");
    place.up("vars");
    let length = |path| fs::metadata(path).unwrap().len();
    assert_eq!((length(&small), length(&userlogs[0])), (1023, 0));
}

#[test]
fn scripts_that_hang_are_ended_at_their_time_limits() {
    let place = Place::new(NET, 12);
    let hang = "sleep 600 & echo $! >>\"$SAFEUSERVAR/children\"; wait";
    let children_end = |module: &'static str| {
        let children = place.text(module, "children");
        for child in children.lines() {
            let status = format!("/proc/{child}/stat");
            wait_until("the script's child is dead", || {
                fs::read_to_string(&status).map_or(true, |text| text.contains(") Z "))
            });
        }
        children.lines().count()
    };

    // Both stop scripts, each with its own limit.
    let user = "<user nicestoptimeout=\"2\" forcestoptimeout=\"1\"/>";
    let scripts = [("start_both", "true"), ("stop_both", hang)];
    place.install("stop", &userconfig("", user), &scripts);
    place.up("stop");
    place.down("stop");
    let run = last_script(&place.report("stop"), "stop_both");
    assert_eq!((&run["arguments"][0], &run["end"]), (&json!("force"), &json!(TIME_LIMIT)));
    assert!(run["duration_ms"].as_u64() >= Some(1000), "{run}");
    let log = place.log("stop");
    let ends = |line: &&str| line.contains("| Script stop_both > ") && line.contains(TIME_LIMIT);
    assert_eq!(log.lines().filter(ends).count(), 2, "the nice one, too:\n{log}");
    assert_eq!(children_end("stop"), 2);
    // Nobody knows what they left, and that is said.
    let may_run = "The application may still run: the last stop_both ended because its time limit";
    let faults = place.report("stop")["faults"].to_string();
    assert!(log.contains(may_run) && faults.contains(may_run), "{faults}\n{log}");

    // A start script has a limit where one is set.
    let user = "<user starttimeout=\"1\"/>";
    place.install("start", &userconfig("", user), &[("start_both", hang)]);
    place.node.safekit(&["start", "-m", "start"]);
    let ended = |report: &Value| last_script(report, "start_both")["end"] == TIME_LIMIT;
    let report = place.wait_for("start", "start_both is ended", ended);
    assert!(last_script(&report, "start_both")["duration_ms"].as_u64() >= Some(1000), "{report:#}");
    assert_eq!(children_end("start"), 1);
}

#[test]
fn after_a_boot_of_the_host_each_module_does_as_configured() {
    let mut place = Place::new(NET, 13);
    let start = [("start_both", "date +%s%N >\"$SAFEUSERVAR/started\"")];
    let modules = [
        ("always", "boot=\"on\""),
        ("was-up", "boot=\"auto\""),
        ("was-stopped", "boot=\"auto\""),
        ("never", "boot=\"off\""),
        ("other", "boot=\"ignore\""),
        ("later", "boot=\"on\" boot_delay=\"2s\""),
        ("much-later", "boot=\"on\" boot_delay=\"1h\""),
    ];
    for (name, service) in modules {
        place.install(name, &userconfig(service, "<user/>"), &start);
        place.node.safekit(&["start", "-m", name]);
    }
    for (name, _) in modules {
        place.node.safekit(&["waitstart", "-m", name, "--timeout", "60s"]);
    }
    place.down("was-stopped");
    place.node.terminate();
    for (name, _) in modules {
        fs::remove_file(place.file(name, "started")).unwrap();
        let path = place.file(name, "state.json");
        let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        state["boot_id"] = json!("the boot before this one");
        fs::write(&path, state.to_string()).unwrap();
    }
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    place.node.start_agent();
    for name in ["always", "was-up", "later"] {
        place.wait_for(name, "it is started", |report| report["readiness"] == "Ready");
    }
    let started: u64 = place.text("later", "started").trim().parse().unwrap();
    let waited = Duration::from_nanos(started).saturating_sub(before);
    assert!(waited >= Duration::from_secs(2), "boot_delay: {waited:?}");
    for name in ["was-stopped", "never", "other", "much-later"] {
        assert_eq!(place.report(name)["state"], "STOP", "{name}");
        assert_eq!(place.text(name, "started"), "", "{name}");
    }
    // It waits, and an administrator can have it otherwise.
    assert_eq!(place.report("much-later")["goal"], "UP");
    place.node.safekit(&["stop", "-m", "much-later"]);
    assert_eq!(place.report("much-later")["goal"], "STOP");
    assert!(place.log("always").contains("Action start called at boot time"));
}

#[test]
fn nothing_is_started_while_the_agent_ends() {
    let mut place = Place::new(NET, 14);
    let start = ("start_both", "date +%s%N >\"$SAFEUSERVAR/started\"");
    let stop =
        "touch \"$SAFEUSERVAR/stopping\"; while [ ! -e \"$SAFEUSERVAR/go\" ]; do sleep 0.02; done";
    place.install("slow", &userconfig("", "<user/>"), &[start, ("stop_both", stop)]);
    place.install("other", &userconfig("boot=\"off\"", "<user/>"), &[start]);
    place.install("later", &userconfig("boot=\"on\" boot_delay=\"1h\"", "<user/>"), &[start]);
    place.up("later");
    place.down("later");
    place.node.terminate();
    let path = place.file("later", "state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["boot_id"] = json!("the boot before this one");
    fs::write(&path, state.to_string()).unwrap();
    place.node.start_agent();
    place.up("slow");
    assert_eq!(place.report("later")["goal"], "UP");
    farm::signal(i32::try_from(place.node.guardian_pid()).unwrap(), rustix::process::Signal::TERM);
    place.wait_for("slow", "it stops", |_| place.file("slow", "stopping").exists());
    for command in ["start", "restart", "stopstart"] {
        let said = ends_with(&place.node, 75, &[command, "-m", "other"]);
        assert!(said.contains("the agent of this node is ending"), "{said}");
    }
    assert_eq!(place.report("later")["goal"], "STOP", "the start at boot is cancelled");
    fs::write(place.file("slow", "go"), "").unwrap();
    place.node.terminate();
    assert!(!place.file("other", "started").exists());
}

fn kill(pid: i32) {
    farm::signal(pid, rustix::process::Signal::KILL);
}

fn errd(entries: &str) -> String {
    userconfig("", &format!("<user/><errd polltimer=\"1\">{entries}</errd>"))
}

#[test]
fn processes_are_told_apart_by_their_command_lines() {
    let place = Place::new(NET, 14);
    let start = process("eff-args", 1) + &process("eff-args", 2);
    let scripts = [("start_both", start.as_str()), ("stop_both", END_PROCESSES)];
    let config = errd("<proc name=\"eff-args\" argregex=\" 601$\" action=\"restart\"/>");
    place.install("args", &config, &scripts);
    place.up("args");
    let started: Vec<i32> =
        place.text("args", "pids").lines().map(|pid| pid.parse().unwrap()).collect();
    let seen = |report: &Value| resource(report, "proc.eff-args") == "up";
    let report = place.wait_for("args", "the process is seen", seen);
    assert_eq!(pids(&report, "proc.eff-args"), started[..1]);
    kill(started[1]);
    kill(started[0]);
    let restarted = |report: &Value| {
        let pids = pids(report, "proc.eff-args");
        report["readiness"] == "Ready" && pids.len() == 1 && pids[0] != started[0]
    };
    let report = place.wait_for("args", "its death restarts the application", restarted);
    assert_eq!(report["loop_used"], 1, "the other one's death does not count");
}

#[test]
fn too_few_and_too_many_processes_lead_to_the_configured_action() {
    let place = Place::new(NET, 15);
    let two = process("eff-least", 1) + &process("eff-least", 2);
    let config = errd("<proc name=\"eff-least\" atleast=\"2\" action=\"noaction\"/>");
    place.install("least", &config, &[("start_both", &two), ("stop_both", END_PROCESSES)]);
    let config = errd("<proc name=\"eff-max\" atmax=\"2\" action=\"stop\"/>");
    let one = process("eff-max", 1);
    place.install("max", &config, &[("start_both", &one), ("stop_both", END_PROCESSES)]);
    let again = "echo once >>\"$SAFEUSERVAR/prestarts\"";
    let one = process("eff-again", 1);
    let scripts = [("prestart", again), ("start_both", &one), ("stop_both", END_PROCESSES)];
    place.install("again", &errd("<proc name=\"eff-again\"/>"), &scripts);
    for name in ["least", "max", "again"] {
        place.up(name);
    }
    let up =
        |resource_name: &'static str| move |report: &Value| resource(report, resource_name) == "up";

    let report = place.wait_for("least", "both are seen", up("proc.eff-least"));
    kill(pids(&report, "proc.eff-least")[0]);
    let down = |report: &Value| resource(report, "proc.eff-least") == "down";
    let report = place.wait_for("least", "one is not enough", down);
    let shown = (&report["state"], &report["readiness"], &report["loop_used"]);
    assert_eq!(shown, (&json!("UP"), &json!("Ready"), &json!(0)), "noaction");

    place.wait_for("max", "one is seen", up("proc.eff-max"));
    let program = place.file("max", "eff-max");
    let mut second = std::process::Command::new(program)
        .arg("600")
        .env("SAFE", &place.node.root)
        .spawn()
        .unwrap();
    place.wait_for("max", "two are too many", |report| report["state"] == "STOP");
    second.kill().unwrap();
    second.wait().unwrap();
    assert!(place.log("max").contains("Action stop called by errd"));

    let report = place.wait_for("again", "it is seen", up("proc.eff-again"));
    let old = pids(&report, "proc.eff-again");
    kill(old[0]);
    place.wait_for("again", "the whole module is started again", |report| {
        let new = pids(report, "proc.eff-again");
        report["readiness"] == "Ready" && !new.is_empty() && new != old
    });
    assert_eq!(place.text("again", "prestarts"), "once\nonce\n", "stopstart, the default");
}

#[test]
fn a_process_of_class_pre_is_watched_before_the_application_starts() {
    let place = Place::new(NET, 16);
    let prestart = process("eff-pre", 1);
    let start = process("eff-both", 2)
        + "until [ -e \"$SAFEUSERVAR/go\" ]; do sleep 0.05; done\nrm \"$SAFEUSERVAR/go\"";
    let scripts = [
        ("prestart", prestart.as_str()),
        ("start_both", start.as_str()),
        ("stop_both", "true"),
        ("poststop", END_PROCESSES),
    ];
    let entries = "<proc name=\"eff-pre\" class=\"pre\" action=\"stop\"/><proc name=\"eff-both\" class=\"both\"/>";
    place.install("class", &errd(entries), &scripts);
    place.node.safekit(&["start", "-m", "class"]);
    let pre = |report: &Value| resource(report, "proc.eff-pre") == "up";
    let report = place.wait_for("class", "class pre is watched during start_both", pre);
    assert_eq!(report["script"]["name"], "start_both");
    assert_eq!(resource(&report, "proc.eff-both"), "init", "class both is not watched yet");
    fs::write(place.file("class", "go"), "").unwrap();
    place.wait_for("class", "class both is watched when start_both has ended", |report| {
        resource(report, "proc.eff-both") == "up"
    });
    kill(pids(&report, "proc.eff-pre")[0]);
    place.wait_for("class", "its death stops the module", |report| report["state"] == "STOP");
}
