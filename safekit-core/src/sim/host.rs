//! One host of the world: its agent while that lives, and what outlives it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::control::{Accepted, Refusal};
use crate::ids::{ActionId, CommandId, ModuleName, NodeId, ProcessId};
use crate::membership::Transmit;
use crate::module::state::ModuleState;
use crate::node::Input;
use crate::sim::Lateness;
use crate::sim::disk::Disk;
use crate::sim::process::Processes;
use crate::sim::script::{Running, ScriptFaults};

/// Datagrams that wait at a paused agent; more are dropped, as a socket's buffer does.
const WAITING_MAX: usize = 300;

/// A host.
#[derive(Debug)]
pub(super) struct Host<M> {
    pub(super) node: NodeId,
    /// Whether it has power.
    pub(super) powered: bool,
    /// Which boot this is.
    pub(super) boot: u64,
    /// Whether an agent has been started since it has power.
    pub(super) started: bool,
    pub(super) agent: Option<Agent<M>>,
    pub(super) disk: Disk,
    pub(super) processes: Processes,
    /// Scripts that run, of this agent and of dead ones.
    pub(super) scripts: BTreeMap<u64, Running>,
    pub(super) faults: ScriptFaults,
    /// Whether it does not tell how its services stand.
    pub(super) silent: bool,
    /// How long its agent waits for the processor.
    pub(super) lateness: Lateness,
    /// When the last write to the disk ends.
    pub(super) written_at: Duration,
    /// Answers to commands.
    pub(super) answers: BTreeMap<CommandId, Result<Accepted, Refusal>>,
}

/// A running agent.
#[derive(Debug)]
pub(super) struct Agent<M> {
    pub(super) machine: M,
    /// Tells this agent from those before.
    pub(super) life: u64,
    pub(super) inbox: VecDeque<Input>,
    /// Since when it stands still, if it does.
    pub(super) paused_since: Option<Duration>,
    /// Whether it waits for the processor: its turn comes.
    pub(super) waits: bool,
    /// When it is to be woken, as a key of the queue.
    pub(super) wake: Option<(Duration, u64)>,
    pub(super) watched: BTreeMap<ModuleName, BTreeSet<ProcessId>>,
    /// Scripts that were ordered to end before they began.
    pub(super) cancelled: BTreeSet<ActionId>,
    /// What the health answer is made of: the last state of each module.
    pub(super) states: BTreeMap<ModuleName, ModuleState>,
    /// What the guardian holds for the end of this life.
    pub(super) letters: Arc<[Transmit]>,
}

impl<M> Host<M> {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            powered: true,
            boot: 1,
            started: false,
            agent: None,
            disk: Disk::default(),
            processes: Processes::default(),
            scripts: BTreeMap::new(),
            faults: ScriptFaults::new(),
            silent: false,
            lateness: Lateness::default(),
            written_at: Duration::ZERO,
            answers: BTreeMap::new(),
        }
    }
}

impl<M> Agent<M> {
    pub(super) fn new(machine: M, life: u64) -> Self {
        Self {
            machine,
            life,
            inbox: VecDeque::new(),
            paused_since: None,
            waits: false,
            wake: None,
            watched: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            states: BTreeMap::new(),
            letters: Arc::from([]),
        }
    }

    /// Puts an input where the next turn finds it.
    pub(super) fn queue(&mut self, input: Input) {
        if self.inbox.len() < WAITING_MAX || !matches!(input, Input::DatagramReceived { .. }) {
            self.inbox.push_back(input);
        }
    }
}
