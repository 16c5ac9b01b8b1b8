//! What is answered when the event loop stands still while the agent's other threads go on, and what becomes of it.
//!
//! A signal stops all threads of a process; a debugger can hold one.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::ptr;

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::crash::{is_ready, one_node, starts, wait_adopted};
use crate::farm::{self, AGENT, TempDir};
use crate::way::ready;

/// A thread that is held until this goes away, in the thread that made it.
struct Held(i32);

impl Held {
    /// Holds the event loop of an agent: its first thread.
    fn event_loop(agent: i32) -> Self {
        Self::thread(agent)
    }

    /// Holds what brings the states of the modules to the disk: a disk that does not answer.
    fn saver(agent: i32) -> Self {
        let threads = fs::read_dir(format!("/proc/{agent}/task")).unwrap();
        let mut threads = threads.map(|thread| thread.unwrap());
        let name = |thread: &fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap();
        let saver = threads.find(|thread| name(thread) == "sk-save\n").expect("the saver");
        Self::thread(saver.file_name().into_string().unwrap().parse().unwrap())
    }

    fn thread(thread: i32) -> Self {
        assert_eq!(ask(libc::PTRACE_SEIZE, thread), 0, "{}", std::io::Error::last_os_error());
        let held = Self(thread);
        assert_eq!(ask(libc::PTRACE_INTERRUPT, thread), 0);
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One that has stopped may be let go; of one that has died its holder is told first, its parent after that.
        while ask(libc::PTRACE_DETACH, self.0) != 0 {
            match waitpid(Pid::from_raw(self.0), WaitOptions::NOHANG) {
                Ok(Some((_, status))) if status.exited() || status.signaled() => return,
                Ok(_) => {
                    // One that goes has to be stopped first.
                    ask(libc::PTRACE_INTERRUPT, self.0);
                    farm::pause();
                }
                Err(_) => return,
            }
        }
    }
}

/// A thread that is let go from system call to system call.
struct Stepped(Held);

impl Stepped {
    fn new(held: Held) -> Self {
        let stepped = Self(held);
        stepped.wait();
        // Without this mark the kernel does not tell which system call it is.
        let mark = ptr::without_provenance_mut(TRACESYSGOOD);
        assert_eq!(ask_with(libc::PTRACE_SETOPTIONS, stepped.0.0, ptr::null_mut(), mark), 0);
        stepped
    }

    /// Lets it go until it is about to make one of these system calls.
    fn until(&self, calls: &[libc::c_long]) {
        loop {
            assert_eq!(ask(libc::PTRACE_SYSCALL, self.0.0), 0);
            self.wait();
            let mut info = [0_u64; 11];
            let size = size_of_val(&info);
            let into = info.as_mut_ptr().cast::<libc::c_void>();
            let size = ptr::without_provenance_mut(size);
            let got = ask_with(PTRACE_GET_SYSCALL_INFO, self.0.0, size, into);
            assert!(got > 0, "{}", std::io::Error::last_os_error());
            // What it is that stopped it is the first byte, the number of the system call follows two addresses.
            let is_entry = info[0].to_ne_bytes()[0] == 1;
            if is_entry && calls.iter().any(|call| info[3] == u64::try_from(*call).unwrap()) {
                return;
            }
        }
    }

    fn wait(&self) {
        let stopped = waitpid(Pid::from_raw(self.0.0), WaitOptions::UNTRACED).unwrap();
        assert!(stopped.is_some_and(|(_, status)| status.stopped()));
    }
}

/// By what a loop waits; newer processors have one of them only.
#[cfg(target_arch = "x86_64")]
const WAITS: &[libc::c_long] = &[libc::SYS_epoll_wait, libc::SYS_epoll_pwait];
#[cfg(not(target_arch = "x86_64"))]
const WAITS: &[libc::c_long] = &[libc::SYS_epoll_pwait];
/// `PTRACE_O_TRACESYSGOOD` of linux/ptrace.h.
const TRACESYSGOOD: usize = 1;
const PTRACE_GET_SYSCALL_INFO: libc::c_uint = 0x420e;

#[expect(unsafe_code, reason = "no library gives one thread of another process to hold")]
fn ask_with(
    request: libc::c_uint,
    thread: i32,
    address: *mut libc::c_void,
    data: *mut libc::c_void,
) -> libc::c_long {
    // SAFETY: one request writes to memory of this process, no more than it is told of; a thread that may not be held is
    // refused.
    unsafe { libc::ptrace(request, thread, address, data) }
}

