//! One `<proc>` and what is seen of it: whether there are too few or too many, and when to look again.
//!
//! A process that was there and is missing is a fault at once, one that never came or is one too many at a poll.
//!
//! Not here: when lists are asked for (`looks`), how a service stands (`service`), which entries are watched (`monitor`).

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::looks::Freshness;
use super::matcher::{Matcher, runs_script};
use super::monitor::command;
use super::notice::{Notice, Wanted};
use super::service::Known;
use super::{ProcessInfo, WatchState};
use crate::config::model::{ProcConfig, ProcKind};
use crate::control::Command;
use crate::ids::ProcessId;
use crate::module::script::Script;
use crate::timer::later;

/// The first looks after the begin of a watch come at this distance.
pub(super) const QUICK_LOOK: Duration = Duration::from_millis(250);
/// So many of them; the next ones, until the first poll, at the distance [`SLOW_LOOK`].
pub(super) const QUICK_LOOKS_MAX: u32 = 10;
pub(super) const SLOW_LOOK: Duration = Duration::from_secs(1);

/// One `<proc>`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) config: ProcConfig,
    pub(super) matcher: Option<Matcher>,
    pub(super) vigil: Option<Vigil>,
}

/// An entry that is watched.
#[derive(Debug)]
pub(super) struct Vigil {
    pub(super) active_from: Instant,
    pub(super) next_poll: Instant,
    pub(super) poll_due: bool,
    looks: u32,
    /// Whether it was looked at, whatever that showed.
    pub(super) seen: bool,
    pub(super) state: WatchState,
    pub(super) since: Instant,
    pub(super) processes: BTreeSet<ProcessId>,
    /// Whether one of them has died since the list was asked for that is under way.
    pub(super) doubted: bool,
    /// Whether the list before was in doubt too, for the sake of others.
    waited: bool,
    /// What is known where it is a service.
    pub(super) service: Known,
}

impl Vigil {
    /// Begins; nothing is judged before `active_from`.
    pub(super) fn new(now: Instant, active_from: Instant, polltimer: Duration) -> Self {
        Self {
            active_from,
            next_poll: later(active_from, polltimer),
            poll_due: false,
            looks: 0,
            seen: false,
            state: WatchState::Init,
            since: now,
            processes: BTreeSet::new(),
            doubted: false,
            waited: false,
            service: Known::default(),
        }
    }
}

impl Entry {
    /// Returns what a list is worth for this entry. One that is in doubt for the sake of others is waited out once: of what
    /// dies together the strongest action is done. Not again: processes that come and go all the time hide no other's fault.
    pub(super) fn freshness(&mut self, list: Freshness) -> Freshness {
        let Some(vigil) = &mut self.vigil else { return list };
        if list != Freshness::Doubtful || vigil.doubted {
            vigil.waited = false;
            return list;
        }
        vigil.waited = !vigil.waited;
        if vigil.waited { Freshness::Doubtful } else { Freshness::Good }
    }

    pub(super) fn judge(
        &mut self,
        now: Instant,
        processes: &[ProcessInfo],
        running: Option<Script>,
        freshness: Freshness,
        notices: &mut VecDeque<Notice>,
    ) {
        let (Some(vigil), Some(matcher)) = (&mut self.vigil, &self.matcher) else { return };
        if vigil.active_from > now {
            return;
        }
        let is_own = |process: &ProcessInfo| running.is_some_and(|s| runs_script(process, s));
        let found: BTreeSet<_> = processes
            .iter()
            .filter(|process| matcher.matches(process) && !is_own(process))
            .map(|process| process.id)
            .collect();
        let count = number(found.len());
        let below = is_below(&self.config, count);
        if freshness == Freshness::Doubtful && below {
            return;
        }
        vigil.processes = found;
        self.weigh(now, count, None, notices);
    }

