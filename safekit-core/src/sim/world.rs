//! A farm in virtual time: the hosts, the network between them, and what happens next.
//!
//! In: verbs of a test (`crash`, `pause`, `command`, ...). Out: what the machines did, as states that can be asked for
//! and occurrences that invariants see. Everything is a pure function of the seed and of the verbs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{ModuleName, NodeId};
use crate::machine::Machine;
use crate::membership::Transmit;
use crate::module::saved::SavedModule;
use crate::module::script::{ScriptEnd, ScriptRun};
use crate::node::{Input, Node, Output};
use crate::record::Recorder;
use crate::sim::host::{Agent, Host};
use crate::sim::trace::{TRACE_MAX, Trace, What};
use crate::sim::{Cast, Failure, Invariant, Net, Occurrence, Random};

/// A machine that a world can host: it takes what a node takes, and what it gives is a node's output or its own.
///
/// Implemented for [`Node`], and by `safekit-farm` for its `FarmNode`. A machine around one of them passes on what it is
/// asked:
///
/// ```
/// use std::time::{Duration, Instant};
/// use safekit_core::Machine;
/// use safekit_core::membership::Transmit;
/// use safekit_core::node::{Input, Node, Output, Start};
/// use safekit_core::sim::{Birth, Cast, Subject, World};
///
/// /// A node that counts the datagrams that it is given.
/// #[derive(Debug)]
/// struct Counting {
///     node: Node,
///     datagrams: u64,
/// }
///
/// impl Machine for Counting {
///     type Input = Input;
///     type Output = Output;
///
///     fn handle_input(&mut self, now: Instant, input: Input) {
///         self.datagrams += u64::from(matches!(input, Input::DatagramReceived { .. }));
///         self.node.handle_input(now, input);
///     }
///
///     fn handle_timeout(&mut self, now: Instant) {
///         self.node.handle_timeout(now);
///     }
///
///     fn poll_output(&mut self) -> Option<Output> {
///         self.node.poll_output()
///     }
///
///     fn poll_timeout(&self) -> Option<Instant> {
///         self.node.poll_timeout()
///     }
/// }
///
/// impl Subject for Counting {
///     fn node_output(output: &Output) -> Option<&Output> {
///         Some(output)
///     }
///
///     fn letters(&self) -> Vec<Transmit> {
///         self.node.letters()
///     }
/// }
///
/// let mut world = World::new(7, Cast::new(3), |birth: &Birth| {
///     let start = Start { counter: birth.counter, random: birth.random };
///     Counting { node: Node::new(birth.now, start), datagrams: 0 }
/// });
/// world.start_all();
/// world.run_for(Duration::from_secs(5))?;
/// let first = world.nodes()[0];
/// assert!(world.machine(first).is_some_and(|counting| counting.datagrams >= 90));
/// # Ok::<(), safekit_core::sim::Failure>(())
/// ```
pub trait Subject: Machine<Input = Input, Output: fmt::Debug> + Sized {
    /// Returns the node's output within one of this machine, where it is one.
    fn node_output(output: &Self::Output) -> Option<&Output>;

    /// Returns the datagrams that a guardian sends when this life has ended; none before the cluster is configured.
    fn letters(&self) -> Vec<Transmit>;
}

/// A node alone: its modules live, and nobody shares their load.
impl Subject for Node {
    fn node_output(output: &Output) -> Option<&Output> {
        Some(output)
    }

    fn letters(&self) -> Vec<Transmit> {
        Self::letters(self)
    }
}

/// A recorded machine is hosted as the machine is.
impl<M: Subject> Subject for Recorder<M> {
    fn node_output(output: &Self::Output) -> Option<&Output> {
        M::node_output(output)
    }

    fn letters(&self) -> Vec<Transmit> {
        self.machine().letters()
    }
}

