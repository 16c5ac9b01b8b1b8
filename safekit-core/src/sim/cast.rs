//! Who plays: the cluster and the modules of a simulated farm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::model::{
    BootPolicy, ErrdConfig, Logging, ModuleConfig, ModuleMode, ProcAction, ProcClass, ProcConfig,
    ProcKind, Signature, UserConfig,
};
use crate::ids::{LanId, LanName, LanSet, ModuleName, NodeId, NodeName};
use crate::membership::{MembershipConfig, NodeConfig};
use crate::module::script::Script;
use crate::wire::{Key, KeyRing};

/// The cluster of a simulated farm.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::sim::{Cast, SimModule};
///
/// // Five nodes on two lans; a guardian starts a crashed agent again after two seconds.
/// let cast = Cast::new(5)
///     .lans(2)
///     .restart_after(Duration::from_secs(2))
///     .module(SimModule::watched("web")?);
/// assert_eq!((cast.node_ids().len(), cast.lan_ids().len()), (5, 2));
/// assert_eq!(cast.lost_after(), Duration::from_secs(1));
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cast {
    /// Number of nodes, 1 to 128.
    pub nodes: usize,
    /// Number of lans, 1 to 8; every node is on all of them.
    pub lans: usize,
    /// Time between two heartbeats (100 ms).
    pub pulse: Duration,
    /// Silence after which a member is lost, in pulses (10).
    pub lost_pulses: u32,
    /// The modules, the same on every node.
    pub modules: Vec<SimModule>,
    /// How long the preparation of a view takes, where a module shares by itself: anything between.
    pub arm_time: (Duration, Duration),
    /// After how long the guardian starts a crashed agent again; `None`: never.
    pub restart_after: Option<Duration>,
}

impl Cast {
    /// Makes a cluster of so many nodes with one lan and no module; its guardians start no agent again.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            lans: 1,
            pulse: Duration::from_millis(100),
            lost_pulses: 10,
            modules: Vec::new(),
            arm_time: (Duration::from_millis(15), Duration::from_millis(40)),
            restart_after: None,
        }
    }

    /// Adds a module.
    #[must_use]
    pub fn module(mut self, module: SimModule) -> Self {
        self.modules.push(module);
        self
    }

    /// Sets the number of lans.
    #[must_use]
    pub fn lans(mut self, lans: usize) -> Self {
        self.lans = lans;
        self
    }

    /// Lets the guardians start a crashed agent again after that time.
    #[must_use]
    pub fn restart_after(mut self, delay: Duration) -> Self {
        self.restart_after = Some(delay);
        self
    }

    /// Returns the ids of the nodes.
    #[must_use]
    pub fn node_ids(&self) -> Vec<NodeId> {
        (1..=self.nodes).filter_map(NodeId::new).collect()
    }

    /// Returns the ids of the lans.
    #[must_use]
    pub fn lan_ids(&self) -> Vec<LanId> {
        (0..self.lans).filter_map(LanId::new).collect()
    }

    /// Returns the silence after which a member is lost.
    #[must_use]
    pub fn lost_after(&self) -> Duration {
        self.pulse * self.lost_pulses
    }

    /// Returns the loop gap from which on a node must not trust what it knew: the loss time less two pulses.
    #[must_use]
    pub fn deadman_after(&self) -> Duration {
        self.pulse * self.lost_pulses.saturating_sub(2)
    }

    /// Returns the address of a node on a lan.
    #[must_use]
    pub fn address(node: NodeId, lan: LanId) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, lan.number(), 0, node.number())), 4800)
    }

    /// Returns the keys of every simulated farm: no secret.
    #[must_use]
    pub fn keys() -> KeyRing {
        KeyRing { cluster: 0x5afe, keys: vec![Key::new([7; 32])] }
    }

    pub(super) fn membership_config(&self, me: NodeId) -> MembershipConfig {
        let node = |id: NodeId| {
            let name = NodeName::new(&format!("node{}", id.number())).ok()?;
            let addresses = self.lan_ids().into_iter().map(|lan| (lan, Self::address(id, lan)));
            Some((id, NodeConfig { name, addresses: addresses.collect::<BTreeMap<_, _>>() }))
        };
        MembershipConfig {
            me,
            nodes: self.node_ids().into_iter().filter_map(node).collect(),
            pulse: self.pulse,
            lost_after: self.lost_after(),
            lost_after_lowest: None,
            keys: Self::keys(),
            cluster_signature: 1,
        }
    }
}