    /// Holds what there is against what there should be.
    pub(super) fn weigh(
        &mut self,
        now: Instant,
        count: u32,
        said: Option<&str>,
        notices: &mut VecDeque<Notice>,
    ) {
        let Some(vigil) = &mut self.vigil else { return };
        vigil.seen = true;
        let said = || said.map(str::to_owned);
        let below = is_below(&self.config, count);
        let poll_due = std::mem::take(&mut vigil.poll_due);
        let over = self.config.atmax.is_some_and(|max| count >= max.max(1));
        // A death is judged at once; a process that never came, or one too many, at a poll.
        if (below && (poll_due || vigil.state == WatchState::Up)) || (over && poll_due) {
            if vigil.state != WatchState::Down {
                (vigil.state, vigil.since) = (WatchState::Down, now);
                let config = Box::new(self.config.clone());
                notices.push_back(Notice::Fault { config, count, said: said() });
            }
            notices.extend(match command(&self.config.action) {
                Some(command) => {
                    // Only a restart can be about less than all.
                    let services = match command {
                        Command::Restart => self.config.restart_services.clone(),
                        Command::Start
                        | Command::Stop
                        | Command::Stopstart
                        | Command::Forcestop => Vec::new(),
                    };
                    Some(Notice::ActionWanted(Wanted { command, services }))
                }
                None => self
                    .config
                    .action
                    .handler()
                    .map(|_file| Notice::HandlerWanted(Box::new(self.config.clone()))),
            });
        } else if !below && !over {
            if vigil.state != WatchState::Up {
                vigil.since = now;
            }
            if vigil.state == WatchState::Down {
                let name = self.config.name.clone();
                notices.push_back(Notice::Recovered { name, count, said: said() });
            }
            vigil.state = WatchState::Up;
        }
    }

    /// Tells whether there are too few, and the module itself would have to do something about it.
    pub(super) fn is_missing(&self) -> bool {
        command(&self.config.action).is_some()
            && self.count().is_some_and(|count| is_below(&self.config, count))
    }

    /// Judges what was seen last like a poll.
    pub(super) fn judge_missing(&mut self, now: Instant, notices: &mut VecDeque<Notice>) {
        let (Some(count), Some(vigil)) = (self.count(), &mut self.vigil) else { return };
        vigil.poll_due = true;
        let said = vigil.service.said.clone();
        self.weigh(now, count, said.as_deref(), notices);
    }

    pub(super) fn is_watched(&self, kind: ProcKind) -> bool {
        self.config.kind == kind && self.vigil.is_some()
    }

    /// Returns how many there are, as far as that is known.
    pub(super) fn count(&self) -> Option<u32> {
        let vigil = self.vigil.as_ref()?;
        match self.config.kind {
            ProcKind::Process => Some(number(vigil.processes.len())),
            ProcKind::Service => vigil.service.runs.map(u32::from),
        }
    }

    /// Returns what the host says of it; `None` for processes.
    pub(super) fn service(&self) -> Option<String> {
        let said = || self.vigil.as_ref().and_then(|vigil| vigil.service.said.clone());
        (self.config.kind == ProcKind::Service).then(|| said().unwrap_or_default())
    }

    /// Returns when to look again because not enough was seen yet.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<Instant> {
        if let Some(at) = self.next_service_look(now) {
            return Some(at);
        }
        let below = self.config.atleast.is_some();
        let vigil = self.vigil.as_mut().filter(|vigil| vigil.state == WatchState::Init)?;
        if vigil.active_from > now {
            return Some(vigil.active_from);
        }
        if !below {
            return None;
        }
        vigil.looks = vigil.looks.saturating_add(1);
        let distance = if vigil.looks <= QUICK_LOOKS_MAX { QUICK_LOOK } else { SLOW_LOOK };
        Some(later(now, distance))
    }
}

pub(super) fn is_below(config: &ProcConfig, count: u32) -> bool {
    config.atleast.is_some_and(|least| count < least)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
