//! What a test can do to a world: the faults, the commands, the starts.

use std::sync::Arc;
use std::time::Duration;

use crate::control::{Command, ModuleCommand, Origin};
use crate::ids::{CommandId, ModuleName, NodeId, ProcessId};
use crate::module::script::Script;
use crate::node::{AgentStart, Input, ModuleSetup};
use crate::sim::host::Agent;
use crate::sim::script::ScriptFault;
use crate::sim::world::{Birth, DiskState, Happening, LETTERS_AFTER_MS};
use crate::sim::{Lateness, Net, Occurrence, Random, Subject, World};

impl<M: Subject> World<M> {
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

    /// Lets a host be so busy that its agent waits for the processor at each turn; [`Lateness::default`] ends it.
    pub fn busy(&mut self, node: NodeId, lateness: Lateness) {
        if let Some(host) = self.hosts.get_mut(&node) {
            host.lateness = lateness;
        }
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

    /// Lets a host no longer tell how its services stand; they run on.
    pub fn hide_services(&mut self, node: NodeId) {
        if let Some(host) = self.hosts.get_mut(&node) {
            host.silent = true;
        }
    }

    /// Lets it tell again.
    pub fn show_services(&mut self, node: NodeId) {
        if let Some(host) = self.hosts.get_mut(&node) {
            host.silent = false;
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
}
