//! Judges, from lists and from deaths, whether a module's processes and services run as they should (XML `errd`).
//!
//! In: which class is watched, lists of processes, how services stand, deaths, time. Out: [`Notice`]s: a list is wanted,
//! these processes are to be watched for their death, a process died, too few or too many, as it should be again.
//! Processes and services are asked for apart: a host that does not answer for its services holds up nothing else.
//!
//! ```text
//! off ──enable──► Init ──enough seen──► Up ──death, and still too few──► Down ──enough──► Up
//!                   └──first poll, never enough──────────────────────────▲
//! ```
//!
//! A process that was there and has died is acted upon as soon as a list made *after* its death confirms that there
//! are too few: a daemon that forks and whose parent ends is no fault. While enough of those are left that are known,
//! nothing is urgent. A process that never came is a fault at the
//! poll only: nothing tells it from a daemon that starts slowly, not even where it died between the end of `start_both` and
//! the first list, which is asked for in that moment and takes some milliseconds. Until enough was seen, lists are asked for quickly, so that a later death is noticed by the kernel.
//! A list asked for before the present watch began is not looked at.
//!
//! The life of the module switches the classes `both` and `pre`. A class of the user's own is watched while it is
//! enabled and `both` is on; while the monitor is off, nothing is watched, whatever is enabled.
//!
//! Polls come at multiples of their timer since a moment that all modules of the node have in common, as soon as that is
//! possible without one that comes late: so one list serves many modules.
//!
//! Not here: what is done about a fault (`life`), how a list is made (`runtime`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::entry::{Entry, Vigil, is_below};
use super::looks::{Freshness, Look, Looks, Urgency};
use super::matcher::Matcher;
use super::notice::Notice;
use super::service::ServiceInfo;
use super::{ProcessInfo, WatchState, Watched};
use crate::config::model::{ErrdConfig, ProcAction, ProcClass, ProcConfig, ProcKind};
use crate::control::Command;
use crate::ids::ProcessId;
use crate::module::script::Script;
use crate::timer::later;

/// A poll timer below this would be a busy loop.
const POLL_MIN: Duration = Duration::from_millis(100);
/// The most processes that are watched for one `<proc>`; more of them are counted, and not watched for their death.
const WATCHED_MAX: usize = 1024;

/// What can be watched, each with lists of its own.
const KINDS: [ProcKind; 2] = [ProcKind::Process, ProcKind::Service];

/// What precedes a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::module) enum Begin {
    /// The application was started: `start_after` holds.
    Started,
    /// It has been running under a former agent.
    Adopted,
}

/// Whether anything is watched at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::module) enum Switch {
    /// As the classes say.
    On,
    /// Nothing is.
    Off,
}

/// The process monitor of one module.
#[derive(Debug)]
pub(in crate::module) struct Monitor {
    polltimer: Duration,
    /// Polls fall on multiples of their timer since then.
    polls_since: Instant,
    entries: Vec<Entry>,
    /// Whether nothing is to be watched.
    off: bool,
    /// What the life of the module has switched on.
    on: BTreeSet<ProcClass>,
    /// The user's own classes that are enabled.
    enabled: BTreeSet<String>,
    process_looks: Looks,
    service_looks: Looks,
    /// Why it cannot be known how services stand, as told.
    services_unknown: Option<String>,
    told: BTreeSet<ProcessId>,
    notices: VecDeque<Notice>,
}

impl Monitor {
    /// Makes a monitor that watches nothing.
    pub(in crate::module) fn new(now: Instant) -> Self {
        Self {
            polltimer: POLL_MIN,
            polls_since: now,
            entries: Vec::new(),
            off: false,
            on: BTreeSet::new(),
            enabled: BTreeSet::new(),
            process_looks: Looks::default(),
            service_looks: Looks::default(),
            services_unknown: None,
            told: BTreeSet::new(),
            notices: VecDeque::new(),
        }
    }

    /// Lets polls fall on multiples of their timer since that moment.
    pub(in crate::module) fn poll_since(&mut self, since: Instant) {
        self.polls_since = since;
    }

