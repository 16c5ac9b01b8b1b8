//! Scripts that wait until what was ordered to be kept before them is on the disk.
//!
//! An agent that is killed is followed by one that goes by what was kept. Were a `stop_both` to begin before "stopping"
//! is on the disk, the next agent could take an application for running that is being stopped.
//!
//! In: begun and ended orders to keep, scripts to run. Out: scripts to run now. Always: scripts of one module begin in
//! the order in which they were ordered; none waits longer than [`WAIT_MAX`], so that a disk that does not answer
//! cannot keep an application from being stopped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{ActionId, ModuleName};
use crate::module::script::ScriptRun;

/// How long a script waits for a disk at most.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(5);

/// What is being kept, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct Holds {
    keeping: BTreeMap<ActionId, ModuleName>,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    id: ActionId,
    run: Box<ScriptRun>,
    until: Instant,
}

impl Holds {
    /// Notes that something is being kept.
    pub(super) fn keep(&mut self, id: ActionId, module: ModuleName) {
        self.keeping.insert(id, module);
    }

    /// Notes that it was kept, or could not be.
    pub(super) fn kept(&mut self, id: ActionId) {
        self.keeping.remove(&id);
    }

    /// Tells whether something of a module is being kept.
    pub(super) fn is_keeping(&self, module: &ModuleName) -> bool {
        self.keeping.values().any(|keeping| keeping == module)
    }

    /// Takes a script to run; [`Holds::next`] gives it back when it may begin.
    pub(super) fn hold(&mut self, now: Instant, id: ActionId, run: Box<ScriptRun>) {
        self.held.push(Held { id, run, until: now + WAIT_MAX });
    }

    /// Takes out a script that has not begun; `None` where there is none of that name.
    pub(super) fn withdraw(&mut self, id: ActionId) -> Option<Box<ScriptRun>> {
        let place = self.held.iter().position(|held| held.id == id)?;
        Some(self.held.remove(place).run)
    }

    /// Returns the next script that may begin.
    pub(super) fn next(&mut self, now: Instant) -> Option<(ActionId, Box<ScriptRun>)> {
        let waits = |held: &Held| self.is_keeping(&held.run.module);
        let place = self.held.iter().position(|held| held.until <= now || !waits(held))?;
        let held = self.held.remove(place);
        Some((held.id, held.run))
    }

    /// Returns when a script begins whatever the disk does.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Holds, WAIT_MAX};
    use crate::config::model::Logging;
    use crate::ids::{ActionId, ModuleName};
    use crate::module::script::{LargeUserlogs, Script, ScriptRun};
    use crate::sim_clock_base;

    fn run(module: &str) -> Box<ScriptRun> {
        Box::new(ScriptRun {
            module: ModuleName::new(module).unwrap(),
            script: Script::StopBoth,
            file: None,
            arguments: Vec::new(),
            vars: Vec::new(),
            logging: Logging::None,
            large_userlogs: LargeUserlogs::Keep,
            time_limit: None,
        })
    }

    fn next(holds: &mut Holds, now: std::time::Instant) -> Option<u64> {
        holds.next(now).map(|(id, _)| id.0)
    }

    #[test]
    fn a_script_begins_when_all_before_it_is_kept() {
        let (now, mut holds) = (sim_clock_base(), Holds::default());
        holds.keep(ActionId(1), run("a").module);
        holds.keep(ActionId(2), run("a").module);
        holds.hold(now, ActionId(3), run("a"));
        holds.hold(now, ActionId(4), run("b"));
        assert_eq!(next(&mut holds, now), Some(4), "another module's disk is not waited for");
        holds.kept(ActionId(1));
        assert_eq!(next(&mut holds, now), None);
        holds.kept(ActionId(2));
        assert_eq!(next(&mut holds, now), Some(3));
        assert_eq!(holds.poll_timeout(), None);
    }

    #[test]
    fn a_disk_that_does_not_answer_is_not_waited_for_without_end() {
        let (now, mut holds) = (sim_clock_base(), Holds::default());
        holds.keep(ActionId(1), run("a").module);
        holds.hold(now, ActionId(2), run("a"));
        assert_eq!(holds.poll_timeout(), Some(now + WAIT_MAX));
        assert_eq!(next(&mut holds, now), None);
        assert_eq!(next(&mut holds, now + WAIT_MAX), Some(2));
    }

    #[test]
    fn a_script_that_has_not_begun_can_be_withdrawn() {
        let (now, mut holds) = (sim_clock_base(), Holds::default());
        holds.keep(ActionId(1), run("a").module);
        holds.hold(now, ActionId(2), run("a"));
        assert!(holds.withdraw(ActionId(2)).is_some());
        assert!(holds.withdraw(ActionId(2)).is_none());
        holds.kept(ActionId(1));
        assert_eq!(next(&mut holds, now), None);
    }
}
