//! Nodes that end, and come back.

use std::time::Duration;

use super::world::{MODULE, World, facts, id, ms};
use crate::machine::Machine;
use crate::membership::{
    Fault, Input, JoinReason, MemberReason, MemberState, Membership, Output, Start,
};

#[test]
fn three_nodes_start_and_agree_and_then_nothing_moves() {
    let mut world = World::new(3, 1);
    for node in 1..=3 {
        world.start(node);
    }
    let took = world.wait_settled(ms(2_000));
    assert!(took < ms(50), "{took:?}");
    world.run(ms(2_000));
    world.forget_counts();
    world.run(ms(10_000));
    assert_eq!(world.changes(), 0);
    assert_eq!(world.datagrams, 3 * 2 * 100, "one heartbeat to each other node in each pulse");
    assert!(world.datagram_bytes / world.datagrams < 110, "at rest no row goes out");
}

#[test]
fn killed_agent_is_taken_over_within_ten_milliseconds() {
    for seed in 0..20 {
        let mut world = World::settled(3, seed);
        world.crash(2);
        let took = world.wait_side(&[1, 3], ms(1_000));
        assert!(took < ms(10), "{took:?}");
        assert_eq!(world.changes(), 2, "one change on each survivor");
        let status = world.process(1).machine.member(id(2)).unwrap();
        assert_eq!((status.state, status.why), (MemberState::Left, Some(MemberReason::Announced)));
    }
}

#[test]
fn letters_about_the_former_agent_never_end_the_new_one() {
    for back_after in [100, 700, 5_000, 50_000] {
        for seed in 0..10 {
            let mut world = World::settled(3, seed);
            world.record_datagrams();
            world.run(ms(150));
            world.crash(2);
            world.run(Duration::from_micros(back_after));
            world.start(2);
            world.wait_settled(ms(1_000));
            world.run(ms(300));
            let back: Vec<_> = world.joins(2);
            assert_eq!(back.len(), 2, "it joined once: {back:?}");
            world.forget_counts();
            let letters = world.process(1).machine.refused();
            world.replay_datagrams();
            world.replay_letters();
            world.run(ms(60_000));
            world.replay_letters();
            world.run(ms(1_000));
            assert_eq!(world.changes(), 0, "what is replayed changes nothing");
            assert!(world.process(1).machine.refused().old > letters.old);
            assert!(world.process(2).events.is_empty());
        }
    }
}

#[test]
fn goodbye_of_the_lowest_id_under_loss_leaves_no_bucket_without_owner() {
    for seed in 0..10 {
        let mut world = World::new(3, seed);
        world.arm = Some((ms(15), ms(40)));
        for node in 1..=3 {
            world.start(node);
        }
        world.wait_settled(ms(3_000));
        world.run(ms(1_500));
        world.loss(1, 2, 200);
        world.loss(2, 1, 200);
        // The module stops there first: an agreement like any other.
        world.tell(0, &[(MODULE, facts(false))]);
        world.wait_settled(ms(1_000));
        assert_eq!(world.owned(1), 0);
        world.forget_counts();
        world.input(0, Input::Leave);
        let begin = world.now;
        while world.processes[0].is_some() {
            world.run(ms(1));
            assert_eq!(world.owned(2) | world.owned(3), u64::MAX);
            assert!(world.now < begin + ms(700));
        }
        let took = world.wait_side(&[2, 3], ms(300));
        assert!(took <= ms(150), "{took:?}");
        assert_eq!(world.changes(), 2);
        world.run(ms(3_000));
        assert_eq!(world.changes(), 2, "nothing follows");
    }
}

#[test]
fn node_that_leaves_lets_go_before_it_says_goodbye() {
    let mut world = World::settled(3, 3);
    world.input(1, Input::Leave);
    let took = world.wait_side(&[1, 3], ms(500));
    assert!(took < ms(10), "{took:?}");
    world.run(ms(50));
    assert!(world.processes[1].is_none(), "it has left after its third letter");
}

#[test]
fn whoever_leaves_again_hears_that_it_has_left() {
    let world = World::settled(2, 3);
    let mut machine = Membership::new(world.now, world.config(1), Start { counter: 9, random: 1 });
    let mut now = world.now;
    for _ in 0..2 {
        machine.handle_input(now, Input::Leave);
        let left = (0..100).any(|_| {
            now += ms(10);
            machine.handle_timeout(now);
            std::iter::from_fn(|| machine.poll_output()).any(|it| matches!(it, Output::Left))
        });
        assert!(left);
    }
}

