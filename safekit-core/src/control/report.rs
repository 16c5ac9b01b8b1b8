//! What `safekit state --json` prints and the control socket answers: the whole state of a node at one moment.
//!
//! Field names are an interface: they are only added to.

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
    /// What is wrong and needs a person: one sentence each.
    pub faults: Vec<String>,
}

/// A view.
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
}

/// A module on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Its name.
    pub name: String,
    /// `farm`.
    pub mode: String,
    /// Its state.
    pub state: FarmState,
    /// Whether that is settled.
    pub readiness: Readiness,
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
}
