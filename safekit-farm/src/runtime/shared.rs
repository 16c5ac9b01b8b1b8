//! What the loop and the embedder's threads share: who waits for the answer to a command, and how the modules stand.
//!
//! Always: once the loop has ended, however, nobody waits any more.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use safekit_core::control::{Accepted, Refusal};
use safekit_core::ids::{CommandId, ModuleName};
use safekit_core::module::state::{FarmState, ModuleState, Readiness};
use safekit_core::runtime::clock;

use crate::buckets::BucketSet;

/// How a module stands on this node.
///
/// Example: [`Host`](super::Host).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleStatus {
    /// Its state. The health answer is positive for [`ModuleState::UP_READY`] only.
    pub state: ModuleState,
    /// Why the health answer is negative, as a token; "ready" where it is positive.
    pub reason: &'static str,
    /// The buckets that this node takes of it.
    pub owned: BucketSet,
}

pub(super) type Answer = Result<Accepted, Refusal>;
pub(super) type Modules = BTreeMap<ModuleName, ModuleStatus>;

#[derive(Debug, Default)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Whether the node is to leave.
    pub(super) leave: AtomicBool,
    /// Whether the modules are stopped for good: nothing is started any more.
    pub(super) stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    ended: bool,
    last: u64,
    waiting: BTreeMap<CommandId, SyncSender<Answer>>,
    modules: Modules,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a command a name; its answer comes by the receiver. `None` when the loop has ended.
    pub(super) fn expect_answer(&self) -> Option<(CommandId, Receiver<Answer>)> {
        let mut inner = self.lock();
        if inner.ended {
            return None;
        }
        inner.last = inner.last.wrapping_add(1);
        let (id, (sender, receiver)) = (CommandId(inner.last), sync_channel(1));
        inner.waiting.insert(id, sender);
        Some((id, receiver))
    }

    /// Nobody answers this one.
    pub(super) fn forget(&self, id: CommandId) {
        self.lock().waiting.remove(&id);
    }

    pub(super) fn answer(&self, id: CommandId, answer: Answer) {
        let waiting = self.lock().waiting.remove(&id);
        // Whoever asked may have gone.
        if let Some(sender) = waiting {
            drop(sender.try_send(answer));
        }
    }

    pub(super) fn change(&self, module: &ModuleName, change: impl FnOnce(&mut ModuleStatus)) {
        let mut inner = self.lock();
        let status = inner.modules.entry(module.clone()).or_insert(ModuleStatus {
            state: ModuleState::STOP,
            reason: "stopped",
            owned: BucketSet::EMPTY,
        });
        change(status);
        self.changed.notify_all();
    }

    pub(super) fn module(&self, module: &ModuleName) -> Option<ModuleStatus> {
        self.lock().modules.get(module).cloned()
    }

    pub(super) fn modules(&self) -> Modules {
        self.lock().modules.clone()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Waits until something holds of the modules, or the loop has ended, or the time is up; tells whether it holds.
    pub(super) fn wait(&self, limit: Duration, holds: impl Fn(&Modules) -> bool) -> bool {
        let begin = clock::now();
        let mut inner = self.lock();
        loop {
            if holds(&inner.modules) {
                return true;
            }
            let left = limit.saturating_sub(clock::now().saturating_duration_since(begin));
            if inner.ended || left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Says that the loop has ended, when it does, by whatever way.
#[derive(Debug)]
pub(super) struct EndsWithLoop(pub(super) Arc<Shared>);

impl Drop for EndsWithLoop {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.ended = true;
        inner.waiting.clear();
        // Nobody looks after them any more: what was so is not known to be so.
        for status in
            inner.modules.values_mut().filter(|status| status.state.state != FarmState::Stop)
        {
            status.state.readiness = Readiness::NotReady;
            (status.reason, status.owned) = ("ended", BucketSet::EMPTY);
        }
        self.0.changed.notify_all();
    }
}
