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
///
/// What `safekit state --json` prints, read by a program:
///
/// ```
/// use safekit_core::control::{
///     MemberReport, ModuleReport, PeerModuleReport, ScriptReport, StateReport, ViewReport, WatchReport,
/// };
/// use safekit_core::module::state::{FarmState, Readiness};
///
/// let text = r#"{
///   "version": "0.1.0", "time": "2026-11-22T10:30:00.000Z", "node": "paris", "node_id": 1,
///   "incarnation": "12.0", "joined": true, "join_why": "all configured nodes are heard",
///   "guardian_pid": 812, "agent_pid": 813,
///   "view": {"epoch": 41, "members": ["paris", "rome"]},
///   "nodes": [
///     {"id": 1, "name": "paris", "state": "self", "why": "all configured nodes are heard",
///      "silence_ms": null, "lans": [], "cluster": "5afe5afe5afe5afe", "modules": [
///        {"name": "web", "state": "UP", "readiness": "Ready", "signature": "0badcafe"}]},
///     {"id": 2, "name": "rome", "state": "alive", "why": "it has joined", "silence_ms": 63,
///      "lans": ["default"], "cluster": "5afe5afe5afe5afe", "modules": [
///        {"name": "web", "state": "UP", "readiness": "Transient", "signature": "0badcafe"}]}
///   ],
///   "modules": [
///     {"name": "web", "mode": "farm", "errd": "on", "classes": [], "state": "UP", "readiness": "Ready",
///      "goal": "UP", "reason": "ready", "why": "start_both ended after 2.1 s with exit code 0",
///      "since": "2026-11-22T10:01:12.000Z", "participants": ["paris"], "share": 256, "script": null,
///      "last_scripts": [{"name": "start_both", "arguments": ["WAIT", "UP", "start"],
///        "duration_ms": 2100, "end": "with exit code 0", "userlog": null}],
///      "drain_left_ms": null, "loop_used": 0, "loop_max": 3,
///      "watched": [{"resource": "proc.nginx", "state": "up", "pids": [4711], "since": null, "class": "both"}],
///      "boot": "on", "signature": "5afe5afe0badcafe", "faults": []}
///   ],
///   "faults": []
/// }"#;
/// let state: StateReport = serde_json::from_str(text)?;
/// let view: &ViewReport = state.view.as_ref().ok_or("the node is in a view")?;
/// assert_eq!(view.members, ["paris", "rome"]);
///
/// let rome: &MemberReport = &state.nodes[1];
/// let there: &PeerModuleReport = &rome.modules[0];
/// let here: &ModuleReport = &state.modules[0];
/// assert_eq!((here.state, here.readiness), (FarmState::Up, Readiness::Ready));
/// assert!(here.signature.ends_with(&there.signature), "both have the same configuration");
///
/// let start: &ScriptReport = &here.last_scripts[0];
/// let nginx: &WatchReport = &here.watched[0];
/// assert_eq!((start.duration_ms, &nginx.pids[..]), (2_100, &[4711][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// Version of the agent: `0.1.0`.
    pub version: String,
    /// The moment of the answer, in UTC (RFC 3339): `2026-11-22T10:30:00.000Z`.
    pub time: String,
    /// This node's name; empty while the cluster is not configured.
    pub node: String,
    /// This node's id in cluster.xml; 0 while the cluster is not configured.
    pub node_id: u8,
    /// This life of the agent, `COUNTER.LIFE`: how many starts of the agent there were, and how many pauses in this one
    /// that others may have noticed.
    pub incarnation: String,
    /// Whether the node has joined: it knows who is there. Before that nothing of a farm is Ready.
    pub joined: bool,
    /// Why it has, or has not: a sentence without full stop.
    pub join_why: String,
    /// Process id of the guardian; 0 without one.
    pub guardian_pid: u32,
    /// Process id of the agent.
    pub agent_pid: u32,
    /// The view in force on this node; `None`: it is in none, and takes no share.
    pub view: Option<ViewReport>,
    /// All configured nodes, this one included, in the order of cluster.xml; empty while the cluster is not configured.
    pub nodes: Vec<MemberReport>,
    /// The modules configured on this node, in the order of their names.
    pub modules: Vec<ModuleReport>,
    /// What is wrong with the node or the cluster and needs a person: one sentence each. What is wrong with a module
    /// is in [`ModuleReport::faults`].
    pub faults: Vec<String>,
}

/// The view in force on the node that answers.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewReport {
    /// Its number: no unit; within a life of the node it only grows.
    pub epoch: u64,
    /// Names of its members, in the order of cluster.xml.
    pub members: Vec<String>,
}

