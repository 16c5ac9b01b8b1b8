//! How services of the host stand, as the host says; and what a `<proc>` makes of it.
//!
//! In: what the host says of one service. Out: the verdict of the entry, and when to look again.
//!
//! A service on its way (it is being started, stopped or restarted by somebody) is not judged before a poll: who restarts
//! a service by hand shall not have the whole application restarted. One of which nothing can be known is not judged at
//! all. One whose main process has died and that is said to run is asked for a few times more: the host may not have
//! noticed yet.
//!
//! Not here: how the host is asked (`runtime`), what is done about a fault (`life`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::WatchState;
use super::entry::{Entry, QUICK_LOOK, QUICK_LOOKS_MAX, SLOW_LOOK, is_below};
use super::looks::Freshness;
use super::notice::Notice;
use crate::ids::ProcessId;
use crate::timer::later;

/// Distance of the looks at a service of which nothing could be known for some time.
const RARE_LOOK: Duration = Duration::from_secs(10);
/// So often a service is asked for that is said to run, and whose main process has died.
const DOUBTS_MAX: u32 = 4;

/// What the host says of services, by the names that were asked for.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
/// use safekit_core::ids::ProcessId;
/// use safekit_core::module::watch::{ServiceInfo, ServiceState, Services};
/// use safekit_core::node::Outcome;
///
/// // What an edge of your own answers to `Action::AskServices`.
/// let nginx = ServiceInfo {
///     state: ServiceState::Running,
///     said: "active (running)".to_owned(),
///     main: Some(ProcessId { pid: 4711, started: 90_210 }),
/// };
/// let redis = ServiceInfo {
///     state: ServiceState::Unknown,
///     said: "systemctl did not answer within 5 s".to_owned(),
///     main: None,
/// };
/// let services: Services =
///     Arc::new(BTreeMap::from([("nginx".to_owned(), nginx), ("redis".to_owned(), redis)]));
/// assert_eq!(services["redis"].state.as_str(), "unknown");
/// let outcome = Outcome::Services(services);
/// assert!(matches!(outcome, Outcome::Services(services) if services.len() == 2));
/// ```
pub type Services = Arc<BTreeMap<String, ServiceInfo>>;

/// What the host says of a service.
///
/// Example: [`Services`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// How it stands.
    pub state: ServiceState,
    /// The host's own words, such as `active (running)`; where nothing can be known, why not and what to do.
    pub said: String,
    /// Its main process, where it has one that runs.
    pub main: Option<ProcessId>,
}

/// How a service stands.
///
/// Example: [`Services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ServiceState {
    /// It runs, with a process or without one.
    Running,
    /// Somebody has it started, stopped or restarted just now.
    Changing,
    /// It does not run, or has failed and waits to be started by the host itself.
    NotRunning,
    /// The host has no such service.
    NotFound,
    /// It cannot be known: the host does not answer.
    Unknown,
}

impl ServiceState {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Running, Self::Changing, Self::NotRunning, Self::NotFound, Self::Unknown];

    /// Returns its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Changing => "changing",
            Self::NotRunning => "not-running",
            Self::NotFound => "not-found",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of a watched service.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether it runs; `None`: that is not known.
    pub(super) runs: Option<bool>,
    /// The host's own words; where nothing is known, why not.
    pub(super) said: Option<String>,
    /// Why to look again before the next poll.
    open: Option<Open>,
    /// Looks since it is open.
    looks: u32,
    /// The main process that has died, until the host says something else.
    dead: Option<ProcessId>,
    doubts: u32,
}

/// Why a service has to be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// It is on its way.
    Changing,
    /// Its main process has died, and it is said to run.
    Doubted,
    /// Nothing could be known.
    Unknown,
}

impl Known {
    /// Takes the death of its main process.
    pub(super) fn handle_exit(&mut self, process: ProcessId) {
        (self.dead, self.doubts) = (Some(process), DOUBTS_MAX);
    }

    /// Returns why nothing is known.
    pub(super) fn error(&self) -> Option<&str> {
        if self.open == Some(Open::Unknown) { self.said.as_deref() } else { None }
    }

    /// Returns how far away the next look is, where there has to be one.
    pub(super) fn next_look(&mut self) -> Option<Duration> {
        let open = self.open?;
        self.looks = self.looks.saturating_add(1);
        let few = self.looks <= QUICK_LOOKS_MAX;
        Some(match open {
            Open::Changing | Open::Doubted if few => QUICK_LOOK,
            Open::Changing | Open::Doubted => SLOW_LOOK,
            Open::Unknown if few => SLOW_LOOK,
            Open::Unknown => RARE_LOOK,
        })
    }

    fn reopen(&mut self, open: Option<Open>) {
        if self.open != open {
            (self.open, self.looks) = (open, 0);
        }
    }

    /// Takes note of one that runs; returns its main process.
    fn running(&mut self, main: Option<ProcessId>) -> Option<ProcessId> {
        let main = main.filter(|main| self.dead != Some(*main));
        let doubted = self.dead.is_some() && main.is_none() && self.doubts > 0;
        if doubted {
            self.doubts -= 1;
        } else {
            self.dead = None;
        }
        self.reopen(doubted.then_some(Open::Doubted));
        main
    }
}

impl Entry {
    /// Takes what the host says of the services that were asked for.
    pub(super) fn judge_service(
        &mut self,
        now: Instant,
        services: &BTreeMap<String, ServiceInfo>,
        freshness: Freshness,
        notices: &mut VecDeque<Notice>,
    ) {
        let Some(vigil) = self.vigil.as_mut().filter(|vigil| vigil.active_from <= now) else {
            return;
        };
        let known = &mut vigil.service;
        let nothing = || ServiceInfo {
            state: ServiceState::Unknown,
            said: format!("nothing was said of {}", self.config.name),
            main: None,
        };
        let info = services.get(&self.config.name).cloned().unwrap_or_else(nothing);
        let runs = match info.state {
            ServiceState::Unknown => {
                (known.runs, known.said) = (None, Some(info.said.clone()));
                vigil.seen = true;
                // Of one that has run the next poll is soon enough to call its way a fault.
                vigil.poll_due &= vigil.state != WatchState::Up;
                return known.reopen(Some(Open::Unknown));
            }
            ServiceState::Running => true,
            ServiceState::Changing | ServiceState::NotRunning | ServiceState::NotFound => false,
        };
        let below = is_below(&self.config, u32::from(runs));
        if freshness == Freshness::Doubtful && below {
            return;
        }
        (known.runs, known.said) = (Some(runs), Some(info.said.clone()));
        let main = if runs { known.running(info.main) } else { None };
        vigil.processes = main.into_iter().collect::<BTreeSet<_>>();
        if info.state == ServiceState::Changing && !vigil.poll_due {
            return known.reopen(Some(Open::Changing));
        }
        if !runs {
            known.dead = None;
            known.reopen(None);
        }
        self.weigh(now, u32::from(runs), Some(&info.said), notices);
    }

    /// Returns when to look at the service again before the next poll.
    pub(super) fn next_service_look(&mut self, now: Instant) -> Option<Instant> {
        let distance = self.vigil.as_mut()?.service.next_look()?;
        Some(later(now, distance))
    }
}
