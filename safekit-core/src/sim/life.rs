//! What must hold in the life of every module, whatever happens to its host.
//!
//! - Never two scripts of one module at once, and in an order that makes sense; no second start without a stop between.
//! - No automatic start of a module that was stopped; at most `maxloop` automatic ones within `loop_interval`.
//! - Ready only while no script runs, `start_both` has ended, and the processes are as watched.
//! - A new agent does not touch an application that it finds healthy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::config::model::{ProcAction, ProcKind};
use crate::control::{Command, Origin};
use crate::event::Event;
use crate::ids::{ModuleName, NodeId};
use crate::module::SAVE;
use crate::module::saved::SavedPhase;
use crate::module::script::{Script, ScriptRun};
use crate::module::state::ModuleState;
use crate::node::{Action, Output};
use crate::sim::script::is_forced;
use crate::sim::{Invariant, Occurrence, SimModule, Subject, World};

/// The invariant of every module's life.
///
/// Example: [`Invariant`].
#[derive(Debug, Default)]
pub struct Life {
    modules: BTreeMap<(NodeId, ModuleName), Record>,
}

/// What is known of one module on one host.
#[derive(Debug, Default)]
struct Record {
    /// An agent has run since the host has power.
    known: bool,
    stage: Stage,
    state: Option<ModuleState>,
    running: Option<(u64, Script)>,
    may_start: bool,
    /// Starts that a person or the start of the agent explains.
    explained: u32,
    /// Automatic starts since a person last said something.
    automatic: VecDeque<Duration>,
    /// Since when it is Ready with fewer processes than it should have.
    short_since: Option<Duration>,
    /// The agent could not keep what it wanted to: its successor knows less than the truth.
    unsaved: bool,
    /// The agent was lost while all was well, and nothing has happened to the application since.
    healthy: bool,
}

/// What the scripts have done to the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Clean,
    Unknown,
    Prestarted,
    Started,
    Stopped,
}

