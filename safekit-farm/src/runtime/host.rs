//! A running node: what an embedder starts, asks and stops.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use safekit_core::config::ClusterConfig;
use safekit_core::config::model;
use safekit_core::control::{Accepted, Command, ModuleCommand, Origin, Refusal};
use safekit_core::ids::{LanName, ModuleName, NodeId};
use safekit_core::membership::MembershipConfig;
use safekit_core::module::state::{FarmState, ModuleState};
use safekit_core::node::{Input, ModuleSetup, Node, Start};
use safekit_core::runtime::front::{ApiResponse, Board, Front, FrontConfig, Handler, Listener};
use safekit_core::runtime::{Edge, EdgeConfig, EdgeSender, clock, host};

use super::config::{HostConfig, HostModule};
use super::error::{CommandError, HostError, StopError};
use super::news::{Heard, Teller};
use super::shared::{ModuleStatus, Modules, Shared};
use super::turn::{Ending, Loop};
use crate::node::FarmNode;

/// A node of a farm in this process: a loop on a thread of its own (`sk-node`), workers for what blocks, one thread
/// and workers for health answers where these are wanted, and one (`sk-news`) for the embedder's function.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::control::{Command, Origin};
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::state::ModuleState;
/// use safekit_farm::runtime::{Host, HostConfig, HostHandle, HostModule, ModuleStatus};
///
/// // A farm of one, for the example's sake.
/// let cluster = r#"<cluster><lans port="47613" pulse="20"><lan name="default">
///   <node name="node1" addr="127.61.7.1"/></lan></lans></cluster>"#;
/// # // An address of this process alone, so that two runs of the tests do not meet.
/// # let pid = std::process::id();
/// # let cluster = &cluster.replace("127.61.7.1", &format!("127.61.{}.{}", pid / 250 % 250, pid % 250 + 1));
/// let module = r#"<safe><service mode="farm"><farm><lan name="default"/></farm></service></safe>"#;
/// let config = HostConfig::read(cluster, "node1")?
///     .with_module(HostModule::read("web", module)?)
///     .with_health(([127, 0, 0, 1], 0).into())
///     .with_callback(|news| println!("{news}"));
/// let host = Host::start(config)?;
/// let web = ModuleName::new("web")?;
/// host.command(&web, Command::Start, Origin::User("me".to_owned()))?;
/// let limit = Duration::from_secs(30);
/// assert!(host.wait_for(&web, ModuleState::UP_READY, limit));
/// assert!(host.wait_until(&web, limit, |status: &ModuleStatus| status.owned.count() == 256));
///
/// // A detector on a thread of its own has found a fault.
/// let handle: HostHandle = host.handle();
/// let detector = std::thread::spawn(move || {
///     handle.command(&web, Command::Restart, Origin::Detector("disk".to_owned()))
/// });
/// let accepted = detector.join().map_err(|_| "the detector has panicked")??;
/// assert!(!accepted.text.is_empty());
/// host.stop(Duration::from_secs(30))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it leaves the cluster as [`Host::leave`] does.
pub struct Host {
    handle: HostHandle,
    health: Vec<SocketAddr>,
    thread: Option<JoinHandle<()>>,
    heard: Option<Heard>,
    /// Ended last: a health answer is given as long as the node lives.
    front: Option<Front>,
}

/// Gives commands to a [`Host`] and asks how its modules stand, from any thread, as a detector of faults does. It
/// does not keep the host alive.
///
/// Example: [`Host`].
#[derive(Clone, Debug)]
pub struct HostHandle {
    sender: EdgeSender,
    pub(super) shared: Arc<Shared>,
}

impl HostHandle {
    /// Asks something of a module and returns what happens next, as soon as the node has decided: the command itself
    /// takes its time. What came of it at once is shown by [`HostHandle::module`] when this returns. A command of a
    /// detector ([`Origin::Detector`]) counts against the restart budget (`maxloop`); one of a user begins the count
    /// anew.
    ///
    /// Not to be called by [`HostConfig::handler`] or other functions that the host waits for; from the callback it
    /// is fine.
    ///
    /// # Errors
    /// See [`CommandError`]; nothing has changed then.
    pub fn command(
        &self,
        module: &ModuleName,
        command: Command,
        origin: Origin,
    ) -> Result<Accepted, CommandError> {
        let (id, answer) = self.shared.expect_answer().ok_or(CommandError::Ended)?;
        let starts = !matches!(command, Command::Stop | Command::Forcestop);
        if starts && self.shared.stopping.load(Ordering::Acquire) {
            self.shared.forget(id);
            return Err(Refusal::Ending.into());
        }
        let command = ModuleCommand { module: module.clone(), command, origin };
        if let Err(full) = self.sender.send(Input::CommandReceived { id, command }) {
            self.shared.forget(id);
            return Err(full.into());
        }
        Ok(answer.recv().map_err(|_ended| CommandError::Ended)??)
    }