/// What a machine is made from at a start of its agent.
///
/// Example: [`Subject`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Birth {
    /// The node.
    pub node: NodeId,
    /// Now.
    pub now: Instant,
    /// The counter that the guardian gives: greater than at any start before.
    pub counter: u32,
    /// A random number.
    pub random: u32,
}

/// From which age of the stamp on the answer is negative: the health answer's dead man's switch.
pub(super) const STAMP_STALE_AFTER: Duration = Duration::from_millis(300);
/// When the guardian sends the letters, counted from its agent's death.
pub(super) const LETTERS_AFTER_MS: [u64; 3] = [0, 6, 20];

/// A simulated farm.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::module::state::ModuleState;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, SimModule, World};
///
/// // Two nodes with a module that starts with the agent; the function makes the machine of each start.
/// let module = SimModule::bare("web")?;
/// let web = module.config.name.clone();
/// let mut world = World::new(7, Cast::new(2).module(module), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// world.start_all();
/// world.run_for(Duration::from_secs(2))?;
/// let nodes = world.nodes();
/// assert!(nodes.iter().all(|node| world.state(*node, &web) == Some(ModuleState::UP_READY)));
///
/// world.power_off(nodes[0]);
/// assert!(!world.health(nodes[0], &web) && world.health(nodes[1], &web));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct World<M: Subject> {
    pub(super) seed: u64,
    pub(super) base: Instant,
    pub(super) now: Duration,
    pub(super) step: u64,
    pub(super) random: Random,
    pub(super) cast: Cast,
    pub(super) net: Net,
    pub(super) hosts: BTreeMap<NodeId, Host<M>>,
    pub(super) trace: Trace,
    pub(super) failure: Option<Failure>,
    /// Grows with everything but datagrams.
    pub(super) news: u64,
    pub(super) serial: u64,
    pub(super) make: Box<dyn Fn(&Birth) -> M>,
    queue: BTreeMap<(Duration, u64), Happening<M>>,
    invariants: Vec<Box<dyn Invariant<M>>>,
}

/// What is to happen at some time.
pub(super) enum Happening<M: Subject> {
    /// An input reaches an agent, if it is still that life.
    Deliver { node: NodeId, life: u64, input: Input },
    /// A datagram reaches a host.
    Datagram { to: NodeId, input: Input },
    /// An agent's deadline.
    Wake { node: NodeId, life: u64 },
    /// An agent that waited gets the processor.
    Run { node: NodeId, life: u64 },
    /// A paused agent goes on.
    Resume { node: NodeId, life: u64 },
    /// A script is started.
    ScriptStarts { node: NodeId, life: u64, id: crate::ids::ActionId, run: Box<ScriptRun> },
    /// A script does what it is for.
    ScriptActs { node: NodeId, key: u64 },
    /// A script ends.
    ScriptEnds { node: NodeId, key: u64, end: ScriptEnd },
    /// A write reaches the disk.
    Written {
        node: NodeId,
        life: u64,
        id: crate::ids::ActionId,
        module: ModuleName,
        saved: SavedModule,
    },
    /// A guardian sends.
    Letters { node: NodeId, boot: u64, letters: Arc<[Transmit]> },
    /// A guardian starts its agent again.
    Restart { node: NodeId, boot: u64 },
    /// Something that the test wants.
    Deed(Deed<M>),
}

type Deed<M> = Box<dyn FnOnce(&mut World<M>)>;

impl<M: Subject> fmt::Debug for World<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("step", &self.step)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl<M: Subject> World<M> {
    /// Makes a world with all hosts on and no agent started. `make` makes the machine of each start of an agent.
    #[must_use]
    pub fn new(seed: u64, cast: Cast, make: impl Fn(&Birth) -> M + 'static) -> Self {
        Self {
            seed,
            base: base(),
            now: Duration::ZERO,
            step: 0,
            random: Random::new(seed),
            net: Net::new(cast.node_ids(), cast.lan_ids()),
            hosts: cast.node_ids().into_iter().map(|node| (node, Host::new(node))).collect(),
            trace: Trace::new(TRACE_MAX),
            failure: None,
            news: 0,
            serial: 0,
            make: Box::new(make),
            queue: BTreeMap::new(),
            invariants: Vec::new(),
            cast,
        }
    }

