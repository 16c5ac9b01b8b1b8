//! kill and processtree: the processes of this host, with the rights of the caller.

use std::collections::BTreeSet;

use safekit_core::module::watch::{ProcessInfo, ProcessPattern};
use serde::Serialize;

use super::{Context, write};
use crate::args::{Level, Output};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::sys::processes::{self, Signal};

/// A process, as it is printed.
#[derive(Serialize)]
struct Row<'a> {
    pid: u32,
    parent_pid: u32,
    name: &'a str,
    command_line: String,
}

/// `kill`.
///
/// # Errors
/// A regular expression that is none; a process that may not be ended.
pub(super) fn kill(
    context: &mut Context<'_>,
    name: &str,
    argregex: Option<&str>,
    level: Level,
) -> Result<Exit, Failure> {
    let pattern = ProcessPattern::new(name, argregex)
        .map_err(|error| Failure::usage(format!("-argregex is no regular expression: {error}")))?;
    let all = list()?;
    let own = ancestors(&all, std::process::id());
    let meant: Vec<&ProcessInfo> = all
        .iter()
        .filter(|process| pattern.matches(process) && !own.contains(&process.id.pid))
        .collect();
    let signal = match level {
        Level::Test => None,
        Level::Terminate => Some(Signal::Terminate),
        Level::Kill => Some(Signal::Kill),
    };
    send(&meant, signal)?;
    show(context, &meant)
}

/// `processtree list`.
///
/// # Errors
/// A process that is not there.
pub(super) fn list_tree(context: &mut Context<'_>, pid: Option<u32>) -> Result<Exit, Failure> {
    let all = list()?;
    let meant = match pid {
        Some(pid) => tree(&all, pid)?,
        None => all.iter().collect(),
    };
    show(context, &meant)
}

/// `processtree kill`: the deepest first, so that none of them starts another one in its place.
///
/// # Errors
/// A process that is not there, that may not be ended, or that this command belongs to.
pub(super) fn kill_tree(context: &mut Context<'_>, pid: u32) -> Result<Exit, Failure> {
    let all = list()?;
    if ancestors(&all, std::process::id()).contains(&pid) {
        return Err(Failure::usage(format!(
            "process {pid} has started this command: nothing was ended"
        )));
    }
    let mut meant = tree(&all, pid)?;
    meant.reverse();
    send(&meant, Some(Signal::Kill))?;
    show(context, &meant)
}

fn list() -> Result<Vec<ProcessInfo>, Failure> {
    processes::list()
        .map_err(|error| Failure::internal(format!("cannot list the processes: {error}")))
}

/// Returns a process and those that started it.
fn ancestors(all: &[ProcessInfo], pid: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut at = pid;
    while at != 0 && found.insert(at) {
        at =
            all.iter().find(|process| process.id.pid == at).map_or(0, |process| process.parent_pid);
    }
    found
}

/// Returns a process and all that it has started, each after the one that started it.
fn tree(all: &[ProcessInfo], pid: u32) -> Result<Vec<&ProcessInfo>, Failure> {
    let first = all.iter().find(|process| process.id.pid == pid);
    let first = first.ok_or_else(|| Failure::usage(format!("there is no process {pid}")))?;
    let mut found = vec![first];
    let mut known = BTreeSet::from([pid]);
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|process| process.id.pid) {
        let children = all.iter().filter(|process| process.parent_pid == parent);
        found.extend(children.filter(|process| known.insert(process.id.pid)));
        at += 1;
    }
    Ok(found)
}

fn send(meant: &[&ProcessInfo], signal: Option<Signal>) -> Result<(), Failure> {
    let Some(signal) = signal else { return Ok(()) };
    let mut failures = Vec::new();
    for process in meant {
        if let Err(error) = processes::send(process.id, signal) {
            failures.push(format!("process {} ({}): {error}", process.id.pid, process.name));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::usage(
        "not every process could be told to end: the caller has to own them, or be root",
    );
    failure.details = failures;
    Err(failure)
}

fn show(context: &mut Context<'_>, meant: &[&ProcessInfo]) -> Result<Exit, Failure> {
    let row = |process: &&ProcessInfo| render::process(process);
    let text: String = match context.output {
        Output::Text => meant.iter().map(row).collect(),
        Output::Json => {
            let rows: Vec<Row<'_>> = meant
                .iter()
                .map(|process| Row {
                    pid: process.id.pid,
                    parent_pid: process.parent_pid,
                    name: &process.name,
                    command_line: process.arguments.join(" "),
                })
                .collect();
            let json = serde_json::to_string_pretty(&rows)
                .map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))?;
            json + "\n"
        }
    };
    write(context.out, &text)?;
    Ok(Exit::Done)
}
