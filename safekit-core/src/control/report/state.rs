//! A node at one moment, as it sees itself and the others.

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