/// The lowest id goes dark; the survivors notice at different times.
pub(super) fn dark_host(seed: u64) -> World {
    let mut world = World::settled(3, seed);
    world.power_cut(1);
    let took = world.wait_side(&[2, 3], ms(2_000));
    assert!(took <= ms(1_120), "{took:?}");
    for node in [2, 3] {
        assert_eq!(world.process(node).installs, 1, "one view change");
        let let_go = |output: &Output| {
            matches!(output, Output::ViewProposed { view: None, .. } | Output::JoinChanged { .. })
        };
        assert!(!world.process(node).events.iter().any(|(_, output)| let_go(output)));
    }
    world
}

#[test]
fn dark_host_throws_no_survivor_out() {
    for seed in 0..15 {
        let world = dark_host(seed);
        let status = world.process(2).machine.member(id(1)).unwrap();
        assert_eq!(status.state, MemberState::Lost);
        let Some(MemberReason::Silent { silence, own_lateness }) = status.why else { panic!() };
        assert!(silence >= ms(1_000) && own_lateness <= ms(101), "{silence:?} {own_lateness:?}");
    }
}

#[test]
fn all_start_together_with_one_host_dead() {
    for seed in 0..10 {
        let mut world = World::new(4, seed);
        for node in [1, 2, 4] {
            world.start(node);
        }
        world.wait_side(&[1, 2, 4], ms(1_100));
        assert_eq!(world.changes(), 3, "one view on each");
        assert!(
            world.joins(1).contains(&JoinReason::Alone)
                || world.joins(1).contains(&JoinReason::PeersHeard)
        );
        world.run(ms(3_000));
        assert_eq!(world.changes(), 3);
    }
}

#[test]
fn two_die_in_one_pulse_and_three_return_within_a_second() {
    for seed in 0..20 {
        let mut world = World::settled(5, seed);
        world.crash(2);
        world.run(ms(seed * 5));
        world.power_cut(4);
        world.wait_side(&[1, 3, 5], ms(2_500));
        world.crash(5);
        world.wait_side(&[1, 3], ms(100));
        for node in [5, 2, 4] {
            let pause = world.random.between(ms(0), ms(200));
            world.run(pause);
            world.start(node);
        }
        world.wait_settled(ms(2_000));
    }
}

#[test]
fn reinstalled_node_with_a_low_counter_refutes_its_past_and_enters() {
    let mut world = World::settled(3, 5);
    for _ in 0..4 {
        world.crash(2);
        world.wait_side(&[1, 3], ms(100));
        world.start(2);
        world.wait_settled(ms(1_500));
    }
    for with_letter in [true, false] {
        if with_letter {
            world.crash(2);
            world.wait_side(&[1, 3], ms(100));
        } else {
            world.power_cut(2);
            world.wait_side(&[1, 3], ms(2_000));
        }
        world.start_as(2, 1, 1);
        world.wait_settled(ms(1_500));
        let mut taken = Vec::new();
        for (_, output) in &world.process(2).events {
            if let Output::CounterTaken { counter } = output {
                taken.push(*counter);
            }
        }
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert!(taken[0] > 5, "{taken:?}");
    }
}

#[test]
fn heartbeats_of_a_former_life_that_are_sent_again_for_long_are_no_second_agent() {
    let mut world = World::settled(3, 5);
    world.record_datagrams();
    world.run(ms(5_000));
    world.crash(2);
    world.run(ms(100));
    world.start(2);
    world.wait_settled(ms(1_000));
    world.forget_counts();
    let old = world.process(1).machine.refused().old;
    world.replay_datagrams_over(ms(5_000));
    world.run(ms(6_000));
    assert!(world.process(1).machine.refused().old > old + 40);
    for node in 1..=3 {
        assert_eq!(world.faults(node), []);
        assert!(world.process(node).machine.faults().is_empty());
    }
    assert_eq!(world.changes(), 0);
}

