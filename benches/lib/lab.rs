//! A network of its own for a few nodes: a namespace each, and a bridge between them in one more. Needs root.
//!
//! Always: what was made goes away with its owner, however that ends: a shell waits for the end of this process, ends
//! what lives in the namespaces, and removes them. Nothing touches the machine's own network.

use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::net::netdevice::name_to_index;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// Namespaces, a bridge, and a folder.
#[derive(Debug)]
pub struct Lab {
    tag: String,
    folder: PathBuf,
    nodes: u8,
    /// A netlink socket of the namespace with the bridge, and the numbers of its ports.
    switch: OwnedFd,
    ports: Vec<u32>,
    sweeper: Child,
}

/// Whether a cable is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// It is.
    In,
    /// It was pulled.
    Out,
}

impl Lab {
    /// Tells why no lab can be made here; `None`: it can.
    #[must_use]
    pub fn missing() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("it needs root: network namespaces, mounts".to_owned());
        }
        let programs = ["ip", "nsenter", "unshare"];
        let missing = programs.into_iter().find(|program| !installed(program));
        missing.map(|program| format!("the program {program} is not installed"))
    }

    /// Makes a lab of so many nodes.
    ///
    /// # Errors
    /// When the kernel or `ip` refuses.
    pub fn new(nodes: u8) -> Try<Self> {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let lab = LABS.fetch_add(1, Ordering::Relaxed);
        let tag = format!("skb{}x{lab}", std::process::id());
        let folder = std::env::temp_dir().join(format!("sk-bench-lab-{tag}"));
        std::fs::create_dir_all(&folder).map_err(Trouble::io("make the lab's folder"))?;
        let name = |place: &str| format!("{tag}{place}");
        let mut names = vec![name("sw")];
        names.extend((1..=nodes).map(|node| name(&format!("n{node}"))));
        // First of all: from here on everything is swept away.
        let sweeper = sweeper(&folder, &names)?;
        match wire(&names) {
            Ok((switch, ports)) => Ok(Self { tag, folder, nodes, switch, ports, sweeper }),
            Err(trouble) => {
                sweep(sweeper);
                Err(trouble)
            }
        }
    }

    /// Returns the folder for the files of what runs here; it goes away with the lab.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the numbers of the nodes.
    pub fn nodes(&self) -> impl Iterator<Item = u8> + use<> {
        1..=self.nodes
    }

    /// Returns the name of a node's network namespace.
    #[must_use]
    pub fn namespace(&self, node: u8) -> String {
        format!("{}n{node}", self.tag)
    }

    /// Returns the words before a command that runs it in a node's network.
    #[must_use]
    pub fn inside(&self, node: u8) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/run/netns/{}", self.namespace(node))]
    }

    /// Pulls a node's cable, or puts it in again: one message to the kernel on the side of the bridge. Returns the moment
    /// before that.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cable(&self, node: u8, cable: Cable) -> Try<Instant> {
        let port = usize::from(node).checked_sub(1).and_then(|place| self.ports.get(place));
        let port = port.ok_or_else(|| Trouble::failed("no such node in the lab"))?;
        let up = u32::from(cable == Cable::In);
        let mut bytes = Vec::with_capacity(32);
        bytes.extend(32_u32.to_ne_bytes());
        bytes.extend(RTM_NEWLINK.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
        bytes.extend([0; 8]);
        // struct ifinfomsg: any family, any type.
        bytes.extend([0; 4]);
        bytes.extend(port.to_ne_bytes());
        bytes.extend(up.to_ne_bytes());
        bytes.extend(IFF_UP.to_ne_bytes());
        let begin = clock::now();
        let told = sendto(&self.switch, &bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0));
        told.map_err(|error| Trouble::io("move a cable")(error.into()))?;
        let mut answer = [0; 256];
        let (size_bytes, _) = recv(&self.switch, answer.as_mut_slice(), RecvFlags::empty())
            .map_err(|error| Trouble::io("hear about a cable")(error.into()))?;
        // Behind the header: the number of the error, 0 for none.
        if answer.get(16..20) == Some(&[0; 4]) && size_bytes >= 20 {
            return Ok(begin);
        }
        Err(Trouble::failed("the kernel does not move the cable"))
    }

    /// Loses so many of a hundred packets on their way in, each by itself, on every node and for ever.
    ///
    /// # Errors
    /// When nftables does not do it.
    pub fn lose(&self, percent: u32) -> Try<()> {
        for node in self.nodes() {
            let words = self.inside(node);
            let (first, rest) = words.split_first().ok_or_else(|| Trouble::failed("no program"))?;
            for rule in [
                "add table ip sk_lab".to_owned(),
                "add chain ip sk_lab in { type filter hook input priority 0 ; }".to_owned(),
                format!("add rule ip sk_lab in numgen random mod 100 < {percent} drop"),
            ] {
                run(Command::new(first).args(rest).arg("nft").args(rule.split(' ')))?;
            }
        }
        Ok(())
    }

    /// Does something in a node's network, on a thread of its own.
    ///
    /// # Errors
    /// Those of the work, and where the kernel refuses.
    pub fn visit<T: Send>(&self, node: u8, work: impl FnOnce() -> Try<T> + Send) -> Try<T> {
        in_namespace(&self.namespace(node), work)
    }

    /// Opens a socket that hears which addresses a node gets and loses.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn address_news(&self, node: u8) -> Try<OwnedFd> {
        in_namespace(&self.namespace(node), || netlink(GROUP_IPV4_ADDRESSES))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        drop(self.sweeper.wait());
    }
}

