//! What becomes of an application whose agent, guardian or both are gone, or are another program than before.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::farm::{self, AGENT, Node, TempDir};

/// A module whose application is watched.
pub(crate) const WATCHED: &str = "<safe>\n<service mode=\"farm\" drain=\"0\">\n<farm><lan name=\"default\"/></farm>\n\
    <errd polltimer=\"1\"><proc name=\"demo-shop\" action=\"restart\"/></errd>\n<user/>\n</service>\n</safe>\n";

/// A node alone at this address, with the module `farm` UP.
pub(crate) fn one_node(dir: &TempDir, address: &str, program: &str) -> Node {
    let mut node = Node::new(&dir.0, "node1", address, None);
    node.start_agent_with(Command::new(program));
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    farm::start_module(&node, "farm", &farm::write_module(&dir.0, WATCHED));
    node.wait_for("the module is Ready", is_ready);
    node
}

pub(crate) fn is_ready(report: &Value) -> bool {
    report["modules"][0]["readiness"] == "Ready"
}

/// Waits until another agent than this one has the application.
pub(crate) fn wait_adopted(node: &Node, agent: i32, application: &[i32]) {
    node.wait_for("the next agent has taken over the application", |report| {
        report["agent_pid"].as_i64() != Some(agent.into())
            && is_ready(report)
            && farm::pids(report) == application
    });
}

/// How often `start_both` was run.
pub(crate) fn starts(node: &Node) -> usize {
    let entries = fs::read_dir(node.root.join("var/modules/farm")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("start_both")).count()
}

#[test]
fn a_killed_guardian_takes_the_agent_with_it_and_the_application_runs_on() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.71.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    node.kill_guardian();
    node.wait_gone(agent);
    assert!(farm::lives(application[0]), "the application was not touched");
    // What a service manager does next.
    node.start_agent();
    wait_adopted(&node, agent, &application);
    assert_eq!(starts(&node), 1, "no script was run");
    assert_eq!(node.report()["modules"][0]["loop_used"], 0, "the budget is not used");
}

#[test]
fn both_killed_at_once_leave_the_application_and_a_root_that_can_be_taken() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.72.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    // It must not see the death of its agent.
    farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::STOP);
    farm::signal(agent, Signal::KILL);
    node.kill_guardian();
    node.wait_gone(agent);
    node.start_agent();
    wait_adopted(&node, agent, &application);
    assert_eq!(starts(&node), 1, "no script was run");
}

#[test]
fn an_application_that_died_with_its_agents_is_restarted_through_the_budget() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.73.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    node.kill_guardian();
    node.wait_gone(agent);
    farm::signal(application[0], Signal::KILL);
    node.start_agent();
    let report = node.wait_for("the application is started again", |report| {
        is_ready(report) && farm::pids(report).first().is_some_and(|pid| *pid != application[0])
    });
    assert_eq!(report["modules"][0]["loop_used"], 1);
}

#[test]
fn a_stop_that_comes_before_there_is_an_agent_stops_what_runs() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.77.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    node.kill_guardian();
    node.wait_gone(agent);
    let mut guardian = Command::new(AGENT)
        .args(["run", "--node", "node1", "--bind", &node.address, "--root"])
        .arg(&node.root)
        .spawn()
        .unwrap();
    // It writes its pid as soon as it has the root: well before the agent catches signals.
    let pid = guardian.id();
    while !fs::read_to_string(node.root.join("var/safekit.lock"))
        .unwrap()
        .starts_with(&pid.to_string())
    {
        farm::pause();
    }
    farm::signal(i32::try_from(pid).unwrap(), Signal::TERM);
    assert_eq!(guardian.wait().unwrap().code(), Some(0));
    assert!(!farm::lives(application[0]), "the application was stopped");
    let state = fs::read_to_string(node.root.join("var/modules/farm/state.json")).unwrap();
    assert!(state.contains("\"phase\":\"stopped\""), "{state}");
}

