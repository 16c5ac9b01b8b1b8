//! What the API's workers ask of the event loop: a bounded queue of requests, each answered once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use safekit_core::control::{
    Accepted, BudgetReport, ModuleCommand, Origin, Refusal, StateReport, WatchSwitch,
};
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::module::BudgetChange;
use safekit_core::node::AgentStart;

use super::modules::ModuleFiles;
use crate::api::OperationError;
use crate::store::cluster::LoadedCluster;

/// Requests that may wait for the loop. More than the API has workers can hardly come.
const REQUESTS_MAX: usize = 64;
/// How long an answer may take. The loop answers within a turn; it is far longer only where it stands still.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Where an answer goes; whoever asked may have gone.
pub(super) type Reply<T> = SyncSender<T>;

/// What is asked of the event loop.
#[derive(Debug)]
pub(super) enum Request {
    /// The state of the node.
    Report(Reply<Box<StateReport>>),
    /// An order about a module.
    Command(ModuleCommand, Reply<Result<Accepted, Refusal>>),
    /// An order to the process monitor of a module.
    Switch(ModuleName, WatchSwitch, Origin, Reply<Result<Accepted, Refusal>>),
    /// The cluster's configuration has changed: what its files say, and which node this host is.
    ClusterChanged(Box<LoadedCluster>, NodeId, Reply<Result<(), String>>),
    /// The cluster is to be left, and is no longer configured then.
    ClusterRemoved(Reply<Result<(), String>>),
    /// The count of automatic actions of a module, after it was changed where a change is wanted; `None`: not configured.
    Budget(ModuleName, Option<BudgetChange>, Reply<Option<BudgetReport>>),
    /// A module's active configuration has changed: what its files say.
    ModuleChanged(Box<ModuleFiles>, AgentStart, Reply<Result<(), String>>),
    /// A module is gone.
    ModuleRemoved(ModuleName, Reply<Result<(), String>>),
    /// Stop all modules; the agent goes on.
    StopAll(Origin, Reply<Accepted>),
}

/// The API's end of the queue.
#[derive(Debug)]
pub(super) struct Desk {
    requests: SyncSender<Request>,
    bell: Bell,
}

/// Makes both ends.
pub(super) fn desk(bell: Bell) -> (Desk, Receiver<Request>) {
    let (requests, waiting) = sync_channel(REQUESTS_MAX);
    (Desk { requests, bell }, waiting)
}

impl Desk {
    /// Puts a request and waits for its answer.
    pub(super) fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, OperationError> {
        let (reply, answer) = sync_channel(1);
        self.requests.try_send(request(reply)).map_err(|_refused| {
            OperationError::Refused("the agent is busy: try again".to_owned())
        })?;
        self.bell.ring();
        answer.recv_timeout(ANSWER_LIMIT).map_err(|_late| {
            let limit = ANSWER_LIMIT.as_secs();
            OperationError::Internal(format!(
                "the agent has not answered within {limit} s; the request may still be done: look at the state"
            ))
        })
    }
}

/// Wakes the event loop.
#[derive(Debug)]
pub(super) struct Bell(std::os::unix::net::UnixStream);

impl Bell {
    /// Makes a bell, and the descriptor that the loop watches.
    pub(super) fn new() -> std::io::Result<(Self, std::os::unix::net::UnixStream)> {
        let (bell, heard) = std::os::unix::net::UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        Ok((Self(bell), heard))
    }

    /// Wakes the loop. A bell that rings already needs no second stroke.
    pub(super) fn ring(&self) {
        drop(std::io::Write::write(&mut &self.0, &[1]));
    }
}
