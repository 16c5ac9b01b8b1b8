//! What a host is made of.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use safekit_core::config::{ClusterConfig, FILE_BYTES_MAX, ModuleConfig, Parsed, cluster, module};
use safekit_core::ids::{ModuleName, NodeName};
use safekit_core::module::saved::SavedModule;
use safekit_core::module::script::Script;
use safekit_core::node::AgentStart;
use safekit_core::runtime::front::{Handler, Listener};
use safekit_core::runtime::{Keep, ModulePlace, clock};
use safekit_core::wire::KeyRing;

use super::error::HostError;
use super::news::News;

/// Hears the news, on a thread of its own: it may block, and then misses news when more than 1,024 wait.
///
/// [`HostConfig::with_callback`] makes one of any function:
///
/// ```
/// use safekit_farm::runtime::{Callback, HostConfig, News};
///
/// let cluster = r#"<cluster><lans><lan name="default">
///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
/// </lan></lans></cluster>"#;
/// let mut config = HostConfig::read(cluster, "node1")?;
/// let mut count = 0;
/// let hear: Callback = Box::new(move |news: &News| {
///     count += 1;
///     println!("{count}: {news}");
/// });
/// config.callback = Some(hear);
/// # Ok::<(), safekit_farm::runtime::HostError>(())
/// ```
pub type Callback = Box<dyn FnMut(&News) + Send>;

/// What a [`super::Host`] is made of.
///
/// ```
/// use safekit_core::runtime::host::random_key;
/// use safekit_core::wire::KeyRing;
/// use safekit_farm::runtime::{HostConfig, HostModule};
///
/// let cluster = r#"<cluster><lans><lan name="default">
///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
/// </lan></lans></cluster>"#;
/// let module = r#"<safe><service mode="farm" drain="5"><farm><lan name="default"/></farm></service></safe>"#;
/// let config = HostConfig::read(cluster, "node1")?
///     // Drawn once, when the cluster is made; every node is given the same.
///     .with_keys(KeyRing { cluster: 7, keys: vec![random_key()?] })
///     .with_module(HostModule::read("web", module)?)
///     .with_health(([0, 0, 0, 0], 9010).into())
///     .with_callback(|news| println!("{news}"));
/// assert_eq!(config.cluster.nodes.len(), 2);
/// assert_eq!(config.modules[0].config.drain.as_secs(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub struct HostConfig {
    /// All nodes and lans, the same on every node; addresses, not names.
    pub cluster: ClusterConfig,
    /// Which of them this one is.
    pub me: NodeName,
    /// What authenticates heartbeats, the same on every node. Default: no keys; whoever reaches the heartbeat port can
    /// then speak as a node.
    pub keys: KeyRing,
    /// The modules; at most 32.
    pub modules: Vec<HostModule>,
    /// Where health is answered: `GET /var/modules/NAME/ready.txt`. None: nowhere.
    pub health: Vec<Listener>,
    /// Answers all other requests there. Default: 404.
    pub handler: Option<Handler>,
    /// Keeps what must survive this process: needed where scripts start applications that outlive it. Default: nothing
    /// is kept.
    pub keep: Arc<dyn Keep>,
    /// Tells this start from every earlier one of the node: it has to grow with each. Default: the wall clock in
    /// seconds since 1970. Where that was set back the other nodes know better, and the node takes their number.
    pub counter: u32,
    /// Hears what happens. Default: nobody.
    pub callback: Option<Callback>,
}

impl HostConfig {
    /// Makes a configuration with defaults: no keys, no module, no health answers.
    #[must_use]
    pub fn new(cluster: ClusterConfig, me: NodeName) -> Self {
        let since_1970 = clock::unix_time().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since_1970.unwrap_or(Duration::ZERO).as_secs();
        Self {
            cluster,
            me,
            keys: KeyRing::default(),
            modules: Vec::new(),
            health: Vec::new(),
            handler: None,
            keep: Arc::new(Nowhere),
            counter: u32::try_from(seconds).unwrap_or(u32::MAX),
            callback: None,
        }
    }

    /// Makes a configuration from the text of cluster.xml and the name of this node in it.
    ///
    /// # Errors
    /// [`HostError::Configuration`] with every fault of the text; [`HostError::Name`].
    pub fn read(cluster_xml: &str, me: &str) -> Result<Self, HostError> {
        let cluster = usable(cluster::parse("cluster.xml", cluster_xml.as_bytes()))?;
        let name = NodeName::new(me);
        let me = name.map_err(|source| HostError::Name { text: me.to_owned(), source })?;
        Ok(Self::new(cluster, me))
    }

    /// Sets what authenticates heartbeats.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRing) -> Self {
        self.keys = keys;
        self
    }

    /// Adds a module; two of the same name are one, as the later one says.
    #[must_use]
    pub fn with_module(mut self, module: HostModule) -> Self {
        self.modules.push(module);
        self
    }

    /// Adds a place where health is answered; port 0 takes a free one ([`super::Host::health_addrs`]).
    #[must_use]
    pub fn with_health(mut self, address: SocketAddr) -> Self {
        self.health.push(Listener::Tcp(address));
        self
    }

    /// Sets who answers other requests than for health.
    #[must_use]
    pub fn with_handler(mut self, handler: Handler) -> Self {
        self.handler = Some(handler);
        self
    }

    /// Sets who keeps what must survive this process.
    #[must_use]
    pub fn with_keep(mut self, keep: Arc<dyn Keep>) -> Self {
        self.keep = keep;
        self
    }

    /// Sets who hears what happens.
    #[must_use]
    pub fn with_callback(mut self, callback: impl FnMut(&News) + Send + 'static) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }
}

