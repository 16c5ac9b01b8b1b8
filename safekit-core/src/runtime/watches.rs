//! Watches processes until they die.
//!
//! Each process has a pidfd in the loop. Where the kernel gives none (before 5.3, or out of descriptors) the process
//! is asked for every [`ASK_AGAIN_AFTER`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::ids::{ModuleName, ProcessId};
use crate::runtime::sys::process::{self, ExitWatch};

/// The watched processes.
#[derive(Debug)]
pub(super) struct Watches {
    wanted: BTreeMap<ModuleName, BTreeSet<ProcessId>>,
    watched: BTreeMap<ProcessId, How>,
    tokens: BTreeMap<Token, ProcessId>,
    ask_at: Option<Instant>,
    asked_last: Option<ProcessId>,
    descriptors_max: usize,
}

#[derive(Debug)]
enum How {
    /// The loop is told.
    Told { watch: ExitWatch, token: Token },
    /// By asking.
    Asked,
}

impl Watches {
    /// Watches nothing; at most `descriptors_max` processes get a descriptor, more are asked for.
    pub(super) fn new(descriptors_max: usize) -> Self {
        Self {
            wanted: BTreeMap::new(),
            watched: BTreeMap::new(),
            tokens: BTreeMap::new(),
            ask_at: None,
            asked_last: None,
            descriptors_max,
        }
    }

    /// Watches these processes for a module and no others; returns those that are dead already.
    pub(super) fn set(
        &mut self,
        registry: &Registry,
        now: Instant,
        module: ModuleName,
        processes: BTreeSet<ProcessId>,
        mut next_token: impl FnMut() -> Token,
    ) -> Vec<ProcessId> {
        if processes.is_empty() {
            self.wanted.remove(&module);
        } else {
            self.wanted.insert(module, processes.clone());
        }
        self.release(registry);
        let mut dead = Vec::new();
        for id in processes {
            if !self.watched.contains_key(&id) && !self.begin(registry, id, &mut next_token) {
                dead.push(id);
            }
        }
        let ask_at = self.ask_at.or_else(|| now.checked_add(ASK_AGAIN_AFTER));
        self.ask_at = ask_at.filter(|_| self.asks());
        dead
    }

    /// Takes a token of the loop; returns the process that is dead.
    pub(super) fn handle_ready(&mut self, registry: &Registry, token: Token) -> Option<ProcessId> {
        let id = *self.tokens.get(&token)?;
        self.end(registry, id);
        Some(id)
    }

    /// Asks for those that nobody tells of, when it is time; returns the dead ones.
    pub(super) fn handle_timeout(&mut self, registry: &Registry, now: Instant) -> Vec<ProcessId> {
        if self.ask_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let after = self.asked_last.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.watched.range((after, Bound::Unbounded));
        let asked = rest.filter(|(_, how)| matches!(how, How::Asked)).map(|(id, _)| *id);
        let asked: Vec<ProcessId> = asked.take(ASKED_MAX).collect();
        // After the last one it begins again with the first.
        self.asked_last = asked.last().copied().filter(|_| asked.len() == ASKED_MAX);
        // Where the kernel does not tell, nobody is declared dead.
        let is_dead = |id: &ProcessId| matches!(process::is_running(*id), Ok(false));
        let dead: Vec<ProcessId> = asked.into_iter().filter(is_dead).collect();
        for id in &dead {
            self.end(registry, *id);
        }
        self.ask_at = now.checked_add(ASK_AGAIN_AFTER).filter(|_| self.asks());
        dead
    }

    /// Returns when [`Watches::handle_timeout`] has to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Forgets what no module wants any more.
    fn release(&mut self, registry: &Registry) {
        let unwanted: Vec<ProcessId> = self
            .watched
            .keys()
            .filter(|id| !self.wanted.values().any(|processes| processes.contains(id)))
            .copied()
            .collect();
        for id in unwanted {
            self.end(registry, id);
        }
    }

    fn asks(&self) -> bool {
        self.watched.values().any(|how| matches!(how, How::Asked))
    }

    /// Begins to watch a process; false when it is dead.
    fn begin(
        &mut self,
        registry: &Registry,
        id: ProcessId,
        next_token: &mut impl FnMut() -> Token,
    ) -> bool {
        if self.tokens.len() >= self.descriptors_max {
            self.watched.insert(id, How::Asked);
            return true;
        }
        let mut how = How::Asked;
        match ExitWatch::open(id.pid) {
            Ok(None) => return false,
            Ok(Some(watch)) => {
                let token = next_token();
                if watch.register(registry, token).is_ok() {
                    how = How::Told { watch, token };
                }
            }
            Err(_) => {}
        }
        // After the pidfd is open it cannot come to mean another process: so this is the right one, or it is not.
        let dead = matches!(process::is_running(id), Ok(false));
        match (dead, &how) {
            (true, How::Told { watch, .. }) => watch.deregister(registry),
            (true, How::Asked) => {}
            (false, how_now) => {
                if let How::Told { token, .. } = how_now {
                    self.tokens.insert(*token, id);
                }
                self.watched.insert(id, how);
            }
        }
        !dead
    }

    fn end(&mut self, registry: &Registry, id: ProcessId) {
        if let Some(How::Told { watch, token }) = self.watched.remove(&id) {
            watch.deregister(registry);
            self.tokens.remove(&token);
        }
    }
}

/// How often those are asked for that the kernel does not tell of.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How many processes are asked for at a time, so that the loop does not stand still.
const ASKED_MAX: usize = 256;
