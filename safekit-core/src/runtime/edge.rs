//! The event loop: hands in what comes from outside, and does what outputs ask.
//!
//! In: datagrams of the lans, ends of scripts, deaths of processes, results of workers, inputs of other threads, and
//! the readiness of descriptors that the embedder adds. Out: datagrams, scripts, watches, things to keep.
//!
//! ```text
//! loop {
//!     edge.wait(node.poll_timeout(), &mut inputs)?;      // everything that waits, before silence is judged
//!     let now = clock::now();
//!     for input in inputs.drain(..) { node.handle_input(now, input); }
//!     node.handle_timeout(now);
//!     while let Some(output) = node.poll_output() {
//!         if let Some(output) = edge.perform(output) { /* events, answers: for the embedder */ }
//!     }
//! }
//! ```
//!
//! Always: nothing that can block is done on the loop's thread; every order is answered once; every queue is bounded.
//!
//! For embedders: a process with threads waits some milliseconds in the kernel each time its table of descriptors
//! grows (at 64, 256, 512, 1,024). Who has many connections in the same process reserves the table before the first
//! thread is started.

mod config;
mod sender;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::ids::{ActionId, LanId, ModuleName};
use crate::module::script::ScriptEnd;
use crate::node::{Action, Input, Outcome, Output};
use crate::runtime::clock;
use crate::runtime::holds::Holds;
use crate::runtime::jobs::{
    AskJob, SAVER, SCANNER, SaveJob, failed, start_asker, start_saver, start_scanner,
};
use crate::runtime::lans::{BindError, LanCounters, Lans};
use crate::runtime::notice::EdgeNotice;
use crate::runtime::peers::LAST_PEER_TOKEN;
use crate::runtime::place::ModulePlace;
use crate::runtime::reports::{Report, Reports};
use crate::runtime::script::{RunReport, Runs, ScriptJob, Starter, without_ours};
use crate::runtime::sys;
use crate::runtime::sys::process::ControlGroups;
use crate::runtime::sys::readiness::Source;
use crate::runtime::sys::service::Asker;
use crate::runtime::watches::Watches;
use crate::runtime::worker::Worker;

pub use self::config::{EdgeConfig, EdgeError};
pub use self::sender::{EdgeSender, Full};

/// Names something that the embedder watches; chosen by the embedder.
///
/// ```
/// # #[cfg(not(unix))]
/// # fn main() {}
/// # #[cfg(unix)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Write;
/// use std::sync::Arc;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::saved::SavedModule;
/// use safekit_core::runtime::{Edge, EdgeConfig, Keep, Source, WatchToken};
///
/// # struct Nothing;
/// # impl Keep for Nothing {
/// #     fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> std::io::Result<()> { Ok(()) }
/// # }
/// const CONTROL: WatchToken = WatchToken(1);
///
/// // A pipe on which your program says something to its loop.
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)))?;
/// let source: Source = Box::new(reader);
/// edge.watch(CONTROL, source)?;
/// writer.write_all(b"x")?;
/// let ready = loop {
///     edge.wait(None, &mut Vec::new())?;
///     if let Some(token) = edge.poll_ready() {
///         break token;
///     }
/// };
/// assert_eq!(ready, CONTROL);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchToken(pub u16);