impl Life {
    /// Makes the invariant.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn record(&mut self, node: NodeId, module: &ModuleName) -> &mut Record {
        self.modules.entry((node, module.clone())).or_default()
    }

    fn agent_started<M: Subject>(&mut self, world: &World<M>, node: NodeId) {
        for module in &world.cast().modules {
            let name = &module.config.name;
            let stopped = world.saved(node, name).is_some_and(|it| it.phase == SavedPhase::Stopped);
            let record = self.record(node, name);
            // A host that was off starts its modules by the boot policy; an agent goes on where the last one was.
            record.may_start = !record.known || !stopped;
            if std::mem::take(&mut record.unsaved) {
                record.stage = Stage::Unknown;
                record.may_start = true;
                record.automatic.clear();
            }
            record.known = true;
            record.explained = record.explained.max(1);
        }
    }

    fn agent_ended<M: Subject>(&mut self, world: &World<M>, node: NodeId) {
        for module in &world.cast().modules {
            let name = &module.config.name;
            let saved = world.saved(node, name).filter(|saved| saved.phase == SavedPhase::Up);
            let watched = saved.map(|saved| saved.watched.iter().copied().collect::<BTreeSet<_>>());
            let there = world.processes(node, name);
            let enough = there.len() >= least_processes(module);
            let record = self.record(node, name);
            record.healthy = enough
                && !record.unsaved
                && watched == Some(there)
                && record.running.is_none()
                && record.state == Some(ModuleState::UP_READY);
            record.state = None;
            record.running = None;
            record.short_since = None;
        }
    }

    fn turn_ended<M: Subject>(&mut self, world: &World<M>, node: NodeId) -> Result<(), String> {
        for module in &world.cast().modules {
            let name = &module.config.name;
            let record = self.record(node, name);
            if record.state != Some(ModuleState::UP_READY) {
                record.short_since = None;
                continue;
            }
            let least = least_processes(module);
            // Nobody can know of a service whose host is silent.
            let hidden = is_service(module) && world.hides_services(node);
            if least == 0 || hidden || world.processes(node, name).len() >= least {
                record.short_since = None;
                continue;
            }
            let poll = module.config.errd.as_ref().map(|errd| errd.polltimer).unwrap_or_default();
            let since = *record.short_since.get_or_insert_with(|| world.now());
            // The last question that the host did not answer takes its time.
            let flight = if is_service(module) { SILENT } else { Duration::ZERO };
            let most = poll * 2 + Duration::from_secs(1) + flight;
            if world.now() - since > most {
                return Err(format!(
                    "{node}: {name} is Ready without its processes since {since:?}"
                ));
            }
        }
        Ok(())
    }

    fn output<M: Subject>(
        &mut self,
        world: &World<M>,
        node: NodeId,
        output: &Output,
    ) -> Result<(), String> {
        match output {
            Output::StateChanged { module, state, .. } => {
                let has_start =
                    world.module(module).is_some_and(|it| it.scripts.contains(&Script::StartBoth));
                let record = self.record(node, module);
                record.state = Some(*state);
                if *state == ModuleState::UP_READY {
                    if let Some((_, script)) = record.running {
                        return Err(format!(
                            "{node}: {module} is Ready while {} runs",
                            script.as_str()
                        ));
                    }
                    if has_start && !matches!(record.stage, Stage::Started | Stage::Unknown) {
                        return Err(format!("{node}: {module} is Ready, but {:?}", record.stage));
                    }
                }
            }
            Output::Event(Event::CommandAccepted { module, command, origin }) => {
                self.record(node, module).command(*command, origin);
            }
            Output::Event(Event::EdgeFailed { module: Some(module), what: SAVE, .. }) => {
                self.record(node, module).unsaved = true;
            }
            Output::Event(Event::InvariantBroken { module, what }) => {
                return Err(format!("{node}: {module:?}: {what}"));
            }
            Output::Action { action: Action::RunScript(run), .. }
                if run.script == Script::StartBoth =>
            {
                let Some(module) = world.module(&run.module) else { return Ok(()) };
                let record = self.record(node, &run.module);
                let told = record.start_ordered(world.now(), module);
                return told.map_err(|what| format!("{node}: {}: {what}", run.module));
            }
            Output::Event(_)
            | Output::Action { .. }
            | Output::Transmit(_)
            | Output::CommandAnswered { .. }
            | Output::ViewProposed { .. }
            | Output::ViewInstalled { .. }
            | Output::CounterTaken { .. }
            | Output::Left => {}
        }
        Ok(())
    }

    fn script_started<M: Subject>(
        &mut self,
        world: &World<M>,
        node: NodeId,
        life: u64,
        run: &ScriptRun,
    ) -> Result<(), String> {
        let Some(module) = world.module(&run.module) else {
            return Err(format!("{node}: a script of {} which is not configured", run.module));
        };
        let record = self.record(node, &run.module);
        let told = record.script_started(module, life, run);
        told.map_err(|what| format!("{node}: {}: {what}", run.module))
    }
}

impl Record {
    fn command(&mut self, command: Command, origin: &Origin) {
        if *origin != Origin::Automatic {
            self.healthy = false;
        }
        match command {
            Command::Stop | Command::Forcestop => self.may_start = false,
            Command::Start if *origin != Origin::Automatic => {
                self.may_start = true;
                self.explained = 1;
            }
            Command::Restart | Command::Stopstart if origin.is_administrator() => {
                self.may_start = true;
                self.explained = 1;
            }
            Command::Start | Command::Restart | Command::Stopstart => {}
        }
        if origin.is_administrator() {
            self.automatic.clear();
        }
    }

