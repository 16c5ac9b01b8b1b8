//! The command line as clap takes it; its documentation comments are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::Awaited;

/// Most lines of a log that are shown.
const LINES_MAX: i64 = 10_000;

const TEMPLATE: &str = "\
{about}

Usage: {usage}

Cluster: the nodes and their networks, the same on every node
  cluster config [FILE]    Apply cluster.xml (new keys) or a cluster.zip of another node
  cluster export FILE.zip  Write cluster.xml and keys to a file, for the other nodes
  cluster confinfo         Show whether all nodes have the same cluster configuration
  cluster state            Show every module on every node

Modules: an application, its scripts and its configuration
  module install -m AM X   Put a folder or .safe file into SAFE/modules/AM
  module uninstall -m AM   Remove a stopped module
  module list              List the modules of this node
  confcheck -m AM          Check the configuration, change nothing
  config -m AM             Apply the configuration
  confinfo -m AM           Show which configuration is applied

Control of a module on this node
  start -m AM              Start: STOP -> WAIT -> UP
  stop -m AM               Stop: UP -> WAIT -> STOP, clients are drained first
  restart -m AM            Stop and start the application, the module stays UP
  stopstart -m AM          Stop the module wholly, then start it
  forcestop -m AM          Stop without drain and without waiting
  waitstart -m AM          Wait until it is UP (Ready)
  waitstop -m AM           Wait until it is STOP (NotReady)
  waitstate -m AM STATE    Wait until it is STOP or UP
  errd on|off -m AM        Watch the module's processes again, or none of them
  errd enable CLASS -m AM  Watch the processes of a class of your own; errd disable CLASS ends it
  shutdown                 Stop all modules of this node

Look
  state                    Show the nodes and all modules
  state -m AM [-v]         Show one module [and every resource]
  state -m AM -lq          Print its state; exit code 0 STOP, 1 WAIT, 2 UP
  log [-m AM]              Show the newest lines of a module's log, or of the node's
  level [-m AM]            Show host, operating system, version, licence

Inside scripts
  printe MESSAGE           Write an event to the module's log
  printi MESSAGE           Write a line to the module's verbose log

Options:
{options}
{after-help}";

const AFTER_HELP: &str = "\
Where there is no -m, the variable SAFEMODULE names the module; scripts have it.

A farm from nothing. On the first node:
  safekit cluster config cluster.xml
  safekit cluster export cluster.zip          copy it to the other nodes
On every other node:
  safekit cluster config cluster.zip
On every node:
  safekit module install -m web ./web         a folder with conf/ and bin/, or web.safe
  safekit config -m web
  safekit start -m web && safekit waitstart -m web --timeout 1m
  safekit state

Exit codes: 0 done, 64 asked wrongly, 65 faults in a configuration, 69 no agent answers, 70 internal error,
75 refused in the state of the moment, or the awaited state did not come. 'state -lq': 0 STOP, 1 WAIT, 2 UP.

An independent implementation; SafeKit is a trademark of Evidian.";

/// Returns the definition of the command line.
pub(super) fn command() -> clap::Command {
    Raw::command().term_width(120)
}

/// Controls the agent of this node: its cluster, its modules, and what they do.
#[derive(Debug, Parser)]
#[command(
    name = "safekit",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    help_template = TEMPLATE,
    after_help = AFTER_HELP
)]
pub(super) struct Raw {
    /// Folder of the agent's root; else the variable SAFE, the folder of the link in use, /opt/safekit
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// Print the agent's JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Configure the cluster of nodes, or look at it
    Cluster {
        #[command(subcommand)]
        verb: ClusterVerb,
    },
    /// Install, uninstall or list modules
    Module {
        #[command(subcommand)]
        verb: ModuleVerb,
    },
    /// Show the nodes and all modules, or one module
    State(StateArgs),
    /// Apply the configuration of SAFE/modules/AM
    Config(ModuleArg),
    /// Check the configuration of SAFE/modules/AM; nothing changes
    Confcheck(ModuleArg),
    /// Show which configuration is applied, and whether SAFE/modules/AM differs
    Confinfo(ModuleArg),
    /// Start the module: STOP -> WAIT -> UP
    Start(ControlArgs),
    /// Stop the module; behind a load balancer its clients are drained first
    Stop(ControlArgs),
    /// Stop and start the application; the module stays UP
    Restart(ControlArgs),
    /// Stop the module wholly, then start it
    Stopstart(ControlArgs),
    /// Stop without drain and without waiting for a script that runs
    Forcestop(ControlArgs),
    /// Switch the watching of the module's processes
    Errd {
        #[command(subcommand)]
        verb: ErrdVerb,
    },
    /// Wait until the module is UP (Ready); ends with an error as soon as nobody starts it
    Waitstart(WaitArgs),
    /// Wait until the module is STOP (NotReady); ends with an error as soon as nobody stops it
    Waitstop(WaitArgs),
    /// Wait for a stable state; ends with an error as soon as it can no longer come
    Waitstate(WaitstateArgs),
    /// Show the newest lines of the module's log, or of the node's own log without a module
    Log(LogArgs),
    /// Write a line to the module's verbose log (level I)
    Printi(PrintArgs),
    /// Write an event to the module's log (level E)
    Printe(PrintArgs),
    /// Stop all modules of this node; the agent goes on
    Shutdown,
    /// Show host, operating system, version and licence
    Level(ModuleArg),
}

