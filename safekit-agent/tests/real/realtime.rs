//! `--realtime`: guardian and event loop have the priority, nothing else has; where it is refused nothing begins.

use std::fs;
use std::process::Command;

use crate::farm::{self, AGENT, Node, TempDir};

/// The number of `SCHED_RR` and that of usual processes, as the kernel shows them.
const ROUND_ROBIN: &str = "2";
const USUAL: &str = "0";
/// The network of this file's tests.
const NET: &str = "127.89";

const USERCONFIG: &str = "<!DOCTYPE safe>\n<safe>\n<service mode=\"farm\">\n<farm>\n<lan name=\"default\"/>\n</farm>\n\
    <errd><proc name=\"demo-shop\" atleast=\"1\" action=\"restart\" class=\"both\"/></errd>\n<user/>\n</service>\n</safe>\n";

/// Returns the scheduling policy in a `stat` file: the 41st field, and so the 39th behind the name; `None`: it has ended.
fn policy(path: &str) -> Option<String> {
    let stat = fs::read_to_string(path).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(38).map(str::to_owned)
}

/// A command that runs the agent with `--realtime` behind the arguments that are added.
fn realtime() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "agent=$1; shift; exec \"$agent\" \"$@\" --realtime", "sh", AGENT]);
    command
}

/// Tells whether this user may have real-time priority at all.
fn is_allowed() -> bool {
    let tried = Command::new("chrt").args(["-r", "1", "true"]).output();
    let allowed = tried.is_ok_and(|output| output.status.success());
    if !allowed {
        println!("left out: this user may have no real-time priority");
    }
    allowed
}

#[test]
fn guardian_and_event_loop_have_real_time_priority_and_scripts_have_none() {
    if !is_allowed() {
        return;
    }
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", &format!("{NET}.1.1"), None);
    node.start_agent_with(realtime());
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    let module = farm::write_module(&dir.0, USERCONFIG);
    let script = module.join("bin/start_both");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text + "cat /proc/self/stat >\"$SAFEUSERVAR/stat\"\n").unwrap();
    farm::start_module(&node, "farm", &module);

    let has_priority = |node: &Node| {
        let (guardian, agent) = (node.guardian_pid(), node.agent_pid());
        assert_eq!(policy(&format!("/proc/{guardian}/stat")).as_deref(), Some(ROUND_ROBIN));
        // The first thread is that of the event loop.
        assert_eq!(policy(&format!("/proc/{agent}/stat")).as_deref(), Some(ROUND_ROBIN));
        let threads = fs::read_dir(format!("/proc/{agent}/task")).unwrap();
        let others: Vec<String> = threads
            .map(|thread| thread.unwrap().file_name().into_string().unwrap())
            .filter(|thread| *thread != agent.to_string())
            .filter_map(|thread| policy(&format!("/proc/{agent}/task/{thread}/stat")))
            .collect();
        assert!(!others.is_empty() && others.iter().all(|it| it == USUAL), "{others:?}");
    };
    has_priority(&node);
    node.wait_for_log("guardian and event loop have real-time priority");
    let stat = node.root.join("var/modules/farm/stat");
    assert_eq!(policy(stat.to_str().unwrap()).as_deref(), Some(USUAL), "scripts have none");
    for pid in node.application_pids() {
        assert_eq!(policy(&format!("/proc/{pid}/stat")).as_deref(), Some(USUAL));
    }

    // The next agent, and guardian and agent as the program on the disk, have it too.
    let former = node.agent_pid();
    farm::signal(former, rustix::process::Signal::KILL);
    node.wait_for("the next agent answers", |report| report["agent_pid"] != former);
    has_priority(&node);
    node.reload();
    has_priority(&node);
}

#[test]
fn nothing_begins_where_real_time_priority_is_refused() {
    let dir = TempDir::new();
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--inh-caps", "-sys_nice", "--bounding-set", "-sys_nice"]);
    }
    command.args([
        "sh",
        "-c",
        "ulimit -r 0 && exec \"$@\"",
        "sh",
        AGENT,
        "run",
        "--realtime",
        "--root",
    ]);
    let output = command.arg(dir.0.join("root")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--realtime: this process may not have real-time priority"), "{said}");
    assert!(said.contains("LimitRTPRIO=1"), "{said}");
    assert!(!dir.0.join("root/var").exists(), "nothing was laid out");
}
