//! The process monitor with real processes: handlers, classes, its switch; light modules; several modules side by side.

use std::fs;

use serde_json::Value;

use super::place::{
    END_PROCESSES, Place, json, last_script, pids, process, resource, userconfig, wait_until,
};
use crate::farm;
use crate::way::get;

/// The nodes of these tests are at 127.104.x.y.
const NET: u8 = 104;

fn kill(pid: i32) {
    farm::signal(pid, rustix::process::Signal::KILL);
}

fn errd(entries: &str) -> String {
    let var = "<user nicestoptimeout=\"60\"><var name=\"EFFECT\" value=\"told\"/></user>";
    userconfig("", &format!("{var}<errd polltimer=\"1\">{entries}</errd>"))
}

fn is(resource_name: &'static str, state: &'static str) -> impl Fn(&Value) -> bool {
    move |report| resource(report, resource_name) == state
}

fn refused(place: &Place, arguments: &[&str], code: i32, text: &str) {
    let output = place.node.try_safekit(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(text), "{arguments:?}: {said}");
}

#[test]
fn a_handler_mends_what_it_can_and_a_failing_one_leads_to_stopstart() {
    let place = Place::new(NET, 21);
    // The file has no execute bit: the configuration gives it one.
    let mend = "echo \"$1 $SAFEMODULE $EFFECT\" >>\"$SAFEUSERVAR/mended\"\n".to_owned()
        + &process("eff-mend", 1);
    let start = process("eff-mend", 1);
    let scripts =
        [("start_both", start.as_str()), ("stop_both", END_PROCESSES), ("mend.sh", mend.as_str())];
    // The name is a label here: what counts is the expression.
    let entry = "<proc name=\"label\" nameregex=\"^eff-me[n]d$\" action=\"mend.sh\"/>";
    // Long enough that a busy host has begun what the handler starts before the next poll.
    let patient = errd(entry).replace("polltimer=\"1\"", "polltimer=\"20\"");
    place.install("mend", &patient, &scripts);
    place.up("mend");
    let old = pids(&place.wait_for("mend", "it is seen", is("proc.label", "up")), "proc.label");
    kill(old[0]);
    place.wait_for("mend", "the handler has mended it", |report| {
        let new = pids(report, "proc.label");
        resource(report, "proc.label") == "up" && new.len() == 1 && new != old
    });
    assert_eq!(place.text("mend", "mended"), "label mend told\n", "{}", place.log("mend"));
    let report = place.report("mend");
    assert_eq!((&report["loop_used"], &report["readiness"]), (&0.into(), &"Ready".into()));
    assert_eq!(place.userlogs("mend", "handler").len(), 1);
    let log = place.log("mend");
    assert!(log.contains("action: handler mend.sh"), "{log}");
    assert!(log.contains("Handler mend.sh of label > userlog_"), "{log}");

    // One that fails, and one that hangs.
    for (name, handler, entry, end) in [
        ("fails", "exit 3", "", "with exit code 3; action: stopstart"),
        (
            "hangs",
            "sleep 600",
            "handlertimeout=\"1s\"",
            "because its time limit had passed; action: stopstart",
        ),
    ] {
        let own = format!("eff-{name}");
        let start = process(&own, 1);
        let scripts =
            [("start_both", start.as_str()), ("stop_both", END_PROCESSES), ("bad.sh", handler)];
        let entry = format!("<proc name=\"{own}\" action=\"bad.sh\" {entry}/>");
        place.install(name, &errd(&entry), &scripts);
        place.up(name);
        let resource_name = format!("proc.{own}");
        let up = |report: &Value| resource(report, &resource_name) == "up";
        let old = pids(&place.wait_for(name, "it is seen", up), &resource_name);
        kill(old[0]);
        place.wait_for(name, "the module is started again", |report| {
            let new = pids(report, &resource_name);
            report["readiness"] == "Ready" && !new.is_empty() && new != old
        });
        let log = place.log(name);
        assert!(log.contains(end) && log.contains("Action stopstart called by errd"), "{log}");
        assert_eq!(place.report(name)["loop_used"], 1);
    }
}

#[test]
fn a_handler_that_is_not_there_is_a_fault_of_the_configuration() {
    let place = Place::new(NET, 22);
    place.install("missing", &userconfig("", "<user/>"), &[("start_both", "true")]);
    let path = place.node.root.join("modules/missing/conf/userconfig.xml");
    fs::write(path, errd("<proc name=\"x\" action=\"mend.sh\"/>")).unwrap();
    refused(&place, &["config", "-m", "missing"], 65, "bin/mend.sh: error: there is no such file");
}

