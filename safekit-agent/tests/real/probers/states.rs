//! The states of a node that a prober can meet.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use super::{HEALTH_PORT, PATH, node_address, peer};
use crate::farm::{self, Node, PATIENCE};

/// A state of node1.
pub(super) enum State {
    Ready,
    Drains,
    Stopped,
    LoopStands,
    HostHangs,
    AgentDead,
}

/// What has to be undone.
pub(super) struct Entered {
    held: Option<Held>,
    agent: i32,
}

impl State {
    /// The head of its column.
    pub(super) fn column(&self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Drains => "drains",
            Self::Stopped => "stopped",
            Self::LoopStands => "loop stands",
            Self::HostHangs => "host hangs",
            Self::AgentDead => "agent dead",
        }
    }

    pub(super) fn application_runs(&self) -> bool {
        !matches!(self, Self::Stopped)
    }

    /// Brings a node into the state, from Ready; [`State::Stopped`] follows [`State::Drains`].
    pub(super) fn enter(&self, node: &mut Node) -> Entered {
        let mut entered = Entered { held: None, agent: node.agent_pid() };
        let guardian = i32::try_from(node.guardian_pid()).unwrap();
        match self {
            Self::Ready => {}
            Self::Drains => {
                node.safekit(&["stop", "-m", "web"]);
                wait_reason("draining");
            }
            Self::Stopped => {
                node.safekit(&["forcestop", "-m", "web"]);
                node.safekit(&["waitstop", "-m", "web", "--timeout", "60s"]);
            }
            // The guardian would start another agent in the place of one that stands still for long.
            Self::LoopStands => {
                farm::signal(guardian, Signal::STOP);
                entered.held = Some(Held::new(entered.agent));
                wait_reason("stale");
            }
            Self::HostHangs => {
                farm::signal(guardian, Signal::STOP);
                farm::signal(entered.agent, Signal::STOP);
            }
            Self::AgentDead => {
                node.kill_guardian();
                node.wait_gone(entered.agent);
            }
        }
        entered
    }

    /// Brings it back to Ready; `false`: the next state goes on from this one.
    pub(super) fn leave(&self, node: &mut Node, entered: Entered) -> bool {
        let guardian = i32::try_from(node.guardian_pid()).unwrap();
        match self {
            Self::Ready => {}
            Self::Drains => return false,
            Self::Stopped => {
                node.safekit(&["start", "-m", "web"]);
            }
            Self::LoopStands | Self::HostHangs => {
                drop(entered.held);
                farm::signal(entered.agent, Signal::CONT);
                wait_reason("ready");
                farm::signal(guardian, Signal::CONT);
            }
            Self::AgentDead => node.start_agent(),
        }
        node.safekit(&["waitstate", "-m", "web", "UP", "--timeout", "60s"]);
        wait_reason("ready");
        true
    }
}

/// What the agent of a node says about why it answers as it does.
pub(super) fn reason(address: &str) -> Option<String> {
    let answer = peer::ask(&format!("{address}:{HEALTH_PORT}"), PATH)?;
    let line = answer.lines().find_map(|line| line.strip_prefix("X-SafeKit-Reason: "))?;
    Some(line.to_owned())
}

fn wait_reason(wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = reason(&node_address(1));
        if seen.as_deref() == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{seen:?}, never {wanted:?}");
        farm::pause();
    }
}

/// A thread that does not run, while the other threads of its process do: as if it waited for something for ever.
struct Held(Child);

/// Holds one thread as a debugger does (`PTRACE_SEIZE`, `PTRACE_INTERRUPT`) until nobody writes any more.
const HOLD: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
thread = int(sys.argv[1])
for request in (0x4206, 0x4207):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit('ptrace: ' + os.strerror(ctypes.get_errno()))
os.waitpid(thread, 0x40000000)
print('held', flush=True)
sys.stdin.read()
";

impl Held {
    /// Holds the first thread of a process; with its end it goes on.
    fn new(pid: i32) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", HOLD, &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let held = Self(child);
        assert_eq!(said, "held\n", "the agent's loop cannot be held");
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
