//! Faults of hosts, agents and network; modules are UP as soon as they are started.

use std::collections::BTreeSet;
use std::time::Duration;

use safekit_core::control::Command;
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::sim::{Cast, Failure, World};
use safekit_farm::sim::{owned, settled};
use safekit_farm::{BucketSet, FarmNode};

use super::{Family, Run, bare, ms, name};

/// How long anything may take to come to rest, once the network stays as it is: one loss time to notice, and what the
/// worst air of this sweep (30 % loss, datagrams 350 ms late) takes to agree in, twice.
const LIMIT: Duration = Duration::from_millis(3000);

pub(crate) fn begin(seed: u64, family: Family, length: u32) -> Run {
    let mut choice = safekit_core::sim::Random::new(seed ^ 0xca57);
    let mut nodes = choice.pick_or(&[2, 3, 3, 3, 4, 5, 6, 8], 3);
    if family == Family::NonTransitive {
        nodes = nodes.max(3);
    }
    let lans = choice.pick_or(&[1, 1, 1, 2, 3], 1);
    let mut web = bare("web");
    if choice.chance(0.3) {
        // It has a virtual IP: views have to be prepared.
        web.sharing = 1;
    }
    let mut cast = Cast::new(nodes).lans(lans).module(web);
    if choice.chance(0.2) {
        cast = cast.module(bare("db"));
    }
    let mut run = Run::new(seed, cast, length);
    run.choose_air();
    if family == Family::Toggle && run.random.chance(0.5) {
        // Datagrams under way for longer than a view lives: only its number tells an agreement from an older one.
        run.world.net().delay(ms(20), ms(120));
        run.air.slow = true;
    }
    run
}

fn boot(run: &mut Run) -> Result<(), Failure> {
    run.pass(ms(310))?;
    run.settle(LIMIT, "the start")?;
    let more = ms(1500) + run.random.up_to_ms(100);
    run.pass(more)?;
    run.settle(ms(5000), "the start")?;
    run.worst = Duration::ZERO;
    Ok(())
}

/// Nothing changes any more.
fn stays(run: &mut Run) -> Result<(), Failure> {
    if !run.air.calm() {
        return Ok(());
    }
    let before = run.epochs();
    run.pass(ms(1500))?;
    if run.epochs() != before {
        let after = run.epochs();
        return run.world.fail(format!("views change without a reason: {before:?} {after:?}"));
    }
    Ok(())
}

/// One node goes, in one of three ways, and comes back.
pub(crate) fn loss(run: &mut Run, family: Family) -> Result<(), Failure> {
    boot(run)?;
    let node = run.node();
    let before = owned_by_all(run);
    if family == Family::Crash {
        run.world.crash(node);
    } else if family == Family::Goodbye {
        run.world.leave(node);
        let gone = run.world.run_until(ms(1000), |world| world.machine(node).is_none())?;
        if gone.is_none() {
            return run.world.fail("a leaving node never ends");
        }
    } else {
        run.world.power_off(node);
    }
    loses_nothing(run, before)?;
    run.settle(LIMIT, "a loss")?;
    run.pass(ms(1000))?;
    run.world.restart(node);
    run.settle(LIMIT, "a return")?;
    stays(run)
}

fn owned_by_all(run: &Run) -> Vec<(NodeId, ModuleName, BucketSet)> {
    let modules = run.world.cast().modules.iter().map(|it| it.config.name.clone());
    let nodes = run.world.living();
    modules
        .flat_map(|module| nodes.iter().map(move |node| (*node, module.clone())))
        .map(|(node, module)| (node, module.clone(), owned(&run.world, node, &module)))
        .collect()
}

/// When one node goes, the others let go of nothing: each keeps what it has, and gets more.
fn loses_nothing(
    run: &mut Run,
    before: Vec<(NodeId, ModuleName, BucketSet)>,
) -> Result<(), Failure> {
    if !run.air.clean() {
        return Ok(());
    }
    let less = move |world: &World<FarmNode>| {
        let runs = |node: &NodeId| world.machine(*node).is_some();
        before
            .iter()
            .find(|(node, module, had)| runs(node) && owned(world, *node, module).and(*had) != *had)
            .map(|(node, module, _)| format!("{node} lets go of buckets of {module}"))
    };
    let done = |world: &World<FarmNode>| less(world).is_some() || settled(world, &world.living());
    run.world.run_until(LIMIT, done)?;
    match less(&run.world) {
        Some(what) => run.world.fail(format!("{what} because another node goes")),
        None => Ok(()),
    }
}