/// A module of a simulated farm, with its application and the model of its scripts.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::sim::SimModule;
///
/// // An application of two processes that takes up to a minute to start, and is restarted once at most.
/// let mut module = SimModule::watched("db")?;
/// module.processes = 2;
/// module.script_time = (Duration::from_secs(5), Duration::from_secs(60));
/// module.config.maxloop = 1;
/// assert_eq!(module.config.name.as_str(), "db");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimModule {
    /// Its configuration.
    pub config: ModuleConfig,
    /// The scripts that it has.
    pub scripts: BTreeSet<Script>,
    /// Its lans: heartbeats on these count for it (all).
    pub lans: LanSet,
    /// Signature of what its shares are computed from, where it shares by itself (0: it does not).
    pub sharing: u32,
    /// How many processes its application has.
    pub processes: u32,
    /// How long its scripts run: anything between.
    pub script_time: (Duration, Duration),
}

impl SimModule {
    /// Makes a module with all scripts and one watched process, restarted when it dies. It starts with the agent.
    ///
    /// # Errors
    /// When the name cannot be a module's name.
    pub fn watched(name: &str) -> Result<Self, crate::ids::NameError> {
        let mut module = Self::bare(name)?;
        module.config.user = Some(UserConfig {
            nicestoptimeout: Duration::from_secs(3),
            forcestoptimeout: Duration::from_secs(2),
            starttimeout: None,
            logging: Logging::Userlog,
            userlogsize_bytes: 2048 * 1024,
            vars: Vec::new(),
        });
        module.config.errd = Some(ErrdConfig {
            polltimer: Duration::from_secs(2),
            procs: vec![ProcConfig {
                name: name.to_owned(),
                nameregex: None,
                argregex: None,
                atleast: Some(1),
                atmax: None,
                kind: ProcKind::Process,
                restart_services: Vec::new(),
                action: ProcAction::Restart,
                handlertimeout: None,
                class: ProcClass::Both,
                start_after: 0,
            }],
        });
        module.scripts = Script::ALL.into();
        module.processes = 1;
        Ok(module)
    }

    /// Makes a module whose application is a service of the host, restarted when it does not run: else as
    /// [`Self::watched`].
    ///
    /// # Errors
    /// When the name cannot be a module's name.
    pub fn served(name: &str) -> Result<Self, crate::ids::NameError> {
        let mut module = Self::watched(name)?;
        for proc in module.config.errd.iter_mut().flat_map(|errd| &mut errd.procs) {
            proc.kind = ProcKind::Service;
            proc.restart_services = vec![name.to_owned()];
        }
        Ok(module)
    }

    /// Makes a module with no script and nothing to watch: it is UP as soon as it is started. It starts with the agent.
    ///
    /// # Errors
    /// When the name cannot be a module's name.
    pub fn bare(name: &str) -> Result<Self, crate::ids::NameError> {
        Ok(Self {
            config: ModuleConfig {
                name: ModuleName::new(name)?,
                mode: ModuleMode::Farm,
                boot: BootPolicy::On,
                boot_delay: Duration::ZERO,
                maxloop: 3,
                loop_interval: Duration::from_secs(24 * 3600),
                drain: Duration::ZERO,
                lans: vec![LanName::new("default")?],
                user: None,
                errd: None,
                signature: Signature(1),
            },
            scripts: BTreeSet::new(),
            lans: LanSet::ALL,
            sharing: 0,
            processes: 0,
            script_time: (Duration::from_millis(1), Duration::from_millis(300)),
        })
    }
}
