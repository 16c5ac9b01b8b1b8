//! The farm's own invariants for the simulator, and worlds of farm nodes.
//!
//! - Two nodes whose views in force contain each other never own the same bucket: at no moment.
//! - Two nodes that hear each other never own the same bucket for longer than a hand-over takes.
//! - Nothing is claimed before the node has joined, after a start or a pause that others may have noticed.
//!
//! Example: [`world()`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use safekit_core::config::model::ModuleMode;
use safekit_core::event::Event;
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::membership::{MemberState, Transmit};
use safekit_core::node;
use safekit_core::sim::{
    Accusations, Birth, Cast, Epochs, Invariant, Joining, Life, Occurrence, Subject, World,
};

use crate::buckets::{BucketId, BucketSet};
use crate::node::{FarmNode, Output};

/// The longest that two nodes that hear each other may own the same bucket: the settling time, an exchange under
/// heavy loss, and the wait for a node that is not in the view.
const OVERLAP_MAX: Duration = Duration::from_millis(1600);

impl Subject for FarmNode {
    fn node_output(output: &Output) -> Option<&node::Output> {
        match output {
            Output::Node(output) => Some(output),
            Output::SharesChanged { .. } => None,
        }
    }

    fn letters(&self) -> Vec<Transmit> {
        self.node().letters()
    }
}

/// Makes a world of farm nodes with all invariants.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, SimModule};
/// use safekit_farm::FarmNode;
/// use safekit_farm::sim::{owned, settled, unsettled, world};
///
/// // Three nodes, and a module that starts with them.
/// let module = SimModule::bare("web")?;
/// let web = module.config.name.clone();
/// let mut farm = world(7, Cast::new(3).module(module), |birth| {
///     let start = Start { counter: birth.counter, random: birth.random };
///     FarmNode::new(Node::new(birth.now, start))
/// });
/// farm.start_all();
/// farm.run_for(Duration::from_secs(3))?;
/// let nodes = farm.nodes();
/// assert!(settled(&farm, &nodes));
/// assert_eq!(owned(&farm, nodes[0], &web).count(), 86);
///
/// // One is gone without a word; two seconds later the others have its share.
/// farm.power_off(nodes[2]);
/// farm.run_for(Duration::from_secs(2))?;
/// assert_eq!(unsettled(&farm, &nodes[..2]), None);
/// assert_eq!(owned(&farm, nodes[0], &web).count(), 128);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn world(
    seed: u64,
    cast: Cast,
    make: impl Fn(&Birth) -> FarmNode + 'static,
) -> World<FarmNode> {
    World::new(seed, cast, make)
        .with(Life::new())
        .with(Joining::new())
        .with(Epochs::new())
        .with(Accusations)
        .with(Ownership::new())
}

/// The invariant of who owns which bucket.
///
/// [`world()`] has it; a world with invariants of your choice takes it by itself:
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, SimModule, World};
/// use safekit_farm::FarmNode;
/// use safekit_farm::sim::Ownership;
///
/// let cast = Cast::new(2).module(SimModule::bare("web")?);
/// let mut farm = World::new(7, cast, |birth| {
///     let start = Start { counter: birth.counter, random: birth.random };
///     FarmNode::new(Node::new(birth.now, start))
/// })
/// .with(Ownership::new());
/// farm.start_all();
/// farm.net().loss(0.3);
/// // An error would say which buckets had two owners, and when.
/// farm.run_for(Duration::from_secs(20))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Ownership {
    joining: Joining,
    hears: BTreeMap<NodeId, BTreeSet<NodeId>>,
    overlaps: BTreeMap<(NodeId, NodeId, ModuleName), Duration>,
}

