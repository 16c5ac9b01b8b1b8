//! One module's machine: where it is, and what moves it.
//!
//! In: commands, ends of scripts, lists and deaths of processes, whether the node has joined, time. Out: scripts to
//! run, processes to watch, what to keep on disk, answers, events, the state for the health answer.
//!
//! ```text
//!  Stopped ──start──► Waiting ──prestart──► Moving ──start_both──► Joining ◄──node joins──► Ready
//!     ▲                  │ ▲                 │  ▲                     │                       │
//!     │               stop  └────stop_both───┘  └──────restart, stop, stopstart───────────────┘
//!     └──poststop────────┘                      Adopted (a former agent's application) ──seen──► Joining, Ready
//! ```
//!
//! Always: at most one script runs; Ready only after `start_both` has ended and while the node has joined; nothing runs
//! and nothing is watched in Stopped; not more automatic restarts than the budget gives.
//! Not here: the order of the scripts (`plan`), who else is Ready (`node`).

mod command;
mod handlers;
mod hearing;
mod journey;
mod recovery;
mod saving;
mod show;
mod travel;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::RestartBudget;
use super::io::{Input, Join, Output};
use super::script::{Script, ScriptEnd};
use super::state::ModuleState;
use super::watch::{Monitor, Switch};
use crate::bug::{Bug, planted};
use crate::config::model::{ModuleConfig, ModuleMode};
use crate::control::{Origin, WatchSwitch};
use crate::event::{Event, ModuleFault};
use crate::explain::Cause;
use crate::ids::{ActionId, LanSet, ModuleKey, ModuleName};
use crate::machine::Machine;
use crate::node::{Action, AgentStart, ModuleSetup, Outcome};
use crate::timer::{Timers, later};
use journey::{Doing, Journey, Proof, State};
use saving::Kept;
#[cfg(feature = "sim")]
pub(crate) use saving::SAVE;

/// Bits of an action's number below the number of its module.
const ACTION_BITS: u32 = 40;
/// A script that was told to end and has not is told again after this time.
const END_AGAIN: Duration = Duration::from_secs(5);
/// Handlers that run at a time: with the script of each of 32 modules they stay below what the edge runs at a time.
const HANDLERS_MAX: usize = 3;
/// A balancer that has not asked for this long does not count.
const PROBER_FORGOTTEN: Duration = Duration::from_secs(60);

/// What a module waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// When to start because the agent has started (`boot_delay`).
    Boot,
    /// When the drain ends and the application is stopped.
    Drain,
    /// When a script in whose way a stop has to wait is ended.
    Patience,
    /// When to tell a script again that it has to end.
    EndAgain,
    /// When an application that cannot be seen is believed to run.
    Proof,
    /// When to save again what could not be saved.
    SaveAgain,
    /// When a saving that has not ended is told as a fault.
    SaveLate,
}

/// What an order was for that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    EndScript,
    Watch,
    Save,
}

/// A handler that runs.
#[derive(Clone, Debug)]
struct HandlerRun {
    /// The `<proc>`.
    name: String,
    /// Its file, as configured.
    file: String,
    /// Whether it was told to end.
    ending: bool,
}

