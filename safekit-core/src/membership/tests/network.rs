//! Links that break and heal.

use std::collections::BTreeSet;

use super::world::{LOST, World, id, lan, ms};
use crate::membership::machine::Phase;
use crate::membership::{Fault, Output};

fn never_out(world: &World) -> bool {
    let none = |output: &Output| matches!(output, Output::ViewProposed { view: None, .. });
    world
        .processes
        .iter()
        .flatten()
        .all(|process| !process.events.iter().any(|(_, output)| none(output)))
}

#[test]
fn switch_splits_in_three_and_heals_link_by_link() {
    for seed in 0..10 {
        let mut world = World::settled(6, seed);
        let sides: [&[usize]; 3] = [&[1, 2, 3], &[4, 5], &[6]];
        let side_of = |node: usize| sides.iter().position(|side| side.contains(&node));
        let mut links = Vec::new();
        for a in 1..=6 {
            for b in a + 1..=6 {
                if side_of(a) != side_of(b) {
                    links.push((a, b));
                    world.cut(a, b);
                }
            }
        }
        for side in sides {
            world.wait_side(side, ms(2_500));
        }
        world.forget_counts();
        let mut waits: Vec<_> =
            links.iter().map(|_| world.random.between(ms(0), ms(500))).collect();
        waits.sort();
        for at in (1..links.len()).rev() {
            let other =
                usize::try_from(world.random.below(u64::try_from(at).unwrap() + 1)).unwrap();
            links.swap(at, other);
        }
        let begin = world.now;
        for ((a, b), wait) in links.iter().zip(waits) {
            world.run(begin + wait - world.now);
            world.heal(*a, *b);
        }
        let took = world.wait_settled(ms(2_000));
        assert!(took <= ms(700), "{took:?}");
        assert!(never_out(&world), "a clique that formed for a moment threw somebody out");
        assert!(world.longest_overlap <= ms(800), "{:?}", world.longest_overlap);
    }
}

#[test]
fn deaf_ear_costs_the_node_that_is_not_heard() {
    let mut world = World::settled(3, 4);
    // Node 3 lets go slowly: it says that it is out 200 to 300 ms after it knows.
    world.process_mut(3).set_arm(ms(200), ms(300));
    world.cut_one_way(3, 1);
    world.wait_side(&[1, 2], ms(2_600));
    assert_eq!(world.view_of(3), Vec::<usize>::new());
    assert_eq!(world.owned(3), 0);
    let both: BTreeSet<_> = [id(1), id(2)].into();
    let excluded = [Fault::Excluded { view: both }];
    assert_eq!(world.faults(3), excluded);
    assert_eq!(world.process(3).machine.faults(), excluded.into(), "it stands");
    let told = |node: usize, wanted: fn(&Output) -> bool| {
        let events = &world.process(node).events;
        events.iter().find(|(_, output)| wanted(output)).map(|(at, _)| *at).unwrap()
    };
    let out = told(3, |output| matches!(output, Output::ViewProposed { view: None, .. }));
    let claimed = told(1, |output| matches!(output, Output::ViewInstalled { .. }));
    assert!(claimed >= out + ms(200), "claimed before node 3 said that it let go");
    assert!(claimed <= out + ms(450), "{:?}", claimed - out);
    world.run(ms(60_000));
    assert_eq!(world.view_of(3), Vec::<usize>::new());
    world.heal_all();
    world.wait_settled(ms(1_500));
    assert!(world.process(3).machine.faults().is_empty());
}

#[test]
fn node_that_starts_where_it_is_not_heard_says_that_it_is_in_no_view() {
    let mut world = World::settled(3, 4);
    world.cut_one_way(3, 1);
    world.wait_side(&[1, 2], ms(2_600));
    world.power_cut(3);
    world.run(ms(3_000));
    world.start(3);
    world.run(ms(3_000));
    let excluded = [Fault::Excluded { view: [id(1), id(2)].into() }];
    assert_eq!(world.view_of(3), Vec::<usize>::new());
    assert_eq!(world.faults(3), excluded, "once");
    assert_eq!(world.process(3).machine.faults(), excluded.into(), "it stands");
    world.heal_all();
    world.wait_settled(ms(1_500));
    assert!(world.process(3).machine.faults().is_empty());
}

#[test]
fn deaf_ear_that_never_lets_go_is_waited_for_two_loss_times() {
    let mut world = World::settled(3, 4);
    world.process_mut(3).set_arm(ms(60_000), ms(60_000));
    world.cut_one_way(3, 1);
    let proposed = |world: &World| {
        let view = |output: &Output| matches!(output, Output::ViewProposed { .. });
        world.process(1).events.iter().find(|(_, output)| view(output)).map(|(at, _)| *at)
    };
    while proposed(&world).is_none() {
        world.run(ms(1));
    }
    let since = proposed(&world).unwrap();
    world.run(LOST);
    assert_ne!(world.owned(1) | world.owned(2), u64::MAX);
    world.wait_side(&[1, 2], ms(1_200));
    assert!(world.now >= since + LOST * 2);
    assert!(world.now <= since + LOST * 2 + ms(100));
}

