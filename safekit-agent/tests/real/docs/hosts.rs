//! The hosts of a page: three servers and a balancer, each with files, processes, a name and an address of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use super::page::HOSTS;
use crate::farm::{self, AGENT, PATIENCE};
use crate::lab::{self, Lab};

/// Where the hosts of the pages are.
const ADDRESSES: [&str; 4] = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.10"];
/// After which a command of a page is taken to hang, in seconds.
const LIMIT: &str = "180";

/// All gone when dropped, with every process in them.
pub(super) struct Hosts {
    hosts: Vec<Host>,
    shared: PathBuf,
    lab: Lab,
}

struct Host {
    name: &'static str,
    /// The first process of the host: all others end with it.
    first: String,
    keeper: Child,
}

impl Hosts {
    /// Makes the hosts; `None` where mounts of their own cannot be had.
    pub(super) fn new() -> Option<Self> {
        lab::in_own_mounts()?;
        let places: Vec<(&str, &str)> = HOSTS.into_iter().zip(ADDRESSES).collect();
        let lab = Lab::without_agents(&places);
        let shared = lab.dir.0.join("homes");
        let agent = stripped(&lab.dir.0);
        let mut hosts = Self { hosts: Vec::new(), shared, lab };
        for (name, address) in places {
            hosts.add(name, address, &agent);
        }
        Some(hosts)
    }

    fn add(&mut self, name: &'static str, address: &str, agent: &Path) {
        let home = self.shared.join(name);
        let folder = self.lab.dir.0.join(name);
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&folder).unwrap();
        symlink(name, self.shared.join(address)).unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/docs");
        let namespace = self.lab.namespace_of(name);
        // The host ends with the test, however that ends.
        let mut command = lab::in_namespace(&namespace, "setpriv");
        let mounts = lab::in_own_mounts().unwrap();
        command
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(mounts.get_args())
            .args(["--pid", "--uts", "--fork", "--kill-child", "/bin/sh"])
            .arg(scripts.join("host.sh"))
            .arg(&folder)
            .arg(name)
            .arg(agent)
            .arg(&scripts)
            .arg(&self.shared)
            .stdin(Stdio::null());
        let mut keeper = command.spawn().unwrap();
        let said = self.shared.join(format!("{name}.pid"));
        let deadline = Instant::now() + PATIENCE;
        let first = loop {
            let text = fs::read_to_string(&said).unwrap_or_default();
            if text.ends_with('\n') {
                break text.trim().to_owned();
            }
            assert!(keeper.try_wait().unwrap().is_none(), "{name} cannot be made");
            assert!(Instant::now() < deadline, "{name} does not come");
            farm::pause();
        };
        self.hosts.push(Host { name, first, keeper });
    }

    /// Runs commands on a host, in the folder that the commands before them have gone to. All that they print is on the
    /// standard output.
    pub(super) fn run(&self, host: &str, commands: &str) -> Output {
        let host = self.hosts.iter().find(|it| it.name == host).unwrap();
        let text = format!(
            "cd \"$(cat /run/folder 2>/dev/null || echo /root)\"\nexec 2>&1\nset -e\n{commands}\npwd >/run/folder\n"
        );
        fs::write(self.shared.join(host.name).join(".step"), text).unwrap();
        Command::new("nsenter")
            .args(["--target", &host.first, "--mount", "--net", "--pid", "--uts", "--root"])
            .args(["--wd", "/usr/bin/env", "-i", "HOME=/root", "TERM=dumb", "LC_ALL=C.UTF-8"])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["timeout", LIMIT, "/bin/sh", "/root/.step"])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Makes a file on a host.
    pub(super) fn write(&self, host: &str, path: &str, text: &str) {
        let (folder, _) = path.rsplit_once('/').unwrap_or((".", ""));
        let sent = self.shared.join(host).join(".file");
        fs::write(sent, text).unwrap();
        let output = self.run(host, &format!("mkdir -p {folder} && cp /root/.file {path}"));
        assert!(output.status.success(), "{path} on {host}: {output:?}");
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            drop(host.keeper.kill());
            drop(host.keeper.wait());
        }
    }
}

/// The program without what only a debugger reads: the hosts keep their files in memory.
fn stripped(dir: &Path) -> PathBuf {
    let agent = dir.join("safekit-agent");
    let done = Command::new("strip").arg("-o").arg(&agent).arg(AGENT).status();
    if !done.is_ok_and(|status| status.success()) {
        farm::copy_program(AGENT.as_ref(), &agent);
    }
    agent
}