/// A module. See the file for its states.
///
/// A [`Node`](crate::node::Node) owns its modules and feeds them, and [`Node::module`](crate::node::Node::module) shows
/// one. Driven by itself it does this:
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use safekit_core::Machine;
/// use safekit_core::config::module;
/// use safekit_core::control::{Command, Origin};
/// use safekit_core::ids::{CommandId, LanSet, ModuleName};
/// use safekit_core::module::script::{Script, ScriptEnd};
/// use safekit_core::module::state::FarmState;
/// use safekit_core::module::{Input, Join, Module, Output, PastRun, PresentRun};
/// use safekit_core::node::{Action, AgentStart, ModuleSetup, Outcome};
///
/// let text = br#"<safe><service mode="farm"><farm><lan name="default"/></farm><user/></service></safe>"#;
/// let parsed = module::parse(&ModuleName::new("web")?, "userconfig.xml", text, &|_| None);
/// let setup = ModuleSetup {
///     config: Arc::new(parsed.model.ok_or("a fault in userconfig.xml")?),
///     scripts: [Script::StartBoth].into(),
///     lans: LanSet::ALL,
///     sharing: 0,
///     saved: None,
///     start: AgentStart::HostBooted,
/// };
/// let now = Instant::now();
/// let mut web = Module::new(now, 1, setup, Join::Joined);
/// let origin = Origin::User("root".to_owned());
/// web.handle_input(now, Input::CommandReceived { id: CommandId(1), command: Command::Start, origin });
///
/// // Saving ends at once, the script after two seconds.
/// let mut started = None;
/// while let Some(output) = web.poll_output() {
///     match output {
///         Output::Action { id, action: Action::RunScript(run) } => started = Some((id, run.script)),
///         Output::Action { id, .. } => {
///             web.handle_input(now, Input::ActionFinished { id, outcome: Outcome::Done });
///         }
///         _ => {} // events, states
///     }
/// }
/// let present: PresentRun = web.present_run().ok_or("a script runs")?;
/// assert_eq!((present.script, web.goal()), (Script::StartBoth, FarmState::Up));
///
/// let (id, _) = started.ok_or("start_both was ordered")?;
/// let (now, duration) = (now + Duration::from_secs(2), Duration::from_secs(2));
/// let outcome = Outcome::Script { end: ScriptEnd::Exited { code: 0 }, duration, userlog: None };
/// web.handle_input(now, Input::ActionFinished { id, outcome });
/// assert_eq!(web.state().to_string(), "UP (Ready)");
/// let past: &PastRun = web.past_runs().get(&Script::StartBoth).ok_or("it has run")?;
/// assert_eq!(past.duration, duration);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Module {
    number: u32,
    key: ModuleKey,
    config: Arc<ModuleConfig>,
    scripts: BTreeSet<Script>,
    lans: LanSet,
    sharing: u32,
    state: State,
    since: Instant,
    cause: Cause,
    /// Whether it was started and not stopped since.
    started: bool,
    budget: RestartBudget,
    monitor: Monitor,
    join: Join,
    others_ready: bool,
    probed_at: Option<Instant>,
    /// When it was Ready last, where it is not now: a balancer may not have noticed yet.
    served_at: Option<Instant>,
    boot_waits: bool,
    past: BTreeMap<Script, PastRun>,
    timers: Timers<Timer>,
    actions: u64,
    orders: BTreeMap<ActionId, Order>,
    handlers: BTreeMap<ActionId, HandlerRun>,
    kept: Option<Kept>,
    /// What the operating system says to the last saving, where it failed: that is told once.
    save_error: Option<String>,
    /// Whether the last `stop_both` of a stop did not come to its own end, and the module has not been UP since. The
    /// past runs do not tell it: they do not outlive the agent.
    may_still_run: bool,
    told: Option<(ModuleState, &'static str)>,
    outputs: VecDeque<Output>,
}

/// A run of a script that has ended.
///
/// Example: [`Module`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastRun {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How it ended.
    pub end: ScriptEnd,
    /// How long it ran.
    pub duration: Duration,
    /// Its userlog file.
    pub userlog: Option<String>,
}

/// A run of a script that has not ended.
///
/// Example: [`Module`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresentRun {
    /// The script.
    pub script: Script,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Since when it runs.
    pub since: Instant,
}

impl Module {
    /// Makes a module and judges what was saved of it. `number` is its own among all modules that this node has ever
    /// had, not 0: the numbers of its actions begin with it.
    #[must_use]
    pub fn new(now: Instant, number: u32, setup: ModuleSetup, join: Join) -> Self {
        let saved = setup.saved;
        let mut module = Self {
            number,
            key: setup.config.name.key(),
            config: setup.config,
            scripts: setup.scripts,
            lans: setup.lans,
            sharing: setup.sharing,
            state: State::Stopped,
            since: now,
            cause: Cause::AgentStarted,
            started: saved.as_ref().is_some_and(|saved| saved.started),
            budget: RestartBudget::new(now, saved.as_ref().map(|saved| saved.budget)),
            monitor: Monitor::new(now),
            join,
            others_ready: false,
            probed_at: None,
            served_at: None,
            boot_waits: false,
            past: BTreeMap::new(),
            timers: Timers::new(),
            actions: 0,
            orders: BTreeMap::new(),
            handlers: BTreeMap::new(),
            kept: None,
            save_error: None,
            may_still_run: false,
            told: None,
            outputs: VecDeque::new(),
        };
        module.monitor.configure(now, module.config.errd.as_ref());
        if let Some(saved) = &saved {
            let switch = if saved.errd_off { Switch::Off } else { Switch::On };
            module.monitor.restore(switch, &saved.classes);
        }
        module.recover(now, setup.start, saved.as_ref());
        module.settle(now);
        module
    }

    /// Lets its polls fall on multiples of their timer since that moment, so that modules share lists.
    pub(crate) fn poll_since(&mut self, since: Instant) {
        self.monitor.poll_since(since);
    }

