//! The peers of detection: keepalived and corosync, where they are installed. Their own files in the lab's folder, private
//! mounts, plain processes; never as a service.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, waitpid};
use safekit_core::runtime::clock;

use crate::farm::signal;
use crate::lab::{Lab, address, installed, own_mounts};
use crate::picture::{Picture, Sign, Watch, hear_addresses, read_lines};
use crate::program::version;
use crate::{Trouble, Try};

/// Which peer, and how it is set.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    /// One shared address, three priorities: the first node has it while it lives.
    Keepalived {
        /// VRRP 2 or 3.
        version: u8,
        /// `advert_int`
        interval: &'static str,
    },
    /// A membership of three; what its section `totem` says.
    Corosync {
        /// `transport`
        transport: &'static str,
        /// Lines of the section.
        totem: &'static str,
    },
}

impl Peer {
    /// Returns the program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Keepalived { .. } => "keepalived",
            Self::Corosync { .. } => "corosync",
        }
    }

    /// Returns its version; `None` where it is not installed.
    #[must_use]
    pub fn version(self) -> Option<String> {
        if !installed(self.program()) {
            return None;
        }
        let line = version(self.program(), "-v")?;
        Some(line.replace("Corosync Cluster Engine, version", "corosync").replace('\'', ""))
    }
}

/// A running cluster of a peer.
#[derive(Debug)]
pub struct PeerCluster {
    peer: Peer,
    mounts: Vec<String>,
    children: BTreeMap<u8, Child>,
}

impl PeerCluster {
    /// Writes its files and starts it on all nodes of a lab.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(peer: Peer, lab: &Lab, watch: &mut Watch) -> Try<Self> {
        let mut cluster = Self { peer, mounts: own_mounts()?, children: BTreeMap::new() };
        cluster.write_files(lab)?;
        for node in lab.nodes() {
            if let Peer::Keepalived { .. } = peer {
                hear_addresses(node, lab.address_news(node)?, VIP, watch)?;
            }
            cluster.start_node(node, lab, watch)?;
        }
        Ok(cluster)
    }

    /// Starts it on a node; returns the moment before: its network and its mounts are there then.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_node(&mut self, node: u8, lab: &Lab, watch: &mut Watch) -> Try<Instant> {
        watch.reset(node);
        let folder = lab.folder().to_string_lossy().into_owned();
        let own = format!("mount --bind '{folder}/state{node}' {STATE_FOLDER}");
        let (prepare, command) = match self.peer {
            Peer::Keepalived { .. } => (
                "true".to_owned(),
                format!(
                    "keepalived -n -l -P -f '{folder}/keepalived{node}.conf' -p /run/k -r /run/v"
                ),
            ),
            Peer::Corosync { .. } => (own, format!("corosync -f -c '{folder}/corosync.conf'")),
        };
        // All of them become the next one: the pid is the daemon's. What only a lab needs is none of its time.
        let script = format!(
            "mount -t tmpfs none /run && mount -t tmpfs none /dev/shm && {prepare} && kill -STOP $$ && exec {command}"
        );
        let mut words = lab.inside(node);
        words.extend(self.mounts.iter().cloned());
        words.extend(["sh".to_owned(), "-c".to_owned(), script]);
        let (first, rest) = words.split_first().ok_or_else(|| Trouble::failed("no program"))?;
        let path = lab.folder().join(format!("peer{node}.log"));
        let log = fs::File::options().create(true).append(true).open(path);
        let log = log.map_err(Trouble::io("write a peer's log"))?;
        let mut command = Command::new(first);
        command.args(rest).stdin(Stdio::null()).process_group(0);
        match self.peer {
            Peer::Keepalived { .. } => {
                let other = log.try_clone().map_err(Trouble::io("share a peer's log"))?;
                command.stdout(other).stderr(log);
            }
            Peer::Corosync { .. } => {
                command.stdout(log).stderr(Stdio::piped());
            }
        }
        let mut child = command.spawn().map_err(Trouble::io("start a peer"))?;
        wait_stop(&child)?;
        let begin = clock::now();
        signal(child.id(), Signal::CONT);
        if let Some(errors) = child.stderr.take() {
            read_lines(node, errors, watch.sender(), members)?;
        }
        self.children.insert(node, child);
        Ok(begin)
    }

    /// Kills a node's processes, so that none can tidy up or start another; returns the moment before the first signal.
    ///
    /// # Errors
    /// When there are none.
    pub fn kill(&mut self, node: u8) -> Try<Instant> {
        let mut child = self.take(node)?;
        let below = children_of(child.id());
        let begin = clock::now();
        if !below.is_empty() {
            signal(child.id(), Signal::STOP);
        }
        below.iter().for_each(|pid| signal(*pid, Signal::KILL));
        signal(child.id(), Signal::KILL);
        child.wait().map_err(Trouble::io("wait for a peer"))?;
        Ok(begin)
    }

    /// Stops a node as a service manager does; returns the moment before the signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&self, node: u8) -> Try<Instant> {
        let child = self.children.get(&node).ok_or_else(|| Trouble::failed("no peer"))?;
        let begin = clock::now();
        signal(child.id(), Signal::TERM);
        Ok(begin)
    }

    /// Waits for the end of a node that was stopped.
    ///
    /// # Errors
    /// When it did not run.
    pub fn wait_end(&mut self, node: u8) -> Try<()> {
        let mut child = self.take(node)?;
        child.wait().map(drop).map_err(Trouble::io("wait for a peer"))
    }

    /// Returns a node's processes.
    #[must_use]
    pub fn pids(&self, node: u8) -> Vec<u32> {
        let Some(child) = self.children.get(&node) else { return Vec::new() };
        let mut pids = children_of(child.id());
        pids.insert(0, child.id());
        pids
    }

    /// Tells whether all nodes work together.
    #[must_use]
    pub fn is_whole(&self, picture: &Picture, nodes: u8, victim: u8) -> bool {
        match self.peer {
            Peer::Keepalived { .. } => {
                picture.holders.contains(&victim) && !picture.other_holds(victim)
            }
            Peer::Corosync { .. } => picture.is_whole(nodes),
        }
    }

    /// Tells whether the others have acted without the victim.
    #[must_use]
    pub fn others_have_acted(&self, picture: &Picture, nodes: u8, victim: u8) -> bool {
        match self.peer {
            Peer::Keepalived { .. } => picture.other_holds(victim),
            Peer::Corosync { .. } => picture.others_have_acted(nodes),
        }
    }

    /// Tells whether the others act with the victim, or without it.
    #[must_use]
    pub fn others_act(&self, picture: &Picture, nodes: u8, victim: u8, with: bool) -> bool {
        match self.peer {
            Peer::Keepalived { .. } => picture.other_holds(victim) != with,
            Peer::Corosync { .. } => picture.others_act(nodes, victim, with),
        }
    }

    fn take(&mut self, node: u8) -> Try<Child> {
        self.children.remove(&node).ok_or_else(|| Trouble::failed("no peer on that node"))
    }

    fn write_files(&self, lab: &Lab) -> Try<()> {
        let write = |name: String, text: String| {
            fs::write(lab.folder().join(name), text).map_err(Trouble::io("write a peer's files"))
        };
        match self.peer {
            Peer::Keepalived { version, interval } => {
                let address = VIP.map(|byte| byte.to_string()).join(".");
                for node in lab.nodes() {
                    let priority = 150_u8.saturating_sub(node.saturating_sub(1).saturating_mul(20));
                    let text = format!(
                        "global_defs {{\n router_id n{node}\n vrrp_version {version}\n}}\nvrrp_instance V1 {{\n \
                         state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
                         advert_int {interval}\n virtual_ipaddress {{\n  {address}/24\n }}\n}}\n"
                    );
                    write(format!("keepalived{node}.conf"), text)?;
                }
            }
            Peer::Corosync { transport, totem } => {
                let mut key = vec![0; 256];
                getrandom_fill(&mut key)?;
                let key_file = lab.folder().join("authkey");
                fs::write(&key_file, key).map_err(Trouble::io("write a peer's key"))?;
                let totem = totem.replace("@KEY@", &key_file.to_string_lossy());
                let mut nodes = String::new();
                for node in lab.nodes() {
                    let state = lab.folder().join(format!("state{node}"));
                    fs::create_dir_all(state).map_err(Trouble::io("make a peer's folder"))?;
                    nodes.push_str(&format!(
                        " node {{\n  name: n{node}\n  nodeid: {node}\n  ring0_addr: {}\n }}\n",
                        address(node)
                    ));
                }
                let text = format!(
                    "totem {{\n version: 2\n cluster_name: bench\n transport: {transport}\n{totem}\n}}\n\
                     system {{\n allow_knet_handle_fallback: yes\n}}\nnodelist {{\n{nodes}}}\n\
                     quorum {{\n provider: corosync_votequorum\n}}\n\
                     logging {{\n to_stderr: yes\n to_syslog: no\n to_logfile: no\n}}\n"
                );
                write("corosync.conf".to_owned(), text)?;
            }
        }
        Ok(())
    }
}

