//! Seeds x random faults: what must hold always and in the end holds, whatever happens.
//!
//! `SAFEKIT_SEED=0x1f3a` replays one seed, `SAFEKIT_SEEDS=n` widens the sweep, `SAFEKIT_STEPS=n` lengthens the runs,
//! `SAFEKIT_FAMILY=Pause` takes one family of faults only.

#[cfg(test)]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod families;

use std::collections::BTreeMap;
use std::time::Duration;

use families::Family;
use safekit_core::sim::Sweep;

#[test]
fn whatever_happens_the_invariants_hold() {
    let sweep = Sweep::from_env(0, 200);
    let only = std::env::var("SAFEKIT_FAMILY").ok();
    let only =
        only.and_then(|it| Family::ALL.into_iter().find(|family| format!("{family:?}") == it));
    let mut worst: BTreeMap<Family, Duration> = BTreeMap::new();
    let report = sweep.run(|seed| {
        let took = families::run(seed, only, sweep.length, sweep.trace)?;
        let slot = worst.entry(only.unwrap_or_else(|| Family::of(seed))).or_default();
        *slot = took.max(*slot);
        Ok(())
    });
    println!("{} seeds; longest time to come to rest: {worst:?}", report.seeds);
    if let Some((after, failure)) = report.failure {
        panic!(
            "after {after} seeds, {:?}: {failure}",
            only.unwrap_or_else(|| Family::of(failure.seed))
        );
    }
}
