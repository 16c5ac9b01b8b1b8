//! One turn of an agent's loop, and what its orders do: the model of the edge.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{ActionId, Epoch, ModuleName, NodeId, ProcessId};
use crate::membership::Transmit;
use crate::module::saved::SavedModule;
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::module::watch::{ServiceInfo, ServiceState};
use crate::node::{Action, Input, Outcome, Output};
use crate::sim::script::{Running, ScriptFault};
use crate::sim::trace::What;
use crate::sim::world::Happening;
use crate::sim::{Cast, Occurrence, Subject, World};

/// More outputs in one turn than this break the law that each call gives a bounded number.
const OUTPUTS_MAX: usize = 4096;

/// After how long the edge gives up a host that does not tell how its services stand.
const SILENT_MS: u64 = 3_000;

impl<M: Subject> World<M> {
    /// Hands an input to an agent, and lets it turn unless it stands still.
    pub(super) fn deliver(&mut self, node: NodeId, input: Input) {
        let Some(agent) = self.agent_mut(node) else { return };
        agent.queue(input);
        if agent.paused_since.is_none() {
            self.be_ready(node);
        }
    }

    /// The agent has something to do: it turns as soon as it gets the processor.
    pub(super) fn be_ready(&mut self, node: NodeId) {
        let Some(host) = self.hosts.get_mut(&node) else { return };
        let Some(agent) = host.agent.as_mut().filter(|agent| !agent.waits) else { return };
        match host.lateness.draw(&mut self.random) {
            None => self.turn(node),
            Some(wait) => {
                agent.waits = true;
                let life = agent.life;
                self.schedule(wait, Happening::Run { node, life });
            }
        }
    }

    /// One turn as [`crate::Machine`] describes it: all inputs, the time, all outputs.
    pub(super) fn turn(&mut self, node: NodeId) {
        let now = self.base + self.now;
        let inputs = self.agent_mut(node).map(|agent| std::mem::take(&mut agent.inbox));
        let Some(inputs) = inputs else { return };
        for input in &inputs {
            self.note_input(node, input);
        }
        let repeated = self.random.chance(0.05);
        let Some(agent) = self.agent_mut(node) else { return };
        for input in inputs {
            agent.machine.handle_input(now, input);
        }
        agent.machine.handle_timeout(now);
        let mut outputs = Vec::new();
        while let Some(output) = agent.machine.poll_output() {
            outputs.push(output);
            if outputs.len() > OUTPUTS_MAX {
                return self.record_failure(format!("{node}: too many outputs in one turn"));
            }
        }
        if repeated {
            agent.machine.handle_timeout(now);
            if let Some(output) = agent.machine.poll_output() {
                let what = format!("{node}: a repeated handle_timeout is not harmless: {output:?}");
                return self.record_failure(what);
            }
        }
        let life = agent.life;
        self.set_wake(node);
        for output in outputs {
            // An output may end the agent; what it said before counts.
            self.take_output(node, life, &output);
        }
        if self.life(node) == Some(life) {
            self.occur(&Occurrence::TurnEnded { node });
        }
    }

    fn set_wake(&mut self, node: NodeId) {
        let (base, now) = (self.base, self.now);
        let lateness = self.random.duration(Duration::ZERO, Duration::from_micros(200));
        let early = self.random.chance(0.01);
        let Some(agent) = self.agent_mut(node) else { return };
        let deadline = agent.machine.poll_timeout();
        let unchanged = deadline == agent.machine.poll_timeout();
        let (life, old) = (agent.life, agent.wake.take());
        if let Some(key) = old {
            self.unschedule(key);
        }
        if !unchanged {
            return self.record_failure(format!("{node}: poll_timeout changes something"));
        }
        let Some(deadline) = deadline else { return };
        let due = deadline.saturating_duration_since(base);
        if due <= now {
            let what =
                format!("{node}: the deadline {due:?} is not later than now after handle_timeout");
            return self.record_failure(what);
        }
        let after = if early { (due - now) / 2 } else { due - now + lateness };
        let key = self.schedule(after, Happening::Wake { node, life });
        if let Some(agent) = self.agent_mut(node) {
            agent.wake = Some(key);
        }
    }

