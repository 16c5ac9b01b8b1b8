//! A few nodes on a simulated network, in virtual time: enough for the stories, and no more.
//!
//! Each process drives a [`Membership`] as the drive loop says, and owns buckets by a simple share function: it lets go
//! at `ViewProposed` and claims at `ViewInstalled`. After each step the world checks what must always hold.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{Epoch, Incarnation, LanId, LanSet, ModuleKey, NodeId, NodeName};
use crate::machine::Machine;
use crate::membership::{
    Fault, Input, JoinReason, Membership, MembershipConfig, ModuleFacts, NodeConfig, Output, Start,
    Transmit, View,
};
use crate::module::state::ModuleState;
use crate::sim_clock_base;
use crate::wire::{Key, KeyRing};

/// The module whose buckets are watched.
pub(super) const MODULE: ModuleKey = ModuleKey(7);
/// How long two nodes that hear each other may own the same bucket: settling time, one exchange, and loss.
const OVERLAP_MAX: Duration = Duration::from_millis(1_600);
const PULSE: Duration = Duration::from_millis(100);
pub(super) const LOST: Duration = Duration::from_secs(1);
/// A kernel's entries die that long after the last turn of the loop.
const DEADMAN: Duration = Duration::from_millis(800);
const BUCKETS: u64 = 64;

pub(super) fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

pub(super) fn lan(number: usize) -> LanId {
    LanId::new(number).unwrap()
}

pub(super) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Random numbers that follow from a seed.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of 1,000 cases.
    pub(super) fn per_mille(&mut self, count: u64) -> bool {
        self.below(1000) < count
    }

    pub(super) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from((to - from).as_micros()).unwrap();
        from + Duration::from_micros(self.below(span + 1))
    }
}

/// How the network treats datagrams.
#[derive(Clone, Debug)]
pub(super) struct Net {
    pub(super) delay: (Duration, Duration),
    pub(super) loss_per_mille: u64,
    pub(super) duplicate_per_mille: u64,
    pub(super) late_per_mille: u64,
    pub(super) late_max: Duration,
    /// Directed links that carry nothing: (from, to, lan).
    cut: BTreeSet<(usize, usize, u8)>,
    lossy: BTreeMap<(usize, usize), u64>,
    /// Places of processes to which nothing comes.
    deaf: BTreeSet<usize>,
}

/// One process: a life of an agent.
#[derive(Debug)]
pub(super) struct Process {
    /// Its place in cluster.xml; two processes with the same one are a fault to be found.
    pub(super) node: usize,
    pub(super) machine: Membership,
    pub(super) owned: u64,
    pub(super) installed: Option<(Epoch, Arc<View>)>,
    pub(super) events: Vec<(Instant, Output)>,
    pub(super) installs: usize,
    pub(super) claims: usize,
    letter: Vec<u8>,
    last_turn: Instant,
    paused: Option<Vec<(LanId, Vec<u8>)>>,
    fire_at: Option<Instant>,
    epochs: BTreeMap<Incarnation, Epoch>,
    arm: Option<(Duration, Duration)>,
    bound: Option<(Arc<View>, u64)>,
}

#[derive(Debug)]
enum Happening {
    Delivery { to: usize, lan: LanId, bytes: Vec<u8> },
    Fire { process: usize },
    Resume { process: usize },
    Armed { process: usize, epoch: Epoch },
    Letter { node: usize, bytes: Vec<u8> },
    Look,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) net: Net,
    pub(super) random: Random,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) longest_overlap: Duration,
    pub(super) datagrams: u64,
    pub(super) datagram_bytes: u64,
    /// Range of the preparation of a view; at once where there is none.
    pub(super) arm: Option<(Duration, Duration)>,
    /// Whom a process's cluster.xml names.
    pub(super) lans: usize,
    base: Instant,
    nodes: usize,
    counters: Vec<u32>,
    queue: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    happenings: BTreeMap<usize, Happening>,
    pushed: u64,
    overlaps: BTreeMap<(usize, usize), Instant>,
    all_letters: Vec<(usize, Vec<u8>)>,
    all_datagrams: Option<Vec<(usize, LanId, Vec<u8>)>>,
}

