//! A module with a host around it that does what the test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::model::{
    BootPolicy, ErrdConfig, Logging, ModuleConfig, ModuleMode, ProcAction, ProcClass, ProcConfig,
    ProcKind, Signature, UserConfig,
};
use crate::control::{Accepted, Command, Origin, Refusal, WatchSwitch};
use crate::event::Event;
use crate::ids::{ActionId, CommandId, LanSet, ModuleName, ProcessId};
use crate::machine::Machine;
use crate::module::saved::{SavedBudget, SavedModule, SavedPhase};
use crate::module::script::{Script, ScriptEnd, ScriptRun};
use crate::module::state::ModuleState;
use crate::module::watch::{ProcessInfo, ServiceInfo, ServiceState};
use crate::module::{Input, Join, Module, Output};
use crate::node::{Action, AgentStart, ModuleSetup, Outcome};
use crate::sim_clock_base;

pub(super) const POLL: Duration = Duration::from_secs(10);

pub(super) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn user() -> Origin {
    Origin::User("root".to_owned())
}

pub(super) fn config() -> ModuleConfig {
    ModuleConfig {
        name: ModuleName::new("farm").unwrap(),
        mode: ModuleMode::Farm,
        boot: BootPolicy::Ignore,
        boot_delay: Duration::ZERO,
        maxloop: 3,
        loop_interval: s(24 * 3600),
        drain: s(15),
        lans: Vec::new(),
        user: Some(UserConfig {
            nicestoptimeout: s(300),
            forcestoptimeout: s(200),
            starttimeout: None,
            logging: Logging::Userlog,
            userlogsize_bytes: 2048 * 1024,
            vars: vec![("SERVICES".to_owned(), "nginx".to_owned())],
        }),
        errd: None,
        signature: Signature(1),
    }
}

pub(super) fn proc(name: &str, action: ProcAction) -> ProcConfig {
    ProcConfig {
        name: name.to_owned(),
        nameregex: None,
        argregex: None,
        atleast: Some(1),
        atmax: None,
        kind: ProcKind::Process,
        restart_services: Vec::new(),
        action,
        handlertimeout: None,
        class: ProcClass::Both,
        start_after: 0,
    }
}

pub(super) fn watching(procs: Vec<ProcConfig>) -> ModuleConfig {
    ModuleConfig { errd: Some(ErrdConfig { polltimer: POLL, procs }), ..config() }
}

pub(super) fn process(name: &str, pid: u32) -> ProcessInfo {
    ProcessInfo {
        id: ProcessId { pid, started: 1 },
        parent_pid: 1,
        name: name.chars().take(15).collect(),
        executable: name.to_owned(),
        arguments: vec![format!("/usr/bin/{name}")],
    }
}

pub(super) fn saved(phase: SavedPhase) -> SavedModule {
    let budget = SavedBudget { used: 0, age_ms: 0 };
    SavedModule {
        phase,
        started: true,
        watched: Vec::new(),
        budget,
        may_still_run: false,
        errd_off: false,
        classes: BTreeSet::new(),
    }
}

/// A module and what it has said.
pub(super) struct Bench {
    pub(super) now: Instant,
    pub(super) module: Module,
    /// Runs of scripts that have not ended; never more than one.
    pub(super) running: Vec<(ActionId, ScriptRun)>,
    /// Runs of handlers that have not ended.
    pub(super) handlers: Vec<(ActionId, ScriptRun)>,
    pub(super) to_end: Vec<ActionId>,
    pub(super) scans_wanted: u32,
    /// The services that were asked for and not told of.
    pub(super) asked: Option<BTreeSet<String>>,
    pub(super) joined: bool,
    pub(super) watched: BTreeSet<u32>,
    pub(super) saves: Vec<SavedModule>,
    /// What the disk has not taken yet.
    unsaved: Vec<ActionId>,
    /// Whether the disk takes nothing by itself.
    pub(super) disk_hangs: bool,
    pub(super) events: Vec<Event>,
    pub(super) told: Vec<(ModuleState, &'static str)>,
    /// States and scripts in their order, since the last call of [`Self::story`].
    story: Vec<String>,
    answers: Vec<Result<Accepted, Refusal>>,
}

impl Bench {
    pub(super) fn begin(
        config: ModuleConfig,
        start: AgentStart,
        kept: Option<SavedModule>,
    ) -> Self {
        Self::with_scripts(config, start, kept, &Script::ALL)
    }

