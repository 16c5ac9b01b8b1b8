//! Many processes that do nothing: a host that is full.

use std::process::{Child, Command, Stdio};

use crate::{Trouble, Try};

/// Processes that sleep, until this goes away. If nobody ends them they end by themselves after half an hour.
#[derive(Debug)]
pub struct Sleepers(Vec<Child>);

impl Sleepers {
    /// Starts so many.
    ///
    /// # Errors
    /// When the host does not take them all; those that were started are ended.
    pub fn start(count: usize) -> Try<Self> {
        let mut sleepers = Self(Vec::with_capacity(count));
        for _ in 0..count {
            let mut command = Command::new("sleep");
            command.arg(LIFE_SECONDS);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            sleepers.0.push(command.spawn().map_err(Trouble::io("start a process that sleeps"))?);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
        }
        for child in &mut self.0 {
            drop(child.wait());
        }
    }
}

/// As an argument of `sleep`.
const LIFE_SECONDS: &str = "1800";