/// Returns the address of a node, the same in every lab.
#[must_use]
pub fn address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, node)
}

/// Tells whether a program is installed.
#[must_use]
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Returns the words before a command that give it mounts of its own; none where they cannot be had.
///
/// # Errors
/// Where mounts of its own would be seen by others.
pub fn own_mounts() -> Try<Vec<String>> {
    let works = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(words).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if works(&["--mount"]) {
        return Ok(["unshare", "--mount"].map(str::to_owned).to_vec());
    }
    // In a changed root there is no mount to make private; needless where none is shared.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let shared = |line: &str| line.contains(" shared:") && !line.contains("/run/netns");
    if mounts.is_empty() || mounts.lines().any(shared) {
        return Err(Trouble::failed("no mounts of its own can be had here"));
    }
    Ok(["unshare", "--mount", "--propagation", "unchanged"].map(str::to_owned).to_vec())
}

/// Starts what cleans up when this process ends or lets go of its standard input: nobody but a shell outlives it.
fn sweeper(folder: &Path, names: &[String]) -> Try<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", SWEEP, "sweeper"]).arg(folder).args(names);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map_err(Trouble::io("start what cleans up"))
}

fn sweep(mut sweeper: Child) {
    drop(sweeper.stdin.take());
    drop(sweeper.wait());
}

/// Makes the namespaces and the bridge between them; the first one is the bridge's.
fn wire(names: &[String]) -> Try<(OwnedFd, Vec<u32>)> {
    let (switch, nodes) = names.split_first().ok_or_else(|| Trouble::failed("no names"))?;
    for name in names {
        ip(&["netns", "add", name])?;
        ip_in(name, "link set lo up")?;
    }
    ip_in(switch, "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")?;
    ip_in(switch, "link set br0 up")?;
    for (node, name) in (1_u8..).zip(nodes) {
        ip_in(switch, &format!("link add p{node} type veth peer name eth0 netns {name}"))?;
        ip_in(switch, &format!("link set p{node} master br0 up"))?;
        // No address by itself: nothing but what is measured uses the wire.
        ip_in(name, "link set eth0 addrgenmode none")?;
        ip_in(name, &format!("addr add {}/24 dev eth0", address(node)))?;
        ip_in(name, "link set eth0 up")?;
    }
    let socket = in_namespace(switch, || netlink(0))?;
    let port = |node: usize| {
        let index = name_to_index(&socket, &format!("p{node}"));
        index.map_err(|error| Trouble::io("find a port of the bridge")(error.into()))
    };
    let ports = (1..=nodes.len()).map(port).collect::<Try<_>>()?;
    Ok((socket, ports))
}

fn ip(arguments: &[&str]) -> Try<()> {
    run(Command::new("ip").args(arguments))
}

fn ip_in(namespace: &str, arguments: &str) -> Try<()> {
    let mut command = Command::new("nsenter");
    command.args([&format!("--net=/run/netns/{namespace}"), "ip"]);
    run(command.args(arguments.split(' ')))
}

fn run(command: &mut Command) -> Try<()> {
    let output = command.stdin(Stdio::null()).output().map_err(Trouble::io("run ip"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::failed(format!("{command:?}: {}", said.trim())))
}

/// Does something on a thread that is in a network namespace; what it opens stays in there.
fn in_namespace<T: Send>(name: &str, work: impl FnOnce() -> Try<T> + Send) -> Try<T> {
    let enter = || {
        let namespace = File::open(format!("/run/netns/{name}"));
        let namespace = namespace.map_err(Trouble::io("open a network namespace"))?;
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(namespace.as_fd(), kind)
            .map_err(|error| Trouble::io("enter a network namespace")(error.into()))?;
        work()
    };
    let done = std::thread::scope(|scope| scope.spawn(enter).join());
    done.map_err(|_panic| Trouble::failed("the thread in a namespace has failed"))?
}

fn netlink(groups: u32) -> Try<OwnedFd> {
    let kind = SocketType::RAW;
    socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, None)
        .and_then(|socket| bind(&socket, &SocketAddrNetlink::new(0, groups)).map(|()| socket))
        .map_err(|error| Trouble::io("open a netlink socket")(error.into()))
}

/// Counts what a process's network has sent on eth0, as its kernel does: packets and bytes with their Ethernet headers.
#[must_use]
pub fn sent(pid: u32) -> (u64, u64) {
    let mut text = String::new();
    let read = File::open(format!("/proc/{pid}/net/dev"));
    drop(read.and_then(|mut file| file.read_to_string(&mut text)));
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("eth0:"));
    let numbers: Vec<u64> =
        line.into_iter().flat_map(str::split_whitespace).flat_map(str::parse).collect();
    let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
    (at(9), at(8))
}

const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
/// `RTMGRP_IPV4_IFADDR`
const GROUP_IPV4_ADDRESSES: u32 = 0x10;

/// Several rounds: a guardian that is ended after its agent has started another one.
const SWEEP: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
folder=$1; shift
for round in 1 2 3; do
  for name in "$@"; do
    for pid in $(ip netns pids "$name" 2>/dev/null); do kill -KILL "$pid"; done
  done
  sleep 0.1
done
for name in "$@"; do ip netns del "$name"; done
rm -rf "$folder"
"#;