    pub(super) fn with_scripts(
        config: ModuleConfig,
        start: AgentStart,
        kept: Option<SavedModule>,
        scripts: &[Script],
    ) -> Self {
        let setup = ModuleSetup {
            config: Arc::new(config),
            scripts: scripts.iter().copied().collect(),
            lans: LanSet::ALL,
            sharing: 0,
            saved: kept,
            start,
        };
        let now = sim_clock_base();
        let module = Module::new(now, 1, setup, Join::Joined);
        let mut bench = Self {
            now,
            module,
            running: Vec::new(),
            handlers: Vec::new(),
            to_end: Vec::new(),
            scans_wanted: 0,
            asked: None,
            joined: true,
            watched: BTreeSet::new(),
            saves: Vec::new(),
            unsaved: Vec::new(),
            disk_hangs: false,
            events: Vec::new(),
            told: Vec::new(),
            story: Vec::new(),
            answers: Vec::new(),
        };
        bench.drain();
        bench
    }

    /// A module that nobody has started yet, with all scripts.
    pub(super) fn new(config: ModuleConfig) -> Self {
        Self::begin(config, AgentStart::Reconfigured, None)
    }

    /// A module that is UP (Ready).
    pub(super) fn up(config: ModuleConfig) -> Self {
        let mut bench = Self::new(config);
        bench.command(Command::Start, user()).unwrap();
        bench.run_all();
        assert_eq!(bench.module.state(), ModuleState::UP_READY);
        bench.forget();
        bench
    }

    pub(super) fn input(&mut self, input: Input) {
        if let Input::JoinChanged(join) = &input {
            self.joined = *join == Join::Joined;
        }
        self.module.handle_input(self.now, input);
        self.timeout();
    }

    fn timeout(&mut self) {
        self.module.handle_timeout(self.now);
        let next = self.module.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "the next deadline is later than now");
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        let mut count = 0;
        while let Some(output) = self.module.poll_output() {
            count += 1;
            assert!(count < 100, "outputs of one call are bounded");
            match output {
                Output::Action { id, action } => self.act(id, action),
                Output::ScanWanted => self.scans_wanted += 1,
                Output::ServicesWanted(services) => {
                    assert!(self.asked.replace(services).is_none(), "one question at a time");
                }
                Output::Event(event) => self.events.push(event),
                Output::CommandAnswered { answer, .. } => self.answers.push(answer),
                Output::StateChanged { state, reason } => {
                    self.told.push((state, reason));
                    self.story.push(format!("{} {} {reason}", state.state, state.readiness));
                }
            }
        }
        if !self.disk_hangs {
            self.answer_saves(&Outcome::Done);
        }
    }

    /// Lets the disk take what waits, or says what became of it.
    pub(super) fn answer_saves(&mut self, outcome: &Outcome) {
        for id in std::mem::take(&mut self.unsaved) {
            self.input(Input::ActionFinished { id, outcome: outcome.clone() });
        }
    }

    fn act(&mut self, id: ActionId, action: Action) {
        assert_eq!(Module::number_of(id), 1);
        match action {
            Action::RunScript(run) if run.script == Script::Handler => {
                self.story.push(format!("  handler {}", run.arguments.join(" ")));
                self.handlers.push((id, *run));
            }
            Action::RunScript(run) => {
                let script = run.script.as_str();
                self.story.push(format!("  {script} {}", run.arguments.join(" ")));
                self.running.push((id, *run));
                assert!(self.running.len() < 2, "never two scripts at once: {:?}", self.story);
            }
            Action::EndScript { run, .. } => self.to_end.push(run),
            Action::ScanProcesses | Action::AskServices { .. } => panic!("the node orders lists"),
            Action::WatchProcesses { processes, .. } => {
                self.watched = processes.iter().map(|process| process.pid).collect();
            }
            Action::SaveModule { saved, .. } => {
                self.saves.push(saved);
                self.unsaved.push(id);
            }
        }
    }

