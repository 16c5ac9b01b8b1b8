//! Processes: what there is, when one dies, how a script is started and ended.

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use crate::module::script::Script;

#[cfg(not(target_os = "linux"))]
pub(in crate::runtime) use fallback::{
    ControlGroups, ExitWatch, Scanner, ScriptGroup, check_program, children_are_reported,
    end_with_parent, hold_signals, how_it_ended, is_running, leftover_scripts, release_signals,
    spawn, take_realtime_priority,
};
#[cfg(target_os = "linux")]
pub(in crate::runtime) use linux::{
    ControlGroups, ExitWatch, Scanner, ScriptGroup, check_program, children_are_reported,
    end_with_parent, hold_signals, how_it_ended, identify, is_running, leftover_scripts,
    release_signals, spawn, take_realtime_priority,
};

/// The variable by which a script is known after its agent has ended.
pub(in crate::runtime) const SCRIPT_MARK: &str = "SAFEKIT_SCRIPT";

/// Returns what a script finds in [`SCRIPT_MARK`]: the folder of its module's scripts, its name and its file. All that it
/// starts inherits it, but has another command line.
pub(in crate::runtime) fn script_mark(bin: &Path, script: Script, file: &Path) -> OsString {
    let mut mark = bin.as_os_str().to_owned();
    mark.push(format!(" {} ", script.as_str()));
    mark.push(file);
    mark
}

/// How a script is to be started.
#[derive(Debug)]
pub(in crate::runtime) struct SpawnPlan<'a> {
    /// Its file, with its whole path.
    pub(in crate::runtime) program: &'a Path,
    /// Its arguments.
    pub(in crate::runtime) arguments: &'a [String],
    /// Its whole environment; a later entry wins.
    pub(in crate::runtime) environment: &'a [(OsString, OsString)],
    /// The folder it runs in.
    pub(in crate::runtime) folder: &'a Path,
    /// Where its output goes; nowhere without.
    pub(in crate::runtime) output: Option<&'a File>,
    /// A name for its control group, unique on this host while the group exists.
    pub(in crate::runtime) group_name: &'a str,
}