    fn script_started(
        &mut self,
        module: &SimModule,
        life: u64,
        run: &ScriptRun,
    ) -> Result<(), String> {
        let script = run.script;
        if let Some((_, other)) = self.running.replace((life, script)) {
            return Err(format!("{} begins while {} runs", script.as_str(), other.as_str()));
        }
        if self.healthy {
            return Err(format!("{} touches an application that is well", script.as_str()));
        }
        if self.state == Some(ModuleState::UP_READY) {
            return Err(format!("{} begins while the module is Ready", script.as_str()));
        }
        let has = |script| module.scripts.contains(&script);
        let legal = match script {
            Script::Transition | Script::StopBoth | Script::Handler => true,
            Script::Prestart => self.stage != Stage::Started || !has(Script::StopBoth),
            Script::StartBoth => match self.stage {
                Stage::Clean => !has(Script::Prestart),
                Stage::Prestarted | Stage::Stopped | Stage::Unknown => true,
                Stage::Started => !has(Script::StopBoth),
            },
            Script::Poststop => self.stage != Stage::Started || !has(Script::StopBoth),
        };
        if !legal {
            let what = if is_forced(run) { " force" } else { "" };
            return Err(format!("{}{what} is run when {:?}", script.as_str(), self.stage));
        }
        match script {
            Script::Transition | Script::Handler => {}
            Script::Prestart => self.stage = Stage::Prestarted,
            Script::StartBoth => self.stage = Stage::Started,
            Script::StopBoth => self.stage = Stage::Stopped,
            Script::Poststop => self.stage = Stage::Clean,
        }
        Ok(())
    }

    /// A start is judged when it is ordered: a stop that comes after the order may find it running.
    fn start_ordered(&mut self, now: Duration, module: &SimModule) -> Result<(), String> {
        if !self.may_start {
            return Err("the application of a stopped module is started".to_owned());
        }
        if self.explained > 0 {
            self.explained -= 1;
            return Ok(());
        }
        let interval = module.config.loop_interval;
        if interval.is_zero() {
            return Ok(());
        }
        self.automatic.push_back(now);
        while self.automatic.front().is_some_and(|first| now - *first > interval) {
            self.automatic.pop_front();
        }
        // Any stretch of the length of the interval touches at most two of the budget's own intervals.
        let rounds = if now > interval { 2 } else { 1 };
        let most = usize::try_from(module.config.maxloop * rounds).unwrap_or(usize::MAX);
        if self.automatic.len() > most {
            return Err(format!("{} automatic starts, allowed are {most}", self.automatic.len()));
        }
        Ok(())
    }
}

/// After so long a question that a host does not answer is given up.
const SILENT: Duration = Duration::from_secs(3);

fn is_service(module: &SimModule) -> bool {
    let procs = module.config.errd.iter().flat_map(|errd| &errd.procs);
    procs.into_iter().any(|proc| proc.kind == ProcKind::Service)
}

/// Returns how many processes a module must have so that nothing is done about them.
fn least_processes(module: &SimModule) -> usize {
    let Some(errd) = &module.config.errd else { return 0 };
    let acted_upon = errd
        .procs
        .iter()
        .filter(|it| !matches!(it.action, ProcAction::NoAction | ProcAction::Handler(_)));
    let least = acted_upon.filter_map(|it| it.atleast).max().unwrap_or(0);
    usize::try_from(least).unwrap_or(usize::MAX)
}

impl<M: Subject> Invariant<M> for Life {
    fn observe(&mut self, world: &World<M>, occurrence: &Occurrence<'_, M>) -> Result<(), String> {
        match *occurrence {
            Occurrence::AgentStarted { node } => self.agent_started(world, node),
            Occurrence::AgentEnded { node } => self.agent_ended(world, node),
            Occurrence::HostDied { node } => {
                for module in &world.cast().modules {
                    *self.record(node, &module.config.name) = Record::default();
                }
            }
            Occurrence::Resumed { node, .. } => {
                for module in &world.cast().modules {
                    self.record(node, &module.config.name).short_since = None;
                }
            }
            Occurrence::Output { node, output } => {
                if let Some(output) = M::node_output(output) {
                    return self.output(world, node, output);
                }
            }
            Occurrence::ScriptStarted { node, life, run } => {
                return self.script_started(world, node, life, run);
            }
            Occurrence::ScriptEnded { node, life, module, script } => {
                let record = self.record(node, module);
                if record.running == Some((life, script)) {
                    record.running = None;
                }
            }
            Occurrence::ProcessDied { node, module } => self.record(node, module).healthy = false,
            Occurrence::TurnEnded { node } => return self.turn_ended(world, node),
            Occurrence::Paused { .. } | Occurrence::CommandGiven { .. } => {}
        }
        Ok(())
    }
}