    fn configure(&mut self, now: Instant, setup: ModuleSetup) {
        self.config = setup.config;
        self.scripts = setup.scripts;
        self.lans = setup.lans;
        self.sharing = setup.sharing;
        self.monitor.configure(now, self.config.errd.as_ref());
        if setup.start != AgentStart::ClusterChanged && self.monitor.switch(now, Switch::On) {
            let (module, switch) = (self.name(), WatchSwitch::On);
            self.event(Event::WatchSwitched { module, switch, origin: Origin::Automatic });
        }
        self.end_handlers();
        if !self.starts_at_boot() {
            self.timers.stop(Timer::Boot);
            self.boot_waits = false;
        }
        // Another mode may ask for another readiness.
        match (&self.state, self.is_joined()) {
            (State::Joining, true) => self.become_up(now, Cause::NodeJoined),
            (State::Ready, false) => self.become_up(now, Cause::NodeJoining),
            (State::Stopped | State::Waiting(_) | State::Moving(_), _)
            | (State::Adopted(_) | State::Joining | State::Ready, _) => {}
        }
    }

    /// Tells whether it may be Ready as far as the other nodes go: to a light module they do not matter. That its own
    /// node has stood still is told by the age of what the health answer is given from.
    fn is_joined(&self) -> bool {
        self.join == Join::Joined || self.config.mode == ModuleMode::Light
    }

    /// Tells whether it cannot be started yet: there is no cluster, and it needs one.
    fn lacks_cluster(&self) -> bool {
        self.join == Join::NoCluster && !self.is_joined()
    }

    fn handle_action_finished(&mut self, now: Instant, id: ActionId, outcome: Outcome) {
        if self.state.running().is_some_and(|running| running.action == id) {
            return self.handle_script_end(now, outcome);
        }
        if let Some(handler) = self.handlers.remove(&id) {
            return self.handle_handler_end(now, handler, outcome);
        }
        let Some(order) = self.orders.remove(&id) else { return };
        let what = match order {
            Order::EndScript => "end a script",
            Order::Watch => "watch processes for their end",
            Order::Save => return self.handle_saved(now, outcome),
        };
        if let Outcome::Failed { error } = outcome {
            self.event(Event::EdgeFailed { module: Some(self.name()), what, error });
        }
    }

