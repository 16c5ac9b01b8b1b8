//! Runs a program that answers a question: with a time limit, bounded output, and a process group of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::runtime::{clock, thread};

/// The most bytes of an answer: ten times what all services of all modules take.
const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most bytes that are kept of what it complains of.
const ERROR_BYTES_MAX: usize = 4096;
/// The most characters of a complaint that are told.
const ERROR_CHARS_MAX: usize = 200;
/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(20);
/// For so long an ended program may take to be gone; only one that hangs in the kernel does.
const GONE_WITHIN: Duration = Duration::from_secs(1);
/// So many programs may hang in the kernel; with more of them none is started.
const HANGING_MAX: usize = 4;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [&'a str],
    /// More arguments.
    pub(super) names: &'a BTreeSet<String>,
    pub(super) environment: &'a [(OsString, OsString)],
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What it printed.
    pub(super) text: String,
    /// Whether that is all that it had to say.
    pub(super) whole: bool,
    /// What went wrong, and what to do.
    pub(super) error: Option<String>,
}

/// Runs programs, one at a time.
#[derive(Debug)]
pub(super) struct Caller {
    time_limit: Duration,
    /// Programs that were ended and are not gone.
    hanging: Vec<Child>,
}

/// What is read of a running program.
#[derive(Debug, Default)]
struct Pipes {
    output: Pipe,
    complaint: Pipe,
}

/// One stream of it.
#[derive(Debug, Default)]
struct Pipe {
    bytes: Vec<u8>,
    /// How many there were, kept or not.
    seen: usize,
    ended: bool,
}

impl Caller {
    pub(super) fn new(time_limit: Duration) -> Self {
        Self { time_limit, hanging: Vec::new() }
    }

    /// Runs a program to its end, or ends it.
    pub(super) fn call(&mut self, call: &Call<'_>) -> Answer {
        self.hanging.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.hanging.len() >= HANGING_MAX {
            let error = "earlier calls of systemctl hang in the kernel and cannot be ended; the host needs a restart";
            return Answer { error: Some(error.to_owned()), ..Answer::default() };
        }
        match spawn(call) {
            Ok(child) => self.read(child),
            Err(error) => {
                let error = Some(format!("{}: {error}", call.program.display()));
                Answer { error, ..Answer::default() }
            }
        }
    }

    fn read(&mut self, mut child: Child) -> Answer {
        let mut pipes = Pipes::default();
        let deadline = clock::now().checked_add(self.time_limit);
        let status = loop {
            // First whether it has ended: what it wrote before that can be read now.
            let status = child.try_wait().ok().flatten();
            pipes.read(&mut child);
            if let Some(status) = status {
                break Some(status);
            }
            if pipes.output.seen > OUTPUT_BYTES_MAX || is_past(deadline) {
                break None;
            }
            pipes.wait(&child);
        };
        let whole = status.is_some() && pipes.output.seen <= OUTPUT_BYTES_MAX;
        let error = match status {
            Some(_) if !whole => Some(self.why_ended(&pipes)),
            Some(status) => failure(status, &pipes.complaint.bytes),
            None => {
                self.end(child);
                Some(self.why_ended(&pipes))
            }
        };
        let text = String::from_utf8_lossy(&pipes.output.bytes).into_owned();
        Answer { text, whole, error }
    }

    fn why_ended(&self, pipes: &Pipes) -> String {
        if pipes.output.seen > OUTPUT_BYTES_MAX {
            return "systemctl printed without end and was ended; see what 'systemctl show' prints"
                .to_owned();
        }
        let limit = self.time_limit.as_secs();
        format!(
            "systemctl did not answer within {limit} s and was ended; see whether 'systemctl status' answers"
        )
    }

    /// Ends a program with its process group. Only while its process is not reaped: its number is the group's.
    fn end(&mut self, mut child: Child) {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Refused only where nothing of it is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let deadline = clock::now().checked_add(GONE_WITHIN);
        while matches!(child.try_wait(), Ok(None)) {
            if is_past(deadline) {
                return self.hanging.push(child);
            }
            thread::pause(LOOK);
        }
    }
}

impl Pipes {
    /// Reads what is there, and keeps what there is room for.
    fn read(&mut self, child: &mut Child) {
        if let Some(output) = &mut child.stdout {
            self.output.read(output, OUTPUT_BYTES_MAX);
        }
        if let Some(complaint) = &mut child.stderr {
            self.complaint.read(complaint, ERROR_BYTES_MAX);
        }
    }

    /// Waits until there is more, or for a moment.
    fn wait(&self, child: &Child) {
        let output = child.stdout.as_ref().filter(|_| !self.output.ended).map(AsFd::as_fd);
        let complaint = child.stderr.as_ref().filter(|_| !self.complaint.ended).map(AsFd::as_fd);
        let open = output.into_iter().chain(complaint);
        let mut open: Vec<PollFd<'_>> =
            open.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        // Who closes both goes on at most for a moment.
        let time = if open.is_empty() { Duration::from_millis(2) } else { LOOK };
        let time = Timespec::try_from(time).ok();
        // An interruption is looked at as if something had come.
        let _ = poll(&mut open, time.as_ref());
    }
}

impl Pipe {
    fn read(&mut self, from: &mut impl Read, bytes_max: usize) {
        let mut buffer = [0_u8; 16 * 1024];
        // A program that writes as fast as this reads is looked at again in between.
        for _ in 0..READS_MAX {
            match from.read(&mut buffer) {
                Ok(0) => {
                    self.ended = true;
                    return;
                }
                Ok(count) => {
                    self.seen = self.seen.saturating_add(count);
                    let room = bytes_max.saturating_sub(self.bytes.len());
                    let kept = buffer.get(..count.min(room)).unwrap_or_default();
                    self.bytes.extend_from_slice(kept);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more just now.
                Err(_) => return,
            }
        }
    }
}

fn spawn(call: &Call<'_>) -> io::Result<Child> {
    let child = Command::new(call.program)
        .args(call.arguments)
        .args(call.names)
        .env_clear()
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .envs([("LC_ALL", "C"), ("SYSTEMD_PAGER", ""), ("SYSTEMD_COLORS", "0")])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(output) = &child.stdout {
        rustix::io::ioctl_fionbio(output, true)?;
    }
    if let Some(complaint) = &child.stderr {
        rustix::io::ioctl_fionbio(complaint, true)?;
    }
    Ok(child)
}

/// Says why it failed; `None` where it did not.
fn failure(status: ExitStatus, complaint: &[u8]) -> Option<String> {
    if status.success() {
        return None;
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    let complaint = String::from_utf8_lossy(complaint);
    let line = complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect();
    let said = if line.is_empty() { String::new() } else { format!(": {line}") };
    Some(format!("systemctl failed with {how}{said}; see whether 'systemctl status' answers"))
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| clock::now() >= deadline)
}

const READS_MAX: usize = 64;
