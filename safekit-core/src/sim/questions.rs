//! What a test and an invariant can ask of a world.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::control::{Accepted, Refusal};
use crate::ids::{CommandId, ModuleName, NodeId, ProcessId};
use crate::module::saved::SavedModule;
use crate::module::script::Script;
use crate::module::state::ModuleState;
use crate::sim::world::STAMP_STALE_AFTER;
use crate::sim::{Cast, Net, SimModule, Subject, World};

impl<M: Subject> World<M> {
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

    /// Tells whether a host does not tell how its services stand.
    #[must_use]
    pub fn hides_services(&self, node: NodeId) -> bool {
        self.hosts.get(&node).is_some_and(|host| host.silent)
    }

    /// Returns the living processes of a module's application.
    #[must_use]
    pub fn processes(&self, node: NodeId, module: &ModuleName) -> BTreeSet<ProcessId> {
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
}
