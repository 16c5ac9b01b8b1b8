//! Holds one thread of another process still, while its other threads go on: as a loop does that is stuck.
//!
//! `SIGSTOP` stops all threads of a process; a debugger can stop one.

use std::fs;
use std::io;
use std::ptr;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, waitpid};
use safekit_core::runtime::clock;

use crate::{Trouble, Try};

/// A thread that is held; it goes on when this goes away, which has to be in the thread that made it.
#[derive(Debug)]
pub struct Wedge {
    tid: i32,
}

impl Wedge {
    /// Holds a thread. It stands still a few microseconds after this call has begun, and surely when it has ended.
    ///
    /// # Errors
    /// When this process may not hold others (root may; so may an ancestor, mostly).
    pub fn hold(pid: u32, tid: u32) -> Try<Self> {
        let tid = i32::try_from(tid).map_err(|_error| Trouble::failed("no such thread"))?;
        ask(libc::PTRACE_SEIZE, tid).map_err(Trouble::io("hold a thread of the agent"))?;
        let wedge = Self { tid };
        ask(libc::PTRACE_INTERRUPT, tid).map_err(Trouble::io("stop a thread of the agent"))?;
        let end = clock::now() + PATIENCE;
        while state(pid, tid) != Some('t') {
            if clock::now() > end {
                return Err(Trouble::failed("the thread does not stop"));
            }
            std::thread::park_timeout(Duration::from_micros(100));
        }
        Ok(wedge)
    }
}

impl Drop for Wedge {
    fn drop(&mut self) {
        if ask(libc::PTRACE_DETACH, self.tid).is_ok() {
            return;
        }
        // It has died meanwhile: whoever holds it is told first, and its parent only when that was heard.
        let end = clock::now() + PATIENCE;
        while clock::now() < end {
            match waitpid(Pid::from_raw(self.tid), WaitOptions::NOHANG) {
                Ok(Some((_, status))) if status.exited() || status.signaled() => return,
                Ok(_) => std::thread::park_timeout(Duration::from_millis(1)),
                Err(_) => return,
            }
        }
    }
}

#[expect(unsafe_code, reason = "no library gives one thread of another process to hold")]
fn ask(request: libc::c_uint, tid: i32) -> io::Result<()> {
    let nothing = ptr::null_mut::<libc::c_void>();
    // SAFETY: these requests take no memory of this process; a thread that is not ours to hold is refused.
    let done = unsafe { libc::ptrace(request, tid, nothing, nothing) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Tells whether a process is there and not dead.
#[must_use]
pub fn lives(pid: u32) -> bool {
    let state = i32::try_from(pid).ok().and_then(|tid| state(pid, tid));
    !matches!(state, None | Some('Z' | 'X'))
}

/// Returns the letter that the kernel gives for how a thread stands.
fn state(pid: u32, tid: i32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn one_thread_stands_still_and_goes_on_afterwards() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let (pid, tid) = (child.id(), i32::try_from(child.id()).unwrap());
        // Before it has begun its program, it is this process still.
        let asleep = || state(pid, tid) == Some('S');
        while !asleep() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let held = Wedge::hold(pid, pid).unwrap();
        assert_eq!(state(pid, tid), Some('t'));
        drop(held);
        while !asleep() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
