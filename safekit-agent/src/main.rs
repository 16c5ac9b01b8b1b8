//! The agent of a farm node.
//!
//! One program, four parts, chosen by the name it is started under and by its first argument: the command `safekit`,
//! the guardian (`run`), the agent proper (started by the guardian only), and the demo.

mod agent;
mod api;
#[expect(clippy::disallowed_methods, reason = "a show in real time, without machines of its own")]
mod demo;
mod guardian;
mod log;
#[cfg(test)]
mod reference;
mod store;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use safekit_cli::Exit;
use safekit_core::ids::NodeName;

/// The agent of a farm node: starts, watches and restarts the modules of this server, and tells a load balancer
/// whether it may take clients.
#[derive(Debug, Parser)]
#[command(name = "safekit-agent", version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Run the agent until SIGTERM, which stops the modules first. SIGHUP starts it anew from its file, for an upgrade,
    /// and leaves the applications running.
    Run(RunArguments),
    /// Show a farm of three on this machine, and what happens when things break. No root needed.
    Demo(demo::DemoArguments),
    /// The agent proper; started by `run`.
    #[command(name = guardian::AGENT_PART, hide = true)]
    Agent(RunArguments),
    /// Whether this program can run with these arguments; asked by `run` before an upgrade.
    #[command(name = guardian::TRIAL_PART, hide = true)]
    Trial(RunArguments),
}

/// How an agent is run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArguments {
    /// Keep everything under this folder instead of /opt/safekit and /var/safekit.
    #[arg(long, value_name = "DIR", value_parser = absolute)]
    root: Option<PathBuf>,
    /// Which node of cluster.xml this is; needed only where its addresses do not tell.
    #[arg(long, value_name = "NAME", value_parser = node_name)]
    node: Option<NodeName>,
    /// Answer health checks on this address only, instead of on all.
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// Print events as they happen, one JSON object a line.
    #[arg(long)]
    events: bool,
    /// Give guardian and event loop real-time priority: heartbeats keep their times however busy the host is. For short
    /// pulses; needs root, or a limit RTPRIO of 1.
    #[arg(long)]
    realtime: bool,
    /// The socket of another journal than that of this host.
    #[arg(long, value_name = "PATH", value_parser = absolute, hide = true)]
    system_log: Option<PathBuf>,
}

/// Makes a path absolute: scripts get it as SAFE, and run in a folder of their own.
fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

fn node_name(text: &str) -> Result<NodeName, String> {
    NodeName::new(text).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match called_as(&arguments).as_deref() {
        Some("safekit") => return safekit_cli::main(arguments),
        Some(demo::APPLICATION) => return demo::application::main(),
        Some(_) | None => {}
    }
    let part = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.part,
        Err(answer) => return without_part(&answer),
    };
    match part {
        Part::Run(run) => guardian::run(&run),
        Part::Agent(run) => agent::run(&run),
        Part::Trial(run) => guardian::answer_trial(&run),
        Part::Demo(demo) => demo::run(&demo),
    }
}

/// Says what is wrong with the arguments, or shows the help or the version that was asked for.
fn without_part(answer: &clap::Error) -> ExitCode {
    // Nobody to tell where even that fails: the exit code says it.
    drop(answer.print());
    if answer.use_stderr() { ExitCode::from(Exit::Usage.number()) } else { ExitCode::SUCCESS }
}

/// What the exit codes of `run` say.
#[cfg(test)]
const EXITS_OF_RUN: [(u8, &str); 4] = [
    (
        0,
        "told to end by SIGTERM or SIGINT, or by the service manager; the modules are stopped first",
    ),
    (
        1,
        "nothing was begun: the root belongs to another agent, it cannot be laid out, too few files may be open at once, or real-time priority is asked for and refused; standard error says which",
    ),
    (64, "asked wrongly: the arguments do not fit"),
    (
        70,
        "the agent was told to end, and ended in another way than it should: look for what is left of the applications",
    ),
];
/// What the exit codes of `demo` say.
#[cfg(test)]
const EXITS_OF_DEMO: [(u8, &str); 3] = [
    (0, "the tour is over (`--once`), or somebody ended it; nothing is left behind"),
    (1, "something did not go as it should: the logs of the nodes are printed"),
    (64, "asked wrongly: the arguments do not fit"),
];

/// Returns the file name that the program was started under.
fn called_as(arguments: &[OsString]) -> Option<String> {
    let path = PathBuf::from(arguments.first()?);
    Some(path.file_name()?.to_string_lossy().into_owned())
}
