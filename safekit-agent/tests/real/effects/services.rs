//! Services of the host, with a `systemctl` whose services are real processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::place::{Place, json, pids, resource, userconfig, wait_until};
use crate::farm::{self, AGENT};

/// The nodes of these tests are at 127.107.x.y.
const NET: u8 = 107;

/// Does with units what it is told: start, stop, and show, which fails while the file `broken` is there. A unit's main
/// process is in the file of its name.
const SYSTEMCTL: &str = r#"#!/bin/sh
units={}/units
verb=
for word in "$@"; do
    case $word in
        -*) continue ;;
        show|start|stop) [ -z "$verb" ] && verb=$word && continue ;;
    esac
    unit=${word%.service}.service
    case $verb in
        start)
            sleep 641 </dev/null >/dev/null 2>&1 &
            echo $! >"$units/$unit.new"
            mv "$units/$unit.new" "$units/$unit"
            ;;
        stop)
            [ -e "$units/$unit" ] && kill -KILL "$(cat "$units/$unit")"
            rm -f "$units/$unit"
            ;;
        show)
            if [ -e {}/broken ]; then
                echo 'Failed to connect to bus: No such file or directory' >&2
                exit 1
            fi
            load=loaded active=inactive sub=dead pid=0 state=
            [ -e "$units/$unit" ] && active=failed sub=failed && pid=$(cat "$units/$unit")
            [ "$pid" != 0 ] && [ -e /proc/$pid/stat ] && read -r _ _ state _ </proc/$pid/stat
            case $state in
                ''|Z) pid=0 ;;
                *) active=active sub=running ;;
            esac
            printf 'MainPID=%s\nId=%s\nNames=%s\nLoadState=%s\nActiveState=%s\nSubState=%s\nJob=\n\n' \
                "$pid" "$unit" "$unit" "$load" "$active" "$sub"
            ;;
    esac
done
exit 0
"#;

/// Starts the services that it is told, or all of them, in this order.
const START: &str = r#"printf '[%s]' "$@" >>"$SAFEUSERVAR/calls"
echo >>"$SAFEUSERVAR/calls"
for last in "$@"; do :; done
case "$*" in
    *-Services*) list=$(echo "$last" | tr -d ,) ;;
    *) list="eff-db eff-web eff-other" ;;
esac
for service in $list; do systemctl start "$service"; done
"#;

/// Stops them.
const STOP: &str = r#"printf '[%s]' "$@" >>"$SAFEUSERVAR/calls"
echo >>"$SAFEUSERVAR/calls"
for last in "$@"; do :; done
case "$*" in
    *-Services*) list=$(echo "$last" | tr -d ,) ;;
    *) list="eff-db eff-web eff-other" ;;
esac
for service in $list; do systemctl stop "$service"; done
"#;

