//! A farm in virtual time: the hosts, the network between them, and what happens next.
//!
//! In: verbs of a test (`crash`, `pause`, `command`, ...). Out: what the machines did, as states that can be asked for
//! and occurrences that invariants see. Everything is a pure function of the seed and of the verbs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::{Accepted, Command, ModuleCommand, Origin, Refusal};
use crate::ids::{CommandId, ModuleName, NodeId, ProcessId};
use crate::machine::Machine;
use crate::membership::Transmit;
use crate::module::saved::SavedModule;
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::module::state::ModuleState;
use crate::node::{AgentStart, Input, ModuleSetup, Output};
use crate::sim::host::{Agent, Host};
use crate::sim::script::ScriptFault;
use crate::sim::trace::{TRACE_MAX, Trace, What};
use crate::sim::{Cast, Failure, Invariant, Net, Occurrence, Random, SimModule};

/// A machine that a world can host: it takes what a node takes, and what it gives is a node's output or its own.
pub trait Subject: Machine<Input = Input, Output: fmt::Debug> + Sized {
    /// Returns the node's output within one of this machine, where it is one.
    fn node_output(output: &Self::Output) -> Option<&Output>;

    /// Returns the datagrams that a guardian sends when this life has ended; none before the cluster is configured.
    fn letters(&self) -> Vec<Transmit>;
}

/// What a machine is made from at a start of its agent.
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

/// After how long an answer negative by age: the health answer's dead man's switch.
const STAMP_STALE_AFTER: Duration = Duration::from_millis(300);
/// When the guardian sends the letters, counted from its agent's death.
const LETTERS_AFTER_MS: [u64; 3] = [0, 6, 20];