    pub(super) fn command(
        &mut self,
        command: Command,
        origin: Origin,
    ) -> Result<Accepted, Refusal> {
        self.input(Input::CommandReceived { id: CommandId(7), command, origin });
        self.answers.pop().expect("each command is answered")
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.module.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.timeout();
        }
        self.now = end;
        self.timeout();
    }

    /// Ends the script that runs.
    pub(super) fn end(&mut self, end: ScriptEnd) {
        let (id, run) = self.running.pop().expect("a script runs");
        let userlog = Some(format!("userlog_{}.ulog", run.script.as_str()));
        let outcome = Outcome::Script { end, duration: ms(100), userlog };
        self.input(Input::ActionFinished { id, outcome });
    }

    pub(super) fn exit(&mut self, code: i32) {
        self.end(ScriptEnd::Exited { code });
    }

    /// Ends the handler that was begun first.
    pub(super) fn end_handler(&mut self, end: ScriptEnd) {
        let (id, _) = self.handlers.remove(0);
        let outcome = Outcome::Script { end, duration: ms(100), userlog: None };
        self.input(Input::ActionFinished { id, outcome });
    }

    pub(super) fn switch(&mut self, switch: WatchSwitch) -> Result<Accepted, Refusal> {
        self.input(Input::SwitchReceived { id: CommandId(8), switch, origin: user() });
        self.answers.pop().expect("each command is answered")
    }

    /// Lets each script that runs exit with 0, until none runs.
    pub(super) fn run_all(&mut self) {
        for _ in 0..50 {
            if self.running.is_empty() {
                return;
            }
            self.pass(ms(100));
            self.exit(0);
        }
        panic!("the scripts never end: {:?}", self.story);
    }

    /// Lets scripts exit with 0 until that one runs.
    pub(super) fn run_until(&mut self, script: Script) {
        while self.running_script() != Some(script) {
            self.pass(ms(100));
            self.exit(0);
        }
    }

    pub(super) fn running_script(&self) -> Option<Script> {
        self.running.last().map(|(_, run)| run.script)
    }

    pub(super) fn arguments(&self) -> String {
        self.running.last().map(|(_, run)| run.arguments.join(" ")).unwrap_or_default()
    }

    pub(super) fn time_limit(&self) -> Option<Duration> {
        self.running.last().and_then(|(_, run)| run.time_limit)
    }

    /// Answers the wish for a list.
    pub(super) fn scan(&mut self, processes: &[ProcessInfo]) {
        assert!(self.scans_wanted > 0, "a list is wanted");
        self.scans_wanted -= 1;
        self.input(Input::ProcessesScanned(processes.into()));
    }

    /// Answers the question how the services stand.
    pub(super) fn tell(&mut self, services: &[(&str, ServiceState, Option<u32>)]) {
        let asked = self.asked.take().expect("services are asked for");
        let mut told = BTreeMap::new();
        for (name, state, pid) in services {
            assert!(asked.contains(*name), "{name} was not asked for: {asked:?}");
            let main = pid.map(|pid| ProcessId { pid, started: 1 });
            let said = state.as_str().to_owned();
            told.insert((*name).to_owned(), ServiceInfo { state: *state, said, main });
        }
        self.input(Input::ServicesAsked(told.into()));
    }

    pub(super) fn die(&mut self, pid: u32) {
        self.input(Input::ProcessExited(ProcessId { pid, started: 1 }));
    }

    /// A balancer asks, and another node is Ready: what a drain needs.
    pub(super) fn in_a_farm(mut self) -> Self {
        self.input(Input::BalancerProbed);
        self.input(Input::OthersChanged { ready: true });
        self
    }

    /// Returns states and scripts since the last call.
    pub(super) fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    pub(super) fn forget(&mut self) {
        self.story.clear();
        self.events.clear();
        self.told.clear();
    }

    pub(super) fn state(&self) -> String {
        format!("{} {}", self.module.state(), self.module.reason())
    }

    pub(super) fn phase(&self) -> SavedPhase {
        self.saves.last().expect("something was saved").phase
    }

    pub(super) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    /// Tells who gave which command, as far as they were taken.
    pub(super) fn commands(&self) -> Vec<(Command, Origin)> {
        let accepted = |event: &Event| {
            let Event::CommandAccepted { command, origin, .. } = event else { return None };
            Some((*command, origin.clone()))
        };
        self.events.iter().filter_map(accepted).collect()
    }
}
