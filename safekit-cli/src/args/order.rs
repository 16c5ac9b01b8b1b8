//! What a command line can mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use safekit_core::control::{Command, PrintLevel, WatchSwitch};
use safekit_core::ids::ModuleName;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `cluster config`.
    ClusterConfig {
        /// What is applied.
        source: Source,
        /// Whether later ones are refused.
        lock: Option<Lock>,
    },
    /// `cluster confcheck`: an absolute path.
    ClusterConfcheck(String),
    /// `cluster deconfig`.
    ClusterDeconfig,
    /// `cluster genkey`, `cluster delkey`.
    ClusterKeys(Keys, Others),
    /// `cluster export`.
    ClusterExport(PathBuf),
    /// `cluster state`.
    ClusterState,
    /// `cluster confinfo`.
    ClusterConfinfo,
    /// `state` of the node.
    NodeState,
    /// `state -m`.
    ModuleState(ModuleName, Detail),
    /// `module install`.
    Install {
        /// Its name.
        module: ModuleName,
        /// An absolute path.
        path: String,
        /// `-r`.
        existing: Existing,
    },
    /// `module uninstall`.
    Uninstall(ModuleName),
    /// `module list`.
    ModuleList,
    /// `module listid`.
    ModuleListid,
    /// `module getports`.
    Getports(Selected),
    /// `module package`.
    Package(ModuleName, PathBuf),
    /// `config -m`.
    Config(ModuleName),
    /// `deconfig -m`.
    Deconfig(ModuleName),
    /// `update -m`.
    Update(ModuleName),
    /// `confcheck -m`.
    Confcheck(ModuleName),
    /// `confinfo -m`.
    Confinfo(ModuleName),
    /// start, stop, restart, stopstart, forcestop.
    Control {
        /// Which module.
        module: ModuleName,
        /// What.
        command: Command,
        /// `-i`.
        identity: Option<String>,
    },
    /// waitstart, waitstop, waitstate.
    Wait {
        /// Which module.
        module: ModuleName,
        /// For what.
        awaited: Awaited,
        /// How long at most.
        timeout: Option<Duration>,
    },
    /// `top`.
    Top {
        /// Only this one; `None`: all.
        module: Option<ModuleName>,
        /// Time between two looks.
        interval: Duration,
        /// How often.
        looks: Looks,
    },
    /// `log`.
    Log {
        /// Whose; `None`: the node's own.
        module: Option<ModuleName>,
        /// How many lines.
        lines: u32,
        /// Which ones.
        verbosity: Verbosity,
    },
    /// `logview`.
    Logview {
        /// Whose; `None`: the node's own.
        module: Option<ModuleName>,
        /// With how many lines it begins.
        lines: u32,
        /// Which ones.
        verbosity: Verbosity,
    },
    /// `logsave`.
    Logsave {
        /// Whose; `None`: the node's own.
        module: Option<ModuleName>,
        /// Which lines.
        verbosity: Verbosity,
        /// Where to.
        file: PathBuf,
    },
    /// `cmdlog`: so many lines.
    Cmdlog(u32),
    /// `errd on|off|enable|disable`.
    Errd {
        /// Which module.
        module: ModuleName,
        /// What.
        switch: WatchSwitch,
    },
    /// `errd list`.
    ErrdList(ModuleName),
    /// `boot on`, `boot off`.
    SetBoot(ModuleName, Boot),
    /// `boot status`.
    BootStatus(Option<ModuleName>),
    /// `incloop`.
    Incloop(ModuleName, Option<String>),
    /// `resetloop`.
    Resetloop(ModuleName, Option<String>),
    /// `checkloop`.
    Checkloop(ModuleName),
    /// `kill`.
    Kill {
        /// Name of the processes.
        name: String,
        /// What their command lines match.
        argregex: Option<String>,
        /// What is done.
        level: Level,
    },
    /// `boundcmd`.
    Boundcmd(Duration, Vec<OsString>),
    /// `processtree list`; `None`: all processes.
    ProcesstreeList(Option<u32>),
    /// `processtree kill`.
    ProcesstreeKill(u32),
    /// `-p`.
    Places,
    /// printi, printe.
    Print {
        /// Into whose log.
        module: ModuleName,
        /// How it is told.
        level: PrintLevel,
        /// What.
        text: String,
    },
    /// `shutdown`.
    Shutdown,
    /// `level`.
    Level(Option<ModuleName>),
}

/// Which cluster configuration is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file: an absolute path.
    File(String),
    /// The cluster.xml that is there, with new keys.
    Current,
    /// None: only the lock is changed.
    Nothing,
}

/// Whether later cluster configurations are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// They are.
    Lock,
    /// They are not.
    Unlock,
}

/// What becomes of the keys of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// `genkey`.
    New,
    /// `delkey`.
    None,
}

/// What becomes of nodes that other keys cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Refuse while any is heard.
    Keep,
    /// `--force`.
    CutOff,
}

/// A module by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// `-m`.
    Name(ModuleName),
    /// `-i`.
    Id(u8),
}

/// Whether a module starts with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// What is done to processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// They are listed.
    Test,
    /// They are asked to end (SIGTERM).
    #[value(name = "terminate", alias = "15")]
    Terminate,
    /// They are ended (SIGKILL).
    #[value(name = "9")]
    Kill,
}

/// How much `state -m` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The state and why.
    Short,
    /// `-v`: every resource, too.
    Resources,
    /// `-lq`: the state's word; the exit code says it, too.
    Quiet,
}

/// What is done about an installed module of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Refuse.
    Keep,
    /// `-r`: replace it.
    Replace,
}

/// A stable state that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// STOP (NotReady).
    Stop,
    /// UP (Ready).
    Up,
}

/// How often `top` looks, and how it shows what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Until it is ended, drawn on the terminal.
    Drawn,
    /// Until it is ended, printed line by line.
    Printed,
    /// `--once`, on a terminal of so many columns.
    Once {
        /// `None`: no terminal.
        columns: Option<usize>,
    },
}

/// Which lines of a log are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// The main ones: critical, events, users, scripts.
    Main,
    /// `-A`: all.
    All,
}
