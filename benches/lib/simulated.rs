//! Farms in the simulator under strain: how often somebody is lost who lives.
//!
//! In: who plays, what strains them, for how long in virtual time. Out: alarms, all of them false, because nobody ever
//! dies here. All invariants of the farm are watched beside: one that does not hold ends the run as a failure.
//!
//! A wall clock that jumps cannot be simulated: no machine takes one. Time comes in as `Instant` only, which no
//! administrator and no time server sets.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use safekit_core::event::Event;
use safekit_core::ids::NodeId;
use safekit_core::membership::{MemberReason, MemberState};
use safekit_core::node::{Node, Output, Start};
use safekit_core::sim::{
    Birth, Cast, Failure, Invariant, Lateness, Occurrence, Random, SimModule, Subject, World,
};
use safekit_farm::FarmNode;
use safekit_farm::sim::world;

use crate::{Trouble, Try};

/// Who plays.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// How many nodes, 2 to 16.
    pub nodes: usize,
    /// How many lans, 1 to 8.
    pub lans: usize,
    /// Time between two heartbeats.
    pub pulse: Duration,
    /// After so many pulses of silence a node is lost.
    pub slost_count: u32,
    /// What chance begins with.
    pub seed: u64,
}

impl Cluster {
    /// Makes three nodes on one lan with the default settings.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { nodes: 3, lans: 1, pulse: Duration::from_millis(100), slost_count: 10, seed }
    }
}

/// What strains a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strain {
    /// Nothing.
    Nothing,
    /// All hosts have eight times the work that they can do.
    BusyAll,
    /// One host has.
    BusyOne,
    /// This share of all datagrams is lost, each by itself.
    Loss(f64),
    /// Every 1.5 to 5 s all datagrams of one node, or of all, are lost for that time.
    Bursts(Duration),
    /// Every 1.5 to 5 s one agent, two, or all stand still for that time.
    Freezes(Duration),
    /// Loss, and freezes of one agent at a time.
    LossAndFreezes(f64, Duration),
    /// 1 % of loss, busy hosts, bursts of 300 ms and freezes of 200 and 500 ms, as chance throws them together.
    Everything,
}

/// How often somebody was lost who lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// A node said that another one is lost.
    pub lost: u64,
    /// A node joined again, because it found that it had stood still for too long.
    pub rejoined: u64,
    /// The view changed: counted once until all are in one view again.
    pub changes: u64,
    /// Freezes or bursts that there were.
    pub faults: u64,
}

impl Alarms {
    /// Tells whether there was none.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.lost + self.rejoined + self.changes == 0
    }
}

/// Lets a cluster live under a strain, after five quiet seconds in which it begins.
///
/// # Errors
/// When it never comes to one view, or an invariant does not hold.
pub fn strained(cluster: Cluster, strain: Strain, time: Duration) -> Try<Alarms> {
    let failed = |failure: Failure| Trouble::failed(failure.to_string());
    let mut run = Run::begin(cluster).map_err(failed)?;
    run.strain(strain);
    let begin = run.world.now();
    while run.world.now() < begin + time {
        run.round(strain, begin + time).map_err(failed)?;
    }
    let alarms = *run.alarms.borrow();
    Ok(alarms)
}

struct Run {
    world: World<FarmNode>,
    random: Random,
    alarms: Rc<RefCell<Alarms>>,
    pulse: Duration,
}

impl Run {
    fn begin(cluster: Cluster) -> Result<Self, Failure> {
        let mut cast = Cast::new(cluster.nodes).lans(cluster.lans);
        (cast.pulse, cast.lost_pulses) = (cluster.pulse, cluster.slost_count);
        if let Ok(web) = SimModule::bare("web") {
            cast = cast.module(web);
        }
        let alarms = Rc::new(RefCell::new(Alarms::default()));
        let counter = Counter { alarms: Rc::clone(&alarms), apart: BTreeSet::new() };
        let mut world = world(cluster.seed, cast, make).with(counter);
        world.start_all();
        world.run_for(QUIET)?;
        let installed = |node: &NodeId| Some(world.machine(*node)?.installed()?.1.members.len());
        let nodes = world.nodes();
        if !nodes.iter().all(|node| installed(node) == Some(nodes.len())) {
            return world.fail("the cluster never came to one view");
        }
        *alarms.borrow_mut() = Alarms::default();
        let random = Random::new(cluster.seed ^ 0xa1a2);
        Ok(Self { world, random, alarms, pulse: cluster.pulse })
    }

