//! Who waits for the answer to a command, and answers that wait until what they promise is on the disk.
//!
//! An agent that is killed is followed by one that goes by what was saved. Were a `stop` answered before that, it could be
//! lost after whoever gave it was told that it is being done.
//!
//! Always: no answer waits longer than [`WAIT_MAX`]; a disk that fails is a fault of the module, and told as such.

use std::time::{Duration, Instant};

use safekit_core::control::{Accepted, Refusal};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::Edge;

use super::desk::Reply;

/// How long an answer waits for a disk at most: less than whoever asked waits for the answer.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// What a command comes to.
pub(super) type Answer = Result<Accepted, Refusal>;

/// Who waits for the answer to a command.
#[derive(Debug)]
pub(super) enum Pending {
    /// A worker of the API.
    Caller {
        /// Where the answer goes.
        reply: Reply<Answer>,
        /// The module that the command is about.
        module: ModuleName,
    },
    /// Nobody: the agent's own order.
    Own,
}

/// Answers that are not given yet.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    reply: Reply<Answer>,
    module: ModuleName,
    answer: Answer,
    until: Instant,
}

impl Answers {
    /// Takes an answer; [`Answers::give`] gives it.
    pub(super) fn take(&mut self, now: Instant, pending: Pending, answer: Answer) {
        if let Pending::Caller { reply, module } = pending {
            self.waiting.push(Waiting { reply, module, answer, until: now + WAIT_MAX });
        }
    }

    /// Gives the answers that nothing holds back. To be called when all outputs were performed: what is to be saved may
    /// be ordered after the answer.
    pub(super) fn give(&mut self, now: Instant, edge: &Edge) {
        self.waiting.retain(|waiting| {
            let waits = now < waiting.until && edge.is_saving(&waiting.module);
            if !waits {
                // Whoever asked may have gone: then nobody wants the answer.
                drop(waiting.reply.try_send(waiting.answer.clone()));
            }
            waits
        });
    }

    /// Returns when an answer is given whatever the disk does.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }
}
