//! Families of faults: each seed picks one, and everything within it. What must hold at the end of each is here; what
//! must hold always is in the invariants.

mod life;
mod views;

use std::time::Duration;

use safekit_core::control::{Command, Origin};
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::node::{Node, Start};
use safekit_core::sim::{Birth, Cast, Failure, Random, SimModule, World};
use safekit_farm::FarmNode;
use safekit_farm::sim::{settled, unsettled, world};

/// What kind of faults a seed brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Crash,
    Goodbye,
    HostDead,
    FastRestart,
    Partition,
    OneWay,
    NonTransitive,
    Flap,
    Pause,
    LossOnly,
    Simultaneous,
    LastSurvivor,
    Mix,
    Burst,
    Toggle,
    Commands,
    Processes,
    Scripts,
    AgentCrashes,
    Anything,
}

impl Family {
    pub(crate) const ALL: [Self; 20] = [
        Self::Crash,
        Self::Goodbye,
        Self::HostDead,
        Self::FastRestart,
        Self::Partition,
        Self::OneWay,
        Self::NonTransitive,
        Self::Flap,
        Self::Pause,
        Self::LossOnly,
        Self::Simultaneous,
        Self::LastSurvivor,
        Self::Mix,
        Self::Burst,
        Self::Toggle,
        Self::Commands,
        Self::Processes,
        Self::Scripts,
        Self::AgentCrashes,
        Self::Anything,
    ];

    /// The family of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let at = usize::try_from(seed % 20).unwrap();
        Self::ALL[at]
    }
}

/// How the air is in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Air {
    pub(crate) loss: f64,
    pub(crate) late: f64,
    pub(crate) slow: bool,
}

impl Air {
    /// Whether datagrams come so reliably that nothing may happen without a reason.
    pub(crate) fn calm(self) -> bool {
        self.loss <= 0.1 && self.late == 0.0
    }

    /// Whether every datagram comes, and soon.
    pub(crate) fn clean(self) -> bool {
        self.loss == 0.0 && self.late == 0.0
    }
}

/// One run: the world, the choices of its family, and what has been measured.
pub(crate) struct Run {
    pub(crate) world: World<FarmNode>,
    pub(crate) random: Random,
    pub(crate) air: Air,
    pub(crate) length: u32,
    /// The longest time to come to rest that was seen.
    pub(crate) worst: Duration,
}

