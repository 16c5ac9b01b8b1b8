//! The cluster, as one node sees it.

use serde::{Deserialize, Serialize};

use crate::module::state::{FarmState, Readiness};

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
    /// The node's state: see [`MemberReport::state`](super::MemberReport::state).
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
