//! The health answers, as the event loop last published them.
//!
//! In: what each module's answer is, and a stamp from the event loop at least every [`STAMP_INTERVAL`]. Out, to the fronts: the answer for a
//! name. A stamp older than [`STALE_AFTER`] turns every answer negative: a loop that stands still cannot vouch for
//! anything (a dead man's switch).
//!
//! Always: once [`Board::publish`] has returned, no front forms an answer from what was published before. Fronts read
//! a snapshot without a lock; only after a change they take one for as long as it takes to copy a pointer.
//!
//! Not here: what ready means (`module`), the drain (`module`, which is fed by [`Board::take_probed`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Page;
use crate::ids::ModuleName;

/// A stamp older than this turns every answer negative.
///
/// Example: [`Board`].
pub const STALE_AFTER: Duration = Duration::from_millis(300);

/// How often the loop stamps at least: so seldom that it is hardly woken for that alone, and so often that a freeze of
/// 200 ms turns no answer negative.
///
/// Example: [`Board`].
pub const STAMP_INTERVAL: Duration = Duration::from_millis(75);

/// What the health answers are; shared by the event loop, which writes, and the fronts, which read.
///
/// ```
/// use std::time::Instant;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::runtime::front::{Board, STALE_AFTER, STAMP_INTERVAL};
///
/// # fn turn(now: Instant) -> Result<(), safekit_core::ids::NameError> {
/// let board = Board::new(now);
/// let shop = ModuleName::new("shop")?;
/// board.publish(&shop, true, "ready"); // whenever it changes
/// board.stamp(now); // each turn, and at least every STAMP_INTERVAL
/// assert!(STAMP_INTERVAL < STALE_AFTER);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Board {
    base: Instant,
    /// Microseconds from `base` to the last stamp, plus 1; 0: never stamped.
    stamped: AtomicU64,
    /// Grows with each change of `modules`.
    version: AtomicU64,
    /// Grows when a module that was ready no longer is.
    withdrawals: AtomicU64,
    modules: Mutex<Arc<Modules>>,
}

#[derive(Clone, Debug, Default)]
struct Modules {
    /// Ordered by name.
    list: Vec<Module>,
}

#[derive(Clone, Debug)]
struct Module {
    name: ModuleName,
    ready: bool,
    reason: &'static str,
    probed: Arc<AtomicBool>,
    page: Arc<Page>,
}