/// The event loop's hands: sockets, scripts, watches, workers.
///
/// ```
/// use std::sync::Arc;
///
/// use safekit_core::ids::{LanId, ModuleName};
/// use safekit_core::membership::Transmit;
/// use safekit_core::module::saved::SavedModule;
/// use safekit_core::node::{Input, Output};
/// use safekit_core::runtime::{Edge, EdgeConfig, Keep};
///
/// struct Nothing;
///
/// impl Keep for Nothing {
///     fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> std::io::Result<()> {
///         Ok(())
///     }
/// }
///
/// let mut edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)))?;
/// let lan = LanId::new(0).ok_or("no lan")?;
/// edge.bind_lans(&[(lan, "127.0.0.1:0".parse()?)])?;
///
/// // A datagram to itself.
/// let to = edge.lan_addresses()[&lan];
/// let for_others = edge.perform(Output::Transmit(Transmit { lan, to, bytes: b"hello".to_vec() }));
/// assert!(for_others.is_none());
///
/// let mut inputs = Vec::new();
/// while inputs.is_empty() {
///     edge.wait(None, &mut inputs)?;
/// }
/// assert!(matches!(&inputs[..], [Input::DatagramReceived { bytes, .. }] if bytes == b"hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Edge {
    poll: Poll,
    events: Events,
    sender: EdgeSender,
    inputs: Receiver<Input>,
    inputs_max: usize,
    reports: Reports,
    reported: Receiver<Report>,
    lans: Lans,
    holds: Holds,
    runs: Runs,
    watches: Watches,
    sources: BTreeMap<WatchToken, (Source, Token)>,
    places: BTreeMap<ModuleName, Place>,
    environment: Arc<[(OsString, OsString)]>,
    control_groups: Option<ControlGroups>,
    saver: Worker<SaveJob>,
    scanner: Worker<ActionId>,
    systemctl: Option<PathBuf>,
    /// Started when it is needed first.
    asker: Option<Worker<AskJob>>,
    pending: Vec<Input>,
    ready: BTreeSet<WatchToken>,
    notices: VecDeque<EdgeNotice>,
    last_token: usize,
}

struct Place {
    place: Arc<ModulePlace>,
    worker: Worker<ScriptJob>,
}

