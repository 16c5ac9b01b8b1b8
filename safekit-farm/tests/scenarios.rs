//! Stories in virtual time: what an operator would tell, one each.

#[cfg(test)]
#[allow(dead_code, reason = "each test file uses a part of it")]
mod families;

use families::{at_rest, bare, farm, id, ms, name, rest, user, watched};
use safekit_core::config::model::ModuleMode;
use safekit_core::control::{Command, Refusal};
use safekit_core::ids::MODULES_MAX;
use safekit_core::module::script::Script;
use safekit_core::module::state::ModuleState;
use safekit_core::sim::{Cast, SimModule, World};
use safekit_farm::sim::{owned, settled};
use safekit_farm::{BucketSet, FarmNode};

fn share(world: &World<FarmNode>, node: usize) -> BucketSet {
    owned(world, id(node), &name("web"))
}

#[test]
fn lost_member_gives_its_buckets_to_the_others() {
    let mut world = farm(3, bare("web"));
    let home = [share(&world, 1), share(&world, 2), share(&world, 3)];
    assert_eq!(home.map(BucketSet::count), [86, 85, 85]);
    world.power_off(id(3));
    let took = rest(&mut world);
    assert!(took <= ms(1100), "{took:?}");
    assert_eq!([share(&world, 1), share(&world, 2)].map(BucketSet::count), [128, 128]);
    assert_eq!(share(&world, 1).and(home[0]), home[0], "nobody loses what it had");
    assert_eq!(share(&world, 2).and(home[1]), home[1], "nobody loses what it had");
    world.restart(id(3));
    rest(&mut world);
    assert_eq!([share(&world, 1), share(&world, 2), share(&world, 3)], home);
}

#[test]
fn a_killed_agent_is_taken_over_within_ten_milliseconds() {
    let mut world = farm(3, bare("web"));
    world.crash(id(2));
    let took = rest(&mut world);
    assert!(took <= ms(10), "{took:?}");
}

#[test]
fn a_planned_leave_is_taken_over_within_ten_milliseconds() {
    let mut world = farm(3, bare("web"));
    world.leave(id(1));
    let took = world.run_until(ms(5000), |world| settled(world, &[id(2), id(3)])).unwrap();
    assert!(took.unwrap() <= ms(10), "{took:?}");
    world.run_for(ms(100)).unwrap();
    assert!(world.machine(id(1)).is_none(), "it has ended");
}

#[test]
fn two_sides_of_a_partition_both_serve_and_share_again_when_it_heals() {
    let mut world = farm(5, bare("web"));
    world.net().partition(|node| usize::from(node.number() <= 2));
    world.run_for(ms(2000)).unwrap();
    assert!(settled(&world, &[id(1), id(2)]));
    assert!(settled(&world, &[id(3), id(4), id(5)]));
    world.net().heal();
    let took = rest(&mut world);
    assert!(took <= ms(150), "{took:?}");
}

#[test]
fn a_node_that_one_other_cannot_hear_stands_aside_and_stays_ready() {
    let mut world = farm(3, bare("web"));
    world.net().cut_one_way(id(3), id(1));
    world.run_for(ms(3000)).unwrap();
    assert!(settled(&world, &[id(1), id(2)]));
    assert!(share(&world, 3).is_empty());
    assert!(world.health(id(3), &name("web")), "behind a balancer it serves");
}

#[test]
fn one_of_two_lans_may_fail() {
    let mut world = at_rest(Cast::new(3).lans(2).module(bare("web")));
    let before = [share(&world, 1), share(&world, 2), share(&world, 3)];
    let lan = world.cast().lan_ids()[0];
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        world.net().cut_lan(id(one), id(other), lan);
    }
    world.run_for(ms(5000)).unwrap();
    assert!(settled(&world, &world.living()));
    assert_eq!([share(&world, 1), share(&world, 2), share(&world, 3)], before);
}

#[test]
fn a_freeze_of_half_a_second_changes_nothing_and_one_of_three_makes_it_join_again() {
    let mut world = farm(3, bare("web"));
    let epoch = |world: &World<FarmNode>| world.machine(id(1)).unwrap().installed().unwrap().0;
    let before = epoch(&world);
    world.pause(id(2), ms(500));
    world.run_for(ms(2000)).unwrap();
    assert_eq!(epoch(&world), before);
    world.pause(id(2), ms(3000));
    world.run_for(ms(2999)).unwrap();
    assert!(!world.health(id(2), &name("web")), "an old stamp is no promise");
    assert!(share(&world, 2).is_empty());
    assert!(settled(&world, &[id(1), id(3)]));
    world.run_for(ms(1)).unwrap();
    assert!(!world.health(id(2), &name("web")), "it has to join first");
    let took = rest(&mut world);
    assert!(took <= ms(50), "{took:?}");
    assert!(world.health(id(2), &name("web")));
}