    /// Returns how a module stands; `None` where it is not configured.
    #[must_use]
    pub fn module(&self, module: &ModuleName) -> Option<ModuleStatus> {
        self.shared.module(module)
    }

    /// Waits until a module is in that state, and tells whether it is; gives up when the time is up or the host has
    /// ended.
    #[must_use]
    pub fn wait_for(&self, module: &ModuleName, state: ModuleState, limit: Duration) -> bool {
        self.wait_until(module, limit, |status| status.state == state)
    }

    /// Waits until something holds of a module, and tells whether it does; gives up when the time is up or the host has
    /// ended. `holds` is called under a lock that the loop needs: it compares, and nothing else.
    #[must_use]
    pub fn wait_until(
        &self,
        module: &ModuleName,
        limit: Duration,
        holds: impl Fn(&ModuleStatus) -> bool,
    ) -> bool {
        self.shared.wait(limit, |modules| modules.get(module).is_some_and(&holds))
    }
}

impl Host {
    /// Starts the node: from then on the others hear it. It begins with the modules stopped, but for those that start
    /// by themselves (`boot`).
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn start(config: HostConfig) -> Result<Self, HostError> {
        let me = identify(&config)?;
        let system = |what| move |source| HostError::System { what, source };
        let random = host::random().map_err(system("draw a random number"))?;
        let mut edge = Edge::new(EdgeConfig::new(config.keep))?;
        let sockets = config.cluster.sockets_of(me);
        let bound = match edge.bind_lans(&sockets) {
            Err(error) if edge.lan_addresses().is_empty() => return Err(error.into()),
            bound => bound,
        };
        let now = clock::now();
        let board = Board::new(now);
        let front = open_front(&board, config.health, config.handler)?;
        let teller = config.callback.map(|callback| Teller::start("sk-news", callback));
        let teller = teller.transpose().map_err(system("start the thread of the news"))?;
        let (teller, heard) = teller.unzip();
        let sender = edge.sender();
        let shared = Arc::new(Shared::default());
        let start = Start { counter: config.counter, random };
        let lan_names = config.cluster.lans.iter().map(|lan| (lan.id, lan.name.clone()));
        let mut node = Loop {
            edge,
            node: FarmNode::new(Node::new(now, start)),
            board,
            shared: Arc::clone(&shared),
            teller,
            sockets,
            lan_names: lan_names.collect(),
            bind_at: None,
            answers: Vec::new(),
            ending: Ending::Running,
        };
        node.note_lans(now, bound);
        let membership = MembershipConfig::from_cluster(&config.cluster, me, config.keys);
        node.feed(now, Input::ClusterConfigured(Box::new(membership)));
        for module in config.modules {
            configure(&mut node, now, &config.cluster, module)?;
        }
        let thread = Builder::new().name("sk-node".to_owned()).spawn(move || node.run());
        let thread = Some(thread.map_err(system("start the thread of the node"))?);
        let health = front.as_ref().map(|front| front.local_addrs().to_vec()).unwrap_or_default();
        Ok(Self { handle: HostHandle { sender, shared }, health, thread, heard, front })
    }

    /// Returns what gives commands from other threads.
    #[must_use]
    pub fn handle(&self) -> HostHandle {
        self.handle.clone()
    }

    /// See [`HostHandle::command`].
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn command(
        &self,
        module: &ModuleName,
        command: Command,
        origin: Origin,
    ) -> Result<Accepted, CommandError> {
        self.handle.command(module, command, origin)
    }

    /// See [`HostHandle::module`].
    #[must_use]
    pub fn module(&self, module: &ModuleName) -> Option<ModuleStatus> {
        self.handle.module(module)
    }

    /// See [`HostHandle::wait_for`].
    #[must_use]
    pub fn wait_for(&self, module: &ModuleName, state: ModuleState, limit: Duration) -> bool {
        self.handle.wait_for(module, state, limit)
    }

