//! What `systemctl show` prints, and what is made of it.

use super::parse::{Unit, units};
use super::{info, unit_of};
use crate::module::watch::ServiceState;

use ServiceState::{Changing, NotFound, NotRunning, Running, Unknown};

fn unit(text: &str) -> Unit {
    let mut units = units(text, true);
    assert_eq!(units.len(), 1, "{text}");
    units.remove(0)
}

fn block(load: &str, active: &str, sub: &str, job: &str) -> String {
    format!(
        "Job={job}\nMainPID=0\nId=a.service\nNames=a.service\nLoadState={load}\nActiveState={active}\nSubState={sub}\n"
    )
}

#[test]
fn each_state_of_a_unit_means_something() {
    for (load, active, sub, job, state, said) in [
        ("loaded", "active", "running", "", Running, "active (running)"),
        ("loaded", "active", "exited", "", Running, "active (exited)"),
        ("loaded", "active", "running", "512", Running, "active (running)"),
        ("loaded", "reloading", "reload", "9", Running, "reloading (reload)"),
        ("not-found", "active", "running", "", Running, "active (running), not-found"),
        ("loaded", "inactive", "dead", "", NotRunning, "inactive (dead)"),
        ("loaded", "inactive", "dead", "7", Changing, "inactive (dead)"),
        ("masked", "inactive", "dead", "", NotRunning, "inactive (dead), masked"),
        ("loaded", "failed", "failed", "", NotRunning, "failed (failed)"),
        ("loaded", "deactivating", "stop-sigterm", "", NotRunning, "deactivating (stop-sigterm)"),
        ("loaded", "deactivating", "stop-sigterm", "3", Changing, "deactivating (stop-sigterm)"),
        ("loaded", "activating", "start", "3", Changing, "activating (start)"),
        ("loaded", "activating", "auto-restart", "", NotRunning, "activating (auto-restart)"),
        (
            "loaded",
            "activating",
            "auto-restart-queued",
            "3",
            NotRunning,
            "activating (auto-restart-queued)",
        ),
        ("not-found", "inactive", "dead", "", NotFound, "the host has no such service"),
        (
            "loaded",
            "hovering",
            "x",
            "",
            Unknown,
            "systemctl says hovering (x) of a.service, which is not known here",
        ),
    ] {
        let info = info(&unit(&block(load, active, sub, job)));
        assert_eq!(
            (info.state, info.said.as_str(), info.main),
            (state, said, None),
            "{active} {sub}"
        );
    }
}

#[test]
fn the_main_process_is_one_that_runs() {
    let me = std::process::id();
    let text = |active: &str, pid: u32| {
        block("loaded", active, "x", "").replace("PID=0", &format!("PID={pid}"))
    };
    let main = |active: &str, pid: u32| info(&unit(&text(active, pid))).main.map(|main| main.pid);
    assert_eq!(main("active", me), Some(me));
    assert_eq!(main("active", u32::MAX), None, "nobody has that number");
    assert_eq!(main("failed", me), None);
}

#[test]
fn units_are_found_by_each_of_their_names() {
    let text =
        "Id=ssh.service\nNames=ssh.service sshd.service\nLoadState=loaded\nActiveState=active\n";
    let found = unit(text);
    assert!(found.is_called("sshd.service") && found.is_called("ssh.service"));
    assert!(!found.is_called("ssh") && !found.is_called(""));
    for (name, unit) in [
        ("nginx", "nginx.service"),
        ("nginx.service", "nginx.service"),
        ("a.socket", "a.socket"),
        ("a.b", "a.b.service"),
        ("app@1", "app@1.service"),
    ] {
        assert_eq!(unit_of(name), unit);
    }
}

#[test]
fn what_is_cut_off_is_not_believed() {
    let one = block("loaded", "active", "running", "");
    let text = format!("{one}\n{}", one.replace("a.service", "b.service"));
    assert_eq!(units(&text, true).len(), 2);
    assert_eq!(units(&text, false).len(), 1);
    for end in 0..one.len() {
        assert!(units(&one[..end], false).is_empty(), "{end}");
    }
    for damaged in
        ["", "\n\n\n", "nonsense", "Id=a\n\nActiveState=active\n", "=\n", "\u{fffd}=\u{fffd}"]
    {
        assert!(units(damaged, true).is_empty(), "{damaged:?}");
    }
}
