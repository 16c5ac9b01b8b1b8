//! Faults of scripts, processes and agents, and commands at any moment.

use std::time::Duration;

use safekit_core::config::model::ProcKind;
use safekit_core::control::{Command, Origin};
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::module::script::Script;
use safekit_core::module::state::{FarmState, ModuleState};
use safekit_core::sim::{Cast, DiskState, Failure, Random, ScriptFault, SimModule};

use super::{Family, Run, bare, ms, name, user, watched};

/// How long a module may take to stop or start when nothing goes wrong any more: forced stop and start, with slack.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn begin(seed: u64, length: u32) -> Run {
    let mut choice = Random::new(seed ^ 0x11fe);
    let mut app = watched("app");
    app.config.drain = choice.pick_or(&[Duration::ZERO, ms(500)], Duration::ZERO);
    app.config.loop_interval =
        choice.pick_or(&[Duration::from_secs(24 * 3600), Duration::from_secs(5)], Duration::ZERO);
    app.config.maxloop = choice.pick_or(&[3, 3, 1, 0], 3);
    app.processes = choice.pick_or(&[1, 1, 2], 1);
    if let Some(user) = &mut app.config.user {
        user.starttimeout = choice.pick_or(&[None, Some(Duration::from_secs(2))], None);
    }
    if let Some(errd) = &mut app.config.errd {
        for proc in &mut errd.procs {
            proc.atleast = Some(app.processes);
            proc.action = choice.pick_or(
                &[
                    safekit_core::config::model::ProcAction::Restart,
                    safekit_core::config::model::ProcAction::Stopstart,
                ],
                proc.action.clone(),
            );
        }
    }
    if choice.chance(0.3) {
        let gone = choice
            .pick_or(&[Script::Prestart, Script::Poststop, Script::Transition], Script::Transition);
        app.scripts.remove(&gone);
    }
    // A stream of its own: the other choices of a seed stay as they are.
    if Random::new(seed ^ 0x5e71).chance(0.25) {
        app.processes = 1;
        serve(&mut app);
    }
    let nodes = choice.pick_or(&[2, 2, 3], 2);
    let mut cast = Cast::new(nodes).module(app);
    if choice.chance(0.3) {
        cast = cast.module(bare("web"));
    }
    if choice.chance(0.8) {
        let micros = choice.pick_or(&[100, 1_000, 20_000, 300_000], 100);
        cast = cast.restart_after(Duration::from_micros(micros));
    }
    let mut run = Run::new(seed, cast, length);
    if choice.chance(0.3) {
        run.choose_air();
    }
    run
}

/// Makes the application a service of the host.
fn serve(app: &mut SimModule) {
    for proc in app.config.errd.iter_mut().flat_map(|errd| &mut errd.procs) {
        (proc.kind, proc.atleast) = (ProcKind::Service, Some(1));
    }
}

pub(crate) fn run(run: &mut Run, family: Family) -> Result<(), Failure> {
    let module = name("app");
    let warm_up = run.random.pick_or(&[0, 100, 2000, 5000], 2000);
    run.pass(ms(warm_up))?;
    let rounds = 10 + run.random.below(30) * usize::try_from(run.length).unwrap();
    for _ in 0..rounds {
        let node = run.node();
        if run.random.chance(0.3) {
            run.world.probe(node, &module);
        }
        let kind = if family == Family::Anything || run.random.chance(0.2) {
            run.random.pick_or(&Family::ALL[15..19], Family::Commands)
        } else {
            family
        };
        if run.world.module(&module).is_some_and(is_served) && run.random.chance(0.1) {
            voice(run, node);
        }
        if kind == Family::Commands {
            command(run, node, &module);
        } else if kind == Family::Processes {
            run.world.kill_process(node, &module);
        } else if kind == Family::Scripts {
            script(run, node, &module);
        } else {
            agent(run, node);
        }
        let wait = run.random.pick_or(&[1, 5, 20, 100, 100, 500, 500, 2000], 100);
        let wait = run.random.duration(Duration::ZERO, ms(wait));
        run.pass(wait)?;
    }
    end(run, &module)
}

fn is_served(app: &SimModule) -> bool {
    let procs = app.config.errd.iter().flat_map(|errd| &errd.procs);
    procs.into_iter().any(|proc| proc.kind == ProcKind::Service)
}

/// The host tells no longer how its services stand, or again.
fn voice(run: &mut Run, node: NodeId) {
    if run.random.chance(0.6) {
        run.world.show_services(node);
    } else {
        run.world.hide_services(node);
    }
}

