//! What becomes of an application and of an agent that the kernel kills for want of memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::crash::{WATCHED, is_ready, one_node, starts, wait_adopted};
use crate::farm::{self, AGENT, APPLICATION, Node, TempDir};

/// The memory that all processes of a group may have together.
const LIMIT: &str = "33554432";
/// What takes more and more memory, in the words of a shell.
const EAT: &str = "x=0123456789abcdef; while :; do x=\"$x$x\"; done";

/// A control group of the test's own whose memory is bounded; it goes away with its owner.
struct MemoryGroup {
    folder: PathBuf,
    /// The file that counts the killed.
    counts: &'static str,
}

impl MemoryGroup {
    /// Makes one; `None`, and a line that says so, where that cannot be done.
    fn new(name: &str) -> Option<Self> {
        let made = Self::make(name);
        if let Err(why) = &made {
            println!("left out: no control group with a bound for memory can be made here: {why}");
        }
        made.ok()
    }

    fn make(name: &str) -> Result<Self, String> {
        let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control");
        let unified =
            controllers.is_ok_and(|text| text.split_whitespace().any(|it| it == "memory"));
        let (root, bounds, counts) = if unified {
            ("/sys/fs/cgroup", ["memory.max", "memory.swap.max"], "memory.events")
        } else {
            let bounds = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
            ("/sys/fs/cgroup/memory", bounds, "memory.oom_control")
        };
        let folder = Path::new(root).join(format!("safekit-test-{}-{name}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let group = Self { folder, counts };
        let [memory, swap] = bounds.map(|bound| group.folder.join(bound));
        fs::write(&memory, LIMIT).map_err(|error| format!("{}: {error}", memory.display()))?;
        // Of no use without swap, and not there everywhere.
        drop(fs::write(swap, if unified { "0" } else { LIMIT }));
        Ok(group)
    }

    /// The file through which a process enters.
    fn door(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How many processes the kernel has killed in it.
    fn killed(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join(self.counts)).unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap();
        count.trim().parse().unwrap()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Nobody but the test's own processes ever entered.
        for _ in 0..200 {
            for pid in fs::read_to_string(self.door()).unwrap_or_default().lines() {
                farm::signal(pid.parse().unwrap_or(0), Signal::KILL);
            }
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            farm::pause();
        }
        println!("{} could not be removed", self.folder.display());
    }
}

/// A module whose application lives in the group, and takes all its memory as soon as a file says so.
fn hungry_module(dir: &Path, group: &MemoryGroup) -> PathBuf {
    let module = farm::write_module(dir, WATCHED);
    let application = format!(
        "#!/bin/sh\nwhile [ ! -e \"$SAFEUSERVAR/eat\" ]; do sleep 0.02; done\nrm \"$SAFEUSERVAR/eat\"\n{EAT}\n"
    );
    let start = format!(
        "#!/bin/sh\ncp \"$SAFEUSERBIN/application\" \"$SAFEUSERVAR/{APPLICATION}\"\nchmod 755 \"$SAFEUSERVAR/{APPLICATION}\"\n\
         sh -c 'echo $$ >{}; exec \"$SAFEUSERVAR/{APPLICATION}\"' &\necho $! >\"$SAFEUSERVAR/pid\"\n",
        group.door().display()
    );
    fs::write(module.join("bin/application"), application).unwrap();
    fs::write(module.join("bin/start_both"), start).unwrap();
    module
}

#[test]
fn an_application_that_the_kernel_kills_for_memory_is_restarted_through_the_budget() {
    let Some(group) = MemoryGroup::new("application") else { return };
    let dir = TempDir::new();
    let mut node = Node::new(&dir.0, "node1", "127.111.79.1", None);
    node.start_agent();
    farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
    farm::start_module(&node, "farm", &hungry_module(&dir.0, &group));
    node.wait_for("the module is Ready", is_ready);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    let inside = fs::read_to_string(group.door()).unwrap();
    assert!(inside.contains(&application[0].to_string()), "the application is in the group");

    fs::write(node.root.join("var/modules/farm/eat"), "").unwrap();
    let report = node.wait_for("the application is started again", |report| {
        is_ready(report) && farm::pids(report).first().is_some_and(|pid| *pid != application[0])
    });
    assert!(group.killed() > 0, "it was the kernel");
    assert_eq!(report["modules"][0]["loop_used"], 1);
    assert_eq!(node.agent_pid(), agent, "nothing else was touched");
}

#[test]
fn an_agent_that_the_kernel_kills_for_memory_comes_back_to_its_application() {
    let Some(group) = MemoryGroup::new("agent") else { return };
    let dir = TempDir::new();
    let node = one_node(&dir, "127.111.80.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    fs::write(group.door(), agent.to_string()).unwrap();
    fs::write(format!("/proc/{agent}/oom_score_adj"), "1000").unwrap();
    // Another process takes the group's memory; the kernel takes the agent first.
    let eater = format!("echo $$ >\"$DOOR\"; echo -999 >/proc/$$/oom_score_adj; {EAT}");
    let mut eater = Command::new("sh")
        .args(["-c", &eater])
        .env("DOOR", group.door())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_adopted(&node, agent, &application);
    eater.wait().unwrap();
    assert!(group.killed() > 0, "it was the kernel");
    assert_eq!(starts(&node), 1, "no script was run");
    assert_eq!(node.report()["modules"][0]["loop_used"], 0, "the budget is not used");
    node.wait_for_log("the agent before this one was ended by signal 9");
}