    /// Takes a configuration. What is the same in it goes on being watched as it was.
    pub(in crate::module) fn configure(&mut self, now: Instant, config: Option<&ErrdConfig>) {
        let mut before = std::mem::take(&mut self.entries);
        let procs = config.map_or(&[][..], |errd| errd.procs.as_slice());
        self.polltimer = config.map_or(POLL_MIN, |errd| errd.polltimer.max(POLL_MIN));
        for proc in procs {
            let same = before.iter().position(|entry| entry.config == *proc);
            let entry = match same.map(|place| before.swap_remove(place)) {
                Some(entry) => entry,
                None => self.new_entry(proc),
            };
            self.entries.push(entry);
        }
        let classes: BTreeSet<String> = self.classes().into_iter().map(str::to_owned).collect();
        self.enabled.retain(|class| classes.contains(class));
        self.begin_wanted(now, Begin::Started);
        self.release();
        self.tell_watched();
    }

    /// Takes what was saved: whether the monitor is off, and which classes of the user's own are enabled.
    pub(in crate::module) fn restore(&mut self, switch: Switch, enabled: &BTreeSet<String>) {
        self.off = switch == Switch::Off;
        self.enabled.clone_from(enabled);
    }

    /// Switches all watching on or off; tells whether that was otherwise before. What an application that runs has is
    /// watched at once.
    pub(in crate::module) fn switch(&mut self, now: Instant, switch: Switch) -> bool {
        let off = switch == Switch::Off;
        if self.off == off {
            return false;
        }
        self.off = off;
        self.begin_wanted(now, Begin::Adopted);
        self.end_unwanted();
        true
    }

    /// Enables a class of the user's own; tells whether it was not.
    pub(in crate::module) fn enable_class(&mut self, now: Instant, class: &str) -> bool {
        let changed = self.enabled.insert(class.to_owned());
        self.begin_wanted(now, Begin::Started);
        changed
    }

    /// Disables a class of the user's own; tells whether it was enabled.
    pub(in crate::module) fn disable_class(&mut self, class: &str) -> bool {
        let changed = self.enabled.remove(class);
        self.end_unwanted();
        changed
    }

    /// Disables all classes of the user's own: the module has stopped.
    pub(in crate::module) fn disable_classes(&mut self) {
        self.enabled.clear();
        self.end_unwanted();
    }

    /// A handler says that it has mended a `<proc>`: it is believed for one poll, and a list that was asked for before
    /// is not looked at. Whether it is right is looked at soon.
    pub(in crate::module) fn believe(&mut self, now: Instant, name: &str) {
        let entry = self.entries.iter_mut().find(|entry| entry.config.name == name);
        let watched = entry.and_then(|entry| Some((entry.config.kind, entry.vigil.as_mut()?)));
        let Some((kind, vigil)) = watched else { return };
        vigil.poll_due = false;
        vigil.next_poll = later(now, self.polltimer);
        self.looks(kind).doubt(now);
    }

    fn new_entry(&mut self, config: &ProcConfig) -> Entry {
        let matcher = Matcher::new(config).ok();
        if matcher.is_none() {
            self.notices.push_back(Notice::Unwatchable);
        }
        Entry { config: config.clone(), matcher, vigil: None }
    }

    /// Begins to watch a class; what is watched already goes on.
    pub(in crate::module) fn enable(&mut self, now: Instant, class: ProcClass, begin: Begin) {
        self.on.insert(class);
        self.begin_wanted(now, begin);
    }

    /// Ends the watch of a class.
    pub(in crate::module) fn disable(&mut self, class: &ProcClass) {
        self.on.remove(class);
        self.end_unwanted();
    }

    fn begin_wanted(&mut self, now: Instant, begin: Begin) {
        let mut begun: BTreeMap<ProcKind, Instant> = BTreeMap::new();
        let (off, on, enabled) = (self.off, &self.on, &self.enabled);
        let wanted = |class: &ProcClass| !off && is_wanted(class, on, enabled);
        for entry in self.entries.iter_mut().filter(|entry| wanted(&entry.config.class)) {
            if entry.matcher.is_none() || entry.vigil.is_some() {
                continue;
            }
            let polls_before = match begin {
                Begin::Started => entry.config.start_after.saturating_sub(1),
                Begin::Adopted => 0,
            };
            let active_from = later(now, self.polltimer.saturating_mul(polls_before));
            let first = begun.entry(entry.config.kind).or_insert(active_from);
            *first = active_from.min(*first);
            entry.vigil = Some(Vigil::new(now, active_from, self.polltimer));
        }
        for (kind, first) in begun {
            let look = self.looks(kind).begin(now, first);
            self.want(kind, look);
        }
    }

