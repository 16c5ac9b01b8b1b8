//! A farm of real agents, each with a root of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take that is not being measured. Generous: a busy machine is no fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_safekit-agent");

/// The name under which the test's application runs, and which errd watches.
pub(crate) const APPLICATION: &str = "demo-shop";
/// Where the application answers.
pub(crate) const APPLICATION_PORT: u16 = 8080;
/// Where the agent answers.
pub(crate) const HEALTH_PORT: u16 = 9010;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder that goes away with its owner.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sk-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// One node: its agent's guardian, its root, its address.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    pub(crate) address: String,
    /// The network namespace that it runs in.
    pub(crate) namespace: Option<String>,
    guardian: Option<Child>,
}

impl Node {
    pub(crate) fn new(dir: &Path, name: &str, address: &str, namespace: Option<String>) -> Self {
        let root = dir.join(name);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("address"), format!("{address}:{APPLICATION_PORT}\n")).unwrap();
        let (name, address) = (name.to_owned(), address.to_owned());
        Self { name, root, address, namespace, guardian: None }
    }

    /// Starts the agent and waits until its control socket answers.
    pub(crate) fn start_agent(&mut self) {
        self.start_agent_with(match &self.namespace {
            Some(namespace) => crate::lab::in_namespace(namespace, AGENT),
            None => Command::new(AGENT),
        });
    }

    /// Starts the agent by a command that runs it with the arguments that are added.
    pub(crate) fn start_agent_with(&mut self, mut command: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.root.join("agent.log"))
            .unwrap();
        command
            .args(["run", "--node", &self.name, "--bind", &self.address, "--root"])
            .arg(&self.root);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.guardian = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !self.try_safekit(&["state", "--json"]).status.success() {
            assert!(Instant::now() < deadline, "{}: no answer:\n{}", self.name, self.agent_log());
            assert!(self.guardian_lives(), "{}: the agent ended:\n{}", self.name, self.agent_log());
            pause();
        }
    }

    pub(crate) fn guardian_lives(&mut self) -> bool {
        self.guardian.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub(crate) fn guardian_pid(&self) -> u32 {
        self.guardian.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn agent_log(&self) -> String {
        fs::read_to_string(self.root.join("agent.log")).unwrap_or_default()
    }

    /// Runs the node's command, whatever it answers.
    pub(crate) fn try_safekit(&self, arguments: &[&str]) -> Output {
        let link = self.root.join("safekit");
        // The link is made at the agent's first start: until then there is nothing to run.
        Command::new(&link).args(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| {
            Output {
                status: std::os::unix::process::ExitStatusExt::from_raw(69 << 8),
                stdout: Vec::new(),
                stderr: error.to_string().into_bytes(),
            }
        })
    }

    /// Runs the node's command, which must succeed; gives what it prints.
    pub(crate) fn safekit(&self, arguments: &[&str]) -> String {
        let output = self.try_safekit(arguments);
        assert!(
            output.status.success(),
            "{}: safekit {arguments:?}: {:?}\n{}{}\n{}",
            self.name,
            output.status.code(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.agent_log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.safekit(&["state", "--json"])).unwrap()
    }

    /// Waits until the report says so.
    pub(crate) fn wait_for(&self, what: &str, says: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let output = self.try_safekit(&["state", "--json"]);
            if let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) {
                if says(&report) {
                    return report;
                }
                last = report;
            }
            pause();
        }
        panic!("{}: never: {what}\n{last:#}\n{}", self.name, self.agent_log());
    }

    /// Waits until the node's log says so; returns all of it.
    pub(crate) fn wait_for_log(&self, says: &str) -> String {
        self.wait_for_text(says, || {
            fs::read_to_string(self.root.join("var/log.txt")).unwrap_or_default()
        })
    }

    /// Waits until guardian or agent say so on their standard error, after so many bytes.
    pub(crate) fn wait_for_said(&self, after: usize, says: &str) {
        self.wait_for_text(says, || self.agent_log().split_off(after));
    }

    fn wait_for_text(&self, says: &str, read: impl Fn() -> String) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = read();
            if text.contains(says) {
                return text;
            }
            assert!(Instant::now() < deadline, "{}: never: {says}\n{text}", self.name);
            pause();
        }
    }

    pub(crate) fn agent_pid(&self) -> i32 {
        i32::try_from(self.report()["agent_pid"].as_i64().unwrap()).unwrap()
    }

    /// Pids of the watched application: a module can be UP for a moment before the first list of processes has come.
    pub(crate) fn application_pids(&self) -> Vec<i32> {
        pids(&self.wait_for("the application is seen", |report| !pids(report).is_empty()))
    }

    /// Kills the guardian, as nothing but a person or the kernel does; its agent dies with it.
    pub(crate) fn kill_guardian(&mut self) {
        let mut child = self.guardian.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Has the agent start anew, and waits until the next one answers.
    pub(crate) fn reload(&self) {
        let former = self.agent_pid();
        let guardian = i32::try_from(self.guardian_pid()).unwrap();
        signal(guardian, rustix::process::Signal::HUP);
        self.wait_for("the next agent answers", |report| report["agent_pid"] != former);
    }

    /// Ends the agent as a service manager does, modules and all, and waits for it.
    pub(crate) fn terminate(&mut self) {
        if let Some(mut child) = self.guardian.take() {
            signal(i32::try_from(child.id()).unwrap(), rustix::process::Signal::TERM);
            let deadline = Instant::now() + PATIENCE;
            while child.try_wait().unwrap().is_none() {
                if Instant::now() > deadline {
                    drop(child.kill());
                    drop(child.wait());
                    panic!("{}: SIGTERM did not end the agent:\n{}", self.name, self.agent_log());
                }
                pause();
            }
        }
    }

    /// Waits until a process is gone.
    pub(crate) fn wait_gone(&self, pid: i32) {
        let deadline = Instant::now() + PATIENCE;
        while lives(pid) {
            assert!(Instant::now() < deadline, "{}: process {pid} still lives", self.name);
            pause();
        }
    }

    /// Ends all without ceremony: for the end of a test.
    fn end(&mut self) {
        if let Ok(report) =
            serde_json::from_slice::<Value>(&self.try_safekit(&["state", "--json"]).stdout)
        {
            if let Some(pid) = report["agent_pid"].as_i64().and_then(|pid| i32::try_from(pid).ok())
            {
                signal(pid, rustix::process::Signal::CONT);
            }
            for module in report["modules"].as_array().into_iter().flatten() {
                let name = module["name"].as_str().unwrap_or_default();
                self.try_safekit(&["forcestop", "-m", name]);
                self.try_safekit(&["waitstop", "-m", name, "--timeout", "10s"]);
            }
            for pid in pids(&report) {
                signal(pid, rustix::process::Signal::KILL);
            }
        }
        if let Some(mut child) = self.guardian.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// Pids of the watched processes in a report.
pub(crate) fn pids(report: &Value) -> Vec<i32> {
    let modules = report["modules"].as_array().into_iter().flatten();
    let watched = modules.flat_map(|module| module["watched"].as_array().into_iter().flatten());
    let pids = watched.flat_map(|watch| watch["pids"].as_array().into_iter().flatten());
    pids.filter_map(Value::as_i64).filter_map(|pid| i32::try_from(pid).ok()).collect()
}

/// Lets others run before the next look.
pub(crate) fn pause() {
    std::thread::park_timeout(Duration::from_millis(20));
}

/// Tells whether a process runs. One that is dead and that init has not taken away yet is dead.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Sends a signal to a process that a test knows by its pid; one that is gone already is fine.
pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Writes a module's folder: the userconfig.xml given, and scripts that start and stop the test's application.
pub(crate) fn write_module(dir: &Path, userconfig: &str) -> PathBuf {
    let module = dir.join("module");
    fs::create_dir_all(module.join("conf")).unwrap();
    fs::create_dir_all(module.join("bin")).unwrap();
    fs::write(module.join("conf/userconfig.xml"), userconfig).unwrap();
    fs::write(
        module.join("bin/start_both"),
        format!(
            "#!/bin/sh\necho \"Running start_both $*\"\nln -sf '{AGENT}' \"$SAFEUSERVAR/{APPLICATION}\"\n\
             \"$SAFEUSERVAR/{APPLICATION}\" --address \"$(cat \"$SAFE/address\")\" --name \"$(basename \"$SAFE\")\" &\n\
             echo $! >\"$SAFEUSERVAR/pid\"\n"
        ),
    )
    .unwrap();
    fs::write(
        module.join("bin/stop_both"),
        "#!/bin/sh\necho \"Running stop_both $*\"\nsignal=TERM; [ \"$1\" = force ] && signal=KILL\n\
         pid=$(cat \"$SAFEUSERVAR/pid\" 2>/dev/null) || exit 0\nkill -$signal \"$pid\" 2>/dev/null\n\
         while [ -d \"/proc/$pid\" ] && ! grep -q '^State:.*Z' \"/proc/$pid/status\"; do sleep 0.02; done\nrm -f \"$SAFEUSERVAR/pid\"\n",
    )
    .unwrap();
    module
}

/// Text of a cluster.xml with one lan.
pub(crate) fn cluster_xml(nodes: &[Node]) -> String {
    let nodes: Vec<String> = nodes
        .iter()
        .map(|node| format!("      <node name=\"{}\" addr=\"{}\"/>\n", node.name, node.address))
        .collect();
    format!(
        "<cluster>\n  <lans>\n    <lan name=\"default\">\n{}    </lan>\n  </lans>\n</cluster>\n",
        nodes.concat()
    )
}

/// Configures the cluster on the first node, and carries it to the others as an administrator does.
pub(crate) fn configure_cluster(dir: &Path, nodes: &[Node]) {
    let (xml, zip) = (dir.join("cluster.xml"), dir.join("cluster.zip"));
    fs::write(&xml, cluster_xml(nodes)).unwrap();
    let (first, others) = nodes.split_first().unwrap();
    first.safekit(&["cluster", "config", xml.to_str().unwrap()]);
    first.safekit(&["cluster", "export", zip.to_str().unwrap()]);
    for node in others {
        node.safekit(&["cluster", "config", zip.to_str().unwrap()]);
    }
}

/// Installs, configures and starts a module on a node, and waits until it is UP.
pub(crate) fn start_module(node: &Node, name: &str, folder: &Path) {
    node.safekit(&["module", "install", "-m", name, folder.to_str().unwrap()]);
    node.safekit(&["config", "-m", name]);
    node.safekit(&["start", "-m", name]);
    node.safekit(&["waitstate", "-m", name, "UP", "--timeout", "60s"]);
}

/// Copies a file that is to be run, by another process: while this one writes it, another test may fork, and then it could
/// not be run until that has become its program.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}
