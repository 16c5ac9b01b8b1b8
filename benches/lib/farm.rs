//! Real agents on loopback addresses, each with a root of its own, driven by their command as an administrator would.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use safekit_core::control::StateReport;
use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// Anything that is not measured and takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The module of the farm.
pub const MODULE: &str = "bench";
/// The path of its health answer.
pub const HEALTH_PATH: &str = "/var/modules/bench/ready.txt";

/// A cluster of nodes, of which the first ones are agents; who the others are is left to the figure.
#[derive(Debug)]
pub struct Farm {
    folder: PathBuf,
    /// The agents.
    pub agents: Vec<Agent>,
}

/// A node that is an agent with its guardian.
#[derive(Debug)]
pub struct Agent {
    name: String,
    address: Ipv4Addr,
    program: PathBuf,
    root: PathBuf,
    guardian: Option<Child>,
}

impl Farm {
    /// Starts agents in a cluster of `nodes` nodes, with the default settings.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start(program: &Path, agents: u8, nodes: u8) -> Try<Self> {
        let folder = std::env::temp_dir().join(format!("sk-bench-{}", clock_name()));
        create(&folder)?;
        let mut farm = Self { folder, agents: Vec::new() };
        for number in 1..=agents {
            let mut agent = Agent::new(&farm.folder, program, number)?;
            agent.start()?;
            farm.agents.push(agent);
        }
        farm.configure(nodes)?;
        Ok(farm)
    }

    /// Returns the folder of its files; it goes away with the farm.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns an agent by its place, from 0.
    ///
    /// # Errors
    /// When there is no such agent.
    pub fn agent(&mut self, place: usize) -> Try<&mut Agent> {
        self.agents.get_mut(place).ok_or_else(|| Trouble::failed("no such agent"))
    }

    /// Configures the cluster on the first agent, and carries it to the others.
    fn configure(&self, nodes: u8) -> Try<()> {
        let line =
            |number| format!("      <node name=\"node{number}\" addr=\"{}\"/>\n", address(number));
        let lines: String = (1..=nodes).map(line).collect();
        let xml = format!(
            "<cluster>\n  <lans>\n    <lan name=\"default\">\n{lines}    </lan>\n  </lans>\n</cluster>\n"
        );
        let (file, zip) = (self.folder.join("cluster.xml"), self.folder.join("cluster.zip"));
        write(&file, &xml)?;
        for (place, agent) in self.agents.iter().enumerate() {
            let from = if place == 0 { &file } else { &zip };
            agent.safekit(&["cluster", "config", &from.to_string_lossy()])?;
            if place == 0 {
                agent.safekit(&["cluster", "export", &zip.to_string_lossy()])?;
            }
        }
        Ok(())
    }

    /// Installs and starts the module on all agents, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start_module(&self) -> Try<()> {
        self.start_modules(1)
    }

    /// Installs and starts so many modules on all agents, and waits until they are ready. Each has an application of its
    /// own; see [`module_name`].
    ///
    /// # Errors
    /// When they do not get ready.
    pub fn start_modules(&self, count: u8) -> Try<()> {
        for number in 1..=count {
            let (name, application) = (module_name(number), application_name(number));
            let module = self.folder.join(&name);
            create(&module.join("conf"))?;
            create(&module.join("bin"))?;
            let own = |text: &str| text.replace(APPLICATION, &application);
            write(&module.join("conf/userconfig.xml"), &own(USERCONFIG))?;
            write(&module.join("bin/start_both"), &own(START_BOTH))?;
            write(&module.join("bin/stop_both"), STOP_BOTH)?;
            for agent in &self.agents {
                agent.safekit(&["module", "install", "-m", &name, &module.to_string_lossy()])?;
                agent.safekit(&["config", "-m", &name])?;
                agent.safekit(&["start", "-m", &name])?;
            }
        }
        for agent in &self.agents {
            agent.wait("the module is ready", is_ready)?;
        }
        Ok(())
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for agent in &mut self.agents {
            agent.end();
        }
        // What is left is small, and goes with the machine's temporary files.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Agent {
    fn new(folder: &Path, program: &Path, number: u8) -> Try<Self> {
        let name = format!("node{number}");
        let root = folder.join(&name);
        create(&root)?;
        let (address, program) = (address(number), program.to_owned());
        Ok(Self { name, address, program, root, guardian: None })
    }

    /// Starts the agent and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&mut self) -> Try<()> {
        let log = File::options().create(true).append(true).open(self.root.join("agent.log"));
        let log = log.map_err(Trouble::io("write agent.log"))?;
        let errors = log.try_clone().map_err(Trouble::io("share agent.log"))?;
        let child = Command::new(&self.program)
            .args(["run", "--node", &self.name, "--bind", &self.address.to_string(), "--root"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Trouble::io("start an agent"))?;
        self.guardian = Some(child);
        self.wait("the agent answers", |_| true).map(drop)
    }

    /// Returns its state.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn state(&self) -> Try<StateReport> {
        let text = self.safekit(&["state", "--json"])?;
        serde_json::from_str(&text).map_err(|error| Trouble::failed(error.to_string()))
    }

    /// Waits until its state is as it should be.
    ///
    /// # Errors
    /// When it never is.
    pub fn wait(&self, what: &str, wanted: impl Fn(&StateReport) -> bool) -> Try<StateReport> {
        let end = clock::now() + PATIENCE;
        loop {
            if let Ok(state) = self.state()
                && wanted(&state)
            {
                return Ok(state);
            }
            if clock::now() > end {
                let log = fs::read_to_string(self.root.join("agent.log")).unwrap_or_default();
                return Err(Trouble::failed(format!("{}: never: {what}\n{log}", self.name)));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Runs its command; gives what it prints.
    ///
    /// # Errors
    /// When the command fails.
    pub fn safekit(&self, arguments: &[&str]) -> Try<String> {
        let mut command = Command::new(self.root.join("safekit"));
        let output = command.args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(Trouble::io("run the command safekit"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let (name, arguments) = (&self.name, arguments.join(" "));
        let text = String::from_utf8_lossy(&output.stderr);
        Err(Trouble::failed(format!("{name}: safekit {arguments}: {}", text.trim())))
    }

    /// Kills guardian and agent, as a host does that loses its power: the guardian first, so that no letter goes out.
    /// Both are dead afterwards.
    ///
    /// # Errors
    /// When there is nothing to kill.
    pub fn kill_host(&mut self, agent_pid: u32) -> Try<()> {
        let mut guardian = self.guardian.take().ok_or_else(|| Trouble::failed("no guardian"))?;
        let agent = i32::try_from(agent_pid).ok().and_then(Pid::from_raw);
        let agent = agent.and_then(|agent| pidfd_open(agent, PidfdFlags::empty()).ok());
        let agent = agent.ok_or_else(|| Trouble::failed("no agent"))?;
        signal(guardian.id(), Signal::KILL);
        signal(agent_pid, Signal::KILL);
        guardian.wait().map_err(Trouble::io("wait for the guardian"))?;
        // All its threads are dead then, its sockets closed: somebody else may have its addresses.
        let mut ends = [PollFd::new(&agent, PollFlags::IN)];
        let ended = rustix::event::poll(&mut ends, Some(&Timespec { tv_sec: 60, tv_nsec: 0 }));
        match ended {
            Ok(count) if count > 0 => Ok(()),
            Ok(_) | Err(_) => Err(Trouble::failed("the agent does not die")),
        }
    }

    /// Returns where it answers health checks.
    #[must_use]
    pub fn health_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.into(), HEALTH_PORT)
    }

    /// Returns the folder with the cluster's configuration and keys.
    #[must_use]
    pub fn cluster_folder(&self) -> PathBuf {
        self.root.join("var/cluster")
    }

    fn end(&mut self) {
        // Before the module is stopped, which removes the file; without an agent nobody stops it.
        let pids = application_pids(&self.root.join("var/modules"));
        if let Some(mut guardian) = self.guardian.take() {
            signal(guardian.id(), Signal::TERM);
            let end = clock::now() + Duration::from_secs(20);
            while guardian.try_wait().is_ok_and(|ended| ended.is_none()) && clock::now() < end {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            drop(guardian.kill());
            drop(guardian.wait());
        }
        // A pid is not used again within seconds.
        for pid in pids {
            if fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with(APPLICATION))
            {
                signal(pid, Signal::KILL);
            }
        }
    }
}

/// Returns the name of a module, from 1; the first one is [`MODULE`].
#[must_use]
pub fn module_name(number: u8) -> String {
    if number < 2 { MODULE.to_owned() } else { format!("{MODULE}-{number}") }
}

/// Returns the name of a module's application.
fn application_name(number: u8) -> String {
    if number < 2 { APPLICATION.to_owned() } else { format!("{APPLICATION}-{number}") }
}

/// Returns the processes of all applications, as their scripts have written them down.
fn application_pids(modules: &Path) -> Vec<u32> {
    let modules = fs::read_dir(modules).into_iter().flatten().flatten();
    let pid = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("pid")).ok();
    modules.filter_map(pid).filter_map(|pid| pid.trim().parse().ok()).collect()
}

/// Tells whether the modules are ready.
#[must_use]
pub fn is_ready(state: &StateReport) -> bool {
    let modules = &state.modules;
    !modules.is_empty() && modules.iter().all(|module| module.reason == "ready")
}

/// Returns the processes of the first module's application.
#[must_use]
pub fn application(state: &StateReport) -> Vec<u32> {
    let first = state.modules.iter().filter(|module| module.name == MODULE);
    let watched = first.flat_map(|module| &module.watched);
    watched.flat_map(|watch| watch.pids.iter().copied()).collect()
}

/// Returns the address of a node, from 1: each process that measures has addresses of its own.
#[must_use]
pub fn address(number: u8) -> Ipv4Addr {
    let own = u8::try_from(std::process::id() % 250).unwrap_or_default();
    Ipv4Addr::new(127, 77, own + 1, number)
}

/// Returns the address of a node as others may need it.
#[must_use]
pub fn ip(number: u8) -> IpAddr {
    address(number).into()
}

/// Sends a signal to a process of the farm; one that is gone already is fine.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn create(folder: &Path) -> Try<()> {
    let what = format!("create {}", folder.display());
    fs::create_dir_all(folder).map_err(Trouble::io(&what))
}