/// A configured node as this one sees it.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReport {
    /// Its id: its place in cluster.xml, 1 to 128.
    pub id: u8,
    /// Its name in cluster.xml.
    pub name: String,
    /// `self`, `alive`, `joining`, `lost` or `left`.
    pub state: String,
    /// Why, with evidence: a sentence without full stop.
    pub why: String,
    /// Milliseconds since its last heartbeat, at the moment of the answer; `None` for this node itself, and where none
    /// came in this life.
    pub silence_ms: Option<u64>,
    /// Names of the lans on which it is heard; empty for this node itself.
    pub lans: Vec<String>,
    /// Signature of its cluster.xml, 16 hexadecimal digits; `None` where it is not heard.
    pub cluster: Option<String>,
    /// What it tells the others of its modules; of a lost node what it told last, empty once it has left. Of this node's own
    /// modules [`StateReport::modules`] has more.
    pub modules: Vec<PeerModuleReport>,
}

/// A module as another node tells it.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerModuleReport {
    /// Its name, or `#` and its key in hexadecimal where it is not installed here.
    pub name: String,
    /// Its state there: `STOP`, `WAIT` or `UP`.
    pub state: FarmState,
    /// Whether that state is settled: `Ready`, `Transient` or `NotReady`.
    pub readiness: Readiness,
    /// Low half of its configuration's signature there, 8 hexadecimal digits: the end of [`ModuleReport::signature`] where
    /// both nodes have the same configuration.
    pub signature: String,
}

/// A module on this node.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Its name: the folder that it is installed in.
    pub name: String,
    /// `farm` or `light`.
    pub mode: String,
    /// `off` where the process monitor was switched off; else `on`.
    #[serde(default)]
    pub errd: String,
    /// The classes of processes of the user's own that are enabled, sorted.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Its state: `STOP`, `WAIT` or `UP`.
    pub state: FarmState,
    /// Whether that state is settled: only `UP` and `Ready` together make the health answer positive.
    pub readiness: Readiness,
    /// Where it goes when nothing else happens: `STOP`, or `UP` while it starts, restarts, waits for a resource or for
    /// its boot delay, and while it stops only to start again. Who waits for a state knows by it when to give up.
    pub goal: FarmState,
    /// The token of the health answer's reason header; `ready` where it is 200.
    pub reason: String,
    /// Why it is in this state, for people: a sentence without full stop.
    pub why: String,
    /// Since when it has this state, in UTC (RFC 3339).
    pub since: String,
    /// Names of the nodes that share its load with this one, this one included; empty where this node takes no load.
    pub participants: Vec<String>,
    /// Buckets that this node takes in that sharing, 0 to 256.
    pub share: u16,
    /// The script that runs; `None`: none.
    pub script: Option<ScriptReport>,
    /// The last run of each script in this life of the agent.
    pub last_scripts: Vec<ScriptReport>,
    /// Milliseconds left of the drain; `None`: there is none at the moment.
    pub drain_left_ms: Option<u64>,
    /// Automatic actions counted within `loop_interval`.
    pub loop_used: u32,
    /// Automatic actions allowed within that time (`maxloop`).
    pub loop_max: u32,
    /// The processes that `<errd>` names, one entry for each `<proc>`.
    pub watched: Vec<WatchReport>,
    /// What starts the module with the agent: `on`, `off`, `auto` or `ignore`.
    pub boot: String,
    /// Signature of its configuration, 16 hexadecimal digits: the same on two nodes means the same configuration.
    pub signature: String,
    /// What is wrong with it and needs a person: one sentence each.
    #[serde(default)]
    pub faults: Vec<String>,
    /// What the module's own script `state` says, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script_lines: Vec<String>,
}

/// A run of a script.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptReport {
    /// Its name: `prestart`, `start_both`, `stop_both`, `poststop`, `transition` or `handler`.
    pub name: String,
    /// Its arguments, in their order.
    pub arguments: Vec<String>,
    /// How long it ran, or has run so far, in milliseconds.
    pub duration_ms: u64,
    /// How it ended, for people ("with exit code 0"); `None` while it runs.
    pub end: Option<String>,
    /// The name of its userlog file, without folder; `None` where its output is not kept.
    pub userlog: Option<String>,
}

/// A `<proc>`.
///
/// Example: [`StateReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchReport {
    /// Its resource: `proc.<name>`.
    pub resource: String,
    /// `init` (not judged), `up` (as many processes as there should be) or `down`.
    pub state: String,
    /// Process ids of those that match, as far as they are known.
    pub pids: Vec<u32>,
    /// Since when it has this state, in UTC (RFC 3339); `None` where that is not known.
    pub since: Option<String>,
    /// Its class: `both`, `pre`, or one of the user's own.
    #[serde(default)]
    pub class: String,
    /// What the host says of the service, such as `active (running)`; empty where nothing was asked yet. Left out where
    /// processes are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What kind of mistake an [`ErrorReport`] is about. The exit code of the command follows from it.