#[test]
fn link_to_the_relay_breaks_while_it_is_waited_for() {
    let mut world = World::settled(3, 4);
    world.process_mut(3).set_arm(ms(60_000), ms(60_000));
    world.cut_one_way(3, 1);
    world.run(ms(1_300));
    world.cut(2, 3);
    world.wait_side(&[1, 2], ms(4_500));
    assert_eq!(world.view_of(1), [1, 2]);
}

#[test]
fn chain_of_six_makes_two_pairs_and_stays() {
    let mut world = World::settled(6, 2);
    for a in 1..=6 {
        for b in a + 2..=6 {
            world.cut(a, b);
        }
    }
    world.run(ms(5_000));
    let views = |world: &World| (1..=6).map(|node| world.view_of(node)).collect::<Vec<_>>();
    let pairs = vec![vec![1, 2], vec![1, 2], vec![], vec![4, 5], vec![4, 5], vec![]];
    assert_eq!(views(&world), pairs);
    assert_eq!(world.owned(1) | world.owned(2), u64::MAX);
    assert_eq!(world.owned(4) | world.owned(5), u64::MAX);
    world.forget_counts();
    world.run(ms(60_000));
    assert_eq!(world.changes(), 0);
    world.heal(3, 5);
    world.run(ms(5_000));
    let triangle = vec![vec![1], vec![], vec![3, 4, 5], vec![3, 4, 5], vec![3, 4, 5], vec![]];
    assert_eq!(views(&world), triangle);
    world.heal_all();
    world.wait_settled(ms(1_800));
}

#[test]
fn flapping_link_makes_a_bounded_number_of_views() {
    for (nodes, flaps) in [(2, 20), (3, 40)] {
        let mut world = World::settled(nodes, 6);
        for flap in 0..flaps {
            world.cut(1, nodes);
            world.run(ms(1_500));
            world.heal(1, nodes);
            world.run(ms(1_500));
            if nodes == 3 && flap == flaps / 2 {
                world.wait_settled(ms(1_000));
                world.crash(2);
                let took = world.wait_side(&[1, 3], ms(100));
                assert!(took < ms(20), "{took:?}");
                world.start(2);
                world.wait_settled(ms(1_000));
            }
        }
        for process in world.processes.iter().flatten() {
            assert!(process.installs <= 2 * flaps + 4, "{}", process.installs);
        }
        world.wait_settled(ms(1_500));
    }
}

#[test]
fn node_stays_while_it_is_heard_on_one_of_two_lans() {
    let mut world = World::new(3, 9);
    world.lans = 2;
    for node in 1..=3 {
        world.start(node);
    }
    world.wait_settled(ms(1_000));
    world.run(ms(1_500));
    world.forget_counts();
    world.cut_lan(1, 2, 0);
    world.cut_lan(1, 3, 1);
    world.run(ms(5_000));
    assert_eq!(world.view_of(1), [1, 2, 3]);
    let status = world.process(1).machine.member(id(2)).unwrap();
    assert!(status.lans.contains(lan(1)) && !status.lans.contains(lan(0)));
    world.cut_lan(1, 2, 1);
    world.run(ms(3_000));
    assert_eq!(world.view_of(1), [1, 3], "ties go to the lowest ids");
    assert_eq!(world.view_of(2), Vec::<usize>::new());
}

#[test]
fn one_confused_node_does_not_stop_all_claiming() {
    let mut world = World::settled(3, 1);
    // It announces what it announced before, whatever happens.
    let later = world.now + ms(3_600_000);
    world.process_mut(3).machine.phase = Phase::LettingGo { since: later };
    world.crash(2);
    world.run(LOST * 2);
    assert_ne!(world.owned(1), u64::MAX, "its share may still be its own");
    world.run(ms(600));
    assert_eq!(world.view_of(1), [1]);
    assert_eq!(world.owned(1), u64::MAX);
    assert_eq!(world.faults(1), [Fault::NeverAgrees { member: id(3) }]);
    assert!(world.process(1).machine.faults().contains(&Fault::NeverAgrees { member: id(3) }));
    // A new life of it is no longer confused.
    world.power_cut(3);
    world.start(3);
    world.wait_side(&[1, 3], ms(2_000));
    assert!(world.process(1).machine.faults().is_empty());
}