pub(crate) fn fast_restart(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    for _ in 0..run.length {
        let node = run.node();
        if run.random.chance(0.5) {
            run.world.crash(node);
        } else {
            run.world.crash_silently(node);
        }
        let micros = run.random.pick_or(&[100, 300, 1_000, 5_000, 50_000, 300_000, 800_000], 100);
        run.pass(Duration::from_micros(micros))?;
        run.world.restart(node);
        run.settle(LIMIT, "a restart")?;
    }
    stays(run)
}

pub(crate) fn partition(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let nodes = run.world.nodes();
    let parts = run.random.pick_or(&[2, 2, 3], 2);
    let mut side: Vec<usize> = nodes.iter().map(|_| run.random.below(parts)).collect();
    if side.iter().all(|it| *it == side[0]) {
        side[0] = (side[0] + 1) % parts;
    }
    let crossing: Vec<(NodeId, NodeId)> = pairs(&nodes)
        .into_iter()
        .filter(|(a, b)| side[usize::from(a.number()) - 1] != side[usize::from(b.number()) - 1])
        .collect();
    let at_once = run.random.chance(0.5);
    for (from, to) in crossing.clone() {
        let after = if at_once { Duration::ZERO } else { run.random.up_to_ms(500) };
        run.world.later(after, move |world| world.net().cut_one_way(from, to));
    }
    let sides: Vec<Vec<NodeId>> = (0..parts)
        .map(|part| {
            nodes.iter().copied().filter(|it| side[usize::from(it.number()) - 1] == part).collect()
        })
        .filter(|side: &Vec<NodeId>| !side.is_empty())
        .collect();
    let all = sides.clone();
    let done =
        run.world.run_until(ms(8000), move |world| all.iter().all(|side| settled(world, side)))?;
    if done.is_none() {
        return run.world.fail(format!("the sides do not settle: {sides:?}"));
    }
    let apart = ms(200) + run.random.up_to_ms(1800);
    run.pass(apart)?;
    if run.random.chance(0.5) {
        run.world.net().heal();
    } else {
        for (from, to) in crossing {
            let after = run.random.up_to_ms(500);
            run.world.later(after, move |world| world.net().mend_one_way(from, to));
        }
        run.pass(ms(501))?;
    }
    run.settle(LIMIT, "a partition")?;
    stays(run)
}

/// Some links, or directions of links, are cut for long: the views are those that the graph calls for.
pub(crate) fn not_transitive(run: &mut Run, family: Family) -> Result<(), Failure> {
    boot(run)?;
    let nodes = run.world.nodes();
    let mut links = pairs(&nodes);
    run.random.shuffle(&mut links);
    let most = (links.len() / 3).max(1);
    let count = if family == Family::OneWay { 1 } else { 1 + run.random.below(most) };
    for (from, to) in links.into_iter().take(count) {
        run.world.net().cut_one_way(from, to);
        if family == Family::NonTransitive {
            run.world.net().cut_one_way(to, from);
        }
    }
    run.pass(ms(5000))?;
    if run.air.calm() {
        let want = run.world.network().views(&nodes);
        let have = views(run);
        if have != want {
            return run.world.fail(format!("views {have:?}, the network calls for {want:?}"));
        }
        let before = run.epochs();
        run.pass(ms(3000))?;
        if run.epochs() != before {
            return run.world.fail("views change while the network stays as it is");
        }
        let module = name("web");
        for view in have {
            let members: Vec<NodeId> = view.into_iter().collect();
            if !settled(&run.world, &members) {
                return run.world.fail(format!("the view {members:?} is not settled"));
            }
        }
        let excluded = nodes.iter().find(|node| {
            let machine = run.world.machine(**node);
            machine.is_some_and(|it| it.installed().is_none())
                && !owned(&run.world, **node, &module).is_empty()
        });
        if let Some(node) = excluded {
            return run.world.fail(format!("{node} is in no view and owns something"));
        }
    }
    run.world.net().heal();
    run.settle(LIMIT, "healing")?;
    stays(run)
}