///
/// Example: [`ErrorReport`].
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
///
/// ```
/// use safekit_core::control::{DoneReport, ErrorCode, ErrorReport};
///
/// /// What an order has come to: the sentence, or the mistake.
/// fn outcome(status: u16, body: &str) -> Result<Result<String, ErrorReport>, serde_json::Error> {
///     match status {
///         200 => Ok(Ok(serde_json::from_str::<DoneReport>(body)?.text)),
///         _ => Ok(Err(serde_json::from_str(body)?)),
///     }
/// }
///
/// let body = r#"{"code": "refused", "message": "module web is busy", "details": []}"#;
/// let mistake = outcome(409, body)?.err();
/// assert_eq!(mistake.map(|it| it.code), Some(ErrorCode::Refused), "it may be asked again");
/// let body = r#"{"text": "module web is configured", "details": []}"#;
/// assert_eq!(outcome(200, body)?.ok().as_deref(), Some("module web is configured"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What kind of mistake; for programs.
    pub code: ErrorCode,
    /// What, where, and what to do: one sentence without full stop.
    pub message: String,
    /// More lines, as the faults of a configuration file, each with its place first.
    pub details: Vec<String>,
}

/// The answer to an order that was carried out, or to a check that found no fault.
///
/// Example: [`ErrorReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneReport {
    /// What was done: one sentence without full stop.
    pub text: String,
    /// More lines, as the warnings of a configuration file.
    pub details: Vec<String>,
}

/// Every module of this node, configured or only installed.
///
/// The answers to questions about modules:
///
/// ```
/// use safekit_core::control::{
///     BootReport, BudgetReport, ConfigurationReport, InstalledModuleReport, LogReport,
///     ModuleBootReport, ModuleConfinfoReport, ModuleListReport, PortReport, PortsReport,
/// };
///
/// // module list
/// let text = r#"{"modules": [{"name": "web", "mode": "farm", "configured": true, "id": 1}]}"#;
/// let list: ModuleListReport = serde_json::from_str(text)?;
/// let web: &InstalledModuleReport = &list.modules[0];
/// assert!(web.configured);
///
/// // module getports
/// let text = r#"{"ports": [{"process": "farm", "protocol": "UDP", "port": 4800}]}"#;
/// let ports: PortsReport = serde_json::from_str(text)?;
/// let farm: &PortReport = &ports.ports[0];
/// assert_eq!((&farm.protocol[..], farm.port), ("UDP", 4800));
///
/// // checkloop
/// let budget: BudgetReport = serde_json::from_str(r#"{"used": 3, "max": 3, "reached": true}"#)?;
/// assert!(budget.reached, "the next automatic action stops the module");
///
/// // boot status
/// let text = r#"{"modules": [{"name": "web", "configured": "ignore", "node": "on"}]}"#;
/// let boot: BootReport = serde_json::from_str(text)?;
/// let web: &ModuleBootReport = &boot.modules[0];
/// assert_eq!(web.node.as_deref(), Some("on"));
///
/// // confinfo
/// let text = r#"{"name": "web", "mode": "farm", "current": null,
///   "active": {"signature": "5afe5afe0badcafe", "date": "2026-11-22T10:00:00.000Z"}}"#;
/// let info: ModuleConfinfoReport = serde_json::from_str(text)?;
/// let active: ConfigurationReport = info.active.ok_or("it was configured")?;
/// assert_eq!(active.signature, "5afe5afe0badcafe");
///
/// // logview
/// let log: LogReport = serde_json::from_str(r#"{"lines": []}"#)?;
/// assert!(log.lines.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleListReport {
    /// In the order of their names.
    pub modules: Vec<InstalledModuleReport>,
}

/// A module as it lies on the disk.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModuleReport {
    /// Its name: the folder that it is installed in.
    pub name: String,
    /// `farm` or `light`; empty where its configuration cannot be read.
    pub mode: String,
    /// Whether it is configured: only then it can be started.
    pub configured: bool,
    /// Its number on this node, 1 to 255, as `listid` tells it; no meaning beyond this node.
    #[serde(default)]
    pub id: u8,
}

/// The ports that this node uses for a module.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsReport {
    /// One entry for each of SafeKit's process names.
    pub ports: Vec<PortReport>,
}

/// A port.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortReport {
    /// What it is for: `safeadmin`, `webconsole` or `farm`.
    pub process: String,
    /// `UDP` or `TCP`.
    pub protocol: String,
    /// Its number, 1 to 65535.
    pub port: u16,
}