/// A simulated farm.
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
    make: Box<dyn Fn(&Birth) -> M>,
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
                    self.turn(node);
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

    // ---- verbs

    /// The network, to be cut, healed and made worse.
    pub fn net(&mut self) -> &mut Net {
        self.news += 1;
        &mut self.net
    }

    /// Chance, for the test's own choices.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Starts the agents of all hosts at once.
    pub fn start_all(&mut self) {
        for node in self.nodes() {
            self.restart(node);
        }
    }

    /// Starts a host's agent, after giving the host power where it has none; nothing where an agent runs.
    pub fn restart(&mut self, node: NodeId) {
        let now = self.base + self.now;
        let random = self.random.next_u32();
        let Some(host) = self.hosts.get_mut(&node).filter(|host| host.agent.is_none()) else {
            return;
        };
        let start = if host.started { AgentStart::SameBoot } else { AgentStart::HostBooted };
        host.powered = true;
        host.started = true;
        host.disk.counter += 1;
        let birth = Birth { node, now, counter: host.disk.counter, random };
        self.serial += 1;
        let mut agent = Agent::new((self.make)(&birth), self.serial);
        agent.queue(Input::ClusterConfigured(Box::new(self.cast.membership_config(node))));
        for module in &self.cast.modules {
            let saved = host.disk.load(&module.config.name, self.now);
            agent.queue(Input::ModuleConfigured(Box::new(ModuleSetup {
                config: Arc::new(module.config.clone()),
                scripts: module.scripts.clone(),
                lans: module.lans,
                sharing: module.sharing,
                saved,
                start,
            })));
        }
        host.agent = Some(agent);
        self.say(Some(node), format!("agent starts: {start:?}"));
        self.occur(&Occurrence::AgentStarted { node });
        self.turn(node);
        self.take_letters(node);
    }

    /// Kills the agent. The guardian sends the letters, and starts it again where the cast says so.
    pub fn crash(&mut self, node: NodeId) {
        let Some(letters) = self.end_agent(node, "is killed") else { return };
        let boot = self.hosts.get(&node).map_or(0, |host| host.boot);
        for after in LETTERS_AFTER_MS {
            let after = Duration::from_millis(after) + Duration::from_micros(500);
            self.schedule(after, Happening::Letters { node, boot, letters: Arc::clone(&letters) });
        }
        if let Some(after) = self.cast.restart_after {
            self.schedule(after, Happening::Restart { node, boot });
        }
    }

    /// Kills the agent and its guardian together: nobody announces the end.
    pub fn crash_silently(&mut self, node: NodeId) {
        self.end_agent(node, "is killed with its guardian");
    }

    /// Takes the power from a host: its agent, guardian, scripts and applications are gone.
    pub fn power_off(&mut self, node: NodeId) {
        self.end_agent(node, "dies with its host");
        let Some(host) = self.hosts.get_mut(&node).filter(|host| host.powered) else { return };
        host.powered = false;
        host.started = false;
        host.boot += 1;
        host.processes.clear();
        let scripts = std::mem::take(&mut host.scripts);
        for running in scripts.into_values() {
            self.occur(&Occurrence::ScriptEnded {
                node,
                life: running.life,
                module: &running.run.module,
                script: running.run.script,
            });
        }
        self.occur(&Occurrence::HostDied { node });
    }

    /// Lets the agent leave the cluster: it says goodbye itself and ends.
    pub fn leave(&mut self, node: NodeId) {
        self.deliver(node, Input::Leave);
    }

    /// Stops the agent (as SIGSTOP) for that time. What arrives waits, and is taken in one turn.
    pub fn pause(&mut self, node: NodeId, time: Duration) {
        let now = self.now;
        let Some(agent) = self.agent_mut(node).filter(|agent| agent.paused_since.is_none()) else {
            return;
        };
        agent.paused_since = Some(now);
        let life = agent.life;
        self.say(Some(node), format!("is stopped for {time:?}"));
        self.schedule(time, Happening::Resume { node, life });
        self.occur(&Occurrence::Paused { node });
    }

    /// Lets all runs of a script that begin from now on go wrong.
    pub fn fault_script(
        &mut self,
        node: NodeId,
        module: &ModuleName,
        script: Script,
        fault: ScriptFault,
    ) {
        self.say(Some(node), format!("{} of {module} {fault:?} from now on", script.as_str()));
        if let Some(host) = self.hosts.get_mut(&node) {
            host.faults.insert((module.clone(), script), fault);
        }
    }

    /// Lets a script exit with 1 and do nothing.
    pub fn fail_script(&mut self, node: NodeId, module: &ModuleName, script: Script) {
        self.fault_script(node, module, script, ScriptFault::Fails);
    }

    /// Lets a script never end.
    pub fn hang_script(&mut self, node: NodeId, module: &ModuleName, script: Script) {
        self.fault_script(node, module, script, ScriptFault::Hangs);
    }

    /// Lets all scripts of a host do what they should again.
    pub fn mend_scripts(&mut self, node: NodeId) {
        if let Some(host) = self.hosts.get_mut(&node) {
            host.faults.clear();
        }
    }

    /// Lets writes to a host's disk fail, or succeed again.
    pub fn disk_full(&mut self, node: NodeId, full: DiskState) {
        if let Some(host) = self.hosts.get_mut(&node) {
            host.disk.full = full == DiskState::Full;
        }
    }

    /// Kills one process of a module's application; tells whether there was one.
    pub fn kill_process(&mut self, node: NodeId, module: &ModuleName) -> bool {
        let living: Vec<ProcessId> = self.processes(node, module).into_iter().collect();
        let Some(process) = self.random.pick(&living) else { return false };
        self.say(Some(node), format!("process {} of {module} dies", process.pid));
        self.process_dies(node, module, process);
        true
    }

    /// Gives a command to an agent, and returns its name for [`World::answer`]. A dead agent never answers.
    pub fn command(
        &mut self,
        node: NodeId,
        module: &ModuleName,
        command: Command,
        origin: Origin,
    ) -> CommandId {
        self.serial += 1;
        let id = CommandId(self.serial);
        let command = ModuleCommand { module: module.clone(), command, origin };
        if self.agent_mut(node).is_some() {
            self.occur(&Occurrence::CommandGiven { node, id, command: &command });
        }
        self.deliver(node, Input::CommandReceived { id, command });
        id
    }

    /// Tells an agent that a balancer has asked for the health of a module.
    pub fn probe(&mut self, node: NodeId, module: &ModuleName) {
        self.deliver(node, Input::BalancerProbed(module.clone()));
    }

    // ---- questions

    /// Returns the virtual time, from the begin of the run.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Returns who plays.
    #[must_use]
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Returns the network.
    #[must_use]
    pub fn network(&self) -> &Net {
        &self.net
    }

    /// Returns all nodes.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.hosts.keys().copied().collect()
    }

    /// Returns the nodes whose agent runs, standing still or not.
    #[must_use]
    pub fn living(&self) -> Vec<NodeId> {
        let living = self.hosts.values().filter(|host| host.agent.is_some());
        living.map(|host| host.node).collect()
    }

    /// Returns the machine of a node, while its agent runs.
    #[must_use]
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        self.agent(node).map(|agent| &agent.machine)
    }

    /// Tells whether a node's agent stands still.
    #[must_use]
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.agent(node).is_some_and(|agent| agent.paused_since.is_some())
    }

    /// Tells since when a node's agent stands still.
    #[must_use]
    pub fn paused_since(&self, node: NodeId) -> Option<Duration> {
        self.agent(node).and_then(|agent| agent.paused_since)
    }

    /// Tells which start of an agent a node is in; `None` while none runs.
    #[must_use]
    pub fn life(&self, node: NodeId) -> Option<u64> {
        self.agent(node).map(|agent| agent.life)
    }

    /// Returns a module of the cast.
    #[must_use]
    pub fn module(&self, name: &ModuleName) -> Option<&SimModule> {
        self.cast.modules.iter().find(|module| module.config.name == *name)
    }

    /// Returns the state that a node told last of a module; `None` while no agent runs.
    #[must_use]
    pub fn state(&self, node: NodeId, module: &ModuleName) -> Option<ModuleState> {
        self.agent(node).and_then(|agent| agent.states.get(module)).copied()
    }

    /// Returns the health answer that a balancer would get at this moment: whether it is positive.
    #[must_use]
    pub fn health(&self, node: NodeId, module: &ModuleName) -> bool {
        let Some(agent) = self.agent(node) else { return false };
        let stale = agent.paused_since.is_some_and(|since| self.now - since > STAMP_STALE_AFTER);
        !stale && agent.states.get(module) == Some(&ModuleState::UP_READY)
    }

    /// Returns the living processes of a module's application.
    #[must_use]
    pub fn processes(
        &self,
        node: NodeId,
        module: &ModuleName,
    ) -> std::collections::BTreeSet<ProcessId> {
        self.hosts.get(&node).map(|host| host.processes.of(module)).unwrap_or_default()
    }

    /// Returns the scripts of a module that run, those of dead agents included.
    #[must_use]
    pub fn running_scripts(&self, node: NodeId, module: &ModuleName) -> Vec<Script> {
        let Some(host) = self.hosts.get(&node) else { return Vec::new() };
        let runs = host.scripts.values().filter(|running| running.run.module == *module);
        runs.map(|running| running.run.script).collect()
    }

    /// Returns what the disk has of a module.
    #[must_use]
    pub fn saved(&self, node: NodeId, module: &ModuleName) -> Option<&SavedModule> {
        self.hosts.get(&node).and_then(|host| host.disk.modules.get(module)).map(|(it, _)| it)
    }

    /// Returns the answer to a command, where it came.
    #[must_use]
    pub fn answer(&self, node: NodeId, command: CommandId) -> Option<&Result<Accepted, Refusal>> {
        self.hosts.get(&node).and_then(|host| host.answers.get(&command))
    }

    // ---- hosts

    fn agent(&self, node: NodeId) -> Option<&Agent<M>> {
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