#[test]
fn the_last_survivor_is_ready_one_loss_time_after_it_wakes() {
    let mut world = farm(3, bare("web"));
    world.power_off(id(1));
    world.power_off(id(2));
    rest(&mut world);
    world.pause(id(3), ms(4000));
    world.run_for(ms(4001)).unwrap();
    assert!(!world.health(id(3), &name("web")));
    let ready = world.run_until(ms(5000), |world| world.health(id(3), &name("web"))).unwrap();
    assert!(ready.unwrap() <= ms(1010), "{ready:?}");
}

#[test]
fn a_killed_application_is_restarted_and_the_fourth_time_stops_the_module() {
    let mut world = farm(2, watched("app"));
    let app = name("app");
    for turn in 0..3 {
        assert!(world.kill_process(id(1), &app));
        world.run_for(ms(50)).unwrap();
        assert!(!world.health(id(1), &app), "kill {turn} is noticed");
        world.run_for(ms(2000)).unwrap();
        assert!(world.health(id(1), &app), "kill {turn} is repaired");
    }
    assert!(world.kill_process(id(1), &app));
    world.run_for(ms(5000)).unwrap();
    assert_eq!(world.state(id(1), &app), Some(ModuleState::STOP));
    assert!(world.processes(id(1), &app).is_empty());
    assert!(world.health(id(2), &app), "the other node goes on");
    assert_eq!(owned(&world, id(2), &app), BucketSet::ALL);
    world.command(id(1), &app, Command::Start, user());
    world.run_for(ms(3000)).unwrap();
    assert!(world.health(id(1), &app), "a person may start it again");
}

#[test]
fn an_agent_killed_under_a_running_application_leaves_it_untouched() {
    let mut world = at_rest(Cast::new(2).module(watched("app")).restart_after(ms(20)));
    let app = name("app");
    let before = world.processes(id(1), &app);
    assert_eq!(before.len(), 1);
    world.crash(id(1));
    let back = world.run_until(ms(1000), |world| world.health(id(1), &app)).unwrap();
    assert!(back.is_some());
    world.run_for(ms(5000)).unwrap();
    assert_eq!(world.processes(id(1), &app), before);
    assert!(world.kill_process(id(1), &app), "the new agent watches it");
    world.run_for(ms(50)).unwrap();
    assert!(!world.health(id(1), &app));
}

#[test]
fn an_application_that_died_with_nobody_watching_is_restarted_by_the_next_agent() {
    let mut world = at_rest(Cast::new(2).module(watched("app")).restart_after(ms(500)));
    let app = name("app");
    world.crash(id(1));
    world.kill_process(id(1), &app);
    world.run_for(ms(5000)).unwrap();
    assert!(world.health(id(1), &app));
    assert_eq!(world.processes(id(1), &app).len(), 1);
}

#[test]
fn a_service_that_dies_is_restarted_and_a_host_that_does_not_tell_is_no_death() {
    let app = name("app");
    let served = SimModule::served("app").unwrap();
    let mut world = at_rest(Cast::new(2).module(served).restart_after(ms(20)));
    assert!(world.kill_process(id(1), &app));
    world.run_for(ms(100)).unwrap();
    assert!(!world.health(id(1), &app), "it is noticed");
    world.run_for(ms(3000)).unwrap();
    assert!(world.health(id(1), &app), "and mended");
    let before = world.processes(id(1), &app);
    world.hide_services(id(1));
    world.run_for(ms(30_000)).unwrap();
    assert!(world.health(id(1), &app) && world.processes(id(1), &app) == before);
    // A new agent cannot know either, and leaves the application alone.
    world.crash(id(1));
    world.run_for(ms(20_000)).unwrap();
    assert!(world.health(id(1), &app) && world.processes(id(1), &app) == before);
    assert!(world.kill_process(id(1), &app));
    world.run_for(ms(5_000)).unwrap();
    assert!(world.health(id(1), &app), "nobody can know it");
    world.show_services(id(1));
    world.run_for(ms(12_000)).unwrap();
    assert!(world.health(id(1), &app) && world.processes(id(1), &app) != before);
    assert_eq!(world.processes(id(1), &app).len(), 1);
}

#[test]
fn a_stop_that_hangs_ends_after_its_time_limits() {
    let mut world = farm(2, watched("app"));
    let app = name("app");
    world.hang_script(id(1), &app, Script::StopBoth);
    world.command(id(1), &app, Command::Stop, user());
    world.run_for(ms(2900)).unwrap();
    assert_ne!(world.state(id(1), &app), Some(ModuleState::STOP));
    // 3 s for the graceful one, 2 s for the forced one, and the short scripts.
    let stopped = world
        .run_until(ms(5000), |world| world.state(id(1), &app) == Some(ModuleState::STOP))
        .unwrap();
    assert!(stopped.is_some());
}

