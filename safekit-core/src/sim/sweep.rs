//! Runs many seeds, as the environment says.
//!
//! `SAFEKIT_SEED=0x1f3a` replays one seed (with `SAFEKIT_SEEDS`: begins there), `SAFEKIT_SEEDS=n` takes so many,
//! `SAFEKIT_STEPS=n` makes each run so many times as long, `SAFEKIT_TRACE=n` shows so many lines of a failure.

use crate::sim::Failure;

/// Which seeds to run, and how.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, Life, Random, SimModule, Sweep, SweepReport, World};
///
/// // Ten runs, unless SAFEKIT_SEED or SAFEKIT_SEEDS say something else.
/// let module = SimModule::watched("web")?;
/// let report: SweepReport = Sweep::from_env(1, 10).run(|seed| {
///     let mut world = World::new(seed, Cast::new(2).module(module.clone()), |birth| {
///         Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
///     })
///     .with(Life::new());
///     world.start_all();
///     world.run_for(Duration::from_secs(5))?;
///     let victim = world.nodes()[Random::new(seed).below(2)];
///     world.crash(victim);
///     world.run_for(Duration::from_secs(5))
/// });
/// assert_eq!(report.failure, None);
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sweep {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// How many times as long as usual a run with random faults is, 1 to 1000.
    pub length: u32,
    /// How many inputs and outputs a failure shows.
    pub trace: usize,
}

/// What a sweep has seen.
///
/// Example: [`Sweep`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SweepReport {
    /// Seeds that were run.
    pub seeds: u64,
    /// The first failure, and after how many seeds it came.
    pub failure: Option<(u64, Failure)>,
}

impl Sweep {
    /// Reads what the environment says; otherwise so many seeds from that one on.
    #[must_use]
    pub fn from_env(first: u64, count: u64) -> Self {
        let seed = number("SAFEKIT_SEED");
        let count =
            number("SAFEKIT_SEEDS").unwrap_or_else(|| if seed.is_some() { 1 } else { count });
        let length = number("SAFEKIT_STEPS").unwrap_or(1).clamp(1, 1000);
        let trace = number("SAFEKIT_TRACE").unwrap_or(50).clamp(1, 1_000_000);
        Self {
            first: seed.unwrap_or(first),
            count,
            length: u32::try_from(length).unwrap_or(1),
            trace: usize::try_from(trace).unwrap_or(50),
        }
    }

    /// Runs the seeds until one fails.
    pub fn run(&self, mut one: impl FnMut(u64) -> Result<(), Failure>) -> SweepReport {
        let mut report = SweepReport::default();
        for seed in (self.first..).take(usize::try_from(self.count).unwrap_or(usize::MAX)) {
            report.seeds += 1;
            if let Err(failure) = one(seed) {
                report.failure = Some((report.seeds, failure));
                break;
            }
        }
        report
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
