//! Real agents on loopback addresses, each with a root of its own, driven by their command as an administrator would.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

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

/// The files of a module.
#[derive(Clone, Debug)]
pub struct Module {
    /// `conf/userconfig.xml`
    pub userconfig: String,
    /// `bin/start_both`; it keeps the application's pid in the file `pid` of SAFEUSERVAR.
    pub start: String,
    /// `bin/stop_both`
    pub stop: String,
}

impl Module {
    /// A module with an application that does nothing. Without a prober nobody waits for the drain.
    #[must_use]
    pub fn plain(drain: &str) -> Self {
        let userconfig = USERCONFIG.replace("@DRAIN@", drain);
        Self { userconfig, start: START_BOTH.to_owned(), stop: STOP_BOTH.to_owned() }
    }

    /// The same, with an application that has the module's number in its name.
    fn own(number: u8) -> Self {
        let Self { userconfig, start, stop } = Self::plain("0");
        let application = application_name(number);
        let own = |text: &str| text.replace(APPLICATION, &application);
        Self { userconfig: own(&userconfig), start: own(&start), stop }
    }

    fn write(&self, folder: &Path) -> Try<()> {
        create(&folder.join("conf"))?;
        create(&folder.join("bin"))?;
        write(&folder.join("conf/userconfig.xml"), &self.userconfig)?;
        write(&folder.join("bin/start_both"), &self.start)?;
        write(&folder.join("bin/stop_both"), &self.stop)
    }
}

/// A node that is an agent with its guardian.
#[derive(Debug)]
pub struct Agent {
    name: String,
    address: Ipv4Addr,
    program: PathBuf,
    root: PathBuf,
    environment: Vec<(String, String)>,
    before: Vec<String>,
    arguments: Vec<String>,
    guardian: Option<Child>,
}

impl Farm {
    /// Starts agents in a cluster of `nodes` nodes, with the default settings.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start(program: &Path, agents: u8, nodes: u8) -> Try<Self> {
        Self::start_each(agents, nodes, |_folder, _number| Ok(program.to_owned()))
    }

    /// The same, each agent with a program file of its own, a copy of this one: it can be replaced while it runs.
    ///
    /// # Errors
    /// As [`Farm::start`].
    pub fn start_with_own_programs(program: &Path, agents: u8, nodes: u8) -> Try<Self> {
        Self::start_each(agents, nodes, |folder, number| {
            let own = folder.join(format!("program{number}"));
            create(&own)?;
            let own = own.join("safekit-agent");
            copy(program, &own)?;
            Ok(own)
        })
    }

    fn start_each(agents: u8, nodes: u8, program: impl Fn(&Path, u8) -> Try<PathBuf>) -> Try<Self> {
        let folder = std::env::temp_dir().join(format!("sk-bench-{}", clock_name()));
        create(&folder)?;
        let mut farm = Self { folder, agents: Vec::new() };
        for number in 1..=agents {
            let program = program(&farm.folder, number)?;
            let agent = Agent::new(&farm.folder, &program, number, address(number))?;
            // Before it starts: where it does not come up, what runs of it ends with the farm.
            farm.agents.push(agent);
            if let Some(agent) = farm.agents.last_mut() {
                agent.start()?;
            }
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

    fn configure(&self, nodes: u8) -> Try<()> {
        configure(&self.folder, &self.agents, &cluster_xml("", nodes, address))
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
            begin_module(&self.folder, &self.agents, &module_name(number), &Module::own(number))?;
        }
        wait_until_ready(&self.agents)
    }

    /// The same with a module that the figure brings.
    ///
    /// # Errors
    /// As [`Farm::start_module`].
    pub fn start_module_of(&self, files: &Module) -> Try<()> {
        start_module(&self.folder, &self.agents, files)
    }
}

/// Returns a cluster.xml of so many nodes on one lan; `attributes` are those of its `<lans>`.
#[must_use]
pub fn cluster_xml(attributes: &str, nodes: u8, address: impl Fn(u8) -> Ipv4Addr) -> String {
    let line =
        |number| format!("      <node name=\"node{number}\" addr=\"{}\"/>\n", address(number));
    let lines: String = (1..=nodes).map(line).collect();
    format!(
        "<cluster>\n  <lans {attributes}>\n    <lan name=\"default\">\n{lines}    </lan>\n  </lans>\n</cluster>\n"
    )
}