/// Runs one seed of its family, or of another one.
pub(crate) fn run(
    seed: u64,
    family: Option<Family>,
    length: u32,
    trace: usize,
) -> Result<Duration, Failure> {
    let family = family.unwrap_or_else(|| Family::of(seed));
    let mut run = match family {
        Family::Commands
        | Family::Processes
        | Family::Scripts
        | Family::AgentCrashes
        | Family::Anything => life::begin(seed, length),
        Family::Crash
        | Family::Goodbye
        | Family::HostDead
        | Family::FastRestart
        | Family::Partition
        | Family::OneWay
        | Family::NonTransitive
        | Family::Flap
        | Family::Pause
        | Family::LossOnly
        | Family::Simultaneous
        | Family::LastSurvivor
        | Family::Mix
        | Family::Burst
        | Family::Toggle => views::begin(seed, family, length),
    };
    run.world.trace(trace);
    match family {
        Family::Crash | Family::Goodbye | Family::HostDead => views::loss(&mut run, family)?,
        Family::FastRestart => views::fast_restart(&mut run)?,
        Family::Partition => views::partition(&mut run)?,
        Family::OneWay | Family::NonTransitive => views::not_transitive(&mut run, family)?,
        Family::Flap => views::flap(&mut run)?,
        Family::Pause => views::pause(&mut run)?,
        Family::LossOnly => views::loss_only(&mut run)?,
        Family::Simultaneous => views::simultaneous(&mut run)?,
        Family::LastSurvivor => views::last_survivor(&mut run)?,
        Family::Mix => views::mix(&mut run)?,
        Family::Burst => views::burst(&mut run)?,
        Family::Toggle => views::toggle(&mut run)?,
        Family::Commands
        | Family::Processes
        | Family::Scripts
        | Family::AgentCrashes
        | Family::Anything => life::run(&mut run, family)?,
    }
    Ok(run.worst)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An administrator.
pub(crate) fn user() -> Origin {
    Origin::User("root".to_owned())
}

/// The machine of each start of an agent.
pub(crate) fn make(birth: &Birth) -> FarmNode {
    FarmNode::new(Node::new(birth.now, Start { counter: birth.counter, random: birth.random }))
}

impl Run {
    /// Starts a world: all agents, most of them within 0.3 s.
    pub(crate) fn new(seed: u64, cast: Cast, length: u32) -> Self {
        let mut run = Self {
            world: world(seed, cast, make),
            random: Random::new(seed.wrapping_mul(7) ^ 0x5afe),
            air: Air { loss: 0.0, late: 0.0, slow: false },
            length,
            worst: Duration::ZERO,
        };
        for node in run.world.nodes() {
            let after =
                if run.random.chance(0.7) { run.random.up_to_ms(300) } else { Duration::ZERO };
            run.world.later(after, move |world| world.restart(node));
        }
        run
    }

    pub(crate) fn node(&mut self) -> NodeId {
        let nodes = self.world.nodes();
        self.random.pick(&nodes).unwrap()
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        self.world.run_for(time)
    }

    /// Waits until all living nodes have come to rest.
    pub(crate) fn settle(&mut self, limit: Duration, what: &str) -> Result<Duration, Failure> {
        let took = self.world.run_until(limit, |world| settled(world, &world.living()))?;
        let Some(took) = took else {
            let why = unsettled(&self.world, &self.world.living()).unwrap_or_default();
            return self.world.fail(format!("not settled {limit:?} after {what}: {why}"));
        };
        self.worst = self.worst.max(took);
        Ok(took)
    }

    pub(crate) fn command(&mut self, node: NodeId, module: &ModuleName, command: Command) {
        self.world.command(node, module, command, user());
    }

    /// Returns how many views each node has put into force, as a number that only stays when nothing changes.
    pub(crate) fn epochs(&self) -> Vec<Option<u64>> {
        let epoch = |node| self.world.machine(node)?.installed().map(|(epoch, _)| epoch.0);
        self.world.nodes().into_iter().map(epoch).collect()
    }

    /// Chooses how the air is.
    pub(crate) fn choose_air(&mut self) {
        let loss = self.random.pick_or(&[0.0, 0.0, 0.0, 0.01, 0.05, 0.1, 0.2, 0.3], 0.0);
        let late = self.random.pick_or(&[0.0, 0.0, 0.0, 0.02, 0.1], 0.0);
        let doubled = self.random.pick_or(&[0.0, 0.0, 0.1], 0.0);
        let delays = [(100, 500), (200, 2_000), (1_000, 20_000), (20_000, 120_000)];
        let (least, most) = self.random.pick_or(&delays, (200, 1_000));
        let net = self.world.net();
        net.loss(loss);
        net.stragglers(late);
        net.duplication(doubled);
        net.delay(Duration::from_micros(least), Duration::from_micros(most));
        self.air = Air { loss, late, slow: most > 20_000 };
    }
}

/// A module that is UP as soon as it is started.
pub(crate) fn bare(name: &str) -> SimModule {
    SimModule::bare(name).unwrap()
}

/// A module with scripts and a watched process.
pub(crate) fn watched(name: &str) -> SimModule {
    SimModule::watched(name).unwrap()
}

pub(crate) fn name(text: &str) -> ModuleName {
    ModuleName::new(text).unwrap()
}

pub(crate) fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

/// A farm at rest: all agents run, all modules are UP.
pub(crate) fn farm(nodes: usize, module: SimModule) -> World<FarmNode> {
    at_rest(Cast::new(nodes).module(module))
}

pub(crate) fn at_rest(cast: Cast) -> World<FarmNode> {
    let mut world = world(1, cast, make);
    world.start_all();
    world.run_for(ms(5000)).unwrap();
    assert!(settled(&world, &world.living()));
    for node in world.nodes() {
        for module in &world.cast().modules {
            assert!(world.health(node, &module.config.name), "{node}");
        }
    }
    world
}

/// Waits until the living nodes are at rest, and returns after how long.
pub(crate) fn rest(world: &mut World<FarmNode>) -> Duration {
    let took = world.run_until(ms(5000), |world| settled(world, &world.living())).unwrap();
    took.expect("comes to rest")
}