    /// Adds something that must always hold.
    #[must_use]
    pub fn with(mut self, invariant: impl Invariant<M> + 'static) -> Self {
        self.invariants.push(Box::new(invariant));
        self
    }

    /// Keeps so many inputs and outputs for the report of a failure, instead of 50.
    pub fn trace(&mut self, lines: usize) {
        self.trace = Trace::new(lines);
    }

    // ---- running

    /// Lets virtual time pass.
    ///
    /// # Errors
    /// The first thing that did not hold.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Failure> {
        let until = self.now + time;
        while self.step_before(until)? {}
        self.now = until;
        Ok(())
    }

    /// Lets virtual time pass until something holds, and returns after how long; `None`: not within the limit.
    ///
    /// # Errors
    /// The first thing that did not hold.
    pub fn run_until(
        &mut self,
        limit: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<Option<Duration>, Failure> {
        let begin = self.now;
        let mut seen = None;
        loop {
            if seen != Some(self.news) {
                seen = Some(self.news);
                if holds(self) {
                    return Ok(Some(self.now - begin));
                }
            }
            if !self.step_before(begin + limit)? {
                self.now = begin + limit;
                return Ok(None);
            }
        }
    }

    /// Lets something be done later.
    pub fn later(&mut self, after: Duration, deed: impl FnOnce(&mut Self) + 'static) {
        self.schedule(after, Happening::Deed(Box::new(deed)));
    }

    /// Says that the run has failed, as an invariant does.
    ///
    /// # Errors
    /// Always: the failure, or the one that came before.
    pub fn fail<T>(&mut self, what: impl Into<String>) -> Result<T, Failure> {
        self.record_failure(what.into());
        Err(self.failure_or_default())
    }

    fn step_before(&mut self, until: Duration) -> Result<bool, Failure> {
        if self.failure.is_none() {
            let Some(entry) = self.queue.first_entry() else { return Ok(false) };
            if entry.key().0 > until {
                return Ok(false);
            }
            self.now = self.now.max(entry.key().0);
            let happening = entry.remove();
            self.step += 1;
            self.happen(happening);
        }
        if self.failure.is_some() { Err(self.failure_or_default()) } else { Ok(true) }
    }

    fn failure_or_default(&self) -> Failure {
        self.failure.clone().unwrap_or_else(|| Failure {
            seed: self.seed,
            step: self.step,
            at: self.now,
            what: "failed".to_owned(),
            trace: String::new(),
        })
    }

    pub(super) fn record_failure(&mut self, what: String) {
        if self.failure.is_none() {
            self.failure = Some(Failure {
                seed: self.seed,
                step: self.step,
                at: self.now,
                what,
                trace: self.trace.text(),
            });
        }
    }

    pub(super) fn schedule(&mut self, after: Duration, happening: Happening<M>) -> (Duration, u64) {
        self.serial += 1;
        let key = (self.now + after, self.serial);
        self.queue.insert(key, happening);
        key
    }

    pub(super) fn unschedule(&mut self, key: (Duration, u64)) {
        self.queue.remove(&key);
    }

    pub(super) fn say(&mut self, node: Option<NodeId>, words: impl Into<String>) {
        self.trace.note(self.now, node, What::Said(words.into()));
    }

    pub(super) fn occur(&mut self, occurrence: &Occurrence<'_, M>) {
        self.news += 1;
        let mut invariants = std::mem::take(&mut self.invariants);
        for invariant in &mut invariants {
            if let Err(what) = invariant.observe(self, occurrence) {
                self.record_failure(what);
            }
        }
        self.invariants = invariants;
    }

    fn happen(&mut self, happening: Happening<M>) {
        match happening {
            Happening::Deliver { node, life, input } => {
                if self.life(node) == Some(life) {
                    self.deliver(node, input);
                }
            }
            Happening::Datagram { to, input } => self.deliver(to, input),
            Happening::Wake { node, life } => {
                if self.life(node) == Some(life) && !self.is_paused(node) {
                    if let Some(agent) = self.agent_mut(node) {
                        agent.wake = None;
                    }
                    self.be_ready(node);
                }
            }
            Happening::Run { node, life } => {
                if let Some(agent) = self.agent_mut(node).filter(|agent| agent.life == life) {
                    agent.waits = false;
                    if agent.paused_since.is_none() {
                        self.turn(node);
                    }
                }
            }
            Happening::Resume { node, life } => {
                if self.life(node) == Some(life) {
                    self.resume(node);
                }
            }
            Happening::ScriptStarts { node, life, id, run } => {
                if self.life(node) == Some(life) {
                    self.run_script(node, life, id, &run);
                }
            }
            Happening::ScriptActs { node, key } => self.script_acts(node, key),
            Happening::ScriptEnds { node, key, end } => self.script_ends(node, key, end),
            Happening::Written { node, life, id, module, saved } => {
                if self.life(node) == Some(life) {
                    self.written(node, id, module, saved);
                }
            }
            Happening::Letters { node, boot, letters } => {
                if self.is_boot(node, boot) {
                    for letter in letters.iter() {
                        self.transmit(node, letter);
                    }
                }
            }
            Happening::Restart { node, boot } => {
                if self.is_boot(node, boot) {
                    self.restart(node);
                }
            }
            Happening::Deed(deed) => deed(self),
        }
    }

    // ---- hosts

    pub(super) fn agent(&self, node: NodeId) -> Option<&Agent<M>> {
        self.hosts.get(&node).and_then(|host| host.agent.as_ref())
    }

    pub(super) fn agent_mut(&mut self, node: NodeId) -> Option<&mut Agent<M>> {
        self.hosts.get_mut(&node).and_then(|host| host.agent.as_mut())
    }

    fn is_boot(&self, node: NodeId, boot: u64) -> bool {
        self.hosts.get(&node).is_some_and(|host| host.powered && host.boot == boot)
    }

    pub(super) fn end_agent(&mut self, node: NodeId, how: &str) -> Option<Arc<[Transmit]>> {
        let agent = self.hosts.get_mut(&node).and_then(|host| host.agent.take())?;
        if let Some(key) = agent.wake {
            self.unschedule(key);
        }
        self.say(Some(node), format!("agent {how}"));
        self.occur(&Occurrence::AgentEnded { node });
        Some(agent.letters)
    }

    pub(super) fn take_letters(&mut self, node: NodeId) {
        if let Some(agent) = self.agent_mut(node) {
            agent.letters = agent.machine.letters().into();
        }
    }

    fn resume(&mut self, node: NodeId) {
        let now = self.now;
        let Some(agent) = self.agent_mut(node) else { return };
        let Some(since) = agent.paused_since.take() else { return };
        self.say(Some(node), format!("goes on after {:?}", now - since));
        self.occur(&Occurrence::Resumed { node, after: now - since });
        self.turn(node);
    }
}

/// Whether a disk takes writes.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, DiskState, SimModule, World};
///
/// let module = SimModule::bare("web")?;
/// let web = module.config.name.clone();
/// let mut world = World::new(7, Cast::new(1).module(module), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// let node = world.nodes()[0];
/// world.disk_full(node, DiskState::Full);
/// world.start_all();
/// world.run_for(Duration::from_secs(5))?;
/// assert!(world.health(node, &web), "it serves all the same");
/// let module = world.machine(node).and_then(|machine| machine.module(&web)).ok_or("it is configured")?;
/// assert_eq!(module.faults().len(), 1, "and says what is wrong");
/// world.disk_full(node, DiskState::Fine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// Writes fail.
    Full,
    /// Writes succeed.
    Fine,
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs one instant to count from")]
fn base() -> Instant {
    Instant::now()
}