    fn note_input(&mut self, node: NodeId, input: &Input) {
        let what = match input {
            Input::DatagramReceived { from, bytes, .. } => {
                What::Received { from: *from, size: bytes.len() }
            }
            Input::ClusterConfigured(_) => What::Said("<- ClusterConfigured".to_owned()),
            Input::ModuleConfigured(setup) => {
                What::Said(format!("<- ModuleConfigured: saved {:?}", setup.saved))
            }
            Input::ModuleRemoved(_)
            | Input::ClusterRemoved
            | Input::BudgetChanged { .. }
            | Input::CommandReceived { .. }
            | Input::SwitchReceived { .. }
            | Input::ActionFinished { .. }
            | Input::Armed { .. }
            | Input::ProcessExited(_)
            | Input::BalancerProbed(_)
            | Input::Leave => What::Said(format!("<- {input:?}")),
        };
        self.trace.note(self.now, Some(node), what);
    }

    fn take_output(&mut self, node: NodeId, life: u64, output: &M::Output) {
        let Some(said) = M::node_output(output) else {
            self.say(Some(node), format!("-> {output:?}"));
            return self.occur(&Occurrence::Output { node, output });
        };
        if let Output::Transmit(transmit) = said {
            let what = What::Sent { to: transmit.to, size: transmit.bytes.len() };
            self.trace.note(self.now, Some(node), what);
            return self.transmit(node, transmit);
        }
        self.say(Some(node), format!("-> {said:?}"));
        if let (Output::StateChanged { module, state, .. }, Some(agent)) =
            (said, self.agent_mut(node))
        {
            agent.states.insert(module.clone(), *state);
        }
        self.occur(&Occurrence::Output { node, output });
        match said {
            Output::Action { id, action } => self.perform(node, life, *id, action),
            Output::CommandAnswered { id, answer } => {
                if let Some(host) = self.hosts.get_mut(&node) {
                    host.answers.insert(*id, answer.clone());
                }
            }
            Output::CounterTaken { counter } => {
                if let Some(host) = self.hosts.get_mut(&node) {
                    host.disk.counter = host.disk.counter.max(*counter);
                }
                self.take_letters(node);
            }
            Output::Left => {
                self.end_agent(node, "has left and ends");
            }
            Output::ViewProposed { epoch, .. } => self.arm(node, life, *epoch),
            Output::Transmit(_)
            | Output::Event(_)
            | Output::StateChanged { .. }
            | Output::ViewInstalled { .. } => {}
        }
    }

    /// Prepares a view where a module shares by itself.
    fn arm(&mut self, node: NodeId, life: u64, epoch: Epoch) {
        if self.cast.modules.iter().any(|module| module.sharing != 0) {
            let (least, most) = self.cast.arm_time;
            let after = self.random.duration(least, most);
            self.schedule(after, Happening::Deliver { node, life, input: Input::Armed { epoch } });
        }
    }

    pub(super) fn transmit(&mut self, node: NodeId, transmit: &Transmit) {
        let Some(to) =
            self.nodes().into_iter().find(|to| Cast::address(*to, transmit.lan) == transmit.to)
        else {
            return self.record_failure(format!("{node} sends to nobody: {}", transmit.to));
        };
        let arrivals = self.net.arrivals(&mut self.random, node, to, transmit.lan);
        for after in arrivals.into_iter().flatten() {
            let input = Input::DatagramReceived {
                lan: transmit.lan,
                from: Cast::address(node, transmit.lan),
                bytes: transmit.bytes.clone(),
            };
            self.schedule(after, Happening::Datagram { to, input });
        }
    }

