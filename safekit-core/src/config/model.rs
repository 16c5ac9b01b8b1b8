//! What the configuration files say, once checked: an invalid value cannot exist here.
//!
//! In brackets: the attribute, its default, its bounds. The table in [`schema`](super::schema) is what decides.
//!
//! Example: [`ModuleConfig`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::ids::{LanId, LanName, ModuleName, NodeId, NodeName};

/// cluster.xml: all nodes and lans.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::config::cluster;
/// use safekit_core::config::model::{ClusterConfig, Host, LanAddress, LanConfig, Signature};
/// use safekit_core::ids::NodeName;
///
/// let text = br#"<cluster><lans pulse="200"><lan name="default">
///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="node2.example"/>
/// </lan></lans></cluster>"#;
/// let cluster: ClusterConfig = cluster::parse("cluster.xml", text).model.ok_or("a fault")?;
/// assert_eq!((cluster.port, cluster.pulse), (4800, Duration::from_millis(200)));
/// assert_eq!(cluster.pulse * cluster.slost_count, Duration::from_secs(2), "then a node is lost");
///
/// let second = cluster.node_by_name(&NodeName::new("node2")?).ok_or("no node2")?;
/// let lan: &LanConfig = &cluster.lans[0];
/// let address: &LanAddress = &lan.nodes[&second];
/// assert_eq!(address.addr, Host::Name("node2.example".to_owned()));
///
/// // Names become addresses once, when the cluster is configured.
/// let resolved = cluster.resolve(&mut |_name| Ok(vec!["10.0.0.2".parse().map_err(|_| "no address")?]));
/// let resolved = resolved.map_err(|faults| format!("{faults:?}"))?;
/// assert_eq!(resolved.sockets_of(second), [(lan.id, "10.0.0.2:4800".parse()?)]);
/// let before: Signature = cluster.signature;
/// assert_ne!(resolved.signature, before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// UDP port of the heartbeats (`port`, 4800, 1 to 65535).
    pub port: u16,
    /// Time between two heartbeats (`pulse`, 100 ms, 10 ms to 10 s).
    pub pulse: Duration,
    /// Heartbeats missed before a member is lost (`slost_count`, 10, 3 to 1000): times the pulse, the silence that is
    /// borne, an hour at most.
    pub slost_count: u32,
    /// The same for the node with the lowest id, where written out (`mlost_count`); there is no leader.
    pub mlost_count: Option<u32>,
    /// The lans in the order of the file, 1 to 8.
    pub lans: Vec<LanConfig>,
    /// The nodes in the order of their first appearance, 1 to 128; their ids are their places.
    pub nodes: BTreeMap<NodeId, NodeName>,
    /// Of all that has a meaning in the file, comments and order of attributes left out: the same on two nodes means the same cluster.
    pub signature: Signature,
}

/// One lan of cluster.xml.
///
/// Example: [`ClusterConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LanConfig {
    /// Its place in the file, from 0.
    pub id: LanId,
    /// Its name, which the modules use.
    pub name: LanName,
    /// Whether distributed commands take this lan (`command`).
    pub command: bool,
    /// The addresses of its nodes.
    pub nodes: BTreeMap<NodeId, LanAddress>,
}

/// Where a node is reached on a lan.
///
/// Example: [`ClusterConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LanAddress {
    /// As others see it (`addr`).
    pub addr: Host,
    /// As the node itself sees it, where that differs (`laddr`).
    pub laddr: Option<IpAddr>,
}

/// An address, or a name that was not resolved yet.
///
/// Example: [`ClusterConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name for DNS; resolved only when the cluster is configured.
    Name(String),
}

