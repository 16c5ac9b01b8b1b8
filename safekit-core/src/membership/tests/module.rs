//! Participants of modules.

use super::world::{MODULE, World, facts, id, ms, share};
use crate::ids::{LanSet, ModuleKey};
use crate::membership::{Fault, Input, ModuleFacts, Output};

/// Two nodes change their minds faster than datagrams travel.
pub(super) fn fickle(seed: u64) {
    let mut world = World::settled(4, seed);
    world.net.delay = (ms(20), ms(120));
    let steps = [1, 5, 20, 50, 100, 200];
    let mut takes = [true; 4];
    for _ in 0..20 {
        for _ in 0..1 + world.random.below(2) {
            let place = usize::try_from(world.random.below(4)).unwrap();
            takes[place] = !takes[place];
            world.tell(place, &[(MODULE, facts(takes[place]))]);
        }
        let step = steps[usize::try_from(world.random.below(6)).unwrap()];
        world.run(ms(step));
    }
    for place in 0..4 {
        world.tell(place, &[(MODULE, facts(true))]);
    }
    world.wait_settled(ms(3_000));
}

#[test]
fn fickle_participants_never_own_twice_in_one_view() {
    for seed in 0..20 {
        fickle(seed);
    }
}

#[test]
fn stopped_module_is_no_departed_node() {
    let mut world = World::settled(3, 1);
    world.tell(1, &[(MODULE, facts(false))]);
    let took = world.wait_settled(ms(500));
    assert!(took < ms(15), "{took:?}");
    assert_eq!(world.view_of(1), [1, 2, 3]);
    assert_eq!(world.owned(2), 0);
    assert_eq!(world.changes(), 3);
    let told = |output: &Output| *output == Output::PeerModulesChanged { member: id(2) };
    assert!(world.process(1).events.iter().any(|(_, output)| told(output)));
    assert!(!world.process(1).machine.peer_modules(id(2))[&MODULE].takes);
}

#[test]
fn node_that_shares_by_another_configuration_takes_no_load_and_losses_are_repaired() {
    let mut world = World::settled(4, 1);
    let other = ModuleFacts { sharing: 2, ..facts(true) };
    world.tell(3, &[(MODULE, other)]);
    world.run(ms(300));
    assert_eq!(world.owned(4), 0);
    assert_eq!(world.owned(1) | world.owned(2) | world.owned(3), u64::MAX);
    let differs = Fault::ModuleDiffers { member: id(4), module: MODULE };
    assert_eq!(world.faults(1), std::slice::from_ref(&differs));
    assert!(world.process(1).machine.faults().contains(&differs));
    world.crash(2);
    world.run(ms(20));
    assert_eq!(world.owned(1) | world.owned(3), u64::MAX);
    // The others follow one by one: of equally many the lowest id's configuration holds.
    world.tell(2, &[(MODULE, other)]);
    world.run(ms(300));
    assert_eq!((world.owned(1), world.owned(3) | world.owned(4)), (0, u64::MAX));
    world.tell(0, &[(MODULE, other)]);
    world.run(ms(300));
    assert_eq!(world.owned(1) | world.owned(3) | world.owned(4), u64::MAX);
    assert_eq!(world.process(1).machine.view().unwrap().1.sharing[&MODULE], 2);
}

#[test]
fn configuration_that_changes_on_all_is_a_view_of_its_own() {
    let mut world = World::settled(2, 1);
    let (before, _) = world.process(1).machine.view().unwrap();
    for place in 0..2 {
        world.tell(place, &[(MODULE, ModuleFacts { sharing: 5, ..facts(true) })]);
    }
    world.wait_settled(ms(500));
    let (after, view) = world.process(1).machine.view().unwrap();
    assert!(after > before);
    assert_eq!(view.sharing[&MODULE], 5);
}

#[test]
fn participants_that_do_not_hear_each_other_on_the_modules_lan_are_in_two_groups() {
    let mut world = World::new(4, 7);
    world.lans = 2;
    for node in 1..=4 {
        world.start(node);
    }
    let second = ModuleKey(8);
    let on_first_lan = ModuleFacts { lans: LanSet(1), ..facts(true) };
    for place in 0..4 {
        world.tell(place, &[(MODULE, on_first_lan), (second, facts(true))]);
    }
    world.wait_settled(ms(2_000));
    world.run(ms(1_500));
    world.forget_counts();
    for (a, b) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
        world.cut_lan(a, b, 0);
    }
    world.run(ms(2_000));
    assert_eq!(world.view_of(1), [1, 2, 3, 4], "all hear each other on the other lan");
    assert_eq!(world.owned(1) | world.owned(2), u64::MAX);
    assert_eq!(world.owned(3) | world.owned(4), u64::MAX);
    let (_, view) = world.process(1).machine.view().unwrap();
    let groups: Vec<u8> = view.members.values().map(|it| it.takes[&MODULE]).collect();
    assert_eq!(groups, [0, 0, 1, 1]);
    let shares = (1..=4).map(|node| share(&view, id(node), second));
    assert_eq!(shares.fold(0, |sum, one| sum ^ one), u64::MAX, "the other module shares as before");
    // One who hears only a part of a group takes no load.
    world.heal_all();
    world.cut_lan(1, 3, 0);
    world.run(ms(3_000));
    let (_, view) = world.process(1).machine.view().unwrap();
    let takers: Vec<bool> =
        view.members.values().map(|it| it.takes.contains_key(&MODULE)).collect();
    assert_eq!(takers, [true, true, false, true]);
}

#[test]
fn preparation_that_never_ends_holds_a_view_up_for_half_a_second() {
    let mut world = World::settled(3, 1);
    world.process_mut(1).set_arm(ms(60_000), ms(60_000));
    world.crash(2);
    let took = world.wait_side(&[1, 3], ms(1_000));
    assert!(took >= ms(500) && took <= ms(520), "{took:?}");
    world.input(0, Input::ModulesChanged([(MODULE, facts(true))].into()));
    assert_eq!(world.changes(), 2, "telling the same again is no change");
}
