//! What may be asked through the control socket: the JSON bodies of the orders.
//!
//! In: nothing. Out: one plain struct for each body. The routes that take them are the agent's.
//!
//! Always: a field that is not known is refused, so that a misspelt option never goes unnoticed.
//! Not here: answers ([`super::report`]).

use serde::{Deserialize, Serialize};

use super::WatchSwitch;

/// Body of start, stop, restart, stopstart and forcestop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandRequest {
    /// The detector that gives the command (`-i`); `None`: an administrator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// Body of `errd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrdRequest {
    /// `"on"`, `"off"`, `{"enable":"CLASS"}` or `{"disable":"CLASS"}`.
    pub switch: WatchSwitch,
}

/// Body of a module's installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallRequest {
    /// A folder, or a `.safe` or `.zip` file: an absolute path on the agent's host.
    pub path: String,
    /// Whether an installed module of that name is replaced (`-r`).
    #[serde(default)]
    pub force: bool,
}

/// Body of the cluster's configuration: a path, or `current`, or a lock only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfigRequest {
    /// cluster.xml, which gets new keys, or a `.zip` with configuration and keys: an absolute path on the agent's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Apply the cluster.xml that is there already, with new keys.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
    /// Whether later configurations are refused (`lock`), or no longer (`unlock`). With neither path nor `current` nothing
    /// else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<bool>,
}

/// Body of the check of a cluster configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfcheckRequest {
    /// cluster.xml or a `.zip`: an absolute path on the agent's host.
    pub path: String,
}

/// Body of genkey and delkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterKeysRequest {
    /// Whether it is done even though other nodes are heard, which then no longer are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Body of the start policy of a module on this node (`boot on`, `boot off`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootRequest {
    /// Whether the module is started with the agent.
    pub start: bool,
}

/// How a line from a script is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrintLevel {
    /// `printi`: for the verbose log only (I).
    Info,
    /// `printe`: in the log that everybody reads (E).
    Event,
}

/// Body of a line for a module's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintRequest {
    /// How it is told.
    pub level: PrintLevel,
    /// The line; control characters become spaces, and what is too long is cut.
    pub text: String,
}

/// Body of an order that has no options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyRequest {}