impl fmt::Display for Host {
    /// Writes it as cluster.xml has it: an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Says whether two configurations are the same: 8 bytes of SHA-256 over the canonical text.
///
/// Example: [`ClusterConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub u64);

impl Signature {
    /// Computes the signature of a canonical text.
    pub(crate) fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self(digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }
}

impl fmt::Display for Signature {
    /// Writes 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// userconfig.xml of one module.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::config::model::{
///     BootPolicy, ErrdConfig, Logging, ModuleConfig, ModuleMode, ProcAction, ProcClass, ProcConfig,
///     UserConfig,
/// };
/// use safekit_core::config::module;
/// use safekit_core::ids::ModuleName;
///
/// let text = br#"<safe><service mode="farm" boot="on" maxloop="2" loop_interval="1h">
///   <farm><lan name="default"/></farm>
///   <user nicestoptimeout="20s" logging="none"><var name="PORT" value="8080"/></user>
///   <errd polltimer="10s"><proc name="nginx" atleast="2" action="restart" class="both"/></errd>
/// </service></safe>"#;
/// let parsed = module::parse(&ModuleName::new("web")?, "userconfig.xml", text, &|_| None);
/// let config: ModuleConfig = parsed.model.ok_or("a fault in userconfig.xml")?;
/// assert_eq!((config.mode, config.boot), (ModuleMode::Farm, BootPolicy::On));
/// assert_eq!((config.maxloop, config.loop_interval), (2, Duration::from_secs(3600)));
/// assert_eq!(config.drain, Duration::from_secs(15), "the default");
///
/// let user: UserConfig = config.user.ok_or("it has <user>")?;
/// assert_eq!((user.nicestoptimeout, user.logging), (Duration::from_secs(20), Logging::None));
/// assert_eq!(user.vars, [("PORT".to_owned(), "8080".to_owned())]);
///
/// let errd: ErrdConfig = config.errd.ok_or("it has <errd>")?;
/// let nginx: &ProcConfig = &errd.procs[0];
/// assert_eq!((nginx.atleast, nginx.atmax), (Some(2), None));
/// assert_eq!((&nginx.action, &nginx.class), (&ProcAction::Restart, &ProcClass::Both));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleConfig {
    /// The module's name (not in the file: the folder).
    pub name: ModuleName,
    /// What kind of module it is (`mode`).
    pub mode: ModuleMode,
    /// What starts it when the agent starts (`boot`, ignore).
    pub boot: BootPolicy,
    /// Wait before that (`boot_delay`, 0 s, to 1 day).
    pub boot_delay: Duration,
    /// Automatic actions allowed within `loop_interval` (`maxloop`, 3, 0 to 10,000); the next one stops the module.
    pub maxloop: u32,
    /// See `maxloop` (`loop_interval`, 24 h, 1 h to 365 days); zero: no limit.
    pub loop_interval: Duration,
    /// How long the application goes on serving after the health answer has turned negative, when an administrator
    /// stops it (`drain`, 15 s, 1 s to 1 h; an attribute of ours). Zero: no drain. Longer than what the balancer needs to
    /// notice.
    pub drain: Duration,
    /// Names of the lans whose heartbeats count for this module; none for a light one.
    pub lans: Vec<LanName>,
    /// `<user>`; without it no script runs.
    pub user: Option<UserConfig>,
    /// `<errd>`; without it no process is watched.
    pub errd: Option<ErrdConfig>,
    /// Of all that has a meaning in the file.
    pub signature: Signature,
}

/// What kind of module it is.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleMode {
    /// `farm`: active on all nodes at once, which share the load.
    Farm,
    /// `light`: on this node alone; what other nodes are and do does not matter.
    Light,
}

impl ModuleMode {
    const ALL: [Self; 2] = [Self::Farm, Self::Light];

    /// Returns the word of the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Farm => "farm",
            Self::Light => "light",
        }
    }

    /// Returns what a word of the file means here; `None` for any other word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// When a module starts with the agent.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootPolicy {
    /// Always.
    On,
    /// Never.
    Off,
    /// When it was started before the host went down.
    Auto,
    /// As `safekit boot` says; not started unless said so.
    Ignore,
}

impl BootPolicy {
    const ALL: [Self; 4] = [Self::On, Self::Off, Self::Auto, Self::Ignore];

    /// Returns the word of the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Auto => "auto",
            Self::Ignore => "ignore",
        }
    }

    /// Returns what a word of the file means here; `None` for any other word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// `<user>`: the scripts.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserConfig {
    /// Time limit of a graceful stop script (`nicestoptimeout`, 300 s, 1 s to 1 day).
    pub nicestoptimeout: Duration,
    /// Time limit of a forced stop script, of poststop, and of transition on the way to STOP (`forcestoptimeout`, 300 s, 1 s
    /// to 1 day).
    pub forcestoptimeout: Duration,
    /// Time limit of `start_both`, of prestart, and of transition on the way to UP (`starttimeout`, none, 1 s to 1 day; an
    /// attribute of ours).
    pub starttimeout: Option<Duration>,
    /// Whether the scripts' output is kept (`logging`, userlog).
    pub logging: Logging,
    /// A userlog file at or over this size, in bytes, is cut to nothing at the module's start (`userlogsize`, 2048 KiB, to
    /// 1 GiB).
    pub userlogsize_bytes: u64,
    /// Environment of the scripts (`<var>`), names and values in the order of the file; at most 256.
    pub vars: Vec<(String, String)>,
}

/// Where the output of scripts goes.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// A file for each run of a script.
    Userlog,
    /// Nowhere.
    None,
}

impl Logging {
    const ALL: [Self; 2] = [Self::Userlog, Self::None];

    /// Returns the word of the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Userlog => "userlog",
            Self::None => "none",
        }
    }

    /// Returns what a word of the file means here; `None` for any other word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// `<errd>`: the processes to watch.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrdConfig {
    /// Time between two looks at the process list (`polltimer`, 30 s, 1 s to 1 h). A death is noticed at once whatever
    /// this says.
    pub polltimer: Duration,
    /// What to watch; at most 256.
    pub procs: Vec<ProcConfig>,
}