#[test]
fn recording_of_a_dead_node_that_is_played_to_a_new_agent_takes_nothing_from_it() {
    // From its start on, so that rows are in it: at rest none is sent.
    let mut world = World::new(2, 5);
    world.record_datagrams();
    world.start(1);
    world.start(2);
    world.wait_settled(ms(2_000));
    world.run(ms(5_000));
    world.power_cut(2);
    world.power_cut(1);
    world.run(ms(5_000));
    world.start(1);
    world.replay_datagrams_over(ms(5_000));
    for turn in 1..=50 {
        world.run(ms(100));
        let process = world.process(1);
        assert_ne!(process.machine.member(id(2)).unwrap().state, MemberState::Alive);
        // As long as a silent node is waited for, and no longer.
        assert_eq!(process.machine.joined(), turn >= 10, "after {turn} tenths of a second");
    }
    assert_eq!((world.view_of(1), world.owned(1)), (vec![1], u64::MAX));
}

#[test]
fn clone_with_the_same_id_is_named_and_only_one_of_them_is_in() {
    for seed in 0..10 {
        let mut world = World::settled(3, seed);
        world.start_as(3, 3, 1);
        world.run(ms(15_000));
        let twice = Fault::DuplicateNode { member: id(3) };
        let named = |place: usize| {
            world.processes[place]
                .as_ref()
                .unwrap()
                .events
                .iter()
                .any(|(_, output)| matches!(output, Output::Fault(fault) if *fault == twice))
        };
        assert!(named(2) || named(3), "one of them is told");
        assert!(named(0) && named(1), "and so are the others: {}", world.describe());
        let stands = |world: &World, place: usize| {
            world.processes[place].as_ref().unwrap().machine.faults().contains(&twice)
        };
        assert!(stands(&world, 0) && stands(&world, 1), "and it stands while both go on");
        // Who has to join because of the other one names the other one's life.
        for process in world.processes[2..].iter().flatten() {
            for (_, event) in &process.events {
                if let Output::JoinChanged { why: JoinReason::Refuted { known }, .. } = event {
                    assert_ne!(known.random, process.machine.incarnation().random, "{known}");
                }
            }
        }
        let joined =
            |world: &World, place: usize| world.processes[place].as_ref().unwrap().machine.joined();
        assert!(joined(&world, 2) != joined(&world, 3), "{}", world.describe());
        // Nothing moves while both go on.
        world.forget_counts();
        world.run(ms(40_000));
        assert_eq!(world.changes(), 0, "{}", world.describe());
        // The one that is in ends: the other one takes its place.
        let inside = if joined(&world, 2) { 2 } else { 3 };
        world.processes[inside] = None;
        world.run(ms(15_000));
        assert!(
            world.processes[5 - inside].as_ref().unwrap().machine.joined(),
            "{}",
            world.describe()
        );
        assert_eq!(world.view_of(1), [1, 2, 3]);
        assert!(!stands(&world, 0) && !stands(&world, 1), "it has gone with the second one");
    }
}

#[test]
fn clone_that_hears_nobody_is_named_and_takes_nothing() {
    for seed in 0..10 {
        let mut world = World::settled(3, seed);
        world.deafen(3);
        world.start_as(3, 3, 2);
        world.run(ms(15_000));
        let twice = Fault::DuplicateNode { member: id(3) };
        for node in 1..=2 {
            assert!(world.process(node).machine.faults().contains(&twice), "{}", world.describe());
        }
        assert_eq!((world.view_of(1), world.view_of(3)), (vec![1, 2, 3], vec![1, 2, 3]));
        world.processes[3] = None;
        world.run(ms(15_000));
        for node in 1..=2 {
            assert!(world.process(node).machine.faults().is_empty(), "{}", world.describe());
        }
    }
}

#[test]
fn stolen_letter_ends_one_life_that_refutes_itself() {
    let mut world = World::settled(3, 8);
    let letter = world.process(2).machine.letter();
    assert_eq!(world.process(2).machine.letter_recipients().len(), 2);
    let from = ([127, 0, 0, 1], 9).into();
    let lan = super::world::lan(0);
    world.input(0, Input::DatagramReceived { lan, from, bytes: letter });
    world.wait_settled(ms(500));
    let refuted = |why: &JoinReason| matches!(why, JoinReason::Refuted { .. });
    assert_eq!(world.joins(2).iter().filter(|why| refuted(why)).count(), 1);
}