    fn perform(&mut self, node: NodeId, life: u64, id: ActionId, action: &Action) {
        match action {
            Action::RunScript(run) => {
                // What was to be kept before is on the disk first.
                let written_at = self.hosts.get(&node).map_or(self.now, |host| host.written_at);
                let after = written_at.saturating_sub(self.now);
                let run = run.clone();
                self.schedule(after, Happening::ScriptStarts { node, life, id, run });
            }
            Action::EndScript { run, module: _ } => {
                self.report(node, life, id, Outcome::Done, 0);
                let Some(host) = self.hosts.get(&node) else { return };
                let found = host.scripts.iter().find(|(_, it)| it.life == life && it.id == *run);
                let found = found.map(|(key, _)| *key);
                if found.is_none()
                    && let Some(agent) = self.agent_mut(node)
                {
                    agent.cancelled.insert(*run);
                }
                if let Some(key) = found {
                    let after = self.random.up_to_ms(3);
                    self.schedule(
                        after,
                        Happening::ScriptEnds { node, key, end: ScriptEnd::Ended },
                    );
                }
            }
            Action::ScanProcesses => {
                let list =
                    self.hosts.get(&node).map(|host| host.processes.list()).unwrap_or_default();
                self.report(node, life, id, Outcome::Processes(list.into()), 10);
            }
            Action::AskServices { services } => {
                let Some(host) = self.hosts.get(&node) else { return };
                let silent = host.silent;
                let info = |name: &String| match host.processes.service(name) {
                    _ if silent => service(ServiceState::Unknown, None),
                    Some(main) => service(ServiceState::Running, Some(main)),
                    None => service(ServiceState::NotRunning, None),
                };
                let list: BTreeMap<_, _> =
                    services.iter().map(|name| (name.clone(), info(name))).collect();
                let within_ms = if silent { SILENT_MS } else { 20 };
                self.report(node, life, id, Outcome::Services(list.into()), within_ms);
            }
            Action::WatchProcesses { module, processes } => {
                let Some(host) = self.hosts.get_mut(&node) else { return };
                let gone: Vec<ProcessId> =
                    processes.iter().filter(|it| !host.processes.contains(**it)).copied().collect();
                if let Some(agent) = &mut host.agent {
                    agent.watched.insert(module.clone(), processes.clone());
                }
                self.report(node, life, id, Outcome::Done, 0);
                for process in gone {
                    let after = self.random.up_to_ms(1);
                    let input = Input::ProcessExited(process);
                    self.schedule(after, Happening::Deliver { node, life, input });
                }
            }
            Action::SaveModule { module, saved } => {
                let after = self.random.up_to_ms(5);
                let Some(host) = self.hosts.get_mut(&node) else { return };
                host.written_at = host.written_at.max(self.now + after);
                let after = host.written_at - self.now;
                let (module, saved) = (module.clone(), saved.clone());
                self.schedule(after, Happening::Written { node, life, id, module, saved });
            }
        }
    }

    fn report(&mut self, node: NodeId, life: u64, id: ActionId, outcome: Outcome, within_ms: u64) {
        let after = self.random.up_to_ms(within_ms) + Duration::from_micros(50);
        let input = Input::ActionFinished { id, outcome };
        self.schedule(after, Happening::Deliver { node, life, input });
    }

    pub(super) fn written(
        &mut self,
        node: NodeId,
        id: ActionId,
        module: ModuleName,
        saved: SavedModule,
    ) {
        let Some(host) = self.hosts.get_mut(&node) else { return };
        let outcome = if host.disk.full {
            Outcome::Failed { error: "no space left on device".to_owned() }
        } else {
            host.disk.modules.insert(module, (saved, self.now));
            Outcome::Done
        };
        self.deliver(node, Input::ActionFinished { id, outcome });
    }

    // ---- scripts and processes