/// A node whose agent, and whose scripts, find that `systemctl` first.
fn place(octet: u8) -> Place {
    Place::with(NET, octet, |dir| {
        let tools = dir.join("tools");
        fs::create_dir_all(dir.join("units")).unwrap();
        fs::create_dir_all(&tools).unwrap();
        let text = SYSTEMCTL.replace("{}", dir.to_str().unwrap());
        fs::write(tools.join("text"), text).unwrap();
        farm::copy_program(&tools.join("text"), &tools.join("systemctl"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(tools.join("systemctl"), mode).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(AGENT);
        command.env("PATH", format!("{}:{path}", tools.display()));
        command
    })
}

/// Ends what is left of the services, whatever became of the test.
struct Units<'a>(&'a Place);

impl Units<'_> {
    fn main(&self, unit: &str) -> Option<i32> {
        let text = fs::read_to_string(self.0.dir.0.join("units").join(unit)).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Units<'_> {
    fn drop(&mut self) {
        for unit in ["eff-db.service", "eff-web.service", "eff-other.service"] {
            if let Some(pid) = self.main(unit).and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

fn kill(pid: i32) {
    farm::signal(pid, rustix::process::Signal::KILL);
}

fn config() -> String {
    let procs = "<proc name=\"eff-web\" service=\"yes\" action=\"restart\" restart_services=\"eff-db,eff-web.service\"/>\
                 <proc name=\"eff-other.service\" service=\"yes\" action=\"noaction\"/>";
    userconfig("", &format!("<user/><errd polltimer=\"1\">{procs}</errd>"))
}

fn seen(report: &Value) -> bool {
    ["proc.eff-web", "proc.eff-other.service"].iter().all(|it| resource(report, it) == "up")
}

#[test]
fn a_service_that_dies_is_restarted_with_those_that_belong_to_it() {
    let place = place(27);
    let units = Units(&place);
    place.install("served", &config(), &[("start_both", START), ("stop_both", STOP)]);
    place.up("served");
    let report = place.wait_for("served", "its services are seen", seen);
    let (old, db) = (pids(&report, "proc.eff-web"), units.main("eff-db.service"));
    let other = pids(&report, "proc.eff-other.service");
    assert_eq!(old, [units.main("eff-web.service").unwrap()], "its main process");
    let errd = json(&place.node, &["errd", "list", "-m", "served"]);
    assert_eq!(errd["watched"][0]["service"], "active (running)");
    assert!(place.node.safekit(&["errd", "list", "-m", "served"]).contains("active (running)"));
    assert!(place.node.safekit(&["state", "-v", "-m", "served"]).contains("proc.eff-web"));
    kill(old[0]);
    let report = place.wait_for("served", "it is restarted", |report| {
        let new = pids(report, "proc.eff-web");
        report["readiness"] == "Ready" && seen(report) && new != old && new.len() == 1
    });
    assert_eq!(report["loop_used"], 1);
    assert_ne!(units.main("eff-db.service"), db, "what belongs to it is restarted, too");
    assert_eq!(pids(&report, "proc.eff-other.service"), other, "and nothing else");
    let calls = place.text("served", "calls");
    let told = "[UP][UP][restart][-Services][eff-db, eff-web.service]\n";
    assert!(calls.ends_with(&format!("{told}[force]{told}{told}")), "{calls}");
    let log = place.log("served");
    let fault = log.find("Service eff-web not running: failed (failed); action: restart").unwrap();
    let action = log.find("Action restart called by errd").unwrap();
    assert!(fault < action, "{log}");

    // The administrator's restart is about all.
    place.node.safekit(&["restart", "-m", "served"]);
    place.wait_for("served", "all is restarted", |report| {
        seen(report) && pids(report, "proc.eff-other.service") != other
    });
    place.down("served");
}

#[test]
fn a_host_that_does_not_tell_of_its_services_is_a_fault_and_no_death() {
    let place = place(28);
    let units = Units(&place);
    place.install("silent", &config(), &[("start_both", START), ("stop_both", STOP)]);
    place.up("silent");
    let old = pids(&place.wait_for("silent", "its services are seen", seen), "proc.eff-web");
    let broken = place.dir.0.join("broken");
    fs::write(&broken, "").unwrap();
    let unknown = "it is not known whether the services that are watched run: systemctl failed with exit code 1: Failed to connect to bus";
    let report = place.wait_for("silent", "that is a fault", |report| {
        report["faults"].as_array().is_some_and(|faults| !faults.is_empty())
    });
    assert!(report["faults"][0].as_str().unwrap().starts_with(unknown), "{report}");
    kill(old[0]);
    wait_until("its death is told", || {
        place.log("silent").contains(&format!("Process eff-web (pid {}) has ended", old[0]))
    });
    let report = place.report("silent");
    assert_eq!((&report["readiness"], &report["loop_used"]), (&"Ready".into(), &0.into()));
    assert_eq!(units.main("eff-web.service"), Some(old[0]), "no script has run");
    fs::remove_file(&broken).unwrap();
    let report = place.wait_for("silent", "it is restarted as soon as it can be known", |report| {
        let new = pids(report, "proc.eff-web");
        report["readiness"] == "Ready" && seen(report) && new != old && new.len() == 1
    });
    assert_eq!((&report["loop_used"], &report["faults"]), (&1.into(), &serde_json::json!([])));
    let log = place.log("silent");
    let times = |line: &str| log.matches(line).count();
    assert_eq!(times("Cannot learn whether the services run: systemctl failed"), 1, "{log}");
    assert_eq!(times("Can learn whether the services run again"), 1, "{log}");
    place.down("silent");
}

#[test]
fn a_new_agent_finds_its_services_and_runs_no_script() {
    let place = place(29);
    let units = Units(&place);
    place.install("found", &config(), &[("start_both", START), ("stop_both", STOP)]);
    place.up("found");
    let old = pids(&place.wait_for("found", "its services are seen", seen), "proc.eff-web");
    let calls = place.text("found", "calls");
    let agent = place.node.agent_pid();
    kill(agent);
    place.node.wait_for("another agent", |report| report["agent_pid"] != agent);
    place.wait_for("found", "it takes the services over", |report| {
        report["readiness"] == "Ready" && seen(report)
    });
    assert_eq!(pids(&place.report("found"), "proc.eff-web"), old);
    assert_eq!(place.text("found", "calls"), calls, "no script has run");
    // And it watches them as the one before.
    kill(old[0]);
    place.wait_for("found", "its death is acted upon", |report| {
        report["readiness"] == "Ready"
            && seen(report)
            && units.main("eff-web.service") != Some(old[0])
    });
    assert_eq!(place.report("found")["loop_used"], 1);
    place.down("found");
}