impl Drop for PeerCluster {
    fn drop(&mut self) {
        for node in self.children.keys().copied().collect::<Vec<_>>() {
            drop(self.kill(node));
        }
    }
}

/// Waits until a process stands still.
fn wait_stop(child: &Child) -> Try<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match waitpid(pid, WaitOptions::UNTRACED) {
        Ok(Some((_, status))) if status.stopped() => Ok(()),
        Ok(_) => Err(Trouble::failed("a peer's mounts were not made: see its log")),
        Err(error) => Err(Trouble::io("wait for a peer's mounts")(error.into())),
    }
}

/// Reads corosync's line `[QUORUM] Members[3]: 1 2 3`.
fn members(line: &str) -> Option<Sign> {
    let (_, rest) = line.split_once("[QUORUM] Members[")?;
    let (_, numbers) = rest.split_once("]:")?;
    let members: BTreeSet<u8> = numbers.split_whitespace().flat_map(str::parse).collect();
    Some(Sign::View(members))
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().flat_map(str::parse).collect()
}

fn getrandom_fill(bytes: &mut [u8]) -> Try<()> {
    let read = fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, bytes));
    read.map_err(Trouble::io("draw a key"))
}

const VIP: [u8; 4] = [198, 18, 0, 250];
const STATE_FOLDER: &str = "/var/lib/corosync";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read() {
        let line = "Nov 23 02:55:07.009 notice  [QUORUM] Members[2]: 1 3\n";
        assert_eq!(members(line), Some(Sign::View([1, 3].into())));
        assert_eq!(members("notice  [TOTEM ] A new membership (1.5) was formed."), None);
    }
}