    /// What lasts.
    fn strain(&mut self, strain: Strain) {
        let nodes = self.world.nodes();
        match strain {
            Strain::Nothing | Strain::Bursts(_) | Strain::Freezes(_) => {}
            Strain::BusyAll => self.busy(nodes),
            Strain::BusyOne => self.busy(nodes.into_iter().take(1).collect()),
            Strain::Loss(loss) | Strain::LossAndFreezes(loss, _) => {
                self.world.net().loss(loss);
            }
            Strain::Everything => {
                self.busy(nodes);
                self.world.net().loss(0.01);
            }
        }
    }

    fn busy(&mut self, nodes: Vec<NodeId>) {
        for node in nodes {
            self.world.busy(node, Lateness::measured());
        }
    }

    /// What comes and goes.
    fn round(&mut self, strain: Strain, end: Duration) -> Result<(), Failure> {
        // Each fault is over, and forgotten, before the next one: two at once are one longer one.
        let quiet = self.random.duration(self.pulse * 15, self.pulse * 50);
        let left = end.saturating_sub(self.world.now());
        self.world.run_for(quiet.min(left))?;
        match strain {
            Strain::Nothing | Strain::BusyAll | Strain::BusyOne | Strain::Loss(_) => Ok(()),
            Strain::Bursts(time) => self.burst(time),
            Strain::Freezes(time) => {
                let all = self.world.nodes().len();
                let count = self.random.pick_or(&[1, 1, 2, all], 1);
                self.freeze(time, count)
            }
            Strain::LossAndFreezes(_, time) => self.freeze(time, 1),
            Strain::Everything => {
                let millis = Duration::from_millis;
                match self.random.below(3) {
                    0 => self.burst(millis(300)),
                    1 => self.freeze(millis(200), 1),
                    _ => self.freeze(millis(500), 1),
                }
            }
        }
    }

    fn burst(&mut self, time: Duration) -> Result<(), Failure> {
        self.alarms.borrow_mut().faults += 1;
        let nodes = self.world.nodes();
        if self.random.chance(0.5) {
            self.world.net().partition(|node| usize::from(node.number()));
        } else if let Some(node) = self.random.pick(&nodes) {
            self.world.net().isolate(node);
        }
        self.world.run_for(time)?;
        self.world.net().heal();
        Ok(())
    }

    fn freeze(&mut self, time: Duration, count: usize) -> Result<(), Failure> {
        self.alarms.borrow_mut().faults += 1;
        let mut nodes = self.world.nodes();
        self.random.shuffle(&mut nodes);
        for node in nodes.into_iter().take(count) {
            self.world.pause(node, time);
        }
        self.world.run_for(time + Duration::from_micros(1))
    }
}

/// Counts alarms.
#[derive(Debug)]
struct Counter {
    alarms: Rc<RefCell<Alarms>>,
    /// Nodes that want another view than that of all.
    apart: BTreeSet<NodeId>,
}

impl Invariant<FarmNode> for Counter {
    fn observe(
        &mut self,
        world: &World<FarmNode>,
        occurrence: &Occurrence<'_, FarmNode>,
    ) -> Result<(), String> {
        let Occurrence::Output { node, output } = *occurrence else { return Ok(()) };
        let Some(output) = FarmNode::node_output(output) else { return Ok(()) };
        let mut alarms = self.alarms.borrow_mut();
        if let Output::Event(Event::MemberChanged { state: MemberState::Lost, why, .. }) = output {
            alarms.lost += u64::from(matches!(why, MemberReason::Silent { .. }));
        } else if let Output::Event(Event::JoinChanged { joined: false, .. }) = output {
            alarms.rejoined += 1;
        } else if let Output::ViewProposed { view, .. } = output {
            let all = world.cast().nodes;
            if view.as_ref().is_some_and(|view| view.members.len() == all) {
                self.apart.remove(&node);
            } else {
                alarms.changes += u64::from(self.apart.is_empty());
                self.apart.insert(node);
            }
        }
        Ok(())
    }
}

fn make(birth: &Birth) -> FarmNode {
    FarmNode::new(Node::new(birth.now, Start { counter: birth.counter, random: birth.random }))
}

const QUIET: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