    fn end_unwanted(&mut self) {
        let (off, on, enabled) = (self.off, &self.on, &self.enabled);
        let wanted = |class: &ProcClass| !off && is_wanted(class, on, enabled);
        for entry in self.entries.iter_mut().filter(|entry| !wanted(&entry.config.class)) {
            entry.vigil = None;
        }
        self.release();
        self.tell_watched();
    }

    /// Takes a list that was asked for; tells whether it was looked at. A script of the module that runs just now
    /// does not count as one of its processes; what it has started does.
    pub(in crate::module) fn handle_scan(
        &mut self,
        now: Instant,
        processes: &[ProcessInfo],
        running: Option<Script>,
    ) -> bool {
        self.handle_list(now, ProcKind::Process, |entry, freshness, notices| {
            entry.judge(now, processes, running, freshness, notices);
        })
    }

    /// Takes how the services stand that were asked for; tells whether it was looked at.
    pub(in crate::module) fn handle_services(
        &mut self,
        now: Instant,
        services: &BTreeMap<String, ServiceInfo>,
    ) -> bool {
        let looked_at = self.handle_list(now, ProcKind::Service, |entry, freshness, notices| {
            entry.judge_service(now, services, freshness, notices);
        });
        if looked_at {
            self.tell_unknown();
        }
        looked_at
    }

    fn handle_list(
        &mut self,
        now: Instant,
        kind: ProcKind,
        mut judge: impl FnMut(&mut Entry, Freshness, &mut VecDeque<Notice>),
    ) -> bool {
        let Some(freshness) = self.looks(kind).take(now) else { return false };
        if freshness == Freshness::Void {
            if self.is_kind_on(kind) {
                let look = self.looks(kind).ask(now);
                self.want(kind, look);
            }
            return false;
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.config.kind == kind) {
            let freshness = entry.freshness(freshness);
            judge(entry, freshness, &mut self.notices);
        }
        self.tell_watched();
        if freshness == Freshness::Doubtful && self.is_kind_on(kind) {
            let urgency = self.urgency(kind);
            let look = self.looks(kind).after_death(now, urgency);
            self.want(kind, look);
        }
        let entries = self.entries.iter_mut().filter(|entry| entry.config.kind == kind);
        if let Some(at) = entries.filter_map(|entry| entry.next_look(now)).min() {
            self.looks(kind).by(at);
        }
        true
    }

    /// Takes a death.
    pub(in crate::module) fn handle_exit(&mut self, now: Instant, process: ProcessId) {
        let mut known: BTreeSet<ProcKind> = BTreeSet::new();
        for entry in &mut self.entries {
            let Some(vigil) = &mut entry.vigil else { continue };
            if vigil.processes.remove(&process) {
                vigil.doubted = true;
                known.insert(entry.config.kind);
                vigil.service.handle_exit(process);
                let name = entry.config.name.clone();
                self.notices.push_back(Notice::Died { name, process });
            }
        }
        for kind in known {
            let urgency = self.urgency(kind);
            let look = self.looks(kind).after_death(now, urgency);
            self.want(kind, look);
        }
    }

    /// Does what is due.
    pub(in crate::module) fn handle_timeout(&mut self, now: Instant) {
        let mut due: BTreeSet<ProcKind> = BTreeSet::new();
        let next_poll = poll_after(now, self.polls_since, self.polltimer);
        for entry in &mut self.entries {
            let Some(vigil) = entry.vigil.as_mut().filter(|vigil| vigil.next_poll <= now) else {
                continue;
            };
            vigil.poll_due = true;
            vigil.next_poll = next_poll;
            due.insert(entry.config.kind);
        }
        for kind in KINDS {
            let look = self.looks(kind).handle_timeout(now, due.contains(&kind));
            self.want(kind, look);
        }
    }