#[test]
fn a_stop_drains_first_when_a_balancer_asks_and_somebody_else_is_ready() {
    let mut app = watched("app");
    app.config.drain = ms(2000);
    let mut world = farm(2, app);
    let app = name("app");
    world.probe(id(1), &app);
    world.command(id(1), &app, Command::Stop, user());
    world.run_for(ms(1900)).unwrap();
    assert!(!world.health(id(1), &app), "balancers are told at once");
    assert_eq!(world.processes(id(1), &app).len(), 1, "clients are served on");
    world.run_for(ms(3000)).unwrap();
    assert_eq!(world.state(id(1), &app), Some(ModuleState::STOP));
}

#[test]
fn a_command_in_the_middle_of_another_one_is_refused_with_the_reason() {
    let mut world = farm(2, watched("app"));
    let app = name("app");
    world.command(id(1), &app, Command::Restart, user());
    let again = world.command(id(1), &app, Command::Restart, user());
    world.run_for(ms(1)).unwrap();
    assert!(matches!(world.answer(id(1), again), Some(Err(Refusal::Busy { .. }))));
}

#[test]
fn a_rebooted_host_starts_its_modules_again() {
    let mut world = farm(2, watched("app"));
    let app = name("app");
    world.power_off(id(1));
    world.run_for(ms(2000)).unwrap();
    assert!(settled(&world, &[id(2)]));
    world.restart(id(1));
    world.run_for(ms(5000)).unwrap();
    assert!(world.health(id(1), &app));
    assert!(settled(&world, &[id(1), id(2)]));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = || {
        let mut world = farm(3, watched("app"));
        world.trace(1_000_000);
        world.net().loss(0.2);
        world.net().duplication(0.1);
        world.crash(id(1));
        world.run_for(ms(700)).unwrap();
        world.restart(id(1));
        world.kill_process(id(2), &name("app"));
        world.pause(id(3), ms(1200));
        world.run_for(ms(5000)).unwrap();
        world.fail::<()>("the end").unwrap_err().trace
    };
    let first = story();
    assert!(first.lines().count() > 500);
    assert_eq!(first, story());
}

fn light(mut module: SimModule) -> SimModule {
    module.config.mode = ModuleMode::Light;
    module
}

#[test]
fn a_light_module_waits_for_no_other_node_and_takes_no_share() {
    let (web, alone) = (name("web"), name("alone"));
    let mut world = at_rest(Cast::new(3).module(bare("web")).module(light(bare("alone"))));
    assert_eq!(share(&world, 1).count(), 86);
    assert!(owned(&world, id(1), &alone).is_empty());
    assert!((1..=3).all(|node| world.health(id(node), &alone)));
    // Nobody is heard: the farm module waits for one loss time, the light one for nothing.
    world.power_off(id(1));
    world.net().isolate(id(1));
    world.restart(id(1));
    let took = world.run_until(ms(500), |world| world.health(id(1), &alone)).unwrap();
    assert!(took.is_some(), "the light module is Ready");
    assert!(!world.health(id(1), &web), "the node has not joined yet");
    // A pause of its own node shows: while it stands still its answer is negative.
    world.run_for(ms(2000)).unwrap();
    world.pause(id(1), ms(3000));
    world.run_for(ms(1000)).unwrap();
    assert!(!world.health(id(1), &alone));
    world.run_for(ms(2100)).unwrap();
    assert!(world.health(id(1), &alone) && !world.health(id(1), &web), "it joins again");
    world.net().heal();
    rest(&mut world);
}

#[test]
fn as_many_modules_as_there_may_be_live_side_by_side() {
    let names: Vec<String> = (0..MODULES_MAX).map(|number| format!("app-{number}")).collect();
    let mut cast = Cast::new(2);
    for (number, name) in names.iter().enumerate() {
        let module = watched(name);
        cast = cast.module(if number % 2 == 0 { module } else { light(module) });
    }
    let ready = |world: &World<FarmNode>, but: &str| {
        let others = names.iter().filter(|it| *it != but);
        others.filter(|it| !world.health(id(1), &name(it))).count()
    };
    let mut world = at_rest(cast);
    world.run_until(ms(10_000), |world| ready(world, "") == 0).unwrap().unwrap();
    // One hangs in its start script for good; another one dies meanwhile, and only that one is restarted.
    world.hang_script(id(1), &name("app-1"), Script::StartBoth);
    world.command(id(1), &name("app-1"), Command::Restart, user());
    world.run_for(ms(2000)).unwrap();
    assert!(!world.health(id(1), &name("app-1")));
    assert!(world.kill_process(id(1), &name("app-11")));
    world.run_until(ms(1000), |world| !world.health(id(1), &name("app-11"))).unwrap().unwrap();
    assert_eq!(ready(&world, "app-1"), 1, "one of the others, for a moment");
    world.run_until(ms(10_000), |world| ready(world, "app-1") == 0).unwrap().unwrap();
}
