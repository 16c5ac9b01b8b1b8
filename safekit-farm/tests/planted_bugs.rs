//! Shows that the sweep finds faults: each one that could have been made is switched on, and has to be found.
//!
//! Prints after how many seeds, and by what. `SAFEKIT_SEEDS=n` gives each so many seeds at most.

#[cfg(test)]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod families;

use families::Family;
use safekit_core::bug::{Bug, plant};
use safekit_core::sim::Sweep;

/// Each fault, the family that shows it best (none: all of them in turn), and within how many seeds it must be found.
const BUGS: [(Bug, Option<Family>, u64); 12] = [
    (Bug::ClaimBeforeAgreement, None, 200),
    (Bug::EpochReuse, None, 20),
    (Bug::SkippedRelease, None, 20),
    (Bug::StaleView, Some(Family::Toggle), 200),
    (Bug::JudgeBeforeReceive, Some(Family::Pause), 100),
    (Bug::StaleRows, None, 200),
    (Bug::NoSettling, Some(Family::HostDead), 100),
    (Bug::LetterEndsNewLife, Some(Family::FastRestart), 20),
    (Bug::ForgottenTimer, None, 200),
    (Bug::DoubleStart, Some(Family::Commands), 20),
    (Bug::ReadyBeforeJoined, None, 40),
    (Bug::UnlimitedRestarts, Some(Family::Processes), 100),
];

fn found(bug: Bug, family: Option<Family>, within: u64) -> Option<(u64, String)> {
    let sweep = Sweep::from_env(0x1000, within);
    plant(Some(bug));
    let report = sweep.run(|seed| {
        // What the machines assert of themselves counts as found too.
        let run = std::panic::AssertUnwindSafe(|| families::run(seed, family, sweep.length, 50));
        match std::panic::catch_unwind(run) {
            Ok(result) => result.map(|_| ()),
            Err(cause) => {
                let text = cause.downcast_ref::<String>().cloned();
                let text = text.or_else(|| cause.downcast_ref::<&str>().map(|it| (*it).to_owned()));
                Err(safekit_core::sim::Failure::of_seed(seed, text.unwrap_or_default()))
            }
        }
    });
    plant(None);
    report.failure.map(|(after, failure)| (after, failure.what))
}

#[test]
fn every_planted_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (bug, family, within) in BUGS {
        let where_to_look =
            family.map_or_else(|| "all families".to_owned(), |it| format!("{it:?}"));
        match found(bug, family, within) {
            Some((after, what)) => {
                let what: String = what.chars().take(90).collect();
                println!("{bug:?} | {where_to_look} | found after {after} seeds | {what}");
            }
            None => {
                println!("{bug:?} | {where_to_look} | not found within {within} seeds");
                missed.push(bug);
            }
        }
    }
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "not found: {missed:?}");
}
