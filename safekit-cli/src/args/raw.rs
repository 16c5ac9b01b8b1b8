//! The command line as clap takes it; its documentation comments are the help.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::{Awaited, guide};

/// Most lines of a log that are shown.
const LINES_MAX: i64 = 10_000;

/// Times between two looks: an agent is not to be kept busy by being looked at.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(3600);

/// Returns the definition of the command line.
pub(super) fn command() -> clap::Command {
    guide::teach(Raw::command().term_width(80))
}

/// Controls the agent of this node: its cluster, its modules, and what they do.
#[derive(Debug, Parser)]
#[command(name = "safekit", version, arg_required_else_help = true, disable_help_subcommand = true)]
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
    /// Watch the farm as this node sees it, live; q ends it. Without a terminal plain lines are printed
    Top(TopArgs),
    /// Apply the configuration of SAFE/modules/AM
    Config(ModuleArg),
    /// Check the configuration of SAFE/modules/AM; nothing changes
    Confcheck(ModuleArg),
    /// Show which configuration is applied, and whether SAFE/modules/AM differs
    Confinfo(ModuleArg),
    /// Remove the configuration of a stopped module; it stays installed
    Deconfig(ModuleArg),
    /// Give a running module what SAFE/modules/AM says
    Update(ModuleArg),
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
    /// Watch the module's processes, or not, and list them
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
    /// Show the newest lines of a log, and each new one
    Logview(LogArgs),
    /// Write a log to a file
    Logsave(LogsaveArgs),
    /// Show who gave which command to this agent
    Cmdlog(CmdlogArgs),
    /// Say whether a module starts with the agent of this node
    Boot(BootArgs),
    /// Count an automatic action
    Incloop(ControlArgs),
    /// Forget the counted automatic actions
    Resetloop(ControlArgs),
    /// Tell whether the next automatic action would stop the module
    Checkloop(ModuleArg),
    /// List or end processes by their name
    Kill(KillArgs),
    /// Run a command for a limited time
    Boundcmd(BoundcmdArgs),
    /// Show or end a process with all that it has started
    Processtree {
        #[command(subcommand)]
        verb: ProcesstreeVerb,
    },
    /// Explain a command
    Help(HelpArgs),
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
        /// lock refuses later configurations until unlock; without FILE nothing else changes
        #[arg(value_name = "lock|unlock")]
        lock: Option<LockWord>,
    },
    /// Write configuration and keys to a file for the other nodes; keep it secret
    Export {
        /// The file to write; readable for its owner only
        #[arg(value_name = "FILE.zip")]
        file: PathBuf,
    },
    /// Check a cluster.xml or cluster.zip; nothing changes
    Confcheck {
        /// cluster.xml or cluster.zip
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Leave the cluster and remove its configuration and keys
    Deconfig,
    /// Make a new key on this node
    Genkey(KeyArgs),
    /// Remove the keys on this node
    Delkey(KeyArgs),
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
    /// List the modules of this node with their ids
    Listid,
    /// Show the ports that this node uses for a module
    Getports {
        #[command(flatten)]
        module: ModuleArg,
        /// The module by its id
        #[arg(short = 'i', value_name = "ID", conflicts_with = "module",
              value_parser = clap::value_parser!(u8).range(1..))]
        id: Option<u8>,
    },
    /// Write SAFE/modules/AM as a package that can be installed
    Package {
        #[command(flatten)]
        module: ModuleArg,
        /// The file to write; readable for its owner only
        #[arg(value_name = "FILE.safe")]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ErrdVerb {
    /// List the watched processes of a module
    List(ModuleArg),
    /// Watch the processes again
    On(ModuleArg),
    /// Watch no process of the module, until 'errd on' or 'config'; stop and start do not change it
    Off(ModuleArg),
    /// Watch the processes of a class of your own, until 'errd disable' or the module stops
    Enable {
        #[command(flatten)]
        module: ModuleArg,
        /// The class, as in class="..." of a process in userconfig.xml
        #[arg(value_name = "CLASS")]
        class: String,
    },
    /// Watch them no longer
    Disable {
        #[command(flatten)]
        module: ModuleArg,
        /// The class, as in class="..." of a process in userconfig.xml
        #[arg(value_name = "CLASS")]
        class: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ProcesstreeVerb {
    /// Show a process and all that it has started; without a process all of them
    List {
        /// The process
        #[arg(value_name = "PID")]
        pid: Option<u32>,
    },
    /// End a process and all that it has started
    Kill {
        /// The process
        #[arg(value_name = "PID")]
        pid: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Even though other nodes are heard: they no longer are until they get the same
    #[arg(long)]
    pub(super) force: bool,
}

/// What becomes of the lock of the cluster's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LockWord {
    /// Refuse later configurations
    Lock,
    /// Allow them again
    Unlock,
}

/// What is wanted of the start with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BootWord {
    /// Start with the agent
    On,
    /// Do not
    Off,
    /// Show what holds
    Status,
}

#[derive(Debug, Args)]
pub(super) struct BootArgs {
    /// What is wanted
    #[arg(value_name = "on|off|status")]
    pub(super) what: BootWord,
    #[command(flatten)]
    pub(super) module: ModuleArg,
}

#[derive(Debug, Args)]
pub(super) struct CmdlogArgs {
    /// How many lines
    #[arg(short = 's', value_name = "NB", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=LINES_MAX))]
    pub(super) lines: u32,
}

#[derive(Debug, Args)]
pub(super) struct LogsaveArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// All lines, not only the main ones
    #[arg(short = 'A')]
    pub(super) all: bool,
    /// The file to write; readable for its owner only
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct KillArgs {
    /// Name of the processes, as the name of a proc
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,
    /// Regular expression on the command line, as the argregex of a proc
    #[arg(long, value_name = "REGEX")]
    pub(super) argregex: Option<String>,
    /// What is done: test lists them, terminate and 15 ask them to end, 9 ends them
    #[arg(long, value_name = "LEVEL")]
    pub(super) level: super::Level,
}

#[derive(Debug, Args)]
pub(super) struct BoundcmdArgs {
    /// How long it may take, in seconds
    #[arg(value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) seconds: u32,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., trailing_var_arg = true,
          allow_hyphen_values = true)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct HelpArgs {
    /// Print everything in another form, for packaging
    #[arg(long = "as", value_name = "FORM", conflicts_with = "command")]
    pub(super) form: Option<guide::Form>,
    /// The command, word by word
    #[arg(value_name = "COMMAND")]
    pub(super) command: Vec<String>,
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
pub(in crate::args) struct TopArgs {
    #[command(flatten)]
    pub(super) module: ModuleArg,
    /// Time between two looks: 200ms to 1h
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1s")]
    pub(super) interval: Duration,
    /// Print the view once, and end
    #[arg(long)]
    pub(super) once: bool,
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

/// Reads the time between two looks.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if INTERVALS.contains(&interval) {
        Ok(interval)
    } else {
        Err("it is to be from 200ms to 1h".to_owned())
    }
}

/// Reads a duration: a number and its unit, seconds where there is none.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let number: u64 = digits
        .parse()
        .map_err(|_no_number| "a duration is written 500ms, 30s, 5m, 1h or 1d".to_owned())?;
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
