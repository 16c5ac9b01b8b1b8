//! What the control socket answers, and `safekit ... --json` prints.
//!
//! In: nothing. Out: one plain struct for each answer. [`StateReport`] is the whole state of a node at one moment,
//! [`ErrorReport`] is the answer to whatever is not done.
//!
//! Always: field names are an interface, they are only added to; a reader skips fields that it does not know.
//! Not here: what is asked ([`super::request`]), sentences and tables for people (the command).

mod cluster;
mod state;

use serde::{Deserialize, Serialize};

pub use self::cluster::{
    ClusterConfinfoReport, ClusterModuleReport, ClusterStateReport, NodeConfinfoReport,
};
pub use self::state::{
    MemberReport, ModuleReport, PeerModuleReport, ScriptReport, StateReport, ViewReport,
    WatchReport,
};

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
