//! Processes that stand still.

use super::world::{LOST, World, ms};
use crate::membership::{JoinReason, Output};

fn paused_lives(world: &World, node: usize) -> usize {
    world.joins(node).iter().filter(|why| matches!(why, JoinReason::Paused { .. })).count()
}

#[test]
fn short_freeze_changes_nothing_at_all() {
    for seed in 0..5 {
        for time in [200, 300, 500, 700] {
            let mut world = World::settled(3, seed);
            world.pause(2, ms(time));
            world.run(ms(time + 3_000));
            assert_eq!(world.changes(), 0, "{time} ms");
            assert!(world.process(2).events.is_empty());
        }
    }
}

#[test]
fn long_freeze_ends_with_a_new_life_and_nothing_claimed_before_it_is_heard() {
    for seed in 0..5 {
        for time in [790, 810, 850, 1_000, 1_100, 5_000, 60_000] {
            let mut world = World::settled(3, seed);
            world.pause(2, ms(time));
            world.run(ms(time) - ms(1));
            world.process_mut(2).events.clear();
            world.run(ms(1));
            world.wait_settled(ms(300));
            world.run(ms(300));
            let events = &world.process(2).events;
            for (_, output) in events {
                if let Output::ViewInstalled { view, .. } = output {
                    assert_eq!(view.members.len(), 3, "a claim before the others are heard");
                }
            }
            if time >= 810 {
                assert_eq!(paused_lives(&world, 2), 1, "{time} ms");
            }
        }
    }
}

#[test]
fn freeze_right_after_a_burst_of_loss_is_noticed() {
    for seed in 0..10 {
        let mut world = World::settled(3, seed);
        world.cut(2, 1);
        world.cut(2, 3);
        world.run(ms(350));
        world.pause(2, ms(700));
        world.run(ms(100));
        world.heal_all();
        world.run(ms(599));
        world.process_mut(2).events.clear();
        world.run(ms(1));
        world.wait_settled(ms(400));
        assert_eq!(paused_lives(&world, 2), 1, "its members had echoed nothing for too long");
    }
}

/// A node hears nothing for a while and then stands still: its datagrams wait.
pub(super) fn burst_then_freeze(seed: u64) {
    let mut world = World::settled(3, seed);
    world.cut_one_way(1, 2);
    world.cut_one_way(3, 2);
    world.run(ms(350));
    world.heal_all();
    world.pause(2, ms(700));
    world.run(ms(3_000));
    assert_eq!(world.changes(), 0);
    assert!(world.process(2).events.is_empty());
}

#[test]
fn datagrams_that_waited_count_before_silence_is_judged() {
    for seed in 0..10 {
        burst_then_freeze(seed);
    }
}

#[test]
fn last_survivor_that_slept_is_ready_after_one_loss_time() {
    let mut world = World::settled(3, 1);
    world.crash(1);
    world.power_cut(2);
    world.wait_side(&[3], ms(3_000));
    world.pause(3, ms(3_000));
    world.run(ms(3_001));
    assert!(!world.process(3).machine.joined());
    assert_eq!(world.owned(3), 0);
    let took = world.wait_side(&[3], ms(1_500));
    assert!(took >= LOST - ms(10) && took <= LOST + ms(10), "{took:?}");
}

#[test]
fn survivor_of_two_that_stands_still_just_before_it_knows_joins_for_one_loss_time() {
    let mut world = World::settled(2, 1);
    world.power_cut(2);
    // A pause that is nothing while the other one echoes; here it has not done so for longer than is borne.
    world.run(ms(700));
    world.pause(1, ms(250));
    world.run(ms(251));
    assert_eq!(paused_lives(&world, 1), 1);
    assert!(!world.process(1).machine.joined());
    let took = world.wait_side(&[1], ms(2_000));
    assert!(took >= LOST - ms(10) && took <= LOST + ms(10), "{took:?}");
}

#[test]
fn node_that_returns_while_the_last_survivor_sleeps_shares_with_it() {
    for seed in 0..10 {
        let mut world = World::settled(2, seed);
        world.crash(1);
        world.wait_side(&[2], ms(1_000));
        world.pause(2, ms(3_000));
        let until = world.random.between(ms(500), ms(2_990));
        world.run(until);
        world.start(1);
        world.run(ms(3_001) - until);
        world.wait_settled(ms(1_500));
        assert!(world.longest_overlap <= ms(10), "{:?}", world.longest_overlap);
    }
}

#[test]
fn all_nodes_frozen_together_find_each_other_again() {
    for seed in 0..20 {
        let mut world = World::settled(4, seed);
        for node in 1..=4 {
            let more = world.random.between(ms(0), ms(500));
            world.pause(node, ms(4_000) + more);
        }
        world.run(ms(4_501));
        world.wait_settled(ms(1_500));
        assert!(world.longest_overlap <= ms(20), "{:?}", world.longest_overlap);
    }
}