impl Process {
    /// Makes the preparation of views take some time from here on.
    pub(super) fn set_arm(&mut self, from: Duration, to: Duration) {
        self.arm = Some((from, to));
    }

    /// Returns what the proposed view gives.
    fn bound(&mut self) -> u64 {
        let Some((_, view)) = self.machine.proposed() else { return 0 };
        match &self.bound {
            Some((known, mask)) if Arc::ptr_eq(known, &view) => *mask,
            _ => {
                let mask = share(&view, id(self.node), MODULE);
                self.bound = Some((view, mask));
                mask
            }
        }
    }

    /// Returns the lans on which it hears the present life of another process.
    fn hears(&self, other: &Self) -> LanSet {
        let heard = self.machine.hearing.get(&id(other.node));
        let heard = heard.filter(|(life, _)| *life == other.machine.incarnation());
        let named = self.machine.draft.modules.get(&MODULE).map(|facts| facts.lans);
        heard.map(|(_, lans)| lans.and(named.unwrap_or_default())).unwrap_or_default()
    }

    /// Tells whether it installed a view that holds the present life of another process, and in one group with it
    /// where both take load.
    fn holds(&self, other: &Self) -> bool {
        self.installed.as_ref().is_some_and(|(_, view)| {
            let group = |node: usize| view.members.get(&id(node))?.takes.get(&MODULE).copied();
            let apart = group(self.node).zip(group(other.node)).is_some_and(|(a, b)| a != b);
            let member = view.members.get(&id(other.node)).map(|member| member.incarnation);
            member == Some(other.machine.incarnation()) && !apart
        })
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }
}

/// Gives each bucket to the participant with the highest draw for it.
pub(super) fn share(view: &View, node: NodeId, module: ModuleKey) -> u64 {
    let participants = view.participants(node, module);
    let mut mask = 0;
    for bucket in 0..BUCKETS {
        let draw =
            |id: &NodeId| Random::new(u64::from(id.number()) * 7919 + bucket * 104_729).next();
        if participants.iter().max_by_key(|id| draw(id)) == Some(&node) {
            mask |= 1 << bucket;
        }
    }
    mask
}

pub(super) fn facts(takes: bool) -> ModuleFacts {
    ModuleFacts {
        takes,
        state: if takes { ModuleState::UP_READY } else { ModuleState::STOP },
        lans: LanSet::ALL,
        config: 1,
        sharing: 1,
    }
}

impl World {
    /// Makes a world of so many nodes, none of them started.
    pub(super) fn new(nodes: usize, seed: u64) -> Self {
        let base = sim_clock_base();
        Self {
            now: base,
            net: Net {
                delay: (Duration::from_micros(200), Duration::from_millis(1)),
                loss_per_mille: 0,
                duplicate_per_mille: 0,
                late_per_mille: 0,
                late_max: ms(350),
                cut: BTreeSet::new(),
                lossy: BTreeMap::new(),
                deaf: BTreeSet::new(),
            },
            random: Random::new(seed),
            processes: (0..nodes).map(|_| None).collect(),
            longest_overlap: Duration::ZERO,
            datagrams: 0,
            datagram_bytes: 0,
            arm: None,
            lans: 1,
            base,
            nodes,
            counters: vec![0; nodes],
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            pushed: 0,
            overlaps: BTreeMap::new(),
            all_letters: Vec::new(),
            all_datagrams: None,
        }
    }

    /// Makes a world whose nodes are started and agree.
    pub(super) fn settled(nodes: usize, seed: u64) -> Self {
        let mut world = Self::new(nodes, seed);
        for node in 1..=nodes {
            world.start(node);
        }
        world.run(ms(500));
        world.wait_settled(ms(5_000));
        world.run(ms(1_500));
        world.forget_counts();
        world
    }

