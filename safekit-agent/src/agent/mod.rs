//! The agent proper: wires machines, edge, fronts and files together, and turns the loop.
//!
//! ```text
//! edge.wait ─► inputs, requests, signals ─► FarmNode ─► outputs ─► edge.perform, logs, board, answers
//!     ▲                                                               │
//!     └──────────── stamp the board, beat to the guardian ◄───────────┘
//! ```
//!
//! Always: everything that waits is handed in before silence is judged; the board is stamped only after all outputs of
//! a turn were drained, so that a health answer never tells what the turn has already taken back.
//! Not here: decisions (the machines), bytes (the edge and the fronts), what the files mean (`store`).

mod answers;
mod cluster;
mod desk;
mod events;
mod fronts;
mod modules;
mod operations;
mod own;
mod record;
mod report;
mod shutdown;
mod start;
mod tell;

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use safekit_core::Machine;
use safekit_core::control::{Accepted, Command, ModuleCommand, Refusal};
use safekit_core::ids::CommandId;
use safekit_core::node::{self, Input};
use safekit_core::runtime::front::{Board, Front, STAMP_INTERVAL};
use safekit_core::runtime::{Edge, WatchToken, clock};

use crate::RunArguments;
use crate::api::Api;
use crate::guardian::{BEAT_INTERVAL, Parent, ToAgent};
use crate::log::{Log, LogThread};
use crate::store::Layout;
use answers::{Answers, Pending};
use desk::Request;
#[cfg(test)]
pub(crate) use own::OWN_MESSAGES;
use own::OwnEvent;
use shutdown::Ending;

/// How often lans without a socket, and a port that is taken, are tried again.
const BIND_INTERVAL: Duration = Duration::from_secs(1);
/// How often this host's addresses are looked at again, where the cluster's configuration has none of them.
const CLUSTER_INTERVAL: Duration = Duration::from_secs(2);

/// The bell of the API's requests.
const BELL: WatchToken = WatchToken(1);
/// The signals.
const SIGNALS: WatchToken = WatchToken(2);

/// Runs until the agent is told to end.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    let (parent, started) = match Parent::take() {
        Ok(taken) => taken,
        Err(error) => return start::fail(&error.to_string()),
    };
    match start::agent(arguments, parent, &started) {
        Ok(mut agent) => agent.turn_until_end(),
        Err(error) => start::fail(&error.to_string()),
    }
}

/// The agent of one node.
struct Agent {
    arguments: RunArguments,
    layout: Layout,
    log: Log,
    log_thread: Option<LogThread>,
    /// Who reads `--events`.
    events: Option<events::Events>,
    boot_id: String,
    guardian_pid: u32,
    parent: Parent,
    edge: Edge,
    node: record::Observed,
    board: Arc<Board>,
    /// What the fronts hand their requests to.
    api: Option<Arc<Api>>,
    control: Option<Front>,
    /// Where balancers ask; `None` while its port cannot be had.
    network: Option<Front>,
    /// When that port is tried again.
    network_at: Option<Instant>,
    cluster: Option<cluster::Configured>,
    requests: Receiver<Request>,
    bell: UnixStream,
    signals: shutdown::Signals,
    pending: BTreeMap<CommandId, Pending>,
    answers: Answers,
    last_command: u64,
    ending: Ending,
    /// When lans without a socket are tried again.
    bind_at: Option<Instant>,
    /// A cluster's configuration that cannot be used yet.
    strange: Option<cluster::Strange>,
    /// The cluster is being left for good.
    removal: Option<cluster::Removal>,
    stamp_at: Instant,
    beat_at: Instant,
    farewell_due: bool,
    told_faults: BTreeMap<String, String>,
}

impl Agent {
    fn turn_until_end(&mut self) -> ExitCode {
        let mut inputs = Vec::new();
        loop {
            if let Err(error) = self.edge.wait(Some(self.deadline()), &mut inputs) {
                return start::fail(&format!("the event queue has failed: {error}"));
            }
            let now = clock::now();
            self.turn(now, &mut inputs);
            if let Some(code) = self.code_at_end(now) {
                return self.end(code);
            }
        }
    }

    /// Ends what answers, and writes what was told; the process ends with this code.
    fn end(&mut self, code: u8) -> ExitCode {
        (self.network, self.control) = (None, None);
        if let Some(events) = self.events.take() {
            events.finish();
        }
        if let Some(thread) = self.log_thread.take() {
            // A disk that does not answer cannot be told of anywhere else.
            thread.finish(&self.log);
        }
        ExitCode::from(code)
    }

    /// One turn: everything that waits, then what is due, then what is told.
    fn turn(&mut self, now: Instant, inputs: &mut Vec<Input>) {
        for module in self.board.take_probed() {
            inputs.push(Input::BalancerProbed(module));
        }
        for input in inputs.drain(..) {
            self.feed(now, input);
        }
        self.take_ready(now);
        self.node.handle_timeout(now);
        self.drain();
        self.follow_ending(now);
        self.answers.give(now, &self.edge);
        self.follow_removal(now);
        self.take_cluster_again(now);
        self.bind_again(now);
        self.open_network_again(now);
        self.hand_over_farewell();
        self.tell_notices();
        if let Some(event) = self.node.hand_on(now) {
            self.tell_node(&event);
        }
        // Each turn shows that the loop lives: only where there is none for a while, one is made for the stamp. It vouches
        // for what was true when it began: whoever stood still within it is judged by the next one.
        self.board.stamp(now);
        self.stamp_at = now + STAMP_INTERVAL;
        if now >= self.beat_at {
            self.parent.beat();
            while let Some(word) = self.parent.hear() {
                match word {
                    ToAgent::Counter { fault } => self.take_counter_fault(fault.as_deref()),
                    ToAgent::Kept { text } => self.tell_node(&OwnEvent::ProgramKept { text }),
                }
            }
            self.beat_at = now + BEAT_INTERVAL;
        }
    }