impl fmt::Debug for HostConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { me, modules, health, counter, .. } = self;
        f.debug_struct("HostConfig")
            .field("me", me)
            .field("modules", modules)
            .field("health", health)
            .field("counter", counter)
            .finish_non_exhaustive()
    }
}

/// A module of a [`super::Host`].
///
/// ```
/// use safekit_farm::runtime::HostModule;
///
/// let text = r#"<safe>
///   <macro name="TRIES" value="5"/>
///   <service mode="farm" maxloop="%TRIES%"><farm><lan name="default"/></farm></service>
/// </safe>"#;
/// let module = HostModule::read("web", text)?;
/// assert_eq!(module.config.maxloop, 5);
/// assert!(module.place.is_none(), "no folder, so no scripts");
/// # Ok::<(), safekit_farm::runtime::HostError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostModule {
    /// What userconfig.xml says; the lans that it names have to be in cluster.xml.
    pub config: ModuleConfig,
    /// Where its scripts are. Default: nowhere; a module without `<user>` has none, and is UP when it is started.
    pub place: Option<ModulePlace>,
    /// What was kept of it by [`HostConfig::keep`]. Default: nothing.
    pub saved: Option<SavedModule>,
    /// What this start is. Default: the host was booted, so nothing of the application can be left. Where scripts
    /// start applications that outlive this process, say which boot it is.
    pub start: AgentStart,
}

impl HostModule {
    /// Makes a module without scripts.
    #[must_use]
    pub fn new(config: ModuleConfig) -> Self {
        Self { config, place: None, saved: None, start: AgentStart::HostBooted }
    }

    /// Makes a module without scripts from its name and the text of userconfig.xml; `%NAME%` in it is a macro of the
    /// file or a variable of this process.
    ///
    /// # Errors
    /// [`HostError::Configuration`] with every fault of the text; [`HostError::Name`].
    pub fn read(name: &str, userconfig_xml: &str) -> Result<Self, HostError> {
        Self::parse(name, "userconfig.xml", userconfig_xml.as_bytes())
    }

    /// Makes a module from a folder as it is installed on an agent too: `conf/userconfig.xml`, scripts in `bin`,
    /// userlogs in `var`. The scripts get SAFEMODULE, SAFEUSERBIN, SAFEUSERCONF, SAFEUSERVAR; there is no command
    /// `safekit` that they could call.
    ///
    /// # Errors
    /// [`HostError::Read`] where the file or the folder's absolute path cannot be read; as [`HostModule::read`].
    pub fn in_folder(name: &str, folder: &Path) -> Result<Self, HostError> {
        let absolute = std::path::absolute(folder);
        let folder =
            absolute.map_err(|source| HostError::Read { path: folder.to_owned(), source })?;
        let path = folder.join("conf").join("userconfig.xml");
        let bytes = read_bounded(&path);
        let bytes = bytes.map_err(|source| HostError::Read { path: path.clone(), source })?;
        let mut module = Self::parse(name, &path.display().to_string(), &bytes)?;
        let (bin, conf, var) = (folder.join("bin"), folder.join("conf"), folder.join("var"));
        let variable = |name: &str, value: PathBuf| (OsString::from(name), value.into_os_string());
        let environment = vec![
            variable("SAFEMODULE", name.into()),
            variable("SAFEUSERBIN", bin.clone()),
            variable("SAFEUSERCONF", conf),
            variable("SAFEUSERVAR", var.clone()),
        ];
        let userlog_limit = module.config.user.as_ref().map_or(0, |user| user.userlogsize_bytes);
        module.place = Some(ModulePlace { bin, environment, userlogs: var, userlog_limit });
        Ok(module)
    }

    /// Sets what was kept of it, and what this start is.
    #[must_use]
    pub fn with_saved(mut self, saved: Option<SavedModule>, start: AgentStart) -> Self {
        (self.saved, self.start) = (saved, start);
        self
    }

    /// Returns its scripts: those whose files are there.
    pub(super) fn scripts(&self) -> BTreeSet<Script> {
        let Some(place) = &self.place else { return BTreeSet::new() };
        let is_there = |script: &Script| place.bin.join(script.as_str()).is_file();
        Script::ALL.into_iter().filter(is_there).collect()
    }

    fn parse(name: &str, file_name: &str, bytes: &[u8]) -> Result<Self, HostError> {
        let module = ModuleName::new(name);
        let module = module.map_err(|source| HostError::Name { text: name.to_owned(), source })?;
        let environment = |name: &str| std::env::var(name).ok();
        Ok(Self::new(usable(module::parse(&module, file_name, bytes, &environment))?))
    }
}

/// Reads a file; of one that is too large only so much that the parser says so.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn usable<T>(parsed: Parsed<T>) -> Result<T, HostError> {
    let (model, _warnings) =
        parsed.into_result().map_err(|diagnostics| HostError::Configuration { diagnostics })?;
    Ok(model)
}

/// Keeps nothing.
struct Nowhere;

impl Keep for Nowhere {
    fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> io::Result<()> {
        Ok(())
    }
}