impl Edge {
    /// Makes an edge without lans and modules.
    ///
    /// # Errors
    /// See [`EdgeError`].
    pub fn new(config: EdgeConfig) -> Result<Self, EdgeError> {
        if !sys::process::children_are_reported() {
            return Err(EdgeError::ChildrenIgnored);
        }
        let queue = |source| EdgeError::Queue { source };
        let poll = Poll::new().map_err(queue)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(queue)?);
        let inputs_max = config.inputs_max.max(1);
        let (input_sender, inputs) = mpsc::sync_channel(inputs_max);
        let (report_sender, reported) = mpsc::channel();
        let reports = Reports::new(report_sender, Arc::clone(&waker));
        let saver = start_saver(config.keep, reports.clone())
            .map_err(|source| EdgeError::Worker { name: SAVER, source })?;
        let scanner = start_scanner(config.only_safe, reports.clone())
            .map_err(|source| EdgeError::Worker { name: SCANNER, source })?;
        let control_groups = ControlGroups::find();
        if let Some(groups) = &control_groups {
            groups.sweep();
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            sender: EdgeSender { inputs: input_sender, waker },
            inputs,
            inputs_max,
            reports,
            reported,
            lans: Lans::new(),
            holds: Holds::default(),
            runs: Runs::new(DESCRIPTORS_MAX),
            watches: Watches::new(DESCRIPTORS_MAX),
            sources: BTreeMap::new(),
            places: BTreeMap::new(),
            environment: without_ours(config.environment),
            control_groups,
            saver,
            scanner,
            systemctl: config.systemctl,
            asker: None,
            pending: Vec::new(),
            ready: BTreeSet::new(),
            notices: VecDeque::new(),
            last_token: LAST_FIXED_TOKEN,
        })
    }

    /// Returns what other threads send inputs with.
    #[must_use]
    pub fn sender(&self) -> EdgeSender {
        self.sender.clone()
    }

    /// Has a UDP socket for each of these lans, and for no others. A lan whose address stays keeps its socket and what
    /// waits in it.
    ///
    /// # Errors
    /// Names each lan that is without a socket, and what to do; all others work. Calling it again tries those again. An
    /// address that was given up a moment ago may be in use until a script that is just being started has begun.
    pub fn bind_lans(&mut self, lans: &[(LanId, SocketAddr)]) -> Result<(), BindError> {
        self.lans.bind(self.poll.registry(), lans)
    }

    /// Says where the things of a module are, instead of what was said before. Scripts of other modules do not run.
    ///
    /// # Errors
    /// When the operating system gives no thread for the module's worker.
    pub fn place_module(&mut self, module: ModuleName, place: ModulePlace) -> io::Result<()> {
        let place = Arc::new(place);
        if let Some(placed) = self.places.get_mut(&module) {
            placed.place = place;
            return Ok(());
        }
        let environment = Arc::clone(&self.environment);
        let mut starter =
            Starter::new(environment, self.control_groups.clone(), self.reports.clone());
        let name = format!("sk-{module}");
        let worker = Worker::start(&name, SCRIPT_JOBS_MAX, move |jobs| starter.work(jobs))?;
        self.places.insert(module, Place { place, worker });
        Ok(())
    }

    /// Forgets a module. Its running scripts go on and are still reported.
    pub fn remove_module(&mut self, module: &ModuleName) {
        self.places.remove(module);
        drop(self.watch_processes(module.clone(), BTreeSet::new()));
    }

    /// Reports by [`Edge::poll_ready`] when a descriptor becomes readable, instead of the one watched under this name
    /// before. Reported once each time: whoever reads it reads until it would block.
    ///
    /// # Errors
    /// When the operating system cannot wait for it, such as a file on a disk.
    pub fn watch(&mut self, token: WatchToken, source: Source) -> io::Result<()> {
        self.unwatch(token);
        let mio_token = self.next_token();
        sys::readiness::register(self.poll.registry(), &source, mio_token)?;
        self.sources.insert(token, (source, mio_token));
        Ok(())
    }

    /// Watches it no longer, and closes it if nobody else has it.
    pub fn unwatch(&mut self, token: WatchToken) {
        if let Some((source, _)) = self.sources.remove(&token) {
            sys::readiness::deregister(self.poll.registry(), &source);
        }
        self.ready.remove(&token);
    }

    /// Waits until something comes or the deadline has passed, and adds **all** that waits to `inputs`. Comes back
    /// early, even with nothing, when that is simpler. A deadline that has passed still takes all that waits.
    ///
    /// At most 12,288 datagrams of a lan's socket are taken in one turn, more than its receive buffer holds; with a flood
    /// the rest comes in the next turn, which does not wait. What comes from an address that this lan has sent to has a
    /// receive buffer of its own, where the operating system has such a thing (Linux): strangers do not crowd it out. Of
    /// each of those at most 768 are taken.
    ///
    /// # Errors
    /// When the event queue itself fails: the loop cannot go on.
    pub fn wait(&mut self, deadline: Option<Instant>, inputs: &mut Vec<Input>) -> io::Result<()> {
        let mut timeout = self.timeout(deadline);
        for _ in 0..POLLS_MAX {
            match self.poll.poll(&mut self.events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break,
                Err(error) => return Err(error),
            }
            let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
            let now = clock::now();
            for token in &tokens {
                self.handle_ready(now, *token);
            }
            if tokens.len() < EVENTS_MAX {
                break;
            }
            timeout = Some(Duration::ZERO);
        }
        self.lans.receive(inputs);
        self.handle_reports();
        let now = clock::now();
        self.begin_scripts(now);
        self.runs.handle_timeout(self.poll.registry(), now);
        let dead = self.watches.handle_timeout(self.poll.registry(), now);
        self.pending.extend(dead.into_iter().map(Input::ProcessExited));
        self.take_run_reports();
        inputs.append(&mut self.pending);
        inputs.extend(self.inputs.try_iter().take(self.inputs_max));
        Ok(())
    }

    /// Does what an output asks, and gives back those that are not for the edge. Never waits: what an order comes to
    /// is an input of a later [`Edge::wait`]. A datagram that cannot be sent is counted.
    #[must_use]
    pub fn perform(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Transmit(transmit) => {
                self.lans.transmit(self.poll.registry(), &transmit);
                None
            }
            Output::Action { id, action } => {
                self.act(id, action);
                None
            }
            output @ (Output::Event(_)
            | Output::CommandAnswered { .. }
            | Output::StateChanged { .. }
            | Output::ViewProposed { .. }
            | Output::ViewInstalled { .. }
            | Output::CounterTaken { .. }
            | Output::Left) => Some(output),
        }
    }

    /// Tells whether something of a module is on its way to the disk: what is done now may be lost with this process.
    #[must_use]
    pub fn is_saving(&self, module: &ModuleName) -> bool {
        self.holds.is_keeping(module)
    }

    /// Returns the next watched descriptor that has become readable.
    #[must_use]
    pub fn poll_ready(&mut self) -> Option<WatchToken> {
        self.ready.pop_first()
    }

    /// Returns the next notice for people, oldest first. At most 256 wait; then the oldest are dropped.
    #[must_use]
    pub fn poll_notice(&mut self) -> Option<EdgeNotice> {
        self.notices.pop_front()
    }

    /// Returns what the sockets have done so far.
    #[must_use]
    pub fn lan_counters(&self) -> BTreeMap<LanId, LanCounters> {
        self.lans.counters()
    }

    /// Returns the number of datagrams that were to be sent on a lan without socket.
    #[must_use]
    pub fn unbound_transmits(&self) -> u64 {
        self.lans.unbound()
    }

    /// Returns the address of each lan's socket, with the port that the operating system chose where 0 was asked for.
    #[must_use]
    pub fn lan_addresses(&self) -> BTreeMap<LanId, SocketAddr> {
        self.lans.addresses()
    }

    /// Tells whether scripts get control groups: whether a time limit ends children with a session of their own too.
    #[must_use]
    pub fn has_control_groups(&self) -> bool {
        self.control_groups.is_some()
    }

    /// As if the kernel gave few pidfds, or none.
    #[cfg(test)]
    pub(super) fn limit_descriptors(&mut self, descriptors_max: usize) {
        self.runs = Runs::new(descriptors_max);
        self.watches = Watches::new(descriptors_max);
    }

    /// As if no control groups could be made; for modules placed from here on.
    #[cfg(test)]
    pub(super) fn forget_control_groups(&mut self) {
        self.control_groups = None;
    }

    fn act(&mut self, id: ActionId, action: Action) {
        let now = clock::now();
        match action {
            Action::RunScript(run) => {
                self.holds.hold(now, id, run);
                self.begin_scripts(now);
            }
            Action::EndScript { run, module: _ } => {
                if self.holds.withdraw(run).is_some() {
                    let (end, duration) = (ScriptEnd::Ended, Duration::ZERO);
                    self.finish(run, Outcome::Script { end, duration, userlog: None });
                } else {
                    self.runs.handle_end(self.poll.registry(), now, run);
                }
                self.finish(id, Outcome::Done);
            }
            Action::ScanProcesses => {
                if self.scanner.submit(id).is_err() {
                    self.finish(id, failed("the process list does not come back"));
                }
            }
            Action::AskServices { services } => {
                if let Err(error) = self.ask(AskJob { id, services }) {
                    self.finish(id, failed(&error));
                }
            }
            Action::WatchProcesses { module, processes } => {
                let dead = self.watch_processes(module, processes);
                self.finish(id, Outcome::Done);
                self.pending.extend(dead.into_iter().map(Input::ProcessExited));
            }
            Action::SaveModule { module, saved } => {
                self.holds.keep(id, module.clone());
                if self.saver.submit(SaveJob { id, module, saved }).is_err() {
                    self.holds.kept(id);
                    self.finish(id, failed("what was to be kept before is not kept yet"));
                }
            }
        }
        self.take_run_reports();
    }

    fn ask(&mut self, job: AskJob) -> Result<(), String> {
        let asker = match &self.asker {
            Some(asker) => asker,
            None => {
                let asker = Asker::new(self.systemctl.clone(), Arc::clone(&self.environment));
                let started = start_asker(asker, self.reports.clone());
                let started = started.map_err(|error| {
                    format!("there is no thread that could ask: {error}; more tasks may help")
                })?;
                self.asker.insert(started)
            }
        };
        let busy = |_job| "what was asked before is not answered yet".to_owned();
        asker.submit(job).map_err(busy)
    }

    /// Begins the scripts that nothing holds back.
    fn begin_scripts(&mut self, now: Instant) {
        while let Some((id, run)) = self.holds.next(now) {
            let placed = self.places.get(&run.module);
            let placed = placed.map(|place| (Arc::clone(&place.place), place.worker.clone()));
            self.runs.handle_run(now, id, *run, placed);
        }
    }

    fn watch_processes(
        &mut self,
        module: ModuleName,
        processes: BTreeSet<crate::ids::ProcessId>,
    ) -> Vec<crate::ids::ProcessId> {
        let last = &mut self.last_token;
        let next = || take_token(last);
        self.watches.set(self.poll.registry(), clock::now(), module, processes, next)
    }

    fn handle_ready(&mut self, now: Instant, token: Token) {
        if token == WAKER {
            return;
        }
        if token.0 <= LAST_FIXED_TOKEN {
            return self.lans.mark_readable(token);
        }
        let registry = self.poll.registry();
        if self.runs.handle_ready(registry, now, token) {
            return;
        }
        if let Some(process) = self.watches.handle_ready(registry, token) {
            return self.pending.push(Input::ProcessExited(process));
        }
        let watched = self.sources.iter().find(|(_, (_, mio_token))| *mio_token == token);
        self.ready.extend(watched.map(|(name, _)| *name));
    }

    fn handle_reports(&mut self) {
        while let Ok(report) = self.reported.try_recv() {
            let now = clock::now();
            match report {
                Report::Finished { id, outcome } => {
                    self.holds.kept(id);
                    self.finish(id, outcome);
                }
                Report::ScriptStarted { id, started } => {
                    let token = self.next_token();
                    self.runs.handle_started(self.poll.registry(), now, id, *started, token);
                }
                Report::ScriptNotStarted { id, error } => {
                    self.runs.handle_not_started(now, id, error);
                }
                Report::Notice(notice) => self.note(notice),
            }
        }
    }

    fn take_run_reports(&mut self) {
        for report in self.runs.take_reports() {
            match report {
                RunReport::Ended { id, outcome } => self.finish(id, outcome),
                RunReport::Notice(notice) => self.note(notice),
            }
        }
    }

    fn finish(&mut self, id: ActionId, outcome: Outcome) {
        self.pending.push(Input::ActionFinished { id, outcome });
    }

    fn note(&mut self, notice: EdgeNotice) {
        if self.notices.len() >= NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    fn timeout(&self, deadline: Option<Instant>) -> Option<Duration> {
        if self.lans.has_waiting() || !self.pending.is_empty() {
            return Some(Duration::ZERO);
        }
        let own =
            [self.runs.poll_timeout(), self.watches.poll_timeout(), self.holds.poll_timeout()];
        let timers = own.into_iter().chain([deadline]);
        let next = timers.flatten().min()?;
        Some(next.saturating_duration_since(clock::now()))
    }

    fn next_token(&mut self) -> Token {
        take_token(&mut self.last_token)
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("lans", &self.lans)
            .field("runs", &self.runs)
            .field("watches", &self.watches)
            .field("modules", &self.places.keys())
            .finish_non_exhaustive()
    }
}

/// Tokens are never used twice, so that a late event cannot mean something else.
fn take_token(last: &mut usize) -> Token {
    *last = last.wrapping_add(1).max(LAST_FIXED_TOKEN + 1);
    Token(*last)
}

const WAKER: Token = Token(1);
/// Up to here tokens are of the waker, of lans and of their peers.
const LAST_FIXED_TOKEN: usize = LAST_PEER_TOKEN;
const EVENTS_MAX: usize = 1024;
/// How many processes, and how many scripts, have a descriptor; more are asked for.
const DESCRIPTORS_MAX: usize = 1024;
const POLLS_MAX: usize = 8;
const NOTICES_MAX: usize = 256;
const SCRIPT_JOBS_MAX: usize = 64;
