//! Loss, delay, duplicates and forgery.

use super::world::{World, lan, ms};
use crate::ids::{LanId, NodeName};
use crate::membership::{Fault, Input};
use crate::wire::{Key, KeyRing, Letter, Seal, name_check};

fn bad_air(world: &mut World, loss_per_mille: u64) {
    world.net.loss_per_mille = loss_per_mille;
    world.net.duplicate_per_mille = 50;
    world.net.late_per_mille = 20;
}

#[test]
fn one_datagram_of_ten_lost_and_some_late_changes_nothing() {
    let mut world = World::settled(3, 21);
    bad_air(&mut world, 100);
    for burst in 0..20 {
        world.run(ms(8_000));
        let alone = 1 + burst % 3;
        for other in (1..=3).filter(|other| *other != alone) {
            world.cut(alone, other);
        }
        world.run(ms(300));
        world.heal_all();
    }
    assert_eq!(world.changes(), 0, "{}", world.describe());
    assert!(world.processes.iter().flatten().all(|process| process.machine.joined()));
}

#[test]
fn one_datagram_of_three_lost_heals_by_itself() {
    let mut world = World::settled(3, 22);
    bad_air(&mut world, 300);
    world.run(ms(120_000));
    assert!(world.changes() <= 12, "{}", world.changes());
    world.wait_settled(ms(2_000));
    world.crash(1);
    world.wait_side(&[2, 3], ms(1_500));
    world.start(1);
    world.wait_settled(ms(2_000));
}

#[test]
fn lost_datagram_of_a_takeover_is_sent_again_soon() {
    let mut longest = ms(0);
    for seed in 0..30 {
        let mut world = World::settled(3, seed);
        world.net.loss_per_mille = 10;
        world.crash(2);
        longest = longest.max(world.wait_side(&[1, 3], ms(1_000)));
    }
    assert!(longest <= ms(50), "{longest:?}");
}

fn receive(world: &mut World, lan: LanId, bytes: Vec<u8>) {
    let from = ([127, 0, 0, 1], 5).into();
    world.input(0, Input::DatagramReceived { lan, from, bytes });
}

#[test]
fn forged_and_foreign_datagrams_are_counted_and_named_and_change_nothing() {
    let mut world = World::settled(2, 1);
    world.forget_counts();
    let before = world.process(1).machine.refused();
    let from = ([127, 0, 0, 1], 5).into();
    let name = name_check(&NodeName::new("node2").unwrap());
    let letter = |cluster, key: u8, name| {
        let seal = Seal::new(&KeyRing { cluster, keys: vec![Key::new([key; 32])] });
        Letter::new(super::world::id(2), name, 1).seal(&seal)
    };
    receive(&mut world, lan(0), b"GET / HTTP/1.1\r\nHost: a.example.org\r\n\r\n".to_vec());
    receive(&mut world, lan(0), letter(98, 3, name));
    receive(&mut world, lan(0), letter(99, 4, name));
    let mut damaged = letter(99, 3, name);
    damaged[14] ^= 1;
    receive(&mut world, lan(0), damaged);
    let mut later = letter(99, 3, name);
    later[2] += 1;
    receive(&mut world, lan(0), later);
    receive(&mut world, lan(0), letter(99, 3, name ^ 1));
    let refused = world.process(1).machine.refused();
    assert_eq!(
        (refused.foreign, refused.unknown_key, refused.bad_tag, refused.other_version),
        (1, 2, 1, 1)
    );
    assert_eq!((refused.misaddressed, refused.malformed, refused.old), (1, 0, before.old));
    let member = super::world::id(2);
    assert_eq!(
        world.faults(1),
        [
            Fault::UnknownKey { from, member: None },
            Fault::BadTag { from, member: None },
            Fault::OtherVersion { version: 2, from },
            Fault::OtherName { member, from }
        ]
    );
    world.run(ms(5_000));
    assert_eq!(world.changes(), 0);
    assert_eq!(world.view_of(1), [1, 2]);
}
