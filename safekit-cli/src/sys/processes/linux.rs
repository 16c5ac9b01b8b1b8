//! The processes in /proc. A process is told by a descriptor of it: a pid that is used again by another one is never meant.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

use rustix::process::{self, Pid, PidfdFlags};
use safekit_core::ids::ProcessId;
use safekit_core::module::watch::ProcessInfo;

use super::Signal;

/// Most processes that are looked at.
const PROCESSES_MAX: usize = 100_000;

/// Lists the processes, by their number.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn list() -> io::Result<Vec<ProcessInfo>> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .take(PROCESSES_MAX)
        .collect();
    pids.sort_unstable();
    // One that has ended meanwhile is none.
    Ok(pids.into_iter().filter_map(info).collect())
}

fn info(pid: u32) -> Option<ProcessInfo> {
    // A name may be of any bytes.
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // pid (name) state ppid ...: a name may hold brackets itself.
    let (left, right) = stat.rsplit_once(')')?;
    let name = left.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = right.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    let parent_pid = fields.get(1)?.parse().ok()?;
    let started = fields.get(19)?.parse().ok()?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let arguments = if line.is_empty() {
        Vec::new()
    } else {
        line.split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    };
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let executable = executable.as_deref().and_then(|path| path.file_name());
    let executable = executable.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let executable = executable.trim_end_matches(" (deleted)").to_owned();
    Some(ProcessInfo { id: ProcessId { pid, started }, parent_pid, name, executable, arguments })
}

/// Tells a process to end, or ends it. One that has ended already is no failure.
///
/// # Errors
/// What the operating system says.
pub(crate) fn send(id: ProcessId, signal: Signal) -> io::Result<()> {
    let Some(pid) = pid_of(id.pid) else { return Ok(()) };
    let signal = match signal {
        Signal::Terminate => process::Signal::TERM,
        Signal::Kill => process::Signal::KILL,
    };
    let descriptor = match process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => descriptor,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // The descriptor holds whoever has the number by now: only then it is looked at again.
    if info(id.pid).is_none_or(|there| there.id != id) {
        return Ok(());
    }
    match process::pidfd_send_signal(descriptor, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lets a command have a process group of its own.
pub(crate) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Ends a command and its process group, and takes it away.
pub(crate) fn end_group(child: &mut Child) {
    // It was not taken away yet: the number is still its own.
    if let Some(pid) = pid_of(child.id()) {
        let _ = process::kill_process_group(pid, process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

/// Returns the exit code of a command; 128 and the number of the signal that ended it.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_process_whose_name_is_no_text_is_listed_and_ended() {
        let script = "printf '\\377no text' >/proc/$$/comm; echo named; read nothing";
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let listed = list().unwrap().into_iter().find(|process| process.id.pid == child.id());
        let listed = listed.unwrap();
        assert!(listed.name.ends_with("no text"), "{listed:?}");
        send(listed.id, Signal::Kill).unwrap();
        assert_eq!(code(child.wait().unwrap()), 128 + 9);
    }
}