fn write(path: &Path, text: &str) -> Try<()> {
    fs::write(path, text).map_err(|source: io::Error| Trouble::io(&path.to_string_lossy())(source))
}

/// A name that no other farm of this or another process has.
fn clock_name() -> String {
    let since = clock::unix_time().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), since.as_micros() % 1_000_000_000)
}

/// Where agents answer health checks.
const HEALTH_PORT: u16 = 9010;
/// The name of the application's process.
const APPLICATION: &str = "bench-app";

const USERCONFIG: &str = r#"<!DOCTYPE safe>
<safe>
  <service mode="farm" maxloop="1000" loop_interval="24" drain="0">
    <farm>
      <lan name="default"/>
    </farm>
    <errd polltimer="10">
      <proc name="bench-app" atleast="1" action="restart" class="both"/>
    </errd>
    <user nicestoptimeout="300" forcestoptimeout="300" logging="userlog"/>
  </service>
</safe>
"#;

/// An application that starts at once: what is measured is ours, not its own start.
const START_BOTH: &str = r#"#!/bin/sh
ln -sf "$(command -v sleep)" "$SAFEUSERVAR/bench-app"
"$SAFEUSERVAR/bench-app" 1000000 &
echo $! >"$SAFEUSERVAR/pid"
"#;

const STOP_BOTH: &str = r#"#!/bin/sh
pid=$(cat "$SAFEUSERVAR/pid" 2>/dev/null) || exit 0
kill -KILL "$pid" 2>/dev/null
rm -f "$SAFEUSERVAR/pid"
"#;