fn views(run: &Run) -> BTreeSet<BTreeSet<NodeId>> {
    let living = run.world.living();
    let installed = |node: &NodeId| run.world.machine(*node).and_then(FarmNode::installed);
    let members = living.iter().filter_map(installed).map(|(_, view)| view.members.keys());
    members.map(|members| members.copied().collect()).collect()
}

pub(crate) fn flap(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let (one, other) = two(run);
    let period = run.random.pick_or(&[300, 1100, 1500, 2500], 300);
    let count = (4 + run.random.below(7)) * usize::try_from(run.length).unwrap();
    for turn in 0..count {
        if turn % 2 == 0 {
            run.world.net().cut(one, other);
        } else {
            run.world.net().mend(one, other);
        }
        let time = run.random.duration(ms(period * 8 / 10), ms(period * 12 / 10));
        run.pass(time)?;
    }
    run.world.net().heal();
    run.pass(ms(2200))?;
    run.settle(ms(40_000), "flapping")?;
    stays(run)
}

pub(crate) fn pause(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let node = run.node();
    let odd = 200 + u64::try_from(run.random.below(2800)).unwrap();
    let times = [200, 300, 500, 700, 750, 790, 850, 950, 1000, 1050, 1200, 2000, 5000, odd];
    let mut time = run.random.pick_or(&times, 500);
    if run.random.chance(0.01) {
        time = 60_000;
    }
    let before = run.epochs();
    run.world.pause(node, ms(time));
    run.pass(ms(time) + Duration::from_micros(100))?;
    run.settle(LIMIT, "a pause")?;
    run.pass(ms(500))?;
    if time <= 700 && run.air.clean() && run.epochs() != before {
        return run.world.fail(format!("a pause of {time} ms changes the view"));
    }
    stays(run)
}

pub(crate) fn loss_only(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let before = run.epochs();
    run.pass(ms(10_000) * run.length)?;
    if run.air.calm() && run.epochs() != before {
        return run.world.fail(format!("loss of {} alone changes the view", run.air.loss));
    }
    run.settle(LIMIT, "loss alone")?;
    Ok(())
}

pub(crate) fn simultaneous(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let mut nodes = run.world.nodes();
    run.random.shuffle(&mut nodes);
    nodes.truncate(1 + run.random.below(nodes.len() - 1));
    for node in nodes.clone() {
        let (soon, later) = (run.random.up_to_ms(300), run.random.up_to_ms(1200));
        let after = run.random.pick_or(&[Duration::ZERO, Duration::ZERO, soon, later], soon);
        let how = run.random.below(3);
        run.world.later(after, move |world| match how {
            0 => world.crash(node),
            1 => world.crash_silently(node),
            _ => world.power_off(node),
        });
    }
    run.pass(ms(1300))?;
    run.settle(LIMIT, "several losses")?;
    for node in nodes {
        let soon = run.random.up_to_ms(600);
        let after = run.random.pick_or(&[Duration::ZERO, Duration::ZERO, soon], soon);
        run.world.later(after, move |world| world.restart(node));
    }
    run.pass(ms(610))?;
    run.settle(LIMIT, "several returns")?;
    stays(run)
}

pub(crate) fn last_survivor(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let survivor = run.node();
    let others: Vec<NodeId> = run.world.nodes().into_iter().filter(|it| *it != survivor).collect();
    for node in &others {
        if run.random.chance(0.5) { run.world.crash(*node) } else { run.world.power_off(*node) }
    }
    run.settle(LIMIT, "the loss of all others")?;
    let time = run.random.duration(ms(900), ms(6000));
    run.world.pause(survivor, time);
    if run.random.chance(0.5) {
        let back = others[0];
        let after = run.random.duration(Duration::ZERO, time + ms(500));
        run.world.later(after, move |world| world.restart(back));
    }
    run.pass(time + Duration::from_micros(100))?;
    run.settle(LIMIT, "the pause of the last survivor")?;
    stays(run)
}