    pub(super) fn forget_counts(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            process.installs = 0;
            process.claims = 0;
            process.events.clear();
        }
        self.longest_overlap = Duration::ZERO;
        self.datagrams = 0;
        self.datagram_bytes = 0;
    }

    pub(super) fn config(&self, node: usize) -> MembershipConfig {
        let nodes = (1..=self.nodes)
            .map(|number| {
                let name = NodeName::new(&format!("node{number}")).unwrap();
                let port = u16::try_from(10_000 + number).unwrap();
                let addresses = (0..self.lans)
                    .map(|at| (lan(at), ([127, 0, 0, u8::try_from(at + 1).unwrap()], port).into()))
                    .collect();
                (id(number), NodeConfig { name, addresses })
            })
            .collect();
        let mut config = MembershipConfig::new(id(node), nodes);
        config.pulse = PULSE;
        config.lost_after = LOST;
        config.keys = KeyRing { cluster: 99, keys: vec![Key::new([3; 32])] };
        config
    }

    // ---- processes

    /// Starts a node's agent with the next counter.
    pub(super) fn start(&mut self, node: usize) {
        self.counters[node - 1] += 1;
        let counter = self.counters[node - 1];
        self.start_as(node, node - 1, counter);
    }

    /// Starts an agent of a node in a place of its own; several places make a clone.
    pub(super) fn start_as(&mut self, node: usize, place: usize, counter: u32) {
        while self.processes.len() <= place {
            self.processes.push(None);
        }
        assert!(self.processes[place].is_none(), "a process runs there");
        let random = u32::try_from(self.random.below(u64::from(u32::MAX))).unwrap();
        let machine = Membership::new(self.now, self.config(node), Start { counter, random });
        self.processes[place] = Some(Process {
            node,
            letter: machine.letter(),
            machine,
            owned: 0,
            installed: None,
            events: Vec::new(),
            installs: 0,
            claims: 0,
            last_turn: self.now,
            paused: None,
            fire_at: None,
            epochs: BTreeMap::new(),
            arm: self.arm,
            bound: None,
        });
        self.tell(place, &[(MODULE, facts(true))]);
    }

    /// Sets what a process tells of its modules.
    pub(super) fn tell(&mut self, place: usize, modules: &[(ModuleKey, ModuleFacts)]) {
        self.input(place, Input::ModulesChanged(modules.iter().copied().collect()));
    }

    pub(super) fn input(&mut self, place: usize, input: Input) {
        let now = self.now;
        if let Some(process) = &mut self.processes[place] {
            process.machine.handle_input(now, input);
        }
        self.turn(place);
    }

    /// Kills an agent; its guardian announces it, half a millisecond later.
    pub(super) fn crash(&mut self, node: usize) {
        let letter = self.process(node).letter.clone();
        self.power_cut(node);
        for after in [500, 6_500, 20_500] {
            let after = Duration::from_micros(after);
            self.after(after, Happening::Letter { node, bytes: letter.clone() });
        }
        self.all_letters.push((node, letter));
    }

    /// Ends an agent without a word.
    pub(super) fn power_cut(&mut self, node: usize) {
        assert!(self.processes[node - 1].take().is_some(), "node {node} does not run");
    }

    /// Sends all letters that ever were sent once more.
    pub(super) fn replay_letters(&mut self) {
        for (node, bytes) in self.all_letters.clone() {
            self.after(ms(1), Happening::Letter { node, bytes });
        }
    }

    /// Keeps what is sent from here on, for [`World::replay_datagrams`].
    pub(super) fn record_datagrams(&mut self) {
        self.all_datagrams = Some(Vec::new());
    }

    /// Delivers all datagrams that were kept once more.
    pub(super) fn replay_datagrams(&mut self) {
        for (to, lan, bytes) in self.all_datagrams.take().unwrap_or_default() {
            let after = self.random.between(ms(0), ms(20));
            self.after(after, Happening::Delivery { to, lan, bytes });
        }
    }

    /// Delivers them once more in their order, spread over some time.
    pub(super) fn replay_datagrams_over(&mut self, time: Duration) {
        let all = self.all_datagrams.take().unwrap_or_default();
        let step = time / u32::try_from(all.len()).unwrap().max(1);
        for (place, (to, lan, bytes)) in (0..).zip(all) {
            self.after(step * place, Happening::Delivery { to, lan, bytes });
        }
    }

    /// Stops a process for some time; what arrives meanwhile waits.
    pub(super) fn pause(&mut self, node: usize, time: Duration) {
        self.process_mut(node).paused = Some(Vec::new());
        self.after(time, Happening::Resume { process: node - 1 });
        self.after(DEADMAN + Duration::from_micros(1), Happening::Look);
    }

    // ---- network

    pub(super) fn cut_one_way(&mut self, from: usize, to: usize) {
        for lan in 0..self.lans {
            self.net.cut.insert((from, to, u8::try_from(lan).unwrap()));
        }
    }

    pub(super) fn cut(&mut self, a: usize, b: usize) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    pub(super) fn cut_lan(&mut self, a: usize, b: usize, lan: u8) {
        self.net.cut.insert((a, b, lan));
        self.net.cut.insert((b, a, lan));
    }

    pub(super) fn heal(&mut self, a: usize, b: usize) {
        self.net.cut.retain(|(from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
    }

    pub(super) fn heal_all(&mut self) {
        self.net.cut.clear();
        self.net.lossy.clear();
    }

    pub(super) fn loss(&mut self, from: usize, to: usize, per_mille: u64) {
        self.net.lossy.insert((from, to), per_mille);
    }

    /// Nothing comes to a process any more: the copy of a host behind the address of the true one.
    pub(super) fn deafen(&mut self, place: usize) {
        self.net.deaf.insert(place);
    }

    fn transmit(&mut self, from: usize, to: usize, lan: LanId, bytes: &[u8]) {
        self.datagrams += 1;
        self.datagram_bytes += u64::try_from(bytes.len()).unwrap();
        if self.net.cut.contains(&(from, to, lan.number())) {
            return;
        }
        let loss = self.net.lossy.get(&(from, to)).copied().unwrap_or(self.net.loss_per_mille);
        let copies = if self.random.per_mille(self.net.duplicate_per_mille) { 2 } else { 1 };
        for _ in 0..copies {
            if self.random.per_mille(loss) {
                continue;
            }
            let mut delay = self.random.between(self.net.delay.0, self.net.delay.1);
            if self.random.per_mille(self.net.late_per_mille) {
                delay += self.random.between(ms(0), self.net.late_max);
            }
            let places: Vec<usize> = (0..self.processes.len())
                .filter(|place| {
                    self.processes[*place].as_ref().map_or(*place + 1, |process| process.node) == to
                })
                .filter(|place| !self.net.deaf.contains(place))
                .collect();
            for to in places {
                if let Some(kept) = &mut self.all_datagrams {
                    kept.push((to, lan, bytes.to_vec()));
                }
                self.after(delay, Happening::Delivery { to, lan, bytes: bytes.to_vec() });
            }
        }
    }

    // ---- time

    fn after(&mut self, time: Duration, happening: Happening) {
        self.pushed += 1;
        let key = usize::try_from(self.pushed).unwrap();
        self.happenings.insert(key, happening);
        self.queue.push(Reverse((self.now + time, self.pushed, key)));
    }

    fn step(&mut self) {
        let Some(Reverse((at, _, key))) = self.queue.pop() else { return };
        let Some(happening) = self.happenings.remove(&key) else { return };
        self.now = at;
        match happening {
            Happening::Delivery { to, lan, bytes } => self.deliver(to, lan, bytes),
            Happening::Fire { process } => {
                let due = self.processes[process]
                    .as_ref()
                    .is_some_and(|it| it.paused.is_none() && it.fire_at == Some(at));
                if due {
                    self.turn(process);
                }
            }
            Happening::Resume { process } => self.resume(process),
            Happening::Armed { process, epoch } => {
                if self.processes[process].as_ref().is_some_and(|it| it.paused.is_none()) {
                    self.input(process, Input::Armed { epoch });
                }
            }
            Happening::Letter { node, bytes } => {
                for to in (1..=self.nodes).filter(|to| *to != node) {
                    self.transmit(node, to, lan(0), &bytes);
                }
            }
            Happening::Look => {}
        }
        self.check();
    }

    fn deliver(&mut self, to: usize, lan: LanId, bytes: Vec<u8>) {
        let now = self.now;
        let Some(process) = &mut self.processes[to] else { return };
        if let Some(waiting) = &mut process.paused {
            if waiting.len() < 300 {
                waiting.push((lan, bytes));
            }
            return;
        }
        let from = ([127, 0, 0, 1], 4800).into();
        process.machine.handle_input(now, Input::DatagramReceived { lan, from, bytes });
        self.turn(to);
    }

    fn resume(&mut self, place: usize) {
        let now = self.now;
        let Some(process) = &mut self.processes[place] else { return };
        let from = ([127, 0, 0, 1], 4800).into();
        for (lan, bytes) in process.paused.take().unwrap_or_default() {
            process.machine.handle_input(now, Input::DatagramReceived { lan, from, bytes });
        }
        self.turn(place);
    }

    /// Calls the machine as the drive loop does, until nothing more is due.
    fn turn(&mut self, place: usize) {
        let now = self.now;
        for _ in 0..8 {
            let Some(process) = &mut self.processes[place] else { return };
            process.machine.handle_timeout(now);
            process.last_turn = now;
            let deadline = process.machine.poll_timeout();
            assert!(deadline.is_none_or(|at| at > now), "a deadline that has passed: {process:?}");
            let mut answers = Vec::new();
            while let Some(output) =
                self.processes[place].as_mut().and_then(|it| it.machine.poll_output())
            {
                answers.extend(self.take(place, output));
            }
            let Some(process) = &mut self.processes[place] else { return };
            if answers.is_empty() {
                if process.fire_at != deadline {
                    process.fire_at = deadline;
                    if let Some(at) = deadline {
                        self.after(at - now, Happening::Fire { process: place });
                    }
                }
                return;
            }
            for input in answers {
                process.machine.handle_input(now, input);
            }
        }
        panic!("the machine has always something more to do");
    }

    fn take(&mut self, place: usize, output: Output) -> Option<Input> {
        let (now, from) = (self.now, self.processes[place].as_ref()?.node);
        let process = self.processes[place].as_mut()?;
        if !matches!(output, Output::Transmit(_)) {
            process.events.push((now, output.clone()));
        }
        let me = id(process.node);
        match output {
            Output::Transmit(Transmit { lan, to, bytes }) => {
                assert!(bytes.len() < 1_200);
                let to = usize::from(to.port()) - 10_000;
                self.transmit(from, to, lan, &bytes);
            }
            Output::ViewProposed { epoch, view } => {
                process.owned &= view.map_or(0, |view| share(&view, me, MODULE));
                match process.arm {
                    None => return Some(Input::Armed { epoch }),
                    Some((from, to)) => {
                        let time = self.random.between(from, to);
                        self.after(time, Happening::Armed { process: place, epoch });
                    }
                }
            }
            Output::ViewInstalled { epoch, view } => {
                if process.installed.as_ref().map(|(_, view)| view) != Some(&view) {
                    process.installs += 1;
                }
                process.claims += 1;
                process.owned = share(&view, me, MODULE);
                process.installed = Some((epoch, view));
            }
            Output::Left => {
                process.owned = 0;
                self.processes[place] = None;
            }
            Output::CounterTaken { counter } => {
                process.letter = process.machine.letter();
                if place < self.nodes {
                    self.counters[place] = counter;
                }
            }
            Output::JoinChanged { .. }
            | Output::MemberChanged { .. }
            | Output::PeerModulesChanged { .. }
            | Output::Fault(_) => {}
        }
        None
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.after(time, Happening::Look);
        while self.queue.peek().is_some_and(|Reverse((at, _, _))| *at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs until all living nodes are in one view and own every bucket once; panics where that takes too long.
    pub(super) fn wait_settled(&mut self, limit: Duration) -> Duration {
        let all: Vec<usize> = self.processes.iter().flatten().map(|process| process.node).collect();
        self.wait_side(&all, limit)
    }

    /// The same for some nodes.
    pub(super) fn wait_side(&mut self, side: &[usize], limit: Duration) -> Duration {
        let begin = self.now;
        while !self.is_side_settled(side) {
            assert!(self.now < begin + limit, "{side:?} not settled: {}", self.describe());
            self.step();
        }
        self.now - begin
    }

    // ---- looking

    pub(super) fn process(&self, node: usize) -> &Process {
        self.processes[node - 1].as_ref().unwrap()
    }

    pub(super) fn process_mut(&mut self, node: usize) -> &mut Process {
        self.processes[node - 1].as_mut().unwrap()
    }

    pub(super) fn view_of(&self, node: usize) -> Vec<usize> {
        let Some((_, view)) = self.process(node).machine.proposed() else { return Vec::new() };
        view.members.keys().map(|id| usize::from(id.number())).collect()
    }

    pub(super) fn owned(&self, node: usize) -> u64 {
        let Some(process) = &self.processes[node - 1] else { return 0 };
        if process.paused.is_some() && self.now - process.last_turn > DEADMAN {
            return 0;
        }
        process.owned
    }

    pub(super) fn faults(&self, node: usize) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (_, output) in &self.process(node).events {
            if let Output::Fault(fault) = output {
                faults.push(fault.clone());
            }
        }
        faults
    }

    pub(super) fn joins(&self, node: usize) -> Vec<JoinReason> {
        let mut joins = Vec::new();
        for (_, output) in &self.process(node).events {
            if let Output::JoinChanged { why, .. } = output {
                joins.push(why.clone());
            }
        }
        joins
    }

    pub(super) fn changes(&self) -> usize {
        self.processes.iter().flatten().map(|process| process.installs).sum()
    }

    fn is_side_settled(&self, side: &[usize]) -> bool {
        let Some(first) = side.first() else { return true };
        let Some(installed) = self.processes[first - 1].as_ref().and_then(|it| it.machine.view())
        else {
            return false;
        };
        let members: Vec<NodeId> = installed.1.members.keys().copied().collect();
        let mut sorted: Vec<NodeId> = side.iter().map(|node| id(*node)).collect();
        sorted.sort();
        let mut owned = 0_u64;
        let agreed = side.iter().all(|node| {
            let Some(process) = &self.processes[node - 1] else { return false };
            let disjoint = owned & process.owned == 0;
            owned |= process.owned;
            disjoint
                && process.paused.is_none()
                && process.machine.view().as_ref() == Some(&installed)
                && process.machine.proposed().as_ref() == Some(&installed)
        });
        let takers = installed.1.members.values().any(|it| it.takes.contains_key(&MODULE));
        agreed && members == sorted && (owned == u64::MAX || !takers)
    }

    pub(super) fn describe(&self) -> String {
        let mut text = format!("after {:?}\n", self.now - self.base);
        for process in self.processes.iter().flatten() {
            text += &format!(
                "node {} {} joined {} proposed {:?} installed {:?} owned {:x}\n",
                process.node,
                process.machine.incarnation(),
                process.machine.joined(),
                process.machine.proposed(),
                process.machine.view().map(|(epoch, _)| epoch),
                process.owned,
            );
            for (at, event) in process.events.iter().rev().take(12).rev() {
                text += &format!("  {:?} {event:?}\n", *at - self.base);
            }
        }
        text
    }

    /// Asserts what must hold after each step.
    fn check(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            let epoch = process.machine.agreement.epoch();
            let last = process.epochs.entry(process.machine.incarnation()).or_default();
            assert!(epoch >= *last, "the epoch of node {} went back", process.node);
            *last = epoch;
            assert_eq!(process.owned & !process.bound(), 0, "node {} owns too much", process.node);
        }
        for a in 1..=self.nodes {
            for b in a + 1..=self.nodes {
                self.check_pair(a, b);
            }
        }
    }

    fn check_pair(&mut self, a: usize, b: usize) {
        let both = self.owned(a) & self.owned(b);
        let overlap = if let (Some(one), Some(two)) =
            (&self.processes[a - 1], &self.processes[b - 1])
            && both != 0
            && one.paused.is_none()
            && two.paused.is_none()
        {
            assert!(
                !(one.holds(two) && two.holds(one)),
                "{a} and {b} own {both:x} in views that hold each other\n{}",
                self.describe()
            );
            (0..self.lans).any(|at| {
                let number = u8::try_from(at).unwrap();
                let open = |from, to| !self.net.cut.contains(&(from, to, number));
                let heard = one.hears(two).and(two.hears(one)).contains(lan(at));
                open(a, b) && open(b, a) && heard
            })
        } else {
            false
        };
        if overlap {
            let since = *self.overlaps.entry((a, b)).or_insert(self.now);
            self.longest_overlap = self.longest_overlap.max(self.now - since);
            assert!(
                self.now - since <= OVERLAP_MAX,
                "{a} and {b} hear each other and own {both:x}\n{}",
                self.describe()
            );
        } else if let Some(since) = self.overlaps.remove(&(a, b)) {
            self.longest_overlap = self.longest_overlap.max(self.now - since);
        }
    }
}