    /// Returns when [`Self::handle_timeout`] has to be called.
    pub(in crate::module) fn poll_timeout(&self) -> Option<Instant> {
        let polls = self.entries.iter().filter_map(|entry| entry.vigil.as_ref());
        let looks = [self.process_looks.poll_timeout(), self.service_looks.poll_timeout()];
        polls.map(|vigil| vigil.next_poll).chain(looks.into_iter().flatten()).min()
    }

    /// Returns what there is to say, oldest first.
    pub(in crate::module) fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Tells whether there may be too few of what is known to have been there.
    fn urgency(&self, kind: ProcKind) -> Urgency {
        let few = |entry: &Entry| match kind {
            ProcKind::Process => entry.count().is_some_and(|count| is_below(&entry.config, count)),
            ProcKind::Service => true,
        };
        let is_urgent = self.entries.iter().any(|entry| entry.is_watched(kind) && few(entry));
        if is_urgent { Urgency::Now } else { Urgency::Soon }
    }

    fn looks(&mut self, kind: ProcKind) -> &mut Looks {
        match kind {
            ProcKind::Process => &mut self.process_looks,
            ProcKind::Service => &mut self.service_looks,
        }
    }

    fn want(&mut self, kind: ProcKind, look: Look) {
        if look == Look::Now {
            let vigils = self.entries.iter_mut().filter(|entry| entry.config.kind == kind);
            for vigil in vigils.filter_map(|entry| entry.vigil.as_mut()) {
                vigil.doubted = false;
            }
        }
        match (kind, look) {
            (_, Look::Later) => {}
            (ProcKind::Process, Look::Now) => self.notices.push_back(Notice::ScanWanted),
            (ProcKind::Service, Look::Now) => {
                let watched = self.entries.iter().filter(|entry| entry.is_watched(kind));
                let names = watched.map(|entry| entry.config.name.clone()).collect();
                self.notices.push_back(Notice::ServicesWanted(names));
            }
        }
    }

    /// Tells that nothing can be known of services, or that it can again: each once.
    fn tell_unknown(&mut self) {
        let vigils = self.entries.iter().filter_map(|entry| entry.vigil.as_ref());
        let error = vigils.filter_map(|vigil| vigil.service.error()).next().map(str::to_owned);
        match (&self.services_unknown, &error) {
            (None, Some(error)) => {
                self.notices.push_back(Notice::ServicesUnknown { error: error.clone() });
            }
            (Some(_), None) => self.notices.push_back(Notice::ServicesKnown),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.services_unknown = error;
    }

    /// Returns why it cannot be known how services stand; `None`: it can, or nobody has to know.
    pub(in crate::module) fn services_unknown(&self) -> Option<&str> {
        self.services_unknown.as_deref()
    }

    /// Nobody has to look for what is watched no longer, or to know of it.
    fn release(&mut self) {
        for kind in KINDS {
            if !self.is_kind_on(kind) {
                self.looks(kind).end();
            }
        }
        if !self.is_kind_on(ProcKind::Service) {
            self.services_unknown = None;
        }
    }

    fn tell_watched(&mut self) {
        let vigils = self.entries.iter().filter_map(|entry| entry.vigil.as_ref());
        let watched: BTreeSet<_> =
            vigils.flat_map(|vigil| vigil.processes.iter().copied().take(WATCHED_MAX)).collect();
        if watched != self.told {
            self.told.clone_from(&watched);
            self.notices.push_back(Notice::Watch(watched));
        }
    }

    /// Tells whether anything is watched.
    pub(in crate::module) fn is_on(&self) -> bool {
        self.entries.iter().any(|entry| entry.vigil.is_some())
    }

    fn is_kind_on(&self, kind: ProcKind) -> bool {
        self.entries.iter().any(|entry| entry.is_watched(kind))
    }

    /// Tells whether all watching is switched off.
    pub(in crate::module) fn is_off(&self) -> bool {
        self.off
    }

    /// Returns the classes of the user's own that are enabled.
    pub(in crate::module) fn enabled(&self) -> &BTreeSet<String> {
        &self.enabled
    }

    /// Returns the classes of the user's own that there are.
    pub(in crate::module) fn classes(&self) -> BTreeSet<&str> {
        let class = |entry: &'_ Entry| matches!(entry.config.class, ProcClass::User(_));
        let own = self.entries.iter().filter(|entry| class(entry));
        own.map(|entry| entry.config.class.as_str()).collect()
    }

    /// Tells whether a `<proc>` is watched.
    pub(in crate::module) fn watches(&self, name: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.config.name == name);
        entry.is_some_and(|entry| entry.vigil.is_some())
    }

