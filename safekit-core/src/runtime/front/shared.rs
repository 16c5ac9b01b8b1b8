//! What the connections of one front share.

use std::sync::Arc;
use std::time::Instant;

use super::Admit;
use super::answer::{DateLine, Page, Persistence};
use super::board::{Board, View};
use super::budget::Budget;
use super::counters::Tally;
use super::limits::{Limits, READ_BYTES};

/// What the connections of one front share; `S` takes requests for the handler.
pub(super) struct Shared<S> {
    /// The bounds.
    pub(super) limits: Limits,
    /// The health answers.
    pub(super) view: View,
    /// The date of this second.
    pub(super) date: DateLine,
    /// Answers other methods on the health path.
    pub(super) no_probe: Page,
    /// What happened.
    pub(super) tally: Arc<Tally>,
    /// All bodies.
    pub(super) bodies: Arc<Budget>,
    /// All answers that peers do not take.
    pub(super) answers: Arc<Budget>,
    /// Where everything is read to.
    pub(super) scratch: Vec<u8>,
    /// An output buffer for whoever has its turn, so that idle connections own none.
    pub(super) spare: Vec<u8>,
    /// The way to the handler.
    pub(super) pool: S,
    /// Asked before a body is read.
    pub(super) admit: Option<Admit>,
    /// Reads the clock right before a positive health answer is sent.
    pub(super) clock: Box<dyn Fn() -> Instant>,
    /// The front stops: each answer is the last of its connection.
    pub(super) stopping: bool,
}

impl<S> Shared<S> {
    /// Gathers it.
    pub(super) fn new(
        limits: Limits,
        board: Arc<Board>,
        pool: S,
        tally: Arc<Tally>,
        clock: Box<dyn Fn() -> Instant>,
    ) -> Self {
        Self {
            view: View::new(board),
            date: DateLine::default(),
            no_probe: Page::not_allowed("GET, HEAD, OPTIONS"),
            tally,
            bodies: Budget::new(limits.bodies_bytes),
            answers: Budget::new(limits.answers_bytes),
            limits,
            scratch: vec![0; READ_BYTES],
            spare: Vec::new(),
            pool,
            admit: None,
            clock,
            stopping: false,
        }
    }

    /// Returns what a request may have of what it wants.
    pub(super) fn persistence(&self, wanted: Persistence) -> Persistence {
        if self.stopping { Persistence::Close } else { wanted }
    }
}
