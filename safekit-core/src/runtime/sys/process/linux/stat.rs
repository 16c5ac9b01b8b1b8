//! Reads /proc/PID/stat (`proc_pid_stat(5)`).

use std::fs;
use std::io;

/// What the kernel says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name of its program or script, cut at 15 bytes.
    pub(super) name: String,
    /// Its parent.
    pub(super) parent_pid: u32,
    /// The session that it belongs to, by the pid of its leader; 0 for the kernel's own.
    pub(super) session: u32,
    /// When it started, in clock ticks since boot.
    pub(super) started: u64,
    /// Whether it runs: a zombie does not, even while its leader's other threads do.
    pub(super) running: bool,
    /// Whether it belongs to the kernel.
    pub(super) kernel: bool,
}

/// Reads the facts of a process; `None` when there is none.
pub(super) fn read(pid: u32) -> io::Result<Option<Stat>> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(bytes) => parse(&bytes).map(Some).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("/proc/{pid}/stat is not understood"),
            )
        }),
        // ESRCH: it died between opening and reading.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn parse(bytes: &[u8]) -> Option<Stat> {
    // The second field is the name in parentheses, and a name may contain anything, parentheses too.
    let end_of_name = bytes.iter().rposition(|byte| *byte == b')')?;
    let begin_of_name = bytes.iter().position(|byte| *byte == b'(')?.checked_add(1)?;
    let name = String::from_utf8_lossy(bytes.get(begin_of_name..end_of_name)?).into_owned();
    let rest = str::from_utf8(bytes.get(end_of_name.checked_add(1)?..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Fields 3 and on, in order; `nth` counts from the one after the last taken.
    let state = fields.next()?;
    let parent_pid = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let flags: u64 = fields.nth(2)?.parse().ok()?;
    let threads: i64 = fields.nth(10)?.parse().ok()?;
    let started = fields.nth(1)?.parse().ok()?;
    // A leader that has ended while other threads go on is shown as a zombie with more than one thread.
    let running = !matches!(state, "Z" | "X" | "x") || threads > 1;
    Some(Stat { name, parent_pid, session, started, running, kernel: flags & PF_KTHREAD != 0 })
}

/// The kernel's mark of its own threads, include/linux/sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;

#[cfg(test)]
mod tests {
    use super::{Stat, parse, read};

    #[test]
    fn names_with_parentheses_and_spaces_do_not_shift_fields() {
        let text = b"12 (a) R 1) (b) S 7 11 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 98765 10 20\n";
        let name = "a) R 1) (b".to_owned();
        let expected =
            Stat { name, parent_pid: 7, session: 12, started: 98765, running: true, kernel: false };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn a_zombie_leader_with_living_threads_runs() {
        let line =
            |threads: u32| format!("12 (x) Z 7 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 5 0");
        assert_eq!(parse(line(2).as_bytes()).map(|stat| stat.running), Some(true));
        assert_eq!(parse(line(1).as_bytes()).map(|stat| stat.running), Some(false));
    }

    #[test]
    fn cut_lines_are_refused() {
        let text = "12 (x) S 7 12 12 0 -1 0 1 2 3 4 5 6 7 8 20 0 3 0 98765";
        for end in 0..text.len() - "98765".len() {
            assert_eq!(parse(&text.as_bytes()[..end]), None, "{end}");
        }
    }

    #[test]
    fn this_process_runs_and_pid_zero_is_nobody() {
        let me = read(std::process::id()).unwrap().unwrap();
        assert!(me.running && !me.kernel && me.started > 0);
        assert_eq!(read(u32::MAX).unwrap(), None);
    }
}
