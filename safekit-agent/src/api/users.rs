//! Users and groups of the host.
//!
//! In: `/etc/passwd`, `/etc/group` and `/proc/PID/status`, read at each question. Out: names and memberships.
//!
//! Not here: users of a directory service. Their name is told as a number; their groups count, because the kernel
//! knows those of every process.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes read of one of the files.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What permissions have to know of users.
pub(crate) trait Users: fmt::Debug + Send + Sync {
    /// Returns a user's name.
    fn name(&self, uid: u32) -> Option<String>;
    /// Returns a group's number.
    fn group(&self, name: &str) -> Option<u32>;
    /// Tells whether a group's list of members names a user.
    fn group_has(&self, gid: u32, uid: u32) -> bool;
    /// Returns the groups of a process; none where it has ended or belongs to somebody else by now.
    fn groups_of_process(&self, pid: u32, uid: u32) -> Vec<u32>;
}

/// The users of this host.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostUsers;

impl Users for HostUsers {
    fn name(&self, uid: u32) -> Option<String> {
        name_in(&read("/etc/passwd"), uid)
    }

    fn group(&self, name: &str) -> Option<u32> {
        group_in(&read("/etc/group"), name)
    }

    fn group_has(&self, gid: u32, uid: u32) -> bool {
        let Some(name) = self.name(uid) else { return false };
        member_in(&read("/etc/group"), gid, &name)
    }

    fn groups_of_process(&self, pid: u32, uid: u32) -> Vec<u32> {
        if pid == 0 {
            return Vec::new();
        }
        groups_in(&read(&format!("/proc/{pid}/status")), uid)
    }
}

/// Reads a small file; what cannot be read gives no rights.
fn read(path: &str) -> String {
    let mut bytes = Vec::new();
    let Ok(file) = File::open(Path::new(path)) else { return String::new() };
    match file.take(FILE_BYTES_MAX).read_to_end(&mut bytes) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

fn group_in(groups: &str, wanted: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == wanted).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn member_in(groups: &str, gid: u32, user: &str) -> bool {
    groups.lines().any(|line| {
        let mut fields = line.split(':').skip(2);
        let number = fields.next().and_then(|number| number.parse::<u32>().ok());
        let members = fields.next().unwrap_or_default();
        number == Some(gid) && members.split(',').any(|member| member == user)
    })
}

fn groups_in(status: &str, uid: u32) -> Vec<u32> {
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let numbers = |text: &str| -> Vec<u32> {
        text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    // Real, effective, saved, file system: all the same, or it is not simply that user's process.
    let owners = numbers(field("Uid:"));
    if owners.is_empty() || owners.iter().any(|owner| *owner != uid) {
        return Vec::new();
    }
    numbers(field("Groups:"))
}

#[cfg(test)]
mod tests;
