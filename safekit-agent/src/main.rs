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
mod store;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
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
    /// Run the agent until SIGTERM, which stops the modules first. SIGHUP starts the agent anew and leaves the
    /// applications running.
    Run(RunArguments),
    /// Show a farm of three on this machine, and what happens when things break. No root needed.
    Demo(demo::DemoArguments),
    /// The agent proper; started by `run`.
    #[command(name = AGENT_PART, hide = true)]
    Agent(RunArguments),
}

/// The hidden part that the guardian starts.
const AGENT_PART: &str = "agent";

/// How an agent is run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArguments {
    /// Keep everything under this folder instead of /opt/safekit and /var/safekit.
    #[arg(long, value_name = "DIR")]
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
    match Arguments::parse_from(arguments).part {
        Part::Run(run) => supervise(&run),
        Part::Agent(run) => agent::run(&run),
        Part::Demo(demo) => demo::run(&demo),
    }
}

/// Takes the root, lays it out, and guards the agent until it ends for good.
fn supervise(run: &RunArguments) -> ExitCode {
    let layout = store::Layout::new(run.root.as_deref());
    match guard(run, &layout) {
        Ok(code) => ExitCode::from(code),
        Err(text) => {
            // Nobody to tell where even that fails.
            drop(writeln!(io::stderr(), "safekit-agent: {text}"));
            ExitCode::FAILURE
        }
    }
}

fn guard(run: &RunArguments, layout: &store::Layout) -> Result<u8, String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program's file: {error}"))?;
    let lock = guardian::take_root(layout).map_err(|error| error.to_string())?;
    for line in layout.lay_out(Some(&program)).map_err(|error| error.to_string())? {
        // Nobody to tell where even that fails.
        drop(writeln!(io::stderr(), "safekit-agent: {line}"));
    }
    let counter_file = layout.incarnation_file();
    let (arguments, limits) = (run.words(), guardian::Limits::default());
    let config = guardian::Config { lock, counter_file, program, arguments, limits };
    guardian::run(config).map_err(|error| format!("cannot catch signals: {error}"))
}

impl RunArguments {
    /// Returns the arguments that make the agent proper of this run.
    fn words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from(AGENT_PART)];
        if let Some(root) = &self.root {
            words.extend(["--root".into(), root.into()]);
        }
        if let Some(node) = &self.node {
            words.extend(["--node".into(), node.as_str().into()]);
        }
        if let Some(bind) = &self.bind {
            words.extend(["--bind".into(), bind.to_string().into()]);
        }
        if self.events {
            words.push("--events".into());
        }
        words
    }
}

/// Returns the file name that the program was started under.
fn called_as(arguments: &[OsString]) -> Option<String> {
    let path = PathBuf::from(arguments.first()?);
    Some(path.file_name()?.to_string_lossy().into_owned())
}
