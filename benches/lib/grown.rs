//! Clusters of any size in the simulator, and what their nodes cost.
//!
//! In: how many nodes, lans and modules. Out: what a node sends, computes and keeps at rest, and how long all take to
//! agree after a start, a killed agent and a dark host. The time that a machine computes is the thread's processor time
//! around each of its calls; what the simulator itself needs does not count. An agent's loop turns up to a millisecond
//! after something has come, and takes all that has come until then, as a real one does while it computes. Without
//! invariants: the sweeps have those.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use safekit_core::Machine;
use safekit_core::ids::NodeId;
use safekit_core::membership::Transmit;
use safekit_core::node::{self, Input, Node, Start};
use safekit_core::sim::{Birth, Cast, Failure, Lateness, SimModule, Subject, World};
use safekit_farm::FarmNode;
use safekit_farm::node::Output;

use crate::samples::{Samples, number};
use crate::{Trouble, Try};

/// A cluster.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many nodes, 2 to 128.
    pub nodes: usize,
    /// How many lans, 1 to 8.
    pub lans: usize,
    /// How many modules that share their load.
    pub modules: usize,
    /// For how long it is watched at rest, in virtual time.
    pub rest: Duration,
    /// How often an agent is killed, and as often a host goes dark.
    pub losses: usize,
}

/// What came of it; for each node where nothing else is said.
#[derive(Clone, Debug, Default)]
pub struct Grown {
    /// How many nodes.
    pub nodes: usize,
    /// Datagrams that it sends a second.
    pub packets: f64,
    /// Bytes in them a second.
    pub bytes: f64,
    /// Processor time of its machines in a second, in microseconds.
    pub cpu_micros: f64,
    /// Memory of its machines.
    pub memory_kib: f64,
    /// From the start of all to the one view of all; `None`: not within the patience.
    pub start: Option<Duration>,
    /// From the death of one agent, announced by its guardian, to the view of all others.
    pub killed: Samples,
    /// From the last moment of a host to the view of all others.
    pub dark: Samples,
}

/// Grows a cluster.
///
/// # Errors
/// When a machine breaks the laws of machines, or a node that was lost is not taken again.
pub fn grow(shape: Shape) -> Try<Grown> {
    // A simulated second of 128 nodes is a second of a processor, or more.
    let calm = if shape.nodes > 64 { CALM / 4 } else { CALM };
    let mut cast = Cast::new(shape.nodes).lans(shape.lans);
    for number in 1..=shape.modules {
        if let Ok(module) = SimModule::bare(&format!("web{number}")) {
            cast = cast.module(module);
        }
    }
    let costs = Rc::new(RefCell::new(Costs::default()));
    let shared = Rc::clone(&costs);
    let before = resident_kib();
    let mut world = World::new(0x5ca1e, cast, move |birth| Timed::new(birth, Rc::clone(&shared)));
    for node in world.nodes() {
        world.busy(node, Lateness::new(&[(1.0, TURN)]));
    }
    world.start_all();
    let start = agreed(&mut world)?;
    run(&mut world, calm)?;
    let nodes = number(shape.nodes);
    let memory_kib = (resident_kib() - before).max(0.0) / nodes;
    *costs.borrow_mut() = Costs::default();
    run(&mut world, shape.rest)?;
    let Costs { packets, bytes, spent } = *costs.borrow();
    let seconds = shape.rest.as_secs_f64() * nodes;
    let mut lose = |verb: fn(&mut World<Timed>, NodeId)| -> Try<Samples> {
        let mut times = Samples::default();
        for victim in world.nodes().into_iter().rev().cycle().take(shape.losses) {
            // Each time at another part of the interval between two heartbeats.
            let phase = world.random().duration(Duration::ZERO, PULSE);
            run(&mut world, calm + phase)?;
            verb(&mut world, victim);
            times.add(agreed(&mut world)?);
            world.restart(victim);
            agreed(&mut world)?.ok_or_else(|| Trouble::failed("a node is not taken again"))?;
        }
        Ok(times)
    };
    let (killed, dark) = (lose(World::crash)?, lose(World::power_off)?);
    Ok(Grown {
        nodes: shape.nodes,
        packets: number(packets) / seconds,
        bytes: number(bytes) / seconds,
        cpu_micros: spent.as_secs_f64() * 1e6 / seconds,
        memory_kib,
        start,
        killed,
        dark,
    })
}

/// Waits until all who live have agreed.
fn agreed(world: &mut World<Timed>) -> Try<Option<Duration>> {
    let living = world.living();
    let is_agreed = move |world: &World<Timed>| {
        let view = |node: &NodeId| {
            let (epoch, view) = world.machine(*node)?.node.installed()?;
            Some((epoch, view.members.len()))
        };
        let mut views = living.iter().map(view);
        let Some(Some((epoch, size))) = views.next() else { return false };
        size == living.len() && views.all(|view| view == Some((epoch, size)))
    };
    world.run_until(PATIENCE, is_agreed).map_err(broken)
}

fn run(world: &mut World<Timed>, time: Duration) -> Try<()> {
    world.run_for(time).map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn broken(failure: Failure) -> Trouble {
    Trouble::failed(failure.to_string())
}

/// What all machines together have cost.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    packets: usize,
    bytes: usize,
    spent: Duration,
}

/// A node whose costs are counted.
#[derive(Debug)]
struct Timed {
    node: FarmNode,
    costs: Rc<RefCell<Costs>>,
}

impl Timed {
    fn new(birth: &Birth, costs: Rc<RefCell<Costs>>) -> Self {
        let start = Start { counter: birth.counter, random: birth.random };
        Self { node: FarmNode::new(Node::new(birth.now, start)), costs }
    }

    fn timed<T>(&mut self, call: impl FnOnce(&mut FarmNode) -> T) -> T {
        let begin = processor_time();
        let value = call(&mut self.node);
        self.costs.borrow_mut().spent += processor_time().saturating_sub(begin);
        value
    }
}

impl Machine for Timed {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.timed(|node| node.handle_input(now, input));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.timed(|node| node.handle_timeout(now));
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.timed(FarmNode::poll_output);
        if let Some(Output::Node(node::Output::Transmit(Transmit { bytes, .. }))) = &output {
            let mut costs = self.costs.borrow_mut();
            costs.packets += 1;
            costs.bytes += bytes.len();
        }
        output
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }
}

impl Subject for Timed {
    fn node_output(output: &Output) -> Option<&node::Output> {
        FarmNode::node_output(output)
    }

    fn letters(&self) -> Vec<Transmit> {
        FarmNode::letters(&self.node)
    }
}

/// What this thread has had of processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

fn resident_kib() -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Between two heartbeats with the default settings.
const PULSE: Duration = Duration::from_millis(100);
/// Within this time an agent's loop turns.
const TURN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);
const CALM: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Shape, grow};

    #[test]
    fn eight_nodes_send_each_other_ten_heartbeats_a_second_and_agree() {
        let rest = Duration::from_secs(2);
        let grown = grow(Shape { nodes: 8, lans: 1, modules: 2, rest, losses: 3 }).unwrap();
        assert!((68.0..72.0).contains(&grown.packets), "{grown:?}");
        let within =
            |time: Option<Duration>, millis| time.is_some_and(|time| time.as_millis() <= millis);
        assert_eq!((grown.killed.len(), grown.dark.len()), (3, 3));
        assert!(within(grown.killed.max(), 30) && within(grown.dark.max(), 1_100), "{grown:?}");
        assert!(within(grown.start, 1_100), "{grown:?}");
    }
}