    fn handle_join(&mut self, now: Instant, join: Join) {
        self.join = join;
        match (&self.state, join) {
            (State::Joining, Join::Joined) => self.become_up(now, Cause::NodeJoined),
            (State::Ready, Join::NoCluster | Join::Joining) if !self.is_joined() => {
                self.become_up(now, Cause::NodeJoining);
            }
            (State::Stopped, Join::Joining | Join::Joined) if self.boot_waits => self.boot(now),
            (State::Stopped | State::Waiting(_) | State::Moving(_), _)
            | (State::Adopted(_) | State::Joining | State::Ready, _) => {}
        }
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Boot => self.boot(now),
            Timer::Drain => self.end_drain(now),
            Timer::Patience | Timer::EndAgain => self.end_script(now),
            Timer::SaveAgain => self.kept = None,
            Timer::SaveLate => self.miss_saving(),
            Timer::Proof => {
                if matches!(self.state, State::Adopted(_)) {
                    self.become_up(now, Cause::PollPassed);
                }
            }
        }
    }

    /// Ends each public mutator.
    fn settle(&mut self, now: Instant) {
        self.hear_monitor(now);
        self.prove_by_time(now);
        self.tell();
        self.save(now);
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    fn become_stopped(&mut self, now: Instant, cause: Cause) {
        self.stop_timers();
        self.monitor.disable_classes();
        self.transit(now, State::Stopped, cause);
        if let Some(fault) = self.unstopped() {
            self.event(Event::ModuleFaulty { module: self.name(), fault });
        }
    }

    /// Returns the fault that the application may run though it was stopped.
    fn unstopped(&self) -> Option<ModuleFault> {
        let end = || self.past.get(&Script::StopBoth).map(|run| run.end.clone());
        self.may_still_run.then(|| ModuleFault::MayStillRun { end: end() })
    }

    fn become_waiting(&mut self, now: Instant, journey: Journey, cause: Cause) {
        self.transit(now, State::Waiting(journey), cause);
    }

    fn become_moving(&mut self, now: Instant, journey: Journey, cause: Cause) {
        self.transit(now, State::Moving(journey), cause);
    }

    fn become_adopted(&mut self, now: Instant, proof: Proof) {
        self.await_proof(now, proof);
        // A balancer that sends clients because of what the former agent answered has not asked this one yet: it is taken
        // to be there until its silence says otherwise, and to send clients as if this one had been Ready.
        (self.probed_at, self.served_at) = (Some(now), Some(now));
    }

    fn await_proof(&mut self, now: Instant, proof: Proof) {
        if proof != Proof::Processes {
            let poll = self.monitor.polltimer().max(recovery::PROOF_MIN);
            self.timers.set(Timer::Proof, later(now, poll));
        }
        self.transit(now, State::Adopted(proof), Cause::AgentRestarted);
    }

    /// UP: Ready where the node has joined.
    fn become_up(&mut self, now: Instant, cause: Cause) {
        self.stop_timers();
        self.may_still_run = false;
        let ready = self.is_joined() || planted(Bug::ReadyBeforeJoined);
        let state = if ready { State::Ready } else { State::Joining };
        self.transit(now, state, cause);
    }

    /// Stops the timers that belong to a state.
    fn stop_timers(&mut self) {
        for timer in [Timer::Boot, Timer::Drain, Timer::Patience, Timer::EndAgain, Timer::Proof] {
            self.timers.stop(timer);
        }
    }

    /// The end of each `become_*`.
    fn transit(&mut self, now: Instant, state: State, cause: Cause) {
        let from = self.state.shown();
        if matches!(self.state, State::Ready) {
            self.served_at = Some(now);
        }
        self.state = state;
        self.cause = cause;
        let to = self.state.shown();
        if from != to {
            self.since = now;
            let (module, cause) = (self.name(), self.cause.clone());
            self.event(Event::StateChanged { module, from, to, cause });
        }
        self.tell();
    }

    /// Tells the state to the health answer, where it is another one.
    fn tell(&mut self) {
        let (state, reason) = (self.state.shown(), self.state.reason());
        if self.told != Some((state, reason)) {
            self.told = Some((state, reason));
            self.outputs.push_back(Output::StateChanged { state, reason });
        }
    }

    fn order(&mut self, order: Order, action: Action) {
        let id = self.act(action);
        self.orders.insert(id, order);
    }

    fn act(&mut self, action: Action) -> ActionId {
        self.actions = self.actions.wrapping_add(1) & ((1 << ACTION_BITS) - 1);
        let id = ActionId((u64::from(self.number) << ACTION_BITS) | self.actions);
        self.outputs.push_back(Output::Action { id, action });
        id
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn name(&self) -> ModuleName {
        self.config.name.clone()
    }

    fn check_invariants(&self) {
        let draining = self.drain_until().is_some();
        debug_assert!(
            !draining
                || self.timers.deadline(Timer::Drain).is_some()
                || planted(Bug::ForgottenTimer),
            "a drain must end"
        );
        debug_assert!(
            self.state.journey().is_none_or(|journey| !matches!(journey.doing, Doing::Nothing)),
            "a journey must wait for something"
        );
        debug_assert!(
            !matches!(self.state, State::Ready)
                || self.is_joined()
                || planted(Bug::ReadyBeforeJoined),
            "a module is Ready only when the node has joined"
        );
        debug_assert!(
            !matches!(self.state, State::Stopped) || !self.monitor.is_on(),
            "a stopped module watches nothing"
        );
        debug_assert!(
            !matches!(self.state, State::Stopped) || self.handlers.values().all(|it| it.ending),
            "no handler of a stopped module runs on"
        );
    }
}

impl Machine for Module {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::CommandReceived { id, command, origin } => {
                let answer = self.command(now, command, &origin);
                self.outputs.push_back(Output::CommandAnswered { id, answer });
            }
            Input::SwitchReceived { id, switch, origin } => {
                let answer = self.switch(now, switch, &origin);
                self.outputs.push_back(Output::CommandAnswered { id, answer });
            }
            Input::ActionFinished { id, outcome } => self.handle_action_finished(now, id, outcome),
            Input::JoinChanged(join) => self.handle_join(now, join),
            Input::OthersChanged { ready } => self.others_ready = ready,
            Input::BalancerProbed => self.probed_at = Some(now),
            Input::ProcessesScanned(processes) => {
                let running = self.state.running().map(|running| running.script);
                if self.monitor.handle_scan(now, &processes, running) {
                    self.prove(now);
                }
            }
            Input::ServicesAsked(services) => {
                if self.monitor.handle_services(now, &services) {
                    self.prove(now);
                }
            }
            Input::ProcessExited(process) => self.monitor.handle_exit(now, process),
            Input::BudgetChanged(change) => self.change_budget(now, change),
            Input::Configured(setup) => self.configure(now, *setup),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            self.fire(now, timer);
        }
        self.monitor.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.monitor.poll_timeout()).min()
    }
}