fn ask(request: libc::c_uint, thread: i32) -> libc::c_long {
    ask_with(request, thread, ptr::null_mut(), ptr::null_mut())
}

fn is_positive(answer: &str) -> bool {
    answer.lines().next().is_some_and(|line| line.contains(" 200 "))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if is_so() {
            return;
        }
        farm::pause();
    }
    panic!("never: {what}");
}

/// A minute, at the pace of [`farm::pause`].
const LOOKS_MAX: u32 = 3000;
/// Half a second; it waits for five.
const LOOKS_WAITING: u32 = 25;

#[test]
fn an_event_loop_that_stands_still_cannot_vouch_for_anything() {
    let dir = TempDir::new();
    let node = one_node(&dir, "127.112.93.1", AGENT);
    let (agent, application) = (node.agent_pid(), node.application_pids());
    assert!(is_positive(&ready(&node)));
    let held = Held::event_loop(agent);
    // The fronts answer on. The guardian leaves them ten seconds.
    until("the answer is negative", || !is_positive(&ready(&node)));
    let answer = ready(&node);
    assert!(answer.contains(" 404 ") && answer.contains("stale"), "{answer}");
    drop(held);
    until("the answer is positive again", || is_positive(&ready(&node)));
    let report = node.report();
    assert!(is_ready(&report));
    assert_eq!(report["agent_pid"], agent, "the same agent goes on");

    // For good: the guardian ends it, and the next one finds the application running.
    let held = Held::event_loop(agent);
    until("the guardian has ended the agent", || !farm::lives(agent));
    drop(held);
    wait_adopted(&node, agent, &application);
    assert_eq!(starts(&node), 1, "no script was run");
    let said = node.safekit(&["log"]);
    assert!(said.contains("because it stood still"), "{said}");
}

#[test]
fn an_event_loop_that_stood_still_within_a_turn_vouches_for_nothing_before_the_next_one() {
    let dir = TempDir::new();
    let node = one_node(&dir, "127.112.95.1", AGENT);
    assert!(is_positive(&ready(&node)));
    let stepped = Stepped::new(Held::event_loop(node.agent_pid()));
    // What somebody asks is taken in the middle of a turn.
    let mut control = UnixStream::connect(node.root.join("var/safekit.sock")).unwrap();
    control
        .write_all(b"GET /api/v1/state HTTP/1.1\r\nHost: safekit\r\nConnection: close\r\n\r\n")
        .unwrap();
    stepped.until(&[libc::SYS_read, libc::SYS_recvfrom]);
    until("the answer is negative", || !is_positive(&ready(&node)));
    // The turn ends as it began: with what was true before.
    stepped.until(WAITS);
    let answer = ready(&node);
    assert!(answer.contains(" 404 ") && answer.contains("stale"), "{answer}");
    drop(stepped);
    until("the answer is positive again", || is_positive(&ready(&node)));
}

#[test]
fn an_agent_that_ends_waits_until_the_disk_knows_that_its_module_has_stopped() {
    let dir = TempDir::new();
    let mut node = one_node(&dir, "127.112.94.1", AGENT);
    // Its stop ends when the test says so.
    let stop = node.root.join("modules/farm/bin/stop_both");
    let waits = r#"touch "$SAFEUSERVAR/stopping"; n=0
while [ ! -e "$SAFEUSERVAR/go" ] && [ $n -lt 3000 ]; do sleep 0.02; n=$((n + 1)); done
"#;
    fs::write(&stop, fs::read_to_string(&stop).unwrap() + waits).unwrap();
    node.safekit(&["config", "-m", "farm"]);
    let agent = node.agent_pid();
    farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::TERM);
    let var = node.root.join("var/modules/farm");
    until("the module stops", || var.join("stopping").exists());
    let held = Held::saver(agent);
    let log = || fs::read_to_string(var.join("log.txt")).unwrap();
    let before = log().len();
    fs::write(var.join("go"), "").unwrap();
    until("the module has stopped", || log()[before..].contains("Local state STOP NotReady"));
    until("it has left", || log()[before..].contains("farm membership: none"));
    // That it does not end can only be seen for a time.
    for _ in 0..LOOKS_WAITING {
        assert!(farm::lives(agent), "it waits for the disk");
        farm::pause();
    }
    drop(held);
    node.terminate();
    let saved = fs::read_to_string(var.join("state.json")).unwrap();
    assert!(saved.contains("\"phase\":\"stopped\""), "{saved}");
}
