//! Holds one thread of a process, as if it waited for something for ever, while the others run on: as a debugger does, by
//! `PTRACE_SEIZE` and `PTRACE_INTERRUPT`, from a small program of Python, because this one may call nothing unsafe.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{Trouble, Try};

/// Somebody who can hold threads. Without it they all run on.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Holder {
    /// Makes one; `None` where Python is not installed.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (orders, answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, orders, answers })
    }

    /// Holds the first thread of a process; returns once it stands still.
    ///
    /// # Errors
    /// When the kernel does not allow it.
    pub fn hold(&mut self, pid: u32) -> Try<()> {
        self.order(&format!("hold {pid}"))
    }

    /// Lets it run on.
    ///
    /// # Errors
    /// When it is not held.
    pub fn free(&mut self, pid: u32) -> Try<()> {
        self.order(&format!("free {pid}"))
    }

    fn order(&mut self, order: &str) -> Try<()> {
        let mut said = String::new();
        writeln!(self.orders, "{order}")
            .and_then(|()| self.orders.flush())
            .and_then(|()| self.answers.read_line(&mut said))
            .map_err(Trouble::io(order))?;
        if said == "done\n" {
            return Ok(());
        }
        Err(Trouble::failed(format!("{order}: {said:?}")))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The kernel lets go of what its tracer holds when that ends.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const PROGRAM: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE, INTERRUPT, DETACH, ALL = 0x4206, 0x4207, 17, 0x40000000
def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
for line in sys.stdin:
    word, thread = line.split()
    if word == 'hold':
        ptrace(SEIZE, int(thread))
        ptrace(INTERRUPT, int(thread))
        os.waitpid(int(thread), ALL)
    else:
        ptrace(DETACH, int(thread))
    print('done', flush=True)
";
