//! The demo's nodes: real agents with a root each, driven by the command `safekit` as an administrator would.
//!
//! Always: what was started is ended with the farm, whatever was done to it meanwhile.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use safekit_core::control::{ModuleReport, StateReport};

use super::{APPLICATION, APPLICATION_PORT, DemoError, MODULE, Network, Stage};

/// Anything that takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The nodes.
#[derive(Debug)]
pub(crate) struct Farm {
    pub(crate) folder: PathBuf,
    pub(crate) nodes: Vec<Node>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) root: PathBuf,
    /// `None` before the start, and while the host is off.
    guardian: Option<Child>,
    /// Its host has lost its power.
    off: bool,
    /// Guardian and agent, while they are frozen.
    frozen: Vec<u32>,
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.end();
    }
}

impl Farm {
    /// Lays out the files of so many nodes.
    pub(crate) fn new(folder: &Path, count: u8, network: Network) -> Result<Self, DemoError> {
        let nodes: Vec<Node> = (1..=count)
            .map(|number| {
                let name = format!("node{number}");
                let root = folder.join(&name);
                let address = network.address(number);
                Node { name, address, root, guardian: None, off: false, frozen: Vec::new() }
            })
            .collect();
        for node in &nodes {
            create(&node.root)?;
            write(&node.root.join("address"), &format!("{}:{APPLICATION_PORT}\n", node.address))?;
        }
        Ok(Self { folder: folder.to_owned(), nodes })
    }

    /// Writes cluster.xml and the module's folder; gives their paths.
    pub(crate) fn write_configuration(&self) -> Result<(PathBuf, PathBuf), DemoError> {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("      <node name=\"{}\" addr=\"{}\"/>\n", node.name, node.address))
            .collect();
        let cluster = self.folder.join("cluster.xml");
        let text = format!(
            "<cluster>\n  <lans>\n    <lan name=\"default\">\n{}    </lan>\n  </lans>\n</cluster>\n",
            nodes.concat()
        );
        write(&cluster, &text)?;
        let module = self.folder.join(MODULE);
        create(&module.join("conf"))?;
        create(&module.join("bin"))?;
        write(&module.join("conf/userconfig.xml"), USERCONFIG)?;
        let agent =
            std::env::current_exe().map_err(|source| io_error("find this program", source))?;
        write(
            &module.join("bin/start_both"),
            &START_BOTH.replace("@AGENT@", &agent.to_string_lossy()),
        )?;
        write(&module.join("bin/stop_both"), STOP_BOTH)?;
        Ok((cluster, module))
    }

    /// Ends everything that was started, and waits for it.
    pub(crate) fn end(&mut self) {
        for node in &mut self.nodes {
            node.end();
        }
    }

    /// Prints what the agents have written, for a demo that failed.
    pub(crate) fn print_logs(&self) {
        for node in &self.nodes {
            let log = fs::read_to_string(node.root.join("agent.log")).unwrap_or_default();
            if !log.is_empty() {
                // Nothing more can be done where standard error is closed.
                drop(io::Write::write_all(
                    &mut io::stderr(),
                    format!("--- {}\n{log}", node.name).as_bytes(),
                ));
            }
        }
    }
}

