//! Faults that somebody could have made are found by what the stories assert.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::crash::dark_host;
use super::module::fickle;
use super::pause::burst_then_freeze;
use super::sweep::mix;
use super::world::{World, ms};
use crate::bug::{Bug, plant};

/// Tells whether one of some seeds of a story fails with a fault planted.
fn is_found(bug: Bug, seeds: u64, story: impl Fn(u64)) -> bool {
    (0..seeds).any(|seed| {
        plant(Some(bug));
        let failed = catch_unwind(AssertUnwindSafe(|| story(seed))).is_err();
        plant(None);
        failed
    })
}

#[test]
fn claiming_before_agreement_is_found() {
    assert!(is_found(Bug::ClaimBeforeAgreement, 20, mix));
}

#[test]
fn a_number_used_twice_is_found() {
    assert!(is_found(Bug::EpochReuse, 60, fickle));
}

#[test]
fn an_agreement_that_ignores_the_number_is_found() {
    assert!(is_found(Bug::StaleView, 60, fickle));
}

#[test]
fn old_rows_are_found() {
    assert!(is_found(Bug::StaleRows, 40, mix));
}

#[test]
fn judging_before_receiving_is_found() {
    assert!(is_found(Bug::JudgeBeforeReceive, 10, burst_then_freeze));
}

#[test]
fn acting_in_doubt_is_found() {
    assert!(is_found(Bug::NoSettling, 10, |seed| drop(dark_host(seed))));
}

#[test]
fn a_letter_that_ends_the_new_life_is_found() {
    assert!(is_found(Bug::LetterEndsNewLife, 3, |seed| {
        let mut world = World::settled(3, seed);
        world.crash(2);
        world.run(ms(30));
        world.start(2);
        world.wait_settled(ms(1_000));
        world.forget_counts();
        world.replay_letters();
        world.run(ms(1_000));
        assert_eq!(world.changes(), 0);
    }));
}