    /// Tells whether the presence of any process is tested while the application runs, watched just now or not.
    pub(in crate::module) fn tests_presence(&self) -> bool {
        self.entries.iter().any(|entry| {
            let class = match &entry.config.class {
                ProcClass::Both | ProcClass::Pre => true,
                ProcClass::User(name) => self.enabled.contains(name),
            };
            !self.off && class && entry.matcher.is_some() && entry.config.atleast.unwrap_or(0) > 0
        })
    }

    /// Tells whether a process is missing about which the module itself would have to do something.
    pub(in crate::module) fn is_missing_any(&self) -> bool {
        self.entries.iter().any(Entry::is_missing)
    }

    /// Calls each of those a fault now, though nobody has seen it alive: the application was UP, so it was there.
    pub(in crate::module) fn judge_missing(&mut self, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_missing()) {
            entry.judge_missing(now, &mut self.notices);
        }
    }

    /// Tells whether something is watched from that moment on, or since before, that was not looked at yet.
    pub(in crate::module) fn has_to_look(&self, now: Instant) -> bool {
        let vigils = self.entries.iter().filter_map(|entry| entry.vigil.as_ref());
        vigils.into_iter().any(|vigil| !vigil.seen && vigil.active_from <= now)
    }

    /// Tells whether everything that is watched has been judged, and there is something.
    pub(in crate::module) fn is_complete(&self) -> bool {
        let mut vigils = self.entries.iter().filter_map(|entry| entry.vigil.as_ref()).peekable();
        vigils.peek().is_some() && vigils.all(|vigil| vigil.state != WatchState::Init)
    }

    /// Returns the processes whose deaths are reported.
    pub(in crate::module) fn processes(&self) -> &BTreeSet<ProcessId> {
        &self.told
    }

    /// Returns how each `<proc>` stands.
    pub(in crate::module) fn watched(&self) -> Vec<Watched> {
        let stand = |entry: &Entry| Watched {
            name: entry.config.name.clone(),
            state: entry.vigil.as_ref().map_or(WatchState::Init, |vigil| vigil.state),
            since: entry.vigil.as_ref().map(|vigil| vigil.since),
            processes: entry.vigil.as_ref().map(|v| v.processes.clone()).unwrap_or_default(),
            class: entry.config.class.as_str().to_owned(),
            service: entry.service(),
        };
        self.entries.iter().map(stand).collect()
    }

    /// Returns the time between two polls.
    pub(in crate::module) fn polltimer(&self) -> Duration {
        self.polltimer
    }
}

/// Returns the command that a fault asks for; `None`: a line in the log, or a handler.
pub(in crate::module) fn command(action: &ProcAction) -> Option<Command> {
    match action {
        ProcAction::Restart => Some(Command::Restart),
        ProcAction::Stopstart => Some(Command::Stopstart),
        ProcAction::Stop => Some(Command::Stop),
        ProcAction::NoAction | ProcAction::Handler(_) => None,
    }
}

/// Returns when to poll next: at the next multiple of the timer. Where that is sooner than a third of the timer, somewhere
/// before the one after it: what was done about this poll needs its time.
fn poll_after(now: Instant, since: Instant, polltimer: Duration) -> Instant {
    let past = now.saturating_duration_since(since).as_nanos() % polltimer.as_nanos().max(1);
    let past = u64::try_from(past).map_or(Duration::ZERO, Duration::from_nanos);
    let (left, third) = (polltimer.saturating_sub(past), polltimer / 3);
    later(now, if left >= third { left } else { left + third })
}

fn is_wanted(class: &ProcClass, on: &BTreeSet<ProcClass>, enabled: &BTreeSet<String>) -> bool {
    match class {
        ProcClass::Both | ProcClass::Pre => on.contains(class),
        ProcClass::User(name) => on.contains(&ProcClass::Both) && enabled.contains(name),
    }
}