fn command(run: &mut Run, node: NodeId, module: &ModuleName) {
    let commands = [
        Command::Start,
        Command::Start,
        Command::Stop,
        Command::Restart,
        Command::Stopstart,
        Command::Forcestop,
    ];
    let command = run.random.pick_or(&commands, Command::Start);
    let from_detector = matches!(command, Command::Restart | Command::Stopstart | Command::Stop);
    let origin = if from_detector && run.random.chance(0.3) {
        Origin::Detector("checker".to_owned())
    } else {
        user()
    };
    run.world.command(node, module, command, origin);
}

fn script(run: &mut Run, node: NodeId, module: &ModuleName) {
    if run.random.chance(0.4) {
        run.world.mend_scripts(node);
        let command = run
            .random
            .pick_or(&[Command::Start, Command::Restart, Command::Forcestop], Command::Start);
        run.command(node, module, command);
        return;
    }
    let slow = run.random.duration(ms(100), ms(4000));
    let faults = [ScriptFault::Fails, ScriptFault::Hangs, ScriptFault::Slow(slow)];
    let fault = run.random.pick_or(&faults, ScriptFault::Fails);
    let script = run.random.pick_or(&Script::ALL, Script::StartBoth);
    run.world.fault_script(node, module, script, fault);
    let command =
        run.random.pick_or(&[Command::Start, Command::Restart, Command::Stop], Command::Start);
    run.command(node, module, command);
}

fn agent(run: &mut Run, node: NodeId) {
    match run.random.below(10) {
        0..5 => run.world.crash(node),
        5 => run.world.crash_silently(node),
        6 => run.world.power_off(node),
        7 => {
            let time = run.random.pick_or(&[100, 500, 900, 2000], 100);
            run.world.pause(node, ms(time));
        }
        8 => run.world.disk_full(node, DiskState::Full),
        _ => run.world.disk_full(node, DiskState::Fine),
    }
    if run.random.chance(0.6) {
        run.world.restart(node);
    }
}

/// All faults end: every module can be stopped, started, repaired and stopped again.
fn end(run: &mut Run, module: &ModuleName) -> Result<(), Failure> {
    run.world.net().heal();
    for node in run.world.nodes() {
        run.world.mend_scripts(node);
        run.world.show_services(node);
        run.world.disk_full(node, DiskState::Fine);
        run.world.restart(node);
    }
    // Pauses and slow scripts of former agents end.
    run.pass(ms(4500))?;
    for node in run.world.nodes() {
        run.command(node, module, Command::Forcestop);
    }
    until(run, module, "stop", |state| state == ModuleState::STOP)?;
    for node in run.world.nodes() {
        run.command(node, module, Command::Start);
    }
    until(run, module, "start", |state| state == ModuleState::UP_READY)?;
    run.settle(ms(5000), "the start of the modules")?;
    let repairs = run.world.module(module).map_or(0, |it| it.config.maxloop);
    if repairs > 0 {
        // Whatever is found at the start has been looked at.
        run.pass(ms(500))?;
        let nodes = run.world.nodes();
        for node in nodes {
            if !run.world.kill_process(node, module) {
                return run.world.fail(format!("{node}: {module} is Ready and has no process"));
            }
        }
        run.pass(ms(100))?;
        for node in run.world.nodes() {
            let there = run.world.processes(node, module).len();
            if run.world.health(node, module) && there < processes(run, module) {
                return run
                    .world
                    .fail(format!("{node}: {module} is Ready 100 ms after its process died"));
            }
        }
        until(run, module, "be repaired", |state| state == ModuleState::UP_READY)?;
        run.settle(ms(5000), "the repair of the modules")?;
    }
    for node in run.world.nodes() {
        run.command(node, module, Command::Stop);
    }
    until(run, module, "stop", |state| state.state == FarmState::Stop)?;
    let left =
        run.world.nodes().into_iter().find(|it| !run.world.processes(*it, module).is_empty());
    left.map_or(Ok(()), |node| {
        run.world.fail(format!("{node}: {module} is stopped, and processes are left"))
    })
}

fn processes(run: &Run, module: &ModuleName) -> usize {
    let count = run.world.module(module).map_or(0, |it| it.processes);
    usize::try_from(count).unwrap()
}

fn until(
    run: &mut Run,
    module: &ModuleName,
    what: &str,
    holds: impl Fn(ModuleState) -> bool + Copy,
) -> Result<(), Failure> {
    let all = run.world.run_until(LIMIT, |world| {
        world.nodes().into_iter().all(|node| world.state(node, module).is_some_and(holds))
    })?;
    if all.is_none() {
        let nodes = run.world.nodes();
        let states: Vec<_> = nodes.iter().map(|node| run.world.state(*node, module)).collect();
        return run.world.fail(format!("{module} does not {what} within {LIMIT:?}: {states:?}"));
    }
    Ok(())
}