#[test]
fn a_service_that_is_restarted_says_why_the_module_stays_stopped_or_starts_it() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.70.1", AGENT);
    let application = node.application_pids();
    node.terminate();
    assert!(!farm::lives(application[0]), "the application was stopped");
    node.start_agent();
    let said = node.safekit(&["state", "-m", "farm"]);
    assert!(said.contains("farm on node1: STOP"), "{said}");
    assert!(said.contains("the agent before this one was ended and stopped it"), "{said}");

    let config = WATCHED.replace("drain=", "boot=\"auto\" drain=");
    fs::write(node.root.join("modules/farm/conf/userconfig.xml"), config).unwrap();
    node.safekit(&["config", "-m", "farm"]);
    node.safekit(&["start", "-m", "farm"]);
    node.wait_for("the module is Ready", is_ready);
    node.terminate();
    node.start_agent();
    node.wait_for("the module is started again", is_ready);
    let log = node.safekit(&["log", "-m", "farm", "-A", "-s", "1000"]);
    assert!(log.contains("Action start called at boot time"), "{log}");
}

#[test]
fn a_host_that_was_reset_starts_what_was_up() {
    let dir = TempDir::new();
    let config = WATCHED.replace("drain=", "boot=\"auto\" drain=");
    let mut node = one_node(&dir, "127.112.74.1", AGENT);
    fs::write(node.root.join("modules/farm/conf/userconfig.xml"), config).unwrap();
    node.safekit(&["config", "-m", "farm"]);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    // A reset ends all at once, and nobody is told.
    node.kill_guardian();
    node.wait_gone(agent);
    farm::signal(application[0], Signal::KILL);
    let path = node.root.join("var/modules/farm/state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["boot_id"] = json!("the boot before this one");
    fs::write(&path, state.to_string()).unwrap();
    node.start_agent();
    let report = node.wait_for("the boot policy has started it", |report| {
        is_ready(report) && !farm::pids(report).is_empty()
    });
    assert_eq!(report["modules"][0]["loop_used"], 0, "a start at boot is no restart");
    let log = node.safekit(&["log", "-m", "farm", "-A", "-s", "1000"]);
    assert!(log.contains("Action start called at boot time"), "{log}");
}

/// The file that a process runs.
fn program_of(pid: i32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).unwrap().ino()
}

/// Puts a program in the place of another one as a package manager does: a new file, renamed over the old one.
fn upgrade(program: &Path) -> u64 {
    upgrade_to(AGENT.as_ref(), program)
}

/// The same with the program that is named; returns what tells the new file from the old one.
pub(crate) fn upgrade_to(from: &Path, program: &Path) -> u64 {
    let beside = program.with_extension("new");
    farm::copy_program(from, &beside);
    fs::rename(&beside, program).unwrap();
    fs::metadata(program).unwrap().ino()
}

/// Puts something else in the place of a program, in the same way.
fn replace_by(program: &Path, text: &str, mode: u32) {
    let beside = program.with_extension("new");
    let source = program.with_extension("text");
    fs::write(&source, text).unwrap();
    farm::copy_program(&source, &beside);
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(&beside, program).unwrap();
}

#[test]
fn an_upgrade_takes_effect_under_a_running_application() {
    let dir = TempDir::new();
    let program = dir.0.join("safekit-agent");
    upgrade(&program);
    let node = one_node(&dir, "127.112.75.1", program.to_str().unwrap());
    let application = node.application_pids();
    let guardian = i32::try_from(node.guardian_pid()).unwrap();
    // The second time the one that became another program does it again.
    for _ in 0..2 {
        let agent = node.agent_pid();
        let new = upgrade(&program);
        assert_ne!(program_of(agent), new);
        farm::signal(guardian, Signal::HUP);
        wait_adopted(&node, agent, &application);
        assert_eq!(program_of(node.agent_pid()), new, "the agent is the new one");
        assert_eq!(program_of(guardian), new, "and so is the guardian, the same process");
        assert_eq!(node.report()["guardian_pid"], guardian);
        let holds = fs::read_to_string(node.root.join("var/safekit.lock")).unwrap();
        assert_eq!(holds.trim(), guardian.to_string());
    }
    assert_eq!(starts(&node), 1, "no script was run");
    assert_eq!(node.report()["modules"][0]["loop_used"], 0, "the budget is not used");
    let environment = fs::read(format!("/proc/{}/environ", node.agent_pid())).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("SAFEKIT_GUARDIAN"));
}

