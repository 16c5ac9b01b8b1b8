//! What workers tell the loop.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use mio::Waker;

use crate::ids::ActionId;
use crate::node::Outcome;
use crate::runtime::notice::EdgeNotice;
use crate::runtime::script::Started;

/// What workers tell the loop.
#[derive(Debug)]
pub(super) enum Report {
    /// An order has ended.
    Finished {
        /// The order.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
    /// A script was started.
    ScriptStarted {
        /// The order.
        id: ActionId,
        /// The script.
        started: Box<Started>,
    },
    /// A script could not be started.
    ScriptNotStarted {
        /// The order.
        id: ActionId,
        /// Why.
        error: String,
    },
    /// For people.
    Notice(EdgeNotice),
}

/// Brings reports of workers into the loop. Bounded by the workers' queues: each job has a bounded number of them.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    reports: Sender<Report>,
    waker: Arc<Waker>,
}

impl Reports {
    pub(super) fn new(reports: Sender<Report>, waker: Arc<Waker>) -> Self {
        Self { reports, waker }
    }

    /// Reports; to nobody when the loop has ended.
    pub(super) fn send(&self, report: Report) {
        if self.reports.send(report).is_ok() {
            // A full eventfd is a loop that is woken already.
            drop(self.waker.wake());
        }
    }
}