impl Board {
    /// Makes a board without modules and without a stamp: every answer is negative. `now` is any time before the
    /// first stamp.
    #[must_use]
    pub fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self {
            base: now,
            stamped: AtomicU64::new(0),
            version: AtomicU64::new(1),
            withdrawals: AtomicU64::new(0),
            modules: Mutex::default(),
        })
    }

    /// Sets the answer of a module, and why it is so: `ready`, `stopped` and the like, in visible ASCII characters.
    /// Cheap when nothing changes.
    pub fn publish(&self, name: &ModuleName, ready: bool, reason: &'static str) {
        self.change(|list| {
            let at = list.binary_search_by(|module| module.name.cmp(name));
            let found = at.ok().and_then(|at| list.get_mut(at));
            if found.as_ref().is_some_and(|module| (module.ready, module.reason) == (ready, reason))
            {
                return Changed::No;
            }
            let withdrawn = found.as_ref().is_some_and(|module| module.ready && !ready);
            let page = Arc::new(Page::health(ready, reason));
            match (found, at) {
                (Some(module), _) => {
                    *module = Module { ready, reason, page, ..module.clone() };
                }
                (None, Ok(at) | Err(at)) => {
                    let (name, probed) = (name.clone(), Arc::default());
                    list.insert(at, Module { name, ready, reason, probed, page });
                }
            }
            if withdrawn { Changed::Withdrawn } else { Changed::Added }
        });
    }

    /// Forgets a module: its answer is the one for unknown names.
    pub fn remove(&self, name: &ModuleName) {
        self.change(|list| {
            let Ok(at) = list.binary_search_by(|module| module.name.cmp(name)) else {
                return Changed::No;
            };
            if list.remove(at).ready { Changed::Withdrawn } else { Changed::Added }
        });
    }

    /// Says that the event loop is alive and that what is published is what it wants to say. `now` is the time at which
    /// its turn **began**: a loop that stood still within a turn has not looked since, and must not vouch for anything.
    pub fn stamp(&self, now: Instant) {
        let micros = now.saturating_duration_since(self.base).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX - 1);
        self.stamped.fetch_max(micros.saturating_add(1), Ordering::Release);
    }

    /// Returns the modules that somebody asked for since the last call.
    #[must_use]
    pub fn take_probed(&self) -> Vec<ModuleName> {
        let modules = self.modules();
        let probed =
            modules.list.iter().filter(|module| module.probed.swap(false, Ordering::Relaxed));
        probed.map(|module| module.name.clone()).collect()
    }

    /// Tells whether the last stamp is young enough.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let Some(micros) = self.stamped.load(Ordering::Acquire).checked_sub(1) else {
            return false;
        };
        let stamped = self.base.checked_add(Duration::from_micros(micros));
        stamped.is_some_and(|stamped| now.saturating_duration_since(stamped) <= STALE_AFTER)
    }

    fn modules(&self) -> Arc<Modules> {
        Arc::clone(&self.modules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes a copy and swaps it in; writers wait for each other, readers only for the swap.
    fn change(&self, edit: impl Fn(&mut Vec<Module>) -> Changed) {
        loop {
            let before = self.modules();
            let mut after = Modules::clone(&before);
            let withdrawn = match edit(&mut after.list) {
                Changed::No => return,
                Changed::Added => 0,
                Changed::Withdrawn => 1,
            };
            let mut place = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&place, &before) {
                *place = Arc::new(after);
                self.version.fetch_add(1, Ordering::Release);
                self.withdrawals.fetch_add(withdrawn, Ordering::Release);
                return;
            }
        }
    }
}

/// What a change of the list did to the answers.
enum Changed {
    /// Nothing.
    No,
    /// No positive answer became a negative one.
    Added,
    /// One did.
    Withdrawn,
}

/// What one front sees of a board.
#[derive(Debug)]
pub(super) struct View {
    board: Arc<Board>,
    version: u64,
    modules: Arc<Modules>,
    stale: Page,
    unknown: Page,
}

/// An answer of health, and what it stands on.
#[derive(Debug)]
pub(super) struct Health<'a> {
    /// What to send.
    pub(super) page: &'a Page,
    /// Set when the answer is positive: it may be sent as long as [`View::stands`] agrees.
    pub(super) vouched: Option<Vouched>,
}

/// What a positive answer stands on: how many were withdrawn before it was formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vouched(u64);

impl View {
    /// Opens a view.
    pub(super) fn new(board: Arc<Board>) -> Self {
        // Version 0 was never published: the first question fetches the snapshot.
        let stale = Page::health(false, "stale");
        let unknown = Page::health(false, "unknown-module");
        Self { board, version: 0, modules: Arc::default(), stale, unknown }
    }