/// `<proc>`: one kind of process.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcConfig {
    /// Name of the process, and of its resource `proc.<name>`.
    pub name: String,
    /// Regular expression over the name of the command (`nameregex`); the name is then only a label.
    pub nameregex: Option<String>,
    /// Regular expression over the whole command line (`argregex`).
    pub argregex: Option<String>,
    /// Fewer than this are a fault (`atleast`, 1); `None` (-1): no test.
    pub atleast: Option<u32>,
    /// This many, or more, are a fault; 0: already the first (`atmax`); `None` (-1, the default): no test.
    pub atmax: Option<u32>,
    /// Whether the name is that of a process or of a service (`service`, no).
    pub kind: ProcKind,
    /// What to do about a fault (`action`, stopstart).
    pub action: ProcAction,
    /// The services that a restart because of this one is about, in the order of their start (`restart_services`, none).
    /// Only of a service whose action is restart.
    pub restart_services: Vec<String>,
    /// Time limit of a handler (`handlertimeout`, an attribute of ours); `None`: that of a graceful stop script.
    pub handlertimeout: Option<Duration>,
    /// When it is watched (`class`).
    pub class: ProcClass,
    /// The watch begins (`start_after` - 1) polls later (`start_after`, 0, to 100,000).
    pub start_after: u32,
}

impl ProcConfig {
    /// Returns `restart_services` as scripts get it: `a, b`; `None` where there is none.
    #[must_use]
    pub fn services_text(&self) -> Option<String> {
        let list = &self.restart_services;
        (!list.is_empty()).then(|| list.join(super::value::BETWEEN_SERVICES))
    }
}

/// What the name of a `<proc>` is that of.
///
/// ```
/// use safekit_core::config::model::ProcKind;
/// use safekit_core::config::module;
/// use safekit_core::ids::ModuleName;
///
/// let text = br#"<safe><service mode="farm"><farm><lan name="default"/></farm><user/>
///   <errd><proc name="nginx" service="yes" action="restart" restart_services="redis,nginx"/></errd>
/// </service></safe>"#;
/// let parsed = module::parse(&ModuleName::new("web")?, "userconfig.xml", text, &|_| None);
/// let errd = parsed.model.ok_or("a fault in userconfig.xml")?.errd.ok_or("it has <errd>")?;
/// assert_eq!(errd.procs[0].kind, ProcKind::Service);
/// assert_eq!(errd.procs[0].services_text().as_deref(), Some("redis, nginx"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProcKind {
    /// Processes; there may be any number of them.
    Process,
    /// A service of the host; it runs or it does not. Without the kind of a unit at the end of its name `.service` is
    /// meant.
    Service,
}

impl ProcKind {
    /// Returns what a word of `service` means.
    pub(crate) fn from_word(word: &str) -> Self {
        if word == "yes" { Self::Service } else { Self::Process }
    }
}

/// What the process monitor does about a fault.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcAction {
    /// `restart`
    Restart,
    /// `stopstart`
    Stopstart,
    /// `stop`
    Stop,
    /// `noaction`: a line in the log.
    NoAction,
    /// Any other text: the file of a handler, absolute or below the module's bin. It must exit with 0; any other end
    /// leads to stopstart. Running one does not count as an automatic action.
    Handler(String),
}

impl ProcAction {
    /// Returns the text of the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Restart => "restart",
            Self::Stopstart => "stopstart",
            Self::Stop => "stop",
            Self::NoAction => "noaction",
            Self::Handler(file) => file,
        }
    }

    /// Returns what a text of the file means.
    pub(crate) fn from_text(text: &str) -> Self {
        let words = [Self::Restart, Self::Stopstart, Self::Stop, Self::NoAction];
        let known = words.into_iter().find(|known| known.as_str() == text);
        known.unwrap_or_else(|| Self::Handler(text.to_owned()))
    }

    /// Returns the file of a handler.
    #[must_use]
    pub fn handler(&self) -> Option<&str> {
        match self {
            Self::Handler(file) => Some(file),
            Self::Restart | Self::Stopstart | Self::Stop | Self::NoAction => None,
        }
    }
}

/// When a process is watched.
///
/// Example: [`ModuleConfig`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProcClass {
    /// `both`: from the end of `start_both` to before `stop_both`.
    Both,
    /// `pre`: from the end of prestart to before poststop.
    Pre,
    /// Any other name: as `both`, and only while the class is enabled.
    User(String),
}

impl ProcClass {
    /// Returns the text of the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Both => "both",
            Self::Pre => "pre",
            Self::User(name) => name,
        }
    }

    /// Returns what a text of the file means here; `None` for a class of mirror modules.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        match text {
            "both" => Some(Self::Both),
            "pre" => Some(Self::Pre),
            "prim" | "second" | "sec" => None,
            name => Some(Self::User(name.to_owned())),
        }
    }
}