#[derive(Debug, Subcommand)]
pub(super) enum ClusterVerb {
    /// Apply a cluster configuration: .xml makes new keys, .zip brings the keys of another node
    Config {
        /// cluster.xml or cluster.zip; without it the cluster.xml that is there gets new keys
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Write configuration and keys to a file for the other nodes; keep it secret
    Export {
        /// The file to write; readable for its owner only
        #[arg(value_name = "FILE.zip")]
        file: PathBuf,
    },
    /// Show every module on every node
    State,
    /// Show the signature of the cluster configuration on every node: it has to be the same
    Confinfo,
}

#[derive(Debug, Subcommand)]
pub(super) enum ModuleVerb {
    /// Put a module into SAFE/modules/AM, to be configured
    Install {
        #[command(flatten)]
        module: ModuleArg,
        /// A folder with conf/ and bin/, or a .safe file
        #[arg(value_name = "DIR-OR-FILE.safe")]
        path: PathBuf,
        /// Replace an installed module of that name
        #[arg(short = 'r')]
        replace: bool,
    },
    /// Remove a stopped module and its configuration
    Uninstall(ModuleArg),
    /// List the modules of this node
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum ErrdVerb {
    /// Watch the processes again
    On(ModuleArg),
    /// Watch no process of the module, until 'errd on' or 'config'; stop and start do not change it
    Off(ModuleArg),
    /// Watch the processes of a class of your own, until 'errd disable' or the module stops
    Enable {
        #[command(flatten)]
        module: ModuleArg,
        /// The class, as <proc class="..."> has it
        #[arg(value_name = "CLASS")]
        class: String,
    },
    /// Watch them no longer
    Disable {
        #[command(flatten)]
        module: ModuleArg,
        /// The class, as <proc class="..."> has it
        #[arg(value_name = "CLASS")]
        class: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct ModuleArg {
    /// The module; else the variable SAFEMODULE
    #[arg(short = 'm', value_name = "AM")]
    pub(super) module: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// Show every resource with value and date
    #[arg(short = 'v', conflicts_with_all = ["local", "quiet"])]
    pub(super) verbose: bool,
    /// With -q: of this node only
    #[arg(short = 'l', requires = "quiet")]
    pub(super) local: bool,
    /// With -l: print the state's word, and exit with 0 STOP, 1 WAIT, 2 UP
    #[arg(short = 'q', requires = "local", conflicts_with = "json")]
    pub(super) quiet: bool,
}

#[derive(Debug, Args)]
pub(super) struct ControlArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// The detector that gives the command: it counts against maxloop; without it an administrator does
    #[arg(short = 'i', value_name = "IDENTITY")]
    pub(super) identity: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// How long at most: 500ms, 30s, 5m, 1h; a bare number is seconds; without it for ever
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct WaitstateArgs {
    #[command(flatten)]
    pub(super) wait: WaitArgs,
    /// The state
    #[arg(value_name = "STATE")]
    pub(super) state: Awaited,
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// How many lines
    #[arg(short = 's', value_name = "NB", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=LINES_MAX))]
    pub(super) lines: u32,
    /// All lines, not only the main ones
    #[arg(short = 'A')]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// The text, as one argument: put it in quotes
    #[arg(value_name = "MESSAGE", allow_hyphen_values = true)]
    pub(super) message: String,
}

impl ValueEnum for Awaited {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Stop, Self::Up]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Stop => PossibleValue::new("STOP"),
            Self::Up => PossibleValue::new("UP"),
        })
    }
}

/// Reads a duration: a number and its unit, seconds where there is none.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let number: u64 =
        digits.parse().map_err(|error| format!("{error}; write it as 500ms, 30s, 5m, 1h or 1d"))?;
    let unit_ms = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("{unit:?} is no unit: use ms, s, m, h or d")),
    };
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is too long".to_owned())
}
