//! Random faults, a few seeds: what must always hold is asserted after each step, and in the end all agree.

use super::world::{World, ms};
use crate::membership::Fault;

/// Lets everything happen to a farm at random, then waits until it has healed.
pub(super) fn mix(seed: u64) {
    let mut world = World::new(2 + usize::try_from(seed % 5).unwrap(), seed);
    let nodes = world.processes.len();
    let delays = [(0, 1), (1, 20), (20, 120)];
    let (from, to) = delays[usize::try_from(world.random.below(3)).unwrap()];
    world.net.delay = (ms(from) + ms(1) / 5, ms(to));
    world.net.loss_per_mille =
        [0, 0, 10, 50, 100, 200, 300][usize::try_from(world.random.below(7)).unwrap()];
    world.net.duplicate_per_mille = [0, 100][usize::try_from(world.random.below(2)).unwrap()];
    world.net.late_per_mille = [0, 20, 100][usize::try_from(world.random.below(3)).unwrap()];
    if world.random.per_mille(300) {
        world.arm = Some((ms(15), ms(40)));
    }
    for node in 1..=nodes {
        world.start(node);
    }
    for _ in 0..30 {
        let wait = [1, 10, 100, 400, 1_500][usize::try_from(world.random.below(5)).unwrap()];
        world.run(ms(wait));
        let mut pick =
            || 1 + usize::try_from(world.random.below(u64::try_from(nodes).unwrap())).unwrap();
        let (a, b) = (pick(), pick());
        let lives = world.processes[a - 1].is_some();
        match world.random.below(12) {
            0 | 1 if lives => world.crash(a),
            2 if lives => world.power_cut(a),
            3 if lives && !world.process(a).is_paused() => {
                let time = world.random.between(ms(100), ms(3_000));
                world.pause(a, time);
            }
            4 if lives && !world.process(a).is_paused() => {
                let takes = world.random.per_mille(500);
                world.tell(a - 1, &[(super::world::MODULE, super::world::facts(takes))]);
            }
            5 | 6 if a != b => world.cut(a, b),
            7 if a != b => world.cut_one_way(a, b),
            8 | 9 if a != b => world.heal(a, b),
            10 => world.heal_all(),
            _ if !lives => world.start(a),
            _ => {}
        }
    }
    world.heal_all();
    world.run(ms(3_100));
    for node in 1..=nodes {
        if world.processes[node - 1].is_none() {
            world.start(node);
        }
        world.tell(node - 1, &[(super::world::MODULE, super::world::facts(true))]);
    }
    world.wait_settled(ms(10_000));
    for node in 1..=nodes {
        let confused = |fault: &Fault| matches!(fault, Fault::NeverAgrees { .. });
        assert!(!world.faults(node).iter().any(confused), "nobody was confused");
    }
}

#[test]
fn whatever_happens_nobody_owns_twice_and_all_agree_in_the_end() {
    let seeds = std::env::var("SAFEKIT_SEEDS").ok().and_then(|text| text.parse().ok());
    let first = std::env::var("SAFEKIT_SEED").ok().and_then(|text| text.parse().ok());
    let first = first.unwrap_or(0);
    for seed in first..first + seeds.unwrap_or(20) {
        println!("seed {seed}");
        mix(seed);
    }
}
