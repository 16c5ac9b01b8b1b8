//! boundcmd: runs a command for a limited time.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sys::processes;

/// Time between two looks whether the command has ended.
const POLL: Duration = Duration::from_millis(20);

/// Runs a command; when the time is over, it and its process group are ended.
///
/// # Errors
/// A command that cannot be started.
pub(super) fn run(limit: Duration, command: &[OsString]) -> Result<Exit, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::usage("no command is named"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    processes::own_group(&mut command);
    let program = program.to_string_lossy();
    let mut child = command
        .spawn()
        .map_err(|error| Failure::usage(format!("cannot start {program}: {error}")))?;
    let deadline = clock::now().checked_add(limit);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Exit::OfCommand(processes::code(status))),
            Ok(None) => {}
            Err(error) => {
                return Err(Failure::internal(format!("cannot wait for {program}: {error}")));
            }
        }
        if deadline.is_some_and(|deadline| clock::now() >= deadline) {
            processes::end_group(&mut child);
            return Ok(Exit::TimeOver);
        }
        clock::sleep(POLL);
    }
}