/// Configures the cluster on the first agent, and carries it to the others.
///
/// # Errors
/// When an agent refuses it.
pub fn configure(folder: &Path, agents: &[Agent], xml: &str) -> Try<()> {
    let (file, zip) = (folder.join("cluster.xml"), folder.join("cluster.zip"));
    write(&file, xml)?;
    for (place, agent) in agents.iter().enumerate() {
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
pub fn start_module(folder: &Path, agents: &[Agent], files: &Module) -> Try<()> {
    begin_module(folder, agents, MODULE, files)?;
    wait_until_ready(agents)
}

fn begin_module(folder: &Path, agents: &[Agent], name: &str, files: &Module) -> Try<()> {
    let module = folder.join(name);
    files.write(&module)?;
    for agent in agents {
        agent.safekit(&["module", "install", "-m", name, &module.to_string_lossy()])?;
        agent.safekit(&["config", "-m", name])?;
        agent.safekit(&["start", "-m", name])?;
    }
    Ok(())
}

fn wait_until_ready(agents: &[Agent]) -> Try<()> {
    agents.iter().try_for_each(|agent| agent.wait("the modules are ready", is_ready).map(drop))
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
    /// Makes one with a root of its own in a folder; it does not run yet.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(folder: &Path, program: &Path, number: u8, address: Ipv4Addr) -> Try<Self> {
        let name = format!("node{number}");
        let root = folder.join(&name);
        create(&root)?;
        write(&root.join("address"), &address.to_string())?;
        let (environment, before, arguments) = (Vec::new(), Vec::new(), Vec::new());
        let program = program.to_owned();
        Ok(Self { name, address, program, root, environment, before, arguments, guardian: None })
    }

    /// Has it run by a command that takes the words of its own command behind these, and with further arguments.
    #[must_use]
    pub fn run_by(mut self, before: Vec<String>, arguments: &[&str]) -> Self {
        self.before = before;
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// Starts the agent and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&mut self) -> Try<()> {
        let output = self.output()?;
        self.spawn(output.into())?;
        self.wait("the agent answers", |_| true).map(drop)
    }

    /// Starts the agent, with its standard output going there; gives the pipe, if it is one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self, output: Stdio) -> Try<Option<ChildStdout>> {
        let mut words = self.before.clone();
        words.push(self.program.to_string_lossy().into_owned());
        let (first, rest) = words.split_first().ok_or_else(|| Trouble::failed("no program"))?;
        let mut child = Command::new(first)
            .args(rest)
            .args(["run", "--node", &self.name, "--bind", &self.address.to_string()])
            .args(&self.arguments)
            .arg("--root")
            .arg(&self.root)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(self.output()?)
            .process_group(0)
            .spawn()
            .map_err(Trouble::io("start an agent"))?;
        let output = child.stdout.take();
        self.guardian = Some(child);
        Ok(output)
    }

    fn output(&self) -> Try<File> {
        let log = File::options().create(true).append(true).open(self.root.join("agent.log"));
        log.map_err(Trouble::io("write agent.log"))
    }

    /// Ends the agent as a service manager does, modules and all; returns the moment before.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&mut self) -> Try<Instant> {
        let guardian = self.guardian.as_ref().ok_or_else(|| Trouble::failed("no guardian"))?;
        let begin = clock::now();
        signal(guardian.id(), Signal::TERM);
        Ok(begin)
    }

    /// Waits for the end of a guardian that was told to end.
    ///
    /// # Errors
    /// When there is none.
    pub fn wait_end(&mut self) -> Try<()> {
        let mut guardian = self.guardian.take().ok_or_else(|| Trouble::failed("no guardian"))?;
        guardian.wait().map(drop).map_err(Trouble::io("wait for the guardian"))
    }

    /// Sets variables of the environment of its next start.
    pub fn set_environment(&mut self, variables: Vec<(String, String)>) {
        self.environment = variables;
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Returns the socket on which it takes commands.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("var/safekit.sock")
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.root.join("var/log.txt")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns all processes of the node: its guardian first, its agent, its application.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn pids(&self) -> Try<Vec<u32>> {
        let state = self.state()?;
        let mut pids = vec![state.guardian_pid, state.agent_pid];
        pids.extend(application(&state));
        Ok(pids)
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
    /// Both are dead afterwards; returns the moment before.
    ///
    /// # Errors
    /// When there is nothing to kill.
    pub fn kill_host(&mut self, agent_pid: u32) -> Try<Instant> {
        let agent = i32::try_from(agent_pid).ok().and_then(Pid::from_raw);
        let agent = agent.and_then(|agent| pidfd_open(agent, PidfdFlags::empty()).ok());
        let agent = agent.ok_or_else(|| Trouble::failed("no agent"))?;
        let mut guardian = self.guardian.take().ok_or_else(|| Trouble::failed("no guardian"))?;
        let begin = clock::now();
        signal(guardian.id(), Signal::KILL);
        signal(agent_pid, Signal::KILL);
        guardian.wait().map_err(Trouble::io("wait for the guardian"))?;
        // All its threads are dead then, its sockets closed: somebody else may have its addresses.
        let mut ends = [PollFd::new(&agent, PollFlags::IN)];
        let ended = rustix::event::poll(&mut ends, Some(&Timespec { tv_sec: 60, tv_nsec: 0 }));
        match ended {
            Ok(count) if count > 0 => Ok(begin),
            Ok(_) | Err(_) => Err(Trouble::failed("the agent does not die")),
        }
    }

    /// Returns its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Changes the files of its module as an administrator edits them; they are not in force yet.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_module(&self, files: &Module) -> Try<()> {
        files.write(&self.root.join("modules").join(MODULE))
    }

    /// Puts a copy of a program in the place of its own, as a package manager does. Only with a program of its own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace_program(&self, from: &Path) -> Try<()> {
        let beside = self.program.with_extension("new");
        copy(from, &beside)?;
        fs::rename(&beside, &self.program).map_err(Trouble::io("put a program in its place"))
    }

    /// Has guardian and agent become the program that lies in their place (SIGHUP), and waits for the next agent.
    ///
    /// # Errors
    /// When it does not come.
    pub fn reload(&self) -> Try<()> {
        let before = self.state()?;
        signal(before.guardian_pid, Signal::HUP);
        let next = |state: &StateReport| state.agent_pid != before.agent_pid;
        self.wait("the next agent answers", next).map(drop)
    }

    /// Ends the agent as a service manager does (SIGTERM): its module is stopped first, drain included.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(&mut self) -> Try<()> {
        let mut guardian = self.guardian.take().ok_or_else(|| Trouble::failed("no guardian"))?;
        signal(guardian.id(), Signal::TERM);
        let end = clock::now() + PATIENCE;
        while clock::now() < end {
            if let Some(status) = guardian.try_wait().map_err(Trouble::io("wait for a guardian"))? {
                let failed = || Trouble::failed(format!("{}: {status} at the end", self.name));
                return if status.success() { Ok(()) } else { Err(failed()) };
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.guardian = Some(guardian);
        Err(Trouble::failed(format!("{} does not end", self.name)))
    }

    /// Returns where it answers health checks.
    #[must_use]
    pub fn health_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.into(), HEALTH_PORT)
    }

    /// Returns its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
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
                .is_ok_and(|name| APPLICATIONS.iter().any(|ours| name.starts_with(ours)))
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

fn copy(from: &Path, to: &Path) -> Try<()> {
    fs::copy(from, to).map(drop).map_err(Trouble::io(&format!("copy {}", from.display())))
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
/// What the names of applications' processes begin with.
const APPLICATIONS: [&str; 2] = [APPLICATION, "demo-shop"];
const APPLICATION: &str = "bench-app";

const USERCONFIG: &str = r#"<!DOCTYPE safe>
<safe>
  <service mode="farm" maxloop="1000" loop_interval="24" drain="@DRAIN@">
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
