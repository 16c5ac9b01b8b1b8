//! What may be asked through the control socket: the JSON bodies of the orders.
//!
//! In: nothing. Out: one plain struct for each body. The routes that take them are the agent's.
//!
//! Always: a field that is not known is refused, so that a misspelt option never goes unnoticed.
//! Not here: answers ([`super::report`]).

use serde::{Deserialize, Serialize};

use super::WatchSwitch;

/// Body of start, stop, restart, stopstart and forcestop.
///
/// All bodies, as they are sent:
///
/// ```
/// use safekit_core::control::{
///     BootRequest, ClusterConfcheckRequest, ClusterConfigRequest, ClusterKeysRequest,
///     CommandRequest, EmptyRequest, ErrdRequest, InstallRequest, PrintLevel, PrintRequest,
///     WatchSwitch,
/// };
///
/// fn json(body: &impl serde::Serialize) -> String {
///     serde_json::to_string(body).unwrap_or_default()
/// }
/// let text = |text: &str| text.to_owned();
///
/// // start, stop, restart, stopstart, forcestop: by an administrator, and by a detector.
/// assert_eq!(json(&CommandRequest::default()), "{}");
/// assert_eq!(json(&CommandRequest { identity: Some(text("disk")) }), r#"{"identity":"disk"}"#);
/// // errd enable backup
/// let switch = WatchSwitch::Enable(text("backup"));
/// assert_eq!(json(&ErrdRequest { switch }), r#"{"switch":{"enable":"backup"}}"#);
/// // boot on
/// assert_eq!(json(&BootRequest { start: true }), r#"{"start":true}"#);
/// // module install
/// let install = InstallRequest { path: text("/tmp/web.safe"), force: false };
/// assert_eq!(json(&install), r#"{"path":"/tmp/web.safe","force":false}"#);
/// // printe
/// let print = PrintRequest { level: PrintLevel::Event, text: text("disk is full") };
/// assert_eq!(json(&print), r#"{"level":"event","text":"disk is full"}"#);
/// // cluster confcheck, cluster config, cluster genkey
/// let check = ClusterConfcheckRequest { path: text("/tmp/cluster.xml") };
/// assert_eq!(json(&check), r#"{"path":"/tmp/cluster.xml"}"#);
/// let config = ClusterConfigRequest { current: true, lock: Some(true), ..Default::default() };
/// assert_eq!(json(&config), r#"{"current":true,"lock":true}"#);
/// assert_eq!(json(&ClusterKeysRequest { force: true }), r#"{"force":true}"#);
/// // Orders without options.
/// assert_eq!(json(&EmptyRequest {}), "{}");
/// // A misspelt option is refused.
/// assert!(serde_json::from_str::<BootRequest>(r#"{"strat":true}"#).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandRequest {
    /// The detector that gives the command (`-i`); `None`: an administrator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// Body of `errd`.
///
/// Example: [`CommandRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrdRequest {
    /// `"on"`, `"off"`, `{"enable":"CLASS"}` or `{"disable":"CLASS"}`.
    pub switch: WatchSwitch,
}

/// Body of a module's installation.
///
/// Example: [`CommandRequest`].
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
///
/// Example: [`CommandRequest`].
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
///
/// Example: [`CommandRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfcheckRequest {
    /// cluster.xml or a `.zip`: an absolute path on the agent's host.
    pub path: String,
}

/// Body of genkey and delkey.
///
/// Example: [`CommandRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterKeysRequest {
    /// Whether it is done even though other nodes are heard, which then no longer are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Body of the start policy of a module on this node (`boot on`, `boot off`).
///
/// Example: [`CommandRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootRequest {
    /// Whether the module is started with the agent.
    pub start: bool,
}

/// How a line from a script is told.
///
/// Example: [`CommandRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrintLevel {
    /// `printi`: for the verbose log only (I).
    Info,
    /// `printe`: in the log that everybody reads (E).
    Event,
}

/// Body of a line for a module's log.
///
/// Example: [`CommandRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintRequest {
    /// How it is told.
    pub level: PrintLevel,
    /// The line; control characters become spaces, and what is too long is cut.
    pub text: String,
}

/// Body of an order that has no options.
///
/// Example: [`CommandRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyRequest {}