#[test]
fn a_link_that_is_turned_to_another_version_is_followed() {
    let dir = TempDir::new();
    let link = dir.0.join("safekit-agent");
    let turn = |version: &str| {
        let (folder, beside) = (dir.0.join(version), dir.0.join("link"));
        fs::create_dir(&folder).unwrap();
        let new = upgrade(&folder.join("safekit-agent"));
        std::os::unix::fs::symlink(folder.join("safekit-agent"), &beside).unwrap();
        fs::rename(&beside, &link).unwrap();
        new
    };
    turn("1");
    let node = one_node(&dir, "127.112.82.1", link.to_str().unwrap());
    let (agent, application) = (node.agent_pid(), node.application_pids());
    let new = turn("2");
    farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::HUP);
    wait_adopted(&node, agent, &application);
    assert_eq!(program_of(node.agent_pid()), new);
    assert_eq!(program_of(i32::try_from(node.guardian_pid()).unwrap()), new);
}

#[test]
fn a_program_that_cannot_run_does_not_take_over() {
    let dir = TempDir::new();
    let program = dir.0.join("safekit-agent");
    upgrade(&program);
    let node = one_node(&dir, "127.112.78.1", program.to_str().unwrap());
    let (agent, application) = (node.agent_pid(), node.application_pids());
    let guardian = i32::try_from(node.guardian_pid()).unwrap();
    let reload = |said: &str| {
        let from = node.agent_log().len();
        farm::signal(guardian, Signal::HUP);
        node.wait_for_said(from, said);
    };
    replace_by(&program, "no program at all", 0o755);
    reload("cannot take over: Exec format error");
    replace_by(&program, "#!/bin/sh\n", 0o644);
    reload("cannot take over: Permission denied");
    replace_by(&program, "#!/bin/sh\nkill -SEGV $$\n", 0o755);
    reload("cannot take over: it was ended by signal 11");
    // One that does not know the arguments it would get.
    replace_by(&program, &format!("#!/bin/sh\nexec '{AGENT}' \"$@\" --strange\n"), 0o755);
    reload("cannot take over: it ended with exit code 64");
    fs::remove_file(&program).unwrap();
    reload("cannot take over: No such file or directory");
    assert!(farm::lives(agent) && farm::lives(application[0]), "nothing was ended");
    let told = node.wait_for_log("guardian and agent go on as they are");
    assert!(told.contains("| C | "), "{told}");

    // And then one that can, of another version.
    let other = format!(
        "#!/bin/sh\n[ \"$1\" = check ] && echo 'safekit-agent 9.9.9' && exit\nexec '{AGENT}' \"$@\"\n"
    );
    replace_by(&program, &other, 0o755);
    reload("guardian and agent become the program");
    wait_adopted(&node, agent, &application);
    assert!(node.agent_log().contains("(safekit-agent 9.9.9)"), "{}", node.agent_log());
    assert_eq!(node.report()["guardian_pid"], guardian);
    assert_eq!(starts(&node), 1, "no script was run");
}

#[test]
fn main_messages_reach_the_journal() {
    let dir = TempDir::new();
    let path = dir.0.join("journal");
    let journal = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    journal.set_read_timeout(Some(farm::PATIENCE)).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" --system-log \"$JOURNAL\"", AGENT]);
    command.env("JOURNAL", &path);
    let mut node = Node::new(&dir.0, "node1", "127.112.76.1", None);
    node.start_agent_with(command);
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    farm::start_module(&node, "farm", &farm::write_module(&dir.0, WATCHED));
    let mut bytes = [0; 8192];
    loop {
        let length = journal.recv(&mut bytes).expect("the message comes");
        let entry = String::from_utf8_lossy(&bytes[..length]);
        assert!(entry.starts_with("SYSLOG_IDENTIFIER=safekit\n"), "{entry}");
        if entry.contains("Local state UP Ready") {
            assert!(entry.contains("\nMODULE=farm\n") && entry.contains("\nLEVEL=E\n"), "{entry}");
            assert!(entry.contains("\nMESSAGE=farm | "), "{entry}");
            return;
        }
    }
}
