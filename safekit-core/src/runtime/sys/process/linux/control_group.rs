//! Control groups (cgroup v2), one for each run of a script: all that it starts stays inside, whatever it does.
//!
//! Everything here is a bonus: where control groups are missing or not writable, the process group has to do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, kill_process};

use super::pid_of;

/// The control group of this process, in which others can be made.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct ControlGroups {
    folder: PathBuf,
}

/// The control group of one run of a script.
#[derive(Debug)]
pub(super) struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroups {
    /// Finds where control groups can be made; `None` where they cannot.
    pub(in crate::runtime) fn find() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let folder = own_folder(&mounts, &own)?;
        let groups = Self { folder };
        // Several edges of one process may look at the same time.
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = groups.make(&Self::name(&format!("probe@{number}"))).ok()?;
        // Made and writable: that is all that was asked.
        let writable = probe.door().is_ok();
        probe.remove();
        writable.then_some(groups)
    }

    /// Removes the empty groups that processes which no longer run have left.
    pub(in crate::runtime) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten().take(SWEEP_MAX) {
            let name = entry.file_name();
            let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let maker = maker.and_then(|rest| rest.split('@').next()?.parse::<u32>().ok());
            let gone = maker.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
            if gone {
                // A group with processes in it stays: the kernel refuses.
                drop(fs::remove_dir(entry.path()));
            }
        }
    }

    /// Makes a group.
    pub(super) fn make(&self, name: &str) -> io::Result<ControlGroup> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        Ok(ControlGroup { folder })
    }

    /// Returns the name of a run's group.
    pub(super) fn name(run: &str) -> String {
        format!("{PREFIX}{}@{run}", std::process::id())
    }
}

impl ControlGroup {
    /// Opens the file through which a process enters: it writes `0`.
    pub(super) fn door(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.folder.join("cgroup.procs"))
    }

    /// Tells whether a process is inside.
    pub(super) fn contains(&self, pid: u32) -> bool {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| {
            text.lines().any(|line| line.starts_with("0::") && line.contains(&*name))
        })
    }

    /// Ends everything inside.
    pub(super) fn kill(&self) -> io::Result<()> {
        let at_once = OpenOptions::new().write(true).open(self.folder.join("cgroup.kill"));
        match at_once.and_then(|mut file| file.write_all(b"1")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.kill_one_by_one(),
            result => result,
        }
    }

    /// Removes the group; tells whether it is gone. It stays while a process is inside.
    pub(super) fn remove(&self) -> bool {
        match fs::remove_dir(&self.folder) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Kernels before 5.14 have no cgroup.kill.
    fn kill_one_by_one(&self) -> io::Result<()> {
        for _ in 0..KILL_ROUNDS {
            let inside = fs::read_to_string(self.folder.join("cgroup.procs"))?;
            let pids: Vec<_> =
                inside.lines().filter_map(|line| pid_of(line.parse().ok()?)).collect();
            if pids.is_empty() {
                return Ok(());
            }
            for pid in pids {
                // One that has died meanwhile is what was wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        Ok(())
    }
}

/// Finds the folder of the own group of the unified hierarchy: mount point + own path below the mount's root.
fn own_folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        // proc_pid_mountinfo(5): ... root mountpoint options [tags] - type source options
        let (left, right) = line.split_once(" - ")?;
        if right.split(' ').next()? != "cgroup2" {
            return None;
        }
        let mut fields = left.split(' ').skip(3);
        let (root, mount_point) = (fields.next()?, fields.next()?);
        let below = Path::new(own).strip_prefix(root).ok()?;
        Some(Path::new(mount_point).join(below))
    })
}

static PROBES: AtomicU64 = AtomicU64::new(0);

/// Of a module's name no '@' can be a part.
const PREFIX: &str = "safekit@";
const SWEEP_MAX: usize = 4096;
const KILL_ROUNDS: usize = 20;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::own_folder;

    #[test]
    fn the_own_group_is_found_below_the_mount_point() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let service = "0::/system.slice/safekit.service\n";
        let expected = PathBuf::from("/sys/fs/cgroup/system.slice/safekit.service");
        assert_eq!(own_folder(unified, service), Some(expected));
    }

    #[test]
    fn hybrid_hosts_and_part_mounts_are_understood() {
        let hybrid = "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      32 23 0:28 /pod /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "5:memory:/pod/x\n0::/pod/agent\n";
        let expected = PathBuf::from("/sys/fs/cgroup/unified/agent");
        assert_eq!(own_folder(hybrid, own), Some(expected));
    }

    #[test]
    fn hosts_without_the_unified_hierarchy_have_none() {
        assert_eq!(own_folder("31 23 0:27 / /c rw - cgroup cgroup rw\n", "5:memory:/\n"), None);
    }
}