pub(crate) fn burst(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let before = run.epochs();
    for _ in 0..=run.random.below(3) {
        let node = run.node();
        let time = run.random.pick_or(&[100, 300, 500, 700], 100);
        for other in run.world.nodes() {
            if other != node && run.random.chance(0.7) {
                run.world.net().cut(node, other);
            }
        }
        run.pass(ms(time))?;
        run.world.net().heal();
        let rest = run.random.duration(ms(300), ms(800));
        run.pass(rest)?;
    }
    if run.air.clean() && run.epochs() != before {
        return run.world.fail("a burst of loss changes the view");
    }
    run.settle(LIMIT, "bursts")?;
    stays(run)
}

/// Modules stop and start faster than nodes agree.
pub(crate) fn toggle(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let module = name("web");
    let mut nodes = run.world.nodes();
    let mut up = vec![true; nodes.len() + 1];
    let rounds = (3 + run.random.below(10)) * usize::try_from(run.length).unwrap();
    for _ in 0..rounds {
        run.random.shuffle(&mut nodes);
        let count = run.random.pick_or(&[1, 1, 2], 1);
        for node in nodes.iter().take(count) {
            let at = usize::from(node.number());
            up[at] = !up[at];
            let command = if up[at] { Command::Start } else { Command::Forcestop };
            run.command(*node, &module, command);
        }
        let time = run.random.pick_or(&[1, 5, 20, 50, 100, 200], 1);
        run.pass(ms(time))?;
    }
    for node in nodes {
        if !up[usize::from(node.number())] {
            run.command(node, &module, Command::Start);
        }
    }
    run.settle(LIMIT, "toggling")?;
    stays(run)
}

/// Everything at once.
pub(crate) fn mix(run: &mut Run) -> Result<(), Failure> {
    boot(run)?;
    let time = run.random.duration(ms(2000), ms(6000)) * run.length;
    let end = run.world.now() + time;
    let module = name("web");
    while run.world.now() < end {
        let (one, other) = two(run);
        let cut = run.random.chance(0.5);
        match run.random.below(20) {
            0..4 => {
                if cut {
                    run.world.net().cut_one_way(one, other);
                } else {
                    run.world.net().mend_one_way(one, other);
                }
            }
            4..8 => {
                if cut {
                    run.world.net().cut(one, other);
                } else {
                    run.world.net().mend(one, other);
                }
            }
            8 => {
                let lans = run.world.cast().lan_ids();
                let lan = run.random.pick(&lans).unwrap();
                run.world.net().cut_lan(one, other, lan);
            }
            9 => {
                let loss = run.random.pick_or(&[0.3, 0.6, 0.9], 0.3);
                run.world.net().loss_between(one, other, loss);
            }
            10..13 => match run.random.below(10) {
                0..6 => run.world.crash(one),
                6..8 => run.world.crash_silently(one),
                _ => run.world.power_off(one),
            },
            13..17 => run.world.restart(one),
            17..19 => {
                let time = run.random.pick_or(&[200, 500, 900, 1100, 2000], 200);
                run.world.pause(one, ms(time));
            }
            _ => {
                let command = if cut { Command::Forcestop } else { Command::Start };
                run.command(one, &module, command);
            }
        }
        let wait = run.random.pick_or(&[1, 3, 10, 50, 200, 500, 1200], 1);
        run.pass(ms(wait))?;
    }
    run.world.net().heal();
    for node in run.world.nodes() {
        if run.world.machine(node).is_some() {
            run.command(node, &module, Command::Start);
        } else if run.random.chance(0.7) {
            run.world.restart(node);
        }
    }
    run.pass(ms(2100))?;
    run.settle(LIMIT, "everything at once")?;
    stays(run)
}

fn pairs(nodes: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let all = nodes.iter().flat_map(|one| nodes.iter().map(move |other| (*one, *other)));
    all.filter(|(one, other)| one != other).collect()
}

fn two(run: &mut Run) -> (NodeId, NodeId) {
    let nodes = run.world.nodes();
    let mut pairs = pairs(&nodes);
    run.random.shuffle(&mut pairs);
    pairs[0]
}