impl Ownership {
    /// Makes the invariant.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn hear(&mut self, node: NodeId, event: &Event) {
        let hears = self.hears.entry(node).or_default();
        if let Event::MemberChanged { member, state, .. } = event {
            if matches!(state, MemberState::Alive | MemberState::Joining) {
                hears.insert(*member);
            } else {
                hears.remove(member);
            }
        }
        if let Event::JoinChanged { joined: false, .. } = event {
            hears.clear();
        }
    }

    fn hear_each_other(&self, world: &World<FarmNode>, one: NodeId, other: NodeId) -> bool {
        let hears = |a: NodeId, b: NodeId| self.hears.get(&a).is_some_and(|set| set.contains(&b));
        let runs = |node| world.machine(node).is_some() && !world.is_paused(node);
        runs(one)
            && runs(other)
            && world.network().mutual(one, other)
            && hears(one, other)
            && hears(other, one)
    }

    fn check(&mut self, world: &World<FarmNode>, node: NodeId) -> Result<(), String> {
        for module in &world.cast().modules {
            let module = &module.config.name;
            let mine = owned(world, node, module);
            for other in world.nodes().into_iter().filter(|other| *other != node) {
                let both = mine.and(owned(world, other, module));
                let key = (node.min(other), node.max(other), module.clone());
                if both.is_empty() {
                    self.overlaps.remove(&key);
                    continue;
                }
                if share_a_view(world, node, other, module) {
                    return Err(format!(
                        "{node} and {other} both own {both:?} of {module} under views that contain each other"
                    ));
                }
                if !self.hear_each_other(world, node, other) {
                    self.overlaps.remove(&key);
                    continue;
                }
                let since = *self.overlaps.entry(key).or_insert_with(|| world.now());
                if world.now() - since > OVERLAP_MAX {
                    return Err(format!(
                        "{node} and {other} hear each other and own {both:?} of {module} since {since:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Invariant<FarmNode> for Ownership {
    fn observe(
        &mut self,
        world: &World<FarmNode>,
        occurrence: &Occurrence<'_, FarmNode>,
    ) -> Result<(), String> {
        self.joining.note(world, occurrence);
        if let Occurrence::AgentStarted { node } | Occurrence::AgentEnded { node } = *occurrence {
            self.hears.remove(&node);
        }
        if let Occurrence::TurnEnded { node } = *occurrence {
            return self.check(world, node);
        }
        let Occurrence::Output { node, output } = *occurrence else { return Ok(()) };
        match output {
            Output::Node(node::Output::Event(event)) => self.hear(node, event),
            Output::SharesChanged { module, owned, .. }
                if self.joining.must_join(node) && !owned.is_empty() =>
            {
                return Err(format!("{node} owns {owned:?} of {module} before it has joined"));
            }
            Output::SharesChanged { .. } | Output::Node(_) => {}
        }
        Ok(())
    }
}

/// Returns the buckets of a module that a node takes at this moment, as the world sees it: nothing while its agent is
/// gone, or has stood still for so long that its packet filter has run out.
///
/// Example: [`world()`].
#[must_use]
pub fn owned(world: &World<FarmNode>, node: NodeId, module: &ModuleName) -> BucketSet {
    let expired = |since: Duration| world.now() - since > world.cast().deadman_after();
    if world.paused_since(node).is_some_and(expired) {
        return BucketSet::EMPTY;
    }
    let farm = world.machine(node).and_then(|machine| machine.farm(module));
    farm.map(crate::Farm::owned).unwrap_or_default()
}

/// Tells whether two nodes have views in force that contain each other, in their present lives, as participants of a
/// module that share: members that do not hear each other on the module's lans share nothing.
fn share_a_view(world: &World<FarmNode>, one: NodeId, other: NodeId, module: &ModuleName) -> bool {
    let installed = |node| world.machine(node).and_then(FarmNode::installed).map(|(_, view)| view);
    let (Some(first), Some(second)) = (installed(one), installed(other)) else { return false };
    let same_life = |node| match (first.members.get(&node), second.members.get(&node)) {
        (Some(here), Some(there)) => here.incarnation == there.incarnation,
        _ => false,
    };
    !world.is_paused(one)
        && !world.is_paused(other)
        && same_life(one)
        && same_life(other)
        && first.participants(one, module.key()).contains(&other)
        && second.participants(other, module.key()).contains(&one)
}

/// Tells whether some nodes have come to rest: they all have put the same view into force, it has exactly them as
/// members, whoever is Ready takes load in it, and each bucket of each module with participants has one owner.
///
/// Example: [`world()`].
#[must_use]
pub fn settled(world: &World<FarmNode>, nodes: &[NodeId]) -> bool {
    unsettled(world, nodes).is_none()
}

/// Tells what keeps some nodes from being [`settled`].
///
/// Example: [`world()`].
#[must_use]
pub fn unsettled(world: &World<FarmNode>, nodes: &[NodeId]) -> Option<String> {
    let mut common = None;
    for node in nodes {
        let Some(machine) = world.machine(*node).filter(|_| !world.is_paused(*node)) else {
            return Some(format!("{node} does not run"));
        };
        let Some((epoch, view)) = machine.installed() else {
            return Some(format!("{node} has no view"));
        };
        if machine.wanted().map(|(_, wanted)| wanted) != Some(view) {
            return Some(format!("{node} wants another view"));
        }
        if *common.get_or_insert((epoch, view)) != (epoch, view) {
            return Some(format!("{node} has another view than the first one"));
        }
    }
    let (_, view) = common?;
    let members: BTreeSet<NodeId> = view.members.keys().copied().collect();
    if members != nodes.iter().copied().collect() {
        return Some(format!("the members are {members:?}"));
    }
    // A light module takes no share, and is Ready all the same.
    let farms = world.cast().modules.iter().filter(|it| it.config.mode == ModuleMode::Farm);
    farms.map(|it| &it.config.name).find_map(|module| unshared(world, nodes, module))
}

fn unshared(world: &World<FarmNode>, nodes: &[NodeId], module: &ModuleName) -> Option<String> {
    let (_, view) = world.machine(*nodes.first()?)?.installed()?;
    for node in nodes {
        let participants = view.participants(*node, module.key());
        if participants.is_empty() {
            if world.health(*node, module) {
                return Some(format!("{module} is Ready on {node} and takes no load"));
            }
            if !owned(world, *node, module).is_empty() {
                return Some(format!("{node} owns buckets of {module} and takes no load"));
            }
            continue;
        }
        let mut together = BucketSet::EMPTY;
        for participant in &participants {
            let share = owned(world, *participant, module);
            if !together.and(share).is_empty() {
                return Some(format!("{module}: buckets with two owners"));
            }
            together = together.or(share);
        }
        if together != BucketSet::ALL {
            let missing = BucketId::all().filter(|bucket| !together.contains(*bucket)).count();
            return Some(format!("{module}: {missing} buckets without owner"));
        }
    }
    None
}
