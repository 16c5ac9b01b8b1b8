//! What the control socket answers, and `safekit ... --json` prints.
//!
//! In: nothing. Out: one plain struct for each answer. [`StateReport`] is the whole state of a node at one moment,
//! [`ErrorReport`] is the answer to whatever is not done.
//!
//! Always: field names are an interface, they are only added to; a reader skips fields that it does not know.
//! Not here: what is asked ([`super::request`]), sentences and tables for people (the command).

use serde::{Deserialize, Serialize};

use crate::module::state::{FarmState, Readiness};

/// A node at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// Version of the agent.
    pub version: String,
    /// When, in UTC (RFC 3339).
    pub time: String,
    /// This node's name; empty while the cluster is not configured.
    pub node: String,
    /// This node's id in cluster.xml; 0 while the cluster is not configured.
    pub node_id: u8,
    /// This life of the agent.
    pub incarnation: String,
    /// Whether the node has joined.
    pub joined: bool,
    /// Why it has, or has not.
    pub join_why: String,
    /// Process id of the guardian; 0 without one.
    pub guardian_pid: u32,
    /// Process id of the agent.
    pub agent_pid: u32,
    /// The view in force on this node.
    pub view: Option<ViewReport>,
    /// All configured nodes.
    pub nodes: Vec<MemberReport>,
    /// The modules configured on this node.
    pub modules: Vec<ModuleReport>,
    /// What is wrong with the node or the cluster and needs a person: one sentence each. What is wrong with a module
    /// is in [`ModuleReport::faults`].
    pub faults: Vec<String>,
}

/// The view in force on the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewReport {
    /// Its number.
    pub epoch: u64,
    /// Names of its members.
    pub members: Vec<String>,
}

/// A configured node as this one sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReport {
    /// Its id.
    pub id: u8,
    /// Its name.
    pub name: String,
    /// `self`, `alive`, `joining`, `lost` or `left`.
    pub state: String,
    /// Why, with evidence.
    pub why: String,
    /// Milliseconds since its last heartbeat.
    pub silence_ms: Option<u64>,
    /// Names of the lans on which it is heard.
    pub lans: Vec<String>,
    /// Signature of its cluster.xml, 16 hexadecimal digits; `None` where it is not heard.
    pub cluster: Option<String>,
    /// What it tells of its modules.
    pub modules: Vec<PeerModuleReport>,
}

/// A module as another node tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerModuleReport {
    /// Its name, or `#` and its key in hexadecimal where it is not installed here.
    pub name: String,
    /// Its state there.
    pub state: FarmState,
    /// Whether that is settled.
    pub readiness: Readiness,
    /// Low half of its configuration's signature there, 8 hexadecimal digits.
    pub signature: String,
}

/// A module on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Its name.
    pub name: String,
    /// `farm` or `light`.
    pub mode: String,
    /// `off` where the process monitor was switched off; else `on`.
    #[serde(default)]
    pub errd: String,
    /// The classes of processes of the user's own that are enabled.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Its state.
    pub state: FarmState,
    /// Whether that is settled.
    pub readiness: Readiness,
    /// Where it goes when nothing else happens: `STOP`, or `UP` while it starts, restarts, waits for a resource or for
    /// its boot delay, and while it stops only to start again. Who waits for a state knows by it when to give up.
    pub goal: FarmState,
    /// The token of the health answer's reason header; `ready` where it is 200.
    pub reason: String,
    /// Why it is in this state, for people.
    pub why: String,
    /// Since when, in UTC (RFC 3339).
    pub since: String,
    /// Names of the nodes that share its load with this one, this one included.
    pub participants: Vec<String>,
    /// Buckets of 256 that this node takes in that sharing.
    pub share: u16,
    /// The script that runs.
    pub script: Option<ScriptReport>,
    /// The last run of each script.
    pub last_scripts: Vec<ScriptReport>,
    /// Milliseconds left of the drain.
    pub drain_left_ms: Option<u64>,
    /// Automatic actions counted.
    pub loop_used: u32,
    /// Automatic actions allowed.
    pub loop_max: u32,
    /// The watched processes.
    pub watched: Vec<WatchReport>,
    /// Whether the module starts with the agent.
    pub boot: String,
    /// Signature of its configuration, 16 hexadecimal digits.
    pub signature: String,
    /// What is wrong with it and needs a person: one sentence each.
    #[serde(default)]
    pub faults: Vec<String>,
    /// What the module's own script `state` says, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script_lines: Vec<String>,
}

/// A run of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptReport {
    /// `start_both`, ...
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it ran, or has run so far.
    pub duration_ms: u64,
    /// How it ended; `None` while it runs.
    pub end: Option<String>,
    /// Its userlog file.
    pub userlog: Option<String>,
}

/// A `<proc>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchReport {
    /// Its resource: `proc.<name>`.
    pub resource: String,
    /// `init`, `up` or `down`.
    pub state: String,
    /// Processes that match.
    pub pids: Vec<u32>,
    /// Since when it has this state, in UTC (RFC 3339); `None` where that is not known.
    pub since: Option<String>,
    /// Its class: `both`, `pre`, or one of the user's own.
    #[serde(default)]
    pub class: String,
}