    fn deadline(&self) -> Instant {
        let own = [
            Some(self.stamp_at),
            Some(self.beat_at),
            self.answers.poll_timeout(),
            self.bind_at,
            self.network_at,
            self.strange.as_ref().map(cluster::Strange::due),
            self.node.poll_timeout(),
        ];
        own.into_iter().flatten().min().unwrap_or(self.stamp_at)
    }

    fn feed(&mut self, now: Instant, input: Input) {
        self.node.handle_input(now, input);
        self.drain();
    }

    fn take_ready(&mut self, now: Instant) {
        while let Some(token) = self.edge.poll_ready() {
            match token {
                BELL => self.take_requests(now),
                SIGNALS => self.take_signals(now),
                WatchToken(_) => {}
            }
        }
    }

    fn take_requests(&mut self, now: Instant) {
        // What is read only says that there is something: the queue itself is looked at.
        let mut strokes = [0; 64];
        while std::io::Read::read(&mut &self.bell, &mut strokes).is_ok_and(|count| count > 0) {}
        while let Ok(request) = self.requests.try_recv() {
            self.handle_request(now, request);
        }
    }

    fn handle_request(&mut self, now: Instant, request: Request) {
        // Whoever asked may have gone: then nobody wants the answer.
        match request {
            Request::Report(reply) => drop(reply.try_send(Box::new(self.report(now)))),
            Request::Command(_, reply) if self.removal.is_some() => {
                drop(reply.try_send(Err(Refusal::NoCluster)));
            }
            // A start would undo the stop that the end waits for, or leave an application without an agent.
            Request::Command(command, reply) if self.is_ending() && starts(command.command) => {
                drop(reply.try_send(Err(Refusal::Ending)));
            }
            Request::Command(command, reply) => {
                let module = command.module.clone();
                self.command(now, command, Pending::Caller { reply, module });
            }
            Request::Switch(_, _, _, reply) if self.removal.is_some() => {
                drop(reply.try_send(Err(Refusal::NoCluster)));
            }
            Request::Switch(module, switch, origin, reply) => {
                let id = self.pend(Pending::Caller { reply, module: module.clone() });
                self.feed(now, Input::SwitchReceived { id, module, switch, origin });
            }
            Request::ClusterChanged(loaded, me, reply) => {
                self.apply_cluster(now, *loaded, me);
                drop(reply.try_send(Ok(())));
            }
            Request::ClusterRemoved(reply) => self.remove_cluster(now, reply),
            Request::Budget(module, change, reply) => {
                let _ = reply.try_send(self.budget(now, &module, change));
            }
            Request::ModuleChanged(files, start, reply) => {
                drop(reply.try_send(self.apply_module(now, *files, start)));
            }
            Request::ModuleRemoved(module, reply) => {
                drop(reply.try_send(self.remove_module(now, &module)));
            }
            Request::StopAll(origin, reply) => {
                let modules = self.stop_all(now, &origin);
                let text = match modules {
                    0 => "no module runs".to_owned(),
                    1 => "1 module is being stopped".to_owned(),
                    count => format!("{count} modules are being stopped"),
                };
                drop(reply.try_send(Accepted { text }));
            }
        }
    }

    fn command(&mut self, now: Instant, command: ModuleCommand, pending: Pending) {
        let id = self.pend(pending);
        self.feed(now, Input::CommandReceived { id, command });
    }

    /// Names a command, and notes who waits for its answer.
    fn pend(&mut self, pending: Pending) -> CommandId {
        self.last_command = self.last_command.wrapping_add(1);
        let id = CommandId(self.last_command);
        self.pending.insert(id, pending);
        id
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            // The shares are read where they are shown; there is no packet filter to tell.
            if let safekit_farm::node::Output::Node(output) = output {
                self.perform(output);
            }
        }
    }

    fn perform(&mut self, output: node::Output) {
        match self.edge.perform(output) {
            Some(node::Output::Event(event)) => self.tell_event(&event),
            Some(node::Output::CommandAnswered { id, answer }) => {
                if let Some(pending) = self.pending.remove(&id) {
                    self.answers.take(clock::now(), pending, answer);
                }
            }
            Some(node::Output::StateChanged { module, state, reason }) => {
                let ready = state == safekit_core::module::state::ModuleState::UP_READY;
                self.board.publish(&module, ready, reason);
            }
            Some(node::Output::CounterTaken { .. }) => self.farewell_due = true,
            Some(node::Output::Left) => {
                self.ending.left();
                self.removal.iter_mut().for_each(cluster::Removal::left);
            }
            Some(_) | None => {}
        }
    }
}

/// Tells whether a command ends with an application that runs.
fn starts(command: Command) -> bool {
    !matches!(command, Command::Stop | Command::Forcestop)
}