    pub(super) fn run_script(&mut self, node: NodeId, life: u64, id: ActionId, run: &ScriptRun) {
        let cancelled = self.agent_mut(node).is_some_and(|agent| agent.cancelled.remove(&id));
        let time = self.module(&run.module).map(|module| module.script_time).unwrap_or_default();
        let mut takes = self.random.duration(time.0, time.1);
        self.serial += 1;
        let (key, since) = (self.serial, self.now);
        let Some(host) = self.hosts.get_mut(&node) else { return };
        let fault = host.faults.get(&(run.module.clone(), run.script)).copied();
        host.scripts.insert(key, Running { life, id, run: run.clone(), since, fault });
        self.occur(&Occurrence::ScriptStarted { node, life, run });
        if cancelled {
            return self.script_ends(node, key, ScriptEnd::Ended);
        }
        if let Some(ScriptFault::Slow(slow)) = fault {
            takes += slow;
        }
        if fault != Some(ScriptFault::Hangs) {
            let acts = self.random.duration(Duration::ZERO, takes);
            self.schedule(acts, Happening::ScriptActs { node, key });
            let code = i32::from(fault == Some(ScriptFault::Fails));
            self.schedule(
                takes,
                Happening::ScriptEnds { node, key, end: ScriptEnd::Exited { code } },
            );
        }
        if let Some(limit) = run.time_limit {
            self.schedule(limit, Happening::ScriptEnds { node, key, end: ScriptEnd::TimedOut });
        }
    }

    pub(super) fn script_acts(&mut self, node: NodeId, key: u64) {
        let Some(running) = self.hosts.get(&node).and_then(|host| host.scripts.get(&key)) else {
            return;
        };
        if running.fault == Some(ScriptFault::Fails) {
            return;
        }
        let module = running.run.module.clone();
        match running.run.script {
            Script::StartBoth => {
                let count = self.module(&module).map_or(0, |it| it.processes);
                let Some(host) = self.hosts.get_mut(&node) else { return };
                for _ in 0..count {
                    host.processes.spawn(&module, module.as_str(), 1);
                }
            }
            Script::Prestart | Script::StopBoth => {
                for process in self.processes(node, &module) {
                    self.process_dies(node, &module, process);
                }
            }
            Script::Poststop | Script::Transition | Script::Handler => {}
        }
    }

    pub(super) fn script_ends(&mut self, node: NodeId, key: u64, end: ScriptEnd) {
        let alive = self.life(node);
        let Some(host) = self.hosts.get_mut(&node) else { return };
        let Some(running) = host.scripts.get(&key) else { return };
        // Only the agent that started a script ends it at its time limit.
        if end == ScriptEnd::TimedOut && alive != Some(running.life) {
            return;
        }
        let Some(running) = host.scripts.remove(&key) else { return };
        let duration = self.now - running.since;
        let module = &running.run.module;
        self.occur(&Occurrence::ScriptEnded {
            node,
            life: running.life,
            module,
            script: running.run.script,
        });
        let outcome = Outcome::Script { end, duration, userlog: None };
        self.report(node, running.life, running.id, outcome, 0);
    }

    pub(super) fn process_dies(&mut self, node: NodeId, module: &ModuleName, process: ProcessId) {
        let Some(host) = self.hosts.get_mut(&node) else { return };
        if !host.processes.kill(process) {
            return;
        }
        let watching = host
            .agent
            .as_ref()
            .filter(|agent| agent.watched.values().any(|watched| watched.contains(&process)));
        if let Some(life) = watching.map(|agent| agent.life) {
            let after = self.random.up_to_ms(1);
            let input = Input::ProcessExited(process);
            self.schedule(after, Happening::Deliver { node, life, input });
        }
        self.occur(&Occurrence::ProcessDied { node, module });
    }
}

fn service(state: ServiceState, main: Option<ProcessId>) -> ServiceInfo {
    ServiceInfo { state, said: state.as_str().to_owned(), main }
}
