//! The process of a script, which is reaped exactly once, whatever happens to its owner.

use std::io;
use std::process::{Child, ExitStatus};

use crate::runtime::thread;

/// A started script. Dropped while it runs, it goes on, and a thread waits for its end.
#[derive(Debug)]
pub(in crate::runtime) struct ScriptChild {
    child: Option<Child>,
    pid: u32,
}

impl ScriptChild {
    pub(in crate::runtime) fn new(child: Child) -> Self {
        Self { pid: child.id(), child: Some(child) }
    }

    pub(in crate::runtime) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns how the process ended, and reaps it; `None` while it runs.
    ///
    /// # Errors
    /// When somebody else in this process has reaped it: then nobody knows how it ended.
    pub(in crate::runtime) fn poll_end(&mut self) -> io::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Err(io::ErrorKind::NotFound.into()) };
        let end = child.try_wait();
        if !matches!(end, Ok(None)) {
            self.child = None;
        }
        end
    }
}

impl Drop for ScriptChild {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            // Without a thread it stays a zombie until this process ends: nothing worse.
            drop(thread::spawn("sk-reap", move || drop(child.wait())));
        }
    }
}
