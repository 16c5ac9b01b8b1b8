//! Which processes belong to a module, and whether there are as many as there should be.

use crate::ids::ProcessId;

/// A process of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The process.
    pub id: ProcessId,
    /// Its parent.
    pub parent_pid: u32,
    /// The kernel's name for it, cut at 15 bytes on Linux.
    pub name: String,
    /// The file name of its executable, without folder and without " (deleted)"; empty where it cannot be read.
    pub executable: String,
    /// Its command line, argument by argument.
    pub arguments: Vec<String>,
}