impl Node {
    /// Starts the agent and waits for its first answer.
    pub(crate) fn start_agent(&mut self, stage: &Stage) -> Result<(), DemoError> {
        let agent =
            std::env::current_exe().map_err(|source| io_error("find this program", source))?;
        let log = self.root.join("agent.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|source| io_error(&format!("write {}", log.display()), source))?;
        let errors = log.try_clone().map_err(|source| io_error("share the log", source))?;
        let child = Command::new(agent)
            .args(["run", "--node", &self.name, "--bind", &self.address.to_string(), "--root"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C is for the demo, which ends its nodes itself.
            .process_group(0)
            .spawn()
            .map_err(|source| io_error("start an agent", source))?;
        self.guardian = Some(child);
        self.off = false;
        self.wait(stage, "the agent answers", |_| true).map(|_| ())
    }

    /// Returns the node's state, where its agent answers.
    pub(crate) fn state(&self) -> Option<StateReport> {
        let output = self.command(&["state", "--json"]).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Runs the node's command; gives what it prints.
    pub(crate) fn safekit(&self, stage: &Stage, arguments: &[&str]) -> Result<String, DemoError> {
        stage.check()?;
        let failed = |source| io_error("run the command safekit", source);
        let mut command = self.command(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        // What it prints is short: it never waits for a reader.
        while child.try_wait().map_err(failed)?.is_none() {
            if let Err(interrupted) = stage.pass(LOOK) {
                drop(child.kill());
                drop(child.wait());
                return Err(interrupted);
            }
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(DemoError::Failed(format!("{}: safekit {}: {text}", self.name, arguments.join(" "))))
    }

    /// Waits until the state is as it should be; gives it, and how long that took.
    pub(crate) fn wait(
        &self,
        stage: &Stage,
        what: &str,
        wanted: impl Fn(&StateReport) -> bool,
    ) -> Result<(StateReport, Duration), DemoError> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(report) = self.state().filter(|report| wanted(report)) {
                return Ok((report, begin.elapsed()));
            }
            stage.pass(LOOK)?;
        }
        Err(DemoError::Failed(format!(
            "{}: not within {} s: {what}",
            self.name,
            PATIENCE.as_secs()
        )))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("safekit"));
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        command
    }

    /// Returns a word about what was done to the node, where something was.
    pub(crate) fn note(&self) -> Option<&'static str> {
        match (self.off, self.frozen.is_empty()) {
            (true, _) => Some("host off"),
            (false, false) => Some("frozen"),
            (false, true) => None,
        }
    }

    /// Kills the application; tells which processes that were.
    pub(crate) fn kill_application(&self) -> Vec<u32> {
        let pids = self.applications();
        pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
        pids
    }

    /// Stops the guardian and the agent where they are, as a host that stands still.
    pub(crate) fn freeze(&mut self, agent: u32) {
        if let Some(guardian) = &self.guardian {
            self.frozen = vec![guardian.id(), agent];
            self.frozen.iter().for_each(|pid| signal_group(*pid, Signal::STOP));
        }
    }

    /// Lets a frozen agent go on.
    pub(crate) fn thaw(&mut self) {
        for pid in self.frozen.drain(..) {
            signal_group(pid, Signal::CONT);
        }
    }

    /// Kills the guardian, the agent and the application at once, as a host that has lost its power: nobody says
    /// goodbye.
    pub(crate) fn power_off(&mut self, agent: u32) {
        self.frozen.clear();
        self.off = true;
        let Some(mut guardian) = self.guardian.take() else { return };
        signal_group(guardian.id(), Signal::KILL);
        signal_group(agent, Signal::KILL);
        // It is dead, or becomes so at once.
        drop(guardian.wait());
        self.kill_application();
    }

    /// Finds the application's processes by the path they were started by: this works without the agent, too.
    fn applications(&self) -> Vec<u32> {
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = processes.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok());
        pids.filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
            let program = Path::new(OsStr::from_bytes(program));
            program.starts_with(&self.root) && program.ends_with(APPLICATION)
        })
        .collect()
    }

    fn end(&mut self) {
        self.thaw();
        let Some(mut guardian) = self.guardian.take() else { return };
        if self.state().is_some_and(|report| module(&report).is_some()) {
            // The agent goes whether or not its application could be stopped: what failed is in its log.
            drop(self.command(&["forcestop", "-m", MODULE]).output());
            drop(self.command(&["waitstop", "-m", MODULE, "--timeout", "10s"]).output());
        }
        signal(guardian.id(), Signal::TERM);
        let begin = Instant::now();
        while guardian.try_wait().is_ok_and(|end| end.is_none()) {
            if begin.elapsed() > Duration::from_secs(15) {
                drop(guardian.kill());
            }
            std::thread::park_timeout(LOOK);
        }
        // An agent that could not be asked any more has not stopped it.
        self.kill_application();
    }
}

/// Returns the demo's module within a state.
pub(crate) fn module(report: &StateReport) -> Option<&ModuleReport> {
    report.modules.iter().find(|module| module.name == MODULE)
}

/// Returns the process ids of the application.
pub(crate) fn application(report: &StateReport) -> Vec<u32> {
    module(report)
        .into_iter()
        .flat_map(|module| &module.watched)
        .flat_map(|watch| watch.pids.clone())
        .collect()
}

/// Sends a signal to a process that the demo started; one that is gone already is fine.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn signal_group(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

fn create(folder: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(folder)
        .map_err(|source| io_error(&format!("create {}", folder.display()), source))
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(|source| io_error(&format!("write {}", path.display()), source))
}

pub(crate) fn io_error(what: &str, source: io::Error) -> DemoError {
    DemoError::Io { what: format!("cannot {what}"), source }
}

/// The module's configuration: what a cloud farm has, with a drain that fits the demo's hasty balancer.
const USERCONFIG: &str = r#"<!DOCTYPE safe>
<safe>
  <service mode="farm" maxloop="3" loop_interval="24" drain="2s">
    <farm>
      <lan name="default"/>
    </farm>
    <errd polltimer="10">
      <proc name="demo-shop" atleast="1" action="restart" class="both"/>
    </errd>
    <user nicestoptimeout="300" forcestoptimeout="300" logging="userlog"/>
  </service>
</safe>
"#;

/// Starts the application in the background. The link gives its process the name that errd watches.
const START_BOTH: &str = r#"#!/bin/sh
echo "Running start_both $*"
ln -sf '@AGENT@' "$SAFEUSERVAR/demo-shop"
"$SAFEUSERVAR/demo-shop" --address "$(cat "$SAFE/address")" --name "$(basename "$SAFE")" &
echo $! >"$SAFEUSERVAR/pid"
"#;

/// Stops the application: SIGTERM, or SIGKILL when called with `force`.
const STOP_BOTH: &str = r#"#!/bin/sh
echo "Running stop_both $*"
signal=TERM
[ "$1" = "force" ] && signal=KILL
pid=$(cat "$SAFEUSERVAR/pid" 2>/dev/null) || exit 0
kill -$signal "$pid" 2>/dev/null
# A process that is dead and not yet taken away by init is dead.
while [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status"; do sleep 0.02; done
rm -f "$SAFEUSERVAR/pid"
"#;
