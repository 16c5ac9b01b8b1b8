//! The loop of a host: everything that waits, then what is due, then what is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use safekit_core::Machine;
use safekit_core::explain::line;
use safekit_core::ids::{CommandId, LanId, LanName, ModuleName};
use safekit_core::module::state::ModuleState;
use safekit_core::node::{self, Input};
use safekit_core::runtime::front::{Board, STAMP_INTERVAL};
use safekit_core::runtime::{BindError, Edge, clock};

use super::news::{News, Teller};
use super::shared::{Answer, EndsWithLoop, Shared};
use crate::node::{FarmNode, Output};

/// How often lans without a socket are tried again.
const BIND_INTERVAL: Duration = Duration::from_secs(1);
/// How long a goodbye may take; it takes 20 ms.
const GOODBYE_MAX: Duration = Duration::from_millis(500);

/// A node with all that it needs to live.
pub(super) struct Loop {
    pub(super) edge: Edge,
    pub(super) node: FarmNode,
    pub(super) board: Arc<Board>,
    pub(super) shared: Arc<Shared>,
    pub(super) teller: Option<Teller>,
    /// Where this node receives heartbeats.
    pub(super) sockets: Vec<(LanId, SocketAddr)>,
    pub(super) lan_names: Vec<(LanId, LanName)>,
    pub(super) bind_at: Option<Instant>,
    /// Answers of this turn: given when all that came of the commands is shown.
    pub(super) answers: Vec<(CommandId, Answer)>,
    pub(super) ending: Ending,
}

/// Whether the node is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not.
    Running,
    /// The others are told; the loop ends at that time whether or not that could be said.
    Leaving { until: Instant },
    /// Nothing is left to do.
    Gone,
}

impl Loop {
    /// Turns until the node has left or the event queue fails.
    pub(super) fn run(mut self) {
        let _told = EndsWithLoop(Arc::clone(&self.shared));
        let mut inputs = Vec::new();
        while self.ending != Ending::Gone {
            let deadline = self.deadline(clock::now());
            if let Err(error) = self.edge.wait(Some(deadline), &mut inputs) {
                return self.tell(News::Failed { error: error.to_string() });
            }
            self.turn(clock::now(), &mut inputs);
        }
    }

    /// Hands in one thing.
    pub(super) fn feed(&mut self, now: Instant, input: Input) {
        self.node.handle_input(now, input);
        self.drain();
    }

    /// Tells how a module stands, though nothing has changed.
    pub(super) fn show(&self, module: &ModuleName) {
        if let Some(shown) = self.node.node().module(module) {
            let (state, reason) = (shown.state(), shown.reason());
            self.publish(module, state, reason);
        }
    }

    /// Says which lans are without a socket, and when they are tried again.
    pub(super) fn note_lans(&mut self, now: Instant, bound: Result<(), BindError>) {
        let failed_before = self.bind_at.is_some();
        let fault = bound.err();
        self.bind_at = fault.is_some().then(|| now + BIND_INTERVAL);
        if fault.is_some() != failed_before {
            self.tell(News::Lans { fault });
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        let stamp = now + STAMP_INTERVAL;
        [Some(stamp), self.bind_at, self.node.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(stamp)
    }

    fn turn(&mut self, now: Instant, inputs: &mut Vec<Input>) {
        inputs.extend(self.board.take_probed().into_iter().map(Input::BalancerProbed));
        for input in inputs.drain(..) {
            self.feed(now, input);
        }
        self.node.handle_timeout(now);
        self.drain();
        self.follow_ending(now);
        if self.bind_at.is_some_and(|at| at <= now) {
            let bound = self.edge.bind_lans(&self.sockets);
            self.note_lans(now, bound);
        }
        while let Some(notice) = self.edge.poll_notice() {
            self.tell(News::Notice(notice));
        }
        // Only after all outputs of the turn: a health answer never tells what the turn has taken back. With the time at which
        // it began: whoever stood still within it is judged by the next one, and until then nothing is vouched for.
        self.board.stamp(now);
    }

    fn follow_ending(&mut self, now: Instant) {
        match self.ending {
            Ending::Running if self.shared.leave.load(Ordering::Acquire) => {
                self.ending = Ending::Leaving { until: now + GOODBYE_MAX };
                self.feed(now, Input::Leave);
            }
            Ending::Leaving { until } if now >= until => self.ending = Ending::Gone,
            Ending::Running | Ending::Leaving { .. } | Ending::Gone => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Node(output) => self.perform(output),
                Output::SharesChanged { module, owned, participants: _ } => {
                    self.shared.change(&module, |status| status.owned = owned);
                    self.tell(News::Share { module, owned });
                }
            }
        }
        for (id, answer) in self.answers.drain(..) {
            self.shared.answer(id, answer);
        }
    }

    fn perform(&mut self, output: node::Output) {
        match self.edge.perform(output) {
            Some(node::Output::Event(event)) => self.tell_event(event),
            Some(node::Output::CommandAnswered { id, answer }) => self.answers.push((id, answer)),
            Some(node::Output::StateChanged { module, state, reason }) => {
                self.publish(&module, state, reason);
            }
            Some(node::Output::Left) => self.ending = Ending::Gone,
            Some(_) | None => {}
        }
    }

    fn publish(&self, module: &ModuleName, state: ModuleState, reason: &'static str) {
        self.board.publish(module, state == ModuleState::UP_READY, reason);
        self.shared.change(module, |status| (status.state, status.reason) = (state, reason));
    }

    fn tell_event(&mut self, event: safekit_core::event::Event) {
        if self.teller.is_some() {
            let lans = self.lan_names.iter().cloned().collect();
            let line = line(&event, &self.node.node().explain_names(lans));
            self.tell(News::Event { event, line });
        }
    }

    fn tell(&mut self, news: News) {
        if let Some(teller) = &mut self.teller {
            teller.tell(news);
        }
    }
}
