//! A network of namespaces: one for each node, one for the balancer and the clients, one with the switch between them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::farm::{Node, TempDir};

/// Where the balancer and the clients are.
pub(crate) const CLIENT: &str = "10.77.0.100";

/// One network at a time: their names and addresses are the same.
static ONE: Mutex<()> = Mutex::new(());

/// Namespaces with their processes; all gone when dropped.
pub(crate) struct Lab {
    pub(crate) nodes: Vec<Node>,
    balancer: Option<Child>,
    tag: String,
    namespaces: Vec<String>,
    pub(crate) dir: TempDir,
    _one: MutexGuard<'static, ()>,
}

/// Tells whether tests that need root, namespaces and HAProxy are to be run; they fail where it was not said that
/// they cannot be run here.
pub(crate) fn wanted() -> bool {
    if std::env::var_os("SAFEKIT_NO_LAB").is_some() {
        println!("left out: SAFEKIT_NO_LAB is set");
        return false;
    }
    for program in ["ip", "haproxy"] {
        let found = Command::new(program)
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        assert!(
            found,
            "this test needs root, iproute2 and haproxy: run scripts/test, or set SAFEKIT_NO_LAB=1"
        );
    }
    true
}

impl Lab {
    /// Makes the network and starts the agents; the cluster is not configured yet.
    pub(crate) fn new(size: usize) -> Self {
        let mut lab = Self::without_programs(size);
        lab.nodes.iter_mut().for_each(Node::start_agent);
        lab
    }

    /// The same, each node with a program of its own, `programN/safekit-agent`, a copy of this one.
    pub(crate) fn of_programs(size: usize, from: &Path) -> Self {
        let mut lab = Self::without_programs(size);
        for (number, node) in (1..).zip(&mut lab.nodes) {
            let folder = lab.dir.0.join(format!("program{number}"));
            std::fs::create_dir(&folder).unwrap();
            let program = folder.join("safekit-agent");
            crate::farm::copy_program(from, &program);
            let namespace = node.namespace.clone().unwrap();
            node.start_agent_with(in_namespace(&namespace, program.to_str().unwrap()));
        }
        lab
    }

    fn without_programs(size: usize) -> Self {
        let names: Vec<(String, String)> =
            (1..=size).map(|n| (format!("n{n}"), format!("10.77.0.{n}"))).collect();
        let mut places = vec![("cl", CLIENT)];
        places.extend(names.iter().map(|(name, address)| (name.as_str(), address.as_str())));
        let mut lab = Self::without_agents(&places);
        for (number, (name, address)) in names.iter().enumerate() {
            let namespace = lab.namespace_of(name);
            let name = format!("node{}", number + 1);
            lab.nodes.push(Node::new(&lab.dir.0, &name, address, Some(namespace)));
        }
        lab
    }

    /// Makes the network, with a namespace for each of these names and addresses.
    pub(crate) fn without_agents(places: &[(&str, &str)]) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = TempDir::new();
        let tag = format!("sk{:x}", std::process::id() & 0xffff);
        let mut lab =
            Self { nodes: Vec::new(), balancer: None, tag, namespaces: Vec::new(), dir, _one: one };
        let switch = lab.namespace("sw");
        run_in(&switch, &["link", "add", "br0", "type", "bridge"]);
        run_in(&switch, &["link", "set", "br0", "up"]);
        for (number, (name, address)) in places.iter().enumerate() {
            let namespace = lab.namespace(name);
            lab.plug(&namespace, &format!("p{number}"), address);
        }
        lab
    }

    /// The namespace of that name.
    pub(crate) fn namespace_of(&self, name: &str) -> String {
        format!("{}{name}", self.tag)
    }

    /// The namespace of the clients.
    pub(crate) fn client_namespace(&self) -> String {
        self.namespace_of("cl")
    }

    /// Takes a node's cable out, or puts it in again.
    pub(crate) fn cable(&self, node: usize, state: &str) {
        let switch = format!("{}sw", self.tag);
        run_in(&switch, &["link", "set", &format!("p{}", node + 1), state]);
    }

    /// Starts HAProxy with a configuration, in the clients' namespace.
    pub(crate) fn start_haproxy(&mut self, config: &str) {
        self.stop_haproxy();
        let path = self.dir.0.join("haproxy.cfg");
        std::fs::write(&path, config).unwrap();
        let child = in_namespace(&self.client_namespace(), "haproxy")
            .args(["-db", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.balancer = Some(child);
    }

    pub(crate) fn stop_haproxy(&mut self) {
        if let Some(mut child) = self.balancer.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn namespace(&mut self, name: &str) -> String {
        let name = format!("{}{name}", self.tag);
        run(&["netns", "add", &name]);
        self.namespaces.push(name.clone());
        run_in(&name, &["link", "set", "lo", "up"]);
        name
    }

    fn plug(&self, namespace: &str, port: &str, address: &str) {
        let switch = format!("{}sw", self.tag);
        let pair = ["link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", &switch];
        run_in(namespace, &pair);
        run_in(&switch, &["link", "set", port, "master", "br0", "up"]);
        run_in(namespace, &["addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        run_in(namespace, &["link", "set", "eth0", "up"]);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop_haproxy();
        self.nodes.clear();
        for namespace in &self.namespaces {
            drop(Command::new("ip").args(["netns", "del", namespace]).status());
        }
    }
}

fn run(arguments: &[&str]) {
    check(Command::new("ip").args(arguments));
}

fn run_in(namespace: &str, arguments: &[&str]) {
    check(in_namespace(namespace, "ip").args(arguments));
}

fn check(command: &mut Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

/// Makes a command that runs in a network namespace. Not `ip netns exec`, which changes mounts too, and so fails in a
/// root that is no mount point.
pub(crate) fn in_namespace(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}")).arg(program);
    command
}

/// Moves this thread into a network namespace.
pub(crate) fn enter(namespace: &str) {
    let file = std::fs::File::open(format!("/run/netns/{namespace}")).unwrap();
    rustix::thread::move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&file),
        Some(rustix::thread::LinkNameSpaceType::Network),
    )
    .unwrap();
}

/// A command that runs what is added where mounts are seen by nobody else; `None` where that cannot be had.
pub(crate) fn in_own_mounts() -> Option<Command> {
    let private = Command::new("unshare").args(["--mount", "true"]).output();
    if private.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        return Some(command);
    }
    // In a changed root there is no mount to make private; needless where none is shared.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // `ip netns` shares its own folder, in which nothing is mounted here.
    let shared = |line: &str| line.contains(" shared:") && !line.contains("/run/netns");
    if mounts.is_empty() || mounts.lines().any(shared) {
        println!("left out: mounts of its own cannot be had here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "unchanged"]);
    Some(command)
}