/// The count of automatic actions of a module.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// How many are counted within `loop_interval`.
    pub used: u32,
    /// How many are allowed (`maxloop`).
    pub max: u32,
    /// Of `checkloop`: the next automatic action stops the module. Of `incloop`: this one was beyond what is allowed.
    pub reached: bool,
}

/// What starts the modules of this node when the agent starts.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootReport {
    /// In the order of their names.
    pub modules: Vec<ModuleBootReport>,
}

/// What starts a module when the agent starts.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleBootReport {
    /// The module's name.
    pub name: String,
    /// `boot` of its configuration in force: `on`, `off`, `auto` or `ignore`; `None` where it is not configured.
    pub configured: Option<String>,
    /// What was said on this node (`boot on`, `boot off`), which counts with `ignore` only; `None` where nothing was.
    pub node: Option<String>,
}

/// Which configuration of a module is in force, and which one lies there to be applied.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleConfinfoReport {
    /// The module's name.
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
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationReport {
    /// Its signature, 16 hexadecimal digits: the same on two nodes means the same configuration.
    pub signature: String,
    /// When it was applied, or last changed, in UTC (RFC 3339).
    pub date: String,
}

/// The configuration of the cluster, as each node has it.
///
/// The answers to questions about the cluster:
///
/// ```
/// use safekit_core::control::{
///     ClusterConfinfoReport, ClusterModuleReport, ClusterStateReport, LevelReport, NodeConfinfoReport,
/// };
/// use safekit_core::module::state::FarmState;
///
/// // cluster confinfo: do all nodes have the same cluster.xml?
/// let text = r#"{"nodes": [
///   {"node": "paris", "signature": "5afe5afe5afe5afe", "date": "2026-11-22T10:00:00.000Z", "lock": false},
///   {"node": "rome", "signature": "0bad0bad0bad0bad", "date": null, "lock": false}]}"#;
/// let info: ClusterConfinfoReport = serde_json::from_str(text)?;
/// let [paris, rome]: &[NodeConfinfoReport] = &info.nodes[..] else { return Err("two nodes".into()) };
/// assert_ne!(paris.signature, rome.signature);
///
/// // cluster state: where does the module run?
/// let text = r#"{"modules": [{"node": "rome", "node_state": "alive", "module": "web",
///   "state": "UP", "readiness": "Ready", "signature": "0badcafe"}]}"#;
/// let state: ClusterStateReport = serde_json::from_str(text)?;
/// let up = |it: &&ClusterModuleReport| it.node_state == "alive" && it.state == FarmState::Up;
/// assert_eq!(state.modules.iter().filter(up).count(), 1);
///
/// // level
/// let text = r#"{"host": "paris", "os": "Debian 13", "version": "0.1.0",
///   "license": "MIT OR Apache-2.0", "module": []}"#;
/// let level: LevelReport = serde_json::from_str(text)?;
/// assert_eq!(level.version, "0.1.0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfinfoReport {
    /// One entry for each configured node; empty while the cluster is not configured.
    pub nodes: Vec<NodeConfinfoReport>,
}

/// The configuration of the cluster on one node.
///
/// Example: [`ClusterConfinfoReport`].
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
///
/// Example: [`ClusterConfinfoReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStateReport {
    /// In the order of nodes, then modules. A node without modules has no entry.
    pub modules: Vec<ClusterModuleReport>,
}

/// A module on a node of the cluster.
///
/// Example: [`ClusterConfinfoReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterModuleReport {
    /// The node's name.
    pub node: String,
    /// The node's state: see [`MemberReport::state`].
    pub node_state: String,
    /// The module's name, or `#` and its key in hexadecimal where it is not installed here.
    pub module: String,
    /// The module's state there, `STOP`, `WAIT` or `UP`; for a lost node the last one that was told.
    pub state: FarmState,
    /// Whether that state is settled: `Ready`, `Transient` or `NotReady`.
    pub readiness: Readiness,
    /// Low half of its configuration's signature there, 8 hexadecimal digits.
    pub signature: String,
}

/// Lines of a log, the oldest first: its newest, or a piece of it.
///
/// Example: [`ModuleListReport`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// The lines as the log file has them, without line ends.
    pub lines: Vec<String>,
    /// Of a piece: where the next one begins (`from=`); `None`: the log ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What runs here.
///
/// Example: [`ClusterConfinfoReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Name of the host, as its operating system has it.
    pub host: String,
    /// Name and version of the operating system.
    pub os: String,
    /// Version of the agent: `0.1.0`.
    pub version: String,
    /// Licence of the agent: `MIT OR Apache-2.0`.
    pub license: String,
    /// Lines that the module's own `level` script says; empty where no module was asked for, or it has none.
    pub module: Vec<String>,
}