    /// See [`HostHandle::wait_until`].
    #[must_use]
    pub fn wait_until(
        &self,
        module: &ModuleName,
        limit: Duration,
        holds: impl Fn(&ModuleStatus) -> bool,
    ) -> bool {
        self.handle.wait_until(module, limit, holds)
    }

    /// Returns where health is answered, in the order of the configuration, with the ports that were chosen.
    #[must_use]
    pub fn health_addrs(&self) -> &[SocketAddr] {
        &self.health
    }

    /// Tells whether the loop runs. It only ends by itself when the event queue of the operating system fails.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.handle.shared.has_ended()
    }

    /// Stops the modules, each with its drain and its scripts, then leaves the cluster. Nothing is started meanwhile: not by a
    /// command, and not because a `boot_delay` is over.
    ///
    /// # Errors
    /// Names the modules that were not stopped within the limit. The node has left all the same.
    pub fn stop(self, limit: Duration) -> Result<(), StopError> {
        let is_stopped = |status: &ModuleStatus| status.state.state == FarmState::Stop;
        self.handle.shared.stopping.store(true, Ordering::Release);
        for module in self.handle.shared.modules().into_keys() {
            // One that is stopped may wait for its start. Refused: it is told below that the module still runs.
            drop(self.command(&module, Command::Stop, Origin::Shutdown));
        }
        let all_stopped = |modules: &Modules| modules.values().all(is_stopped);
        if self.handle.shared.wait(limit, all_stopped) {
            return Ok(());
        }
        let modules = self.handle.shared.modules();
        let running = modules.into_iter().filter(|(_, status)| !is_stopped(status));
        Err(StopError { running: running.map(|(module, _)| module).collect() })
    }

    /// Says goodbye to the others, within half a second, and ends. Applications that scripts have started go on.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.handle.shared.leave.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A loop that has panicked has left nobody waiting.
            drop(thread.join());
        }
        drop(self.front.take());
        if let Some(heard) = self.heard.take() {
            heard.wait();
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Finds this node in the cluster, and what keeps the cluster from being used.
fn identify(config: &HostConfig) -> Result<NodeId, HostError> {
    let me = config.cluster.node_by_name(&config.me);
    let me = me.ok_or_else(|| HostError::UnknownNode { name: config.me.clone() })?;
    let addresses = config.cluster.lans.iter().flat_map(|lan| lan.nodes.values());
    let names = addresses.filter_map(|address| match &address.addr {
        model::Host::Name(name) => Some(name.as_str()),
        model::Host::Ip(_) => None,
    });
    let names: Vec<&str> = names.collect();
    if !names.is_empty() {
        return Err(HostError::Unresolved { names: names.join(", ") });
    }
    for module in &config.modules {
        if let Some(lan) = module.config.lans_missing_in(&config.cluster).first() {
            let (module, lan) = (module.config.name.clone(), LanName::clone(lan));
            return Err(HostError::UnknownLan { module, lan });
        }
    }
    Ok(me)
}

fn open_front(
    board: &Arc<Board>,
    health: Vec<Listener>,
    handler: Option<Handler>,
) -> Result<Option<Front>, HostError> {
    if health.is_empty() {
        return Ok(None);
    }
    let nothing: Handler = Arc::new(|_: &_| ApiResponse::text(404, "nothing here\n"));
    let handler = handler.unwrap_or(nothing);
    let mut front = FrontConfig::new("sk-health", Arc::clone(board), handler);
    front.listeners = health;
    Ok(Some(Front::start(front)?))
}

fn configure(
    node: &mut Loop,
    now: Instant,
    cluster: &ClusterConfig,
    module: HostModule,
) -> Result<(), HostError> {
    let (name, scripts) = (module.config.name.clone(), module.scripts());
    if let Some(place) = module.place {
        let placed = node.edge.place_module(name.clone(), place);
        let what = "start the thread of a module's scripts";
        placed.map_err(|source| HostError::System { what, source })?;
    }
    let setup = ModuleSetup {
        lans: cluster.lan_set(&module.config.lans),
        config: Arc::new(module.config),
        scripts,
        sharing: 0,
        saved: module.saved,
        start: module.start,
    };
    node.feed(now, Input::ModuleConfigured(Box::new(setup)));
    node.show(&name);
    Ok(())
}