/// What kind of mistake an [`ErrorReport`] is about. The exit code of the command follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// It was asked wrongly: an unknown route, field, value or module. The caller's mistake; nothing has changed.
    Usage,
    /// Who asks may not. Nothing has changed; the sentence says who may.
    Forbidden,
    /// A configuration file has faults; the details have one line for each. Nothing has changed.
    Configuration,
    /// It does not fit the state of the moment. Nothing has changed; it may be asked again later.
    Refused,
    /// The agent or its host failed: the sentence says at what.
    Internal,
}

/// The answer to whatever is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What kind of mistake.
    pub code: ErrorCode,
    /// What, where, and what to do: one sentence without full stop.
    pub message: String,
    /// More lines, as the faults of a configuration file, each with its place first.
    pub details: Vec<String>,
}

/// The answer to an order that was carried out, or to a check that found no fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneReport {
    /// What was done: one sentence without full stop.
    pub text: String,
    /// More lines, as the warnings of a configuration file.
    pub details: Vec<String>,
}

/// Every module of this node, configured or only installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleListReport {
    /// In the order of their names.
    pub modules: Vec<InstalledModuleReport>,
}

/// A module as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModuleReport {
    /// Its name.
    pub name: String,
    /// `farm` or `light`; empty where its configuration cannot be read.
    pub mode: String,
    /// Whether it is configured: only then it can be started.
    pub configured: bool,
    /// Its number on this node, from 1.
    #[serde(default)]
    pub id: u8,
}

/// The ports that this node uses for a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsReport {
    /// One entry for each of SafeKit's process names.
    pub ports: Vec<PortReport>,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortReport {
    /// What it is for: `safeadmin`, `webconsole` or `farm`.
    pub process: String,
    /// `UDP` or `TCP`.
    pub protocol: String,
    /// Its number.
    pub port: u16,
}

/// The count of automatic actions of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// How many are counted.
    pub used: u32,
    /// How many are allowed (`maxloop`).
    pub max: u32,
    /// Of `checkloop`: the next automatic action stops the module. Of `incloop`: this one was beyond what is allowed.
    pub reached: bool,
}

/// What starts the modules of this node when the agent starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootReport {
    /// In the order of their names.
    pub modules: Vec<ModuleBootReport>,
}

/// What starts a module when the agent starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleBootReport {
    /// The module.
    pub name: String,
    /// `boot` of its configuration in force: `on`, `off`, `auto` or `ignore`; `None` where it is not configured.
    pub configured: Option<String>,
    /// What was said on this node (`boot on`, `boot off`), which counts with `ignore` only; `None` where nothing was.
    pub node: Option<String>,
}

/// Which configuration of a module is in force, and which one lies there to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleConfinfoReport {
    /// The module.
    pub name: String,
    /// `farm` or `light`, as in force, else as it lies there; empty where neither is known.
    #[serde(default)]
    pub mode: String,
    /// What `safekit config` applied last; `None` where it never was.
    pub active: Option<ConfigurationReport>,
    /// What lies in SAFE/modules, to be edited and applied; `None` where it is not there or cannot be read.
    pub current: Option<ConfigurationReport>,
}

/// One configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationReport {
    /// Its signature, 16 hexadecimal digits: the same on two nodes means the same configuration.
    pub signature: String,
    /// When it was applied, or last changed, in UTC (RFC 3339).
    pub date: String,
}

/// The configuration of the cluster, as each node has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfinfoReport {
    /// One entry for each configured node; empty while the cluster is not configured.
    pub nodes: Vec<NodeConfinfoReport>,
}

/// The configuration of the cluster on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfinfoReport {
    /// The node's name.
    pub node: String,
    /// Signature of its cluster.xml, 16 hexadecimal digits; `None` where the node does not tell.
    pub signature: Option<String>,
    /// When it was applied, in UTC (RFC 3339); known of this node only.
    pub date: Option<String>,
    /// Whether other configurations are refused until it is unlocked.
    pub lock: bool,
}

/// Every module on every node, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStateReport {
    /// In the order of nodes, then modules. A node without modules has no entry.
    pub modules: Vec<ClusterModuleReport>,
}

/// A module on a node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterModuleReport {
    /// The node's name.
    pub node: String,
    /// The node's state: see [`MemberReport::state`].
    pub node_state: String,
    /// The module's name, or `#` and its key in hexadecimal where it is not installed here.
    pub module: String,
    /// The module's state there; for a lost node the last one that was told.
    pub state: FarmState,
    /// Whether that is settled.
    pub readiness: Readiness,
    /// Low half of its configuration's signature there, 8 hexadecimal digits.
    pub signature: String,
}

/// Lines of a log, the oldest first: its newest, or a piece of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// The lines as the log file has them.
    pub lines: Vec<String>,
    /// Of a piece: where the next one begins (`from=`); `None`: the log ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What runs here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Name of the host.
    pub host: String,
    /// Name and version of the operating system.
    pub os: String,
    /// Version of the agent.
    pub version: String,
    /// Licence of the agent.
    pub license: String,
    /// What the module's own `level` script says, where a module was asked for and has one.
    pub module: Vec<String>,
}
