//! Programs of others: whether they are installed, and processes of them that end with their owner.

use std::process::{Child, Command, Stdio};

use crate::{Trouble, Try};

/// Returns the first line of what a program says of its version; `None` where it is not installed.
#[must_use]
pub fn version(program: &str, option: &str) -> Option<String> {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).output().ok()?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().map(|line| line.trim().to_owned())
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts a command that hears and says nothing; `name` is for the error.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, name: &str) -> Try<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self).map_err(Trouble::io(&format!("start {name}")))
    }

    /// Returns its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