#[test]
fn classes_are_watched_while_enabled_and_nothing_while_the_monitor_is_off() {
    let place = Place::new(NET, 23);
    let start = process("eff-cls", 1);
    let scripts = [("start_both", start.as_str()), ("stop_both", END_PROCESSES)];
    let entry = "<proc name=\"eff-cls\" class=\"batch\" action=\"restart\"/>";
    place.install("class", &errd(entry), &scripts);
    let errd_order = |words: &[&str]| place.node.safekit(&[words, &["-m", "class"]].concat());
    refused(&place, &["errd", "enable", "batch", "-m", "class"], 75, "STOP (NotReady)");
    place.up("class");
    refused(&place, &["errd", "enable", "bach", "-m", "class"], 64, "there is batch");
    assert_eq!(resource(&place.report("class"), "proc.eff-cls"), "init", "nobody enabled it");
    errd_order(&["errd", "enable", "batch"]);
    let old = place.wait_for("class", "it is watched", is("proc.eff-cls", "up"));
    assert_eq!(old["classes"], serde_json::json!(["batch"]));
    let old = pids(&old, "proc.eff-cls");
    kill(old[0]);
    let report = place.wait_for("class", "its death restarts the application", |report| {
        let new = pids(report, "proc.eff-cls");
        report["readiness"] == "Ready" && !new.is_empty() && new != old
    });
    assert_eq!(report["loop_used"], 1);

    errd_order(&["errd", "disable", "batch"]);
    assert_eq!(resource(&place.report("class"), "proc.eff-cls"), "init");
    errd_order(&["errd", "enable", "batch"]);
    place.wait_for("class", "it is watched again", is("proc.eff-cls", "up"));

    // Off: nothing is, also after a stop and a start, until it is on or a configuration is applied.
    errd_order(&["errd", "off"]);
    assert_eq!(resource(&place.report("class"), "proc.eff-cls"), "init");
    place.node.safekit(&["boot", "on", "-m", "class"]);
    assert_eq!(place.report("class")["errd"], "off", "that is no configuration");
    place.down("class");
    place.up("class");
    let report = place.report("class");
    assert_eq!((&report["errd"], &report["classes"]), (&"off".into(), &serde_json::json!([])));
    assert!(place.node.safekit(&["state", "-m", "class"]).contains("not watched"));
    errd_order(&["errd", "on"]);
    errd_order(&["errd", "enable", "batch"]);
    place.wait_for("class", "it is watched once more", is("proc.eff-cls", "up"));
    errd_order(&["errd", "off"]);
    place.reconfigure("class", &errd(entry));
    assert_eq!(place.report("class")["errd"], "on");
    let log = place.log("class");
    for line in [
        "Action errd enable batch called by ",
        "Action errd off called by ",
        "Action errd on called automatically",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}

#[test]
fn a_light_module_is_ready_on_its_own_and_shares_nothing() {
    let place = Place::new(NET, 24);
    let start = process("eff-light", 1);
    let scripts = [("start_both", start.as_str()), ("stop_both", END_PROCESSES)];
    let config = "<safe><service mode=\"light\" drain=\"0\"><user/><errd polltimer=\"1\"><proc name=\"eff-light\" action=\"restart\"/></errd></service></safe>";
    place.install("alone", config, &scripts);
    place.up("alone");
    let report = place.wait_for("alone", "it is seen", is("proc.eff-light", "up"));
    assert_eq!((&report["mode"], &report["share"]), (&"light".into(), &0.into()));
    assert_eq!(report["participants"], serde_json::json!([]));
    assert_eq!(health(&place, "alone"), 200);
    let list = json(&place.node, &["module", "list"]);
    assert_eq!(list["modules"][0]["mode"], "light");
    assert!(place.node.safekit(&["state", "-m", "alone"]).contains("light"));
    let old = pids(&report, "proc.eff-light");
    kill(old[0]);
    place.wait_for("alone", "it is restarted", |report| {
        let new = pids(report, "proc.eff-light");
        report["readiness"] == "Ready" && !new.is_empty() && new != old
    });
    place.down("alone");
    assert_eq!(health(&place, "alone"), 404);
}

fn health(place: &Place, module: &str) -> u16 {
    let answer = get(&place.node, &format!("GET /var/modules/{module}/ready.txt HTTP/1.0\r\n\r\n"));
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap()
}

#[test]
fn modules_side_by_side_do_not_hold_each_other_up() {
    let place = Place::new(NET, 25);
    // Names that begin each other, farm and light mixed.
    let modes = [("app", "farm"), ("app-1", "light"), ("app-11", "farm"), ("ap", "light")];
    for (name, mode) in modes {
        let own = format!("eff-side-{name}");
        let start = if name == "app" {
            "until [ -e \"$SAFEUSERVAR/go\" ]; do sleep 0.05; done".to_owned()
        } else {
            process(&own, 1)
        };
        let scripts = [("start_both", start.as_str()), ("stop_both", END_PROCESSES)];
        let farm = if mode == "farm" { "<farm><lan name=\"default\"/></farm>" } else { "" };
        let procs = if name == "app" {
            String::new()
        } else {
            format!("<errd polltimer=\"1\"><proc name=\"{own}\" action=\"restart\"/></errd>")
        };
        let config = format!(
            "<safe><service mode=\"{mode}\" drain=\"0\" maxloop=\"1\">{farm}<user/>{procs}</service></safe>"
        );
        place.install(name, &config, &scripts);
    }
    // The first one hangs in its start script; the others start, restart and stop all the same.
    place.node.safekit(&["start", "-m", "app"]);
    for name in ["app-1", "app-11", "ap"] {
        place.up(name);
    }
    assert_eq!(
        (health(&place, "app"), health(&place, "app-1"), health(&place, "ap")),
        (404, 200, 200)
    );
    let up = is("proc.eff-side-app-1", "up");
    let old = pids(&place.wait_for("app-1", "it is seen", up), "proc.eff-side-app-1");
    kill(old[0]);
    place.wait_for("app-1", "it is restarted", |report| {
        let new = pids(report, "proc.eff-side-app-1");
        report["readiness"] == "Ready" && !new.is_empty() && new != old
    });
    // Each has a budget of its own: the second death stops this one, and no other.
    let new = pids(&place.report("app-1"), "proc.eff-side-app-1");
    kill(new[0]);
    place.wait_for("app-1", "its budget is used up", |report| report["state"] == "STOP");
    for name in ["app-11", "ap"] {
        let report = place.report(name);
        assert_eq!((&report["readiness"], &report["loop_used"]), (&"Ready".into(), &0.into()));
    }
    place.down("app-11");
    assert_eq!((health(&place, "app-11"), health(&place, "ap")), (404, 200));
    assert_eq!(place.report("app")["script"]["name"], "start_both", "it hangs still");
    fs::write(place.file("app", "go"), "").unwrap();
    place.node.safekit(&["waitstart", "-m", "app", "--timeout", "60s"]);
    assert_eq!(health(&place, "app"), 200);
}

#[test]
fn each_flavour_of_script_runs_or_says_why_not() {
    let place = Place::new(NET, 26);
    let config = userconfig("", "<user/>");
    // An interpreter, a binary, a file without execute bit (they are all written so).
    let mut flavours = vec![("sh", "#!/bin/sh\ntouch \"$SAFEUSERVAR/ran\"\n".to_owned())];
    for (name, interpreter, text) in [
        ("bash", "/bin/bash", "touch \"$SAFEUSERVAR/ran\""),
        ("python", "/usr/bin/python3", "import os\nopen(os.environ['SAFEUSERVAR'] + '/ran', 'w')"),
    ] {
        if std::path::Path::new(interpreter).exists() {
            flavours.push((name, format!("#!{interpreter}\n{text}\n")));
        }
    }
    for (name, text) in &flavours {
        install_raw(&place, name, &config, text.as_bytes());
        place.up(name);
        assert!(place.file(name, "ran").exists(), "{name}");
    }
    let binary = fs::read("/bin/true").unwrap();
    install_raw(&place, "binary", &config, &binary);
    place.up("binary");
    assert_eq!(last_script(&place.report("binary"), "start_both")["end"], "with exit code 0");

    // What cannot run is named when it is configured, stops the module, and says why.
    for (name, text, warned) in [
        ("crlf", "#!/bin/sh\r\ntrue\r\n", "the line ends with CR LF"),
        ("bare", "true\n", "it does not begin with #!"),
        ("lost", "#!/nowhere/interpreter\n", ""),
    ] {
        install_raw(&place, name, &config, text.as_bytes());
        let said = place.node.safekit(&["confcheck", "-m", name]);
        assert!(said.contains(warned), "{name}: {said}");
        place.node.safekit(&["start", "-m", name]);
        let report = place.wait_for(name, "it cannot start", |report| {
            report["state"] == "STOP" && !last_script(report, "start_both").is_null()
        });
        let end = last_script(&report, "start_both")["end"].as_str().unwrap().to_owned();
        assert!(end.starts_with("could not be started: "), "{name}: {end}");
        assert!(end.contains("start_both"), "{name}: the file is named: {end}");
    }

    // A link is not taken over: a package has files only.
    let folder = place.dir.0.join("modules/link");
    fs::create_dir_all(folder.join("conf")).unwrap();
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(folder.join("conf/userconfig.xml"), &config).unwrap();
    std::os::unix::fs::symlink("/bin/true", folder.join("bin/start_both")).unwrap();
    let output =
        place.node.try_safekit(&["module", "install", "-m", "link", folder.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("start_both"), "{said}");
    wait_until("the others go on", || health(&place, "sh") == 200);
}

/// Installs a module whose `start_both` has just these bytes, and no execute bit.
fn install_raw(place: &Place, name: &str, config: &str, start: &[u8]) {
    let folder = super::place::write_module(&place.dir, name, config, &[]);
    fs::write(folder.join("bin/start_both"), start).unwrap();
    place.node.safekit(&["module", "install", "-m", name, folder.to_str().unwrap()]);
    place.node.safekit(&["config", "-m", name]);
}