    /// Returns the answer for a name as it came in a path.
    pub(super) fn health(&mut self, name: &str, now: Instant) -> Health<'_> {
        // First, so that a withdrawal from here on is noticed by `stands`.
        let withdrawals = self.board.withdrawals.load(Ordering::Acquire);
        let version = self.board.version.load(Ordering::Acquire);
        if version != self.version {
            self.modules = self.board.modules();
            self.version = version;
        }
        let list = &self.modules.list;
        let at = list.binary_search_by(|module| module.name.as_str().cmp(name));
        let Some(module) = at.ok().and_then(|at| list.get(at)) else {
            return Health { page: &self.unknown, vouched: None };
        };
        // The plain load spares the processors the exchange of the line for each probe.
        if !module.probed.load(Ordering::Relaxed) {
            module.probed.store(true, Ordering::Relaxed);
        }
        if !self.board.is_fresh(now) {
            return Health { page: &self.stale, vouched: None };
        }
        Health { page: &module.page, vouched: module.ready.then_some(Vouched(withdrawals)) }
    }

    /// Tells whether a positive answer may still be sent.
    pub(super) fn stands(&self, vouched: Vouched, now: Instant) -> bool {
        self.board.withdrawals.load(Ordering::Acquire) == vouched.0 && self.board.is_fresh(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ModuleName {
        ModuleName::new(text).unwrap()
    }

    fn reason(view: &mut View, module: &str, now: Instant) -> (&'static str, bool) {
        let health = view.health(module, now);
        (health.page.reason(), health.vouched.is_some())
    }

    #[test]
    fn an_answer_is_positive_only_when_published_ready_and_freshly_stamped() {
        let base = crate::sim_clock_base();
        let board = Board::new(base);
        let mut view = View::new(Arc::clone(&board));
        assert_eq!(reason(&mut view, "shop", base), ("unknown-module", false));
        board.publish(&name("shop"), true, "ready");
        assert_eq!(reason(&mut view, "shop", base), ("stale", false));
        let later = base + Duration::from_secs(5);
        board.stamp(later);
        assert_eq!(reason(&mut view, "shop", later), ("ready", true));
        assert_eq!(reason(&mut view, "shop", later + STALE_AFTER), ("ready", true));
        let late = later + STALE_AFTER + Duration::from_micros(1);
        assert_eq!(reason(&mut view, "shop", late), ("stale", false));
        assert_eq!(reason(&mut view, "shop", base), ("ready", true), "a stamp may be ahead");
        board.publish(&name("shop"), false, "stopped");
        assert_eq!(reason(&mut view, "shop", later), ("stopped", false));
        board.remove(&name("shop"));
        assert_eq!(reason(&mut view, "shop", later), ("unknown-module", false));
    }

    #[test]
    fn names_are_compared_exactly() {
        let base = crate::sim_clock_base();
        let board = Board::new(base);
        board.stamp(base);
        for text in ["b", "a", "c", "shop"] {
            board.publish(&name(text), true, "ready");
        }
        let mut view = View::new(board);
        for text in ["", "sho", "shop1", "Shop", "a/b", "../shop", "%73hop", "shop "] {
            assert_eq!(reason(&mut view, text, base).0, "unknown-module", "{text}");
        }
        for text in ["b", "a", "c", "shop"] {
            assert_eq!(reason(&mut view, text, base).0, "ready", "{text}");
        }
    }

    #[test]
    fn a_positive_answer_stands_until_one_is_withdrawn_or_the_stamp_is_stale() {
        let base = crate::sim_clock_base();
        let board = Board::new(base);
        board.stamp(base);
        board.publish(&name("shop"), true, "ready");
        let mut view = View::new(Arc::clone(&board));
        let vouched = view.health("shop", base).vouched.unwrap();
        board.publish(&name("shop"), true, "settled");
        board.publish(&name("other"), true, "ready");
        assert!(view.stands(vouched, base + STALE_AFTER));
        assert!(!view.stands(vouched, base + STALE_AFTER * 2));
        board.publish(&name("shop"), false, "draining");
        assert!(!view.stands(vouched, base));
    }

    #[test]
    fn a_module_asked_for_is_reported_once_also_when_it_is_not_ready() {
        let base = crate::sim_clock_base();
        let board = Board::new(base);
        board.publish(&name("a"), false, "stopped");
        board.publish(&name("b"), false, "stopped");
        let mut view = View::new(Arc::clone(&board));
        assert_eq!(board.take_probed(), []);
        assert_eq!(reason(&mut view, "b", base).0, "stale");
        board.publish(&name("b"), true, "ready");
        assert_eq!(board.take_probed(), [name("b")]);
        assert_eq!(board.take_probed(), []);
    }
}
