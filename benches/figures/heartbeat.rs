//! How long a change takes from one node to the other, beside a bare datagram.
//!
//! Two memberships on two edges, each with a thread and a loopback socket. One changes what it tells of a module; the
//! other one's output that shows it ends the time. The bare datagrams run beside it, at the same pace.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use safekit_benches::observer::Nothing;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_benches::{Trouble, Try, relay};
use safekit_core::Machine;
use safekit_core::ids::{LanId, LanSet, ModuleKey, NodeId, NodeName};
use safekit_core::membership::{
    Input, Membership, MembershipConfig, ModuleFacts, NodeConfig, Output, Start,
};
use safekit_core::module::state::ModuleState;
use safekit_core::node;
use safekit_core::runtime::{Edge, EdgeConfig, clock};
use safekit_core::wire::{Key, KeyRing};
use serde_json::json;

use crate::{Bench, say};

/// Further apart than the membership holds events apart.
const GAP: Duration = Duration::from_millis(15);
/// About what such a heartbeat has.
const BARE_BYTES: usize = 150;
const MODULE: ModuleKey = ModuleKey(7);

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let count = bench.size.of(20, 1000, 5000);
    say(&format!("heartbeat: {count} changes"));
    let stream = relay::Stream { count, gap: GAP, size_bytes: BARE_BYTES };
    let bare = std::thread::Builder::new().name("bare-receiver".to_owned());
    let bare = bare.spawn(move || relay::run(stream)).map_err(Trouble::io("start a thread"))?;
    let changes = changes(count)?;
    let bare =
        bare.join().map_err(|_panic| Trouble::failed("the bare receiver has panicked"))??;
    let mut parts: [Samples; 4] = Default::default();
    for change in &changes {
        let times = change.map_or([None; 4], |change| change.times().map(Some));
        let [whole, sender, way, receiver] = times.map(micros);
        let line = json!({ "us": whole, "sender_us": sender, "sent_to_output_us": way, "receiver_us": receiver });
        bench.record.line("heartbeat", line)?;
        for (part, time) in parts.iter_mut().zip(times) {
            part.add(time);
        }
    }
    let mut floor = Samples::default();
    for time in bare {
        floor.add(Some(time));
        bench.record.line("bare_datagram", json!({ "us": micros(Some(time)) }))?;
    }
    let [whole, sender, way, receiver] = parts;
    bench.times.times("heartbeat, change to output, one way", &whole, None);
    bench.times.times("- the sender's own part, change to sealed", &sender, None);
    bench.times.times("- sent to output", &way, None);
    bench.times.times("- the receiver's own part, woken to output", &receiver, None);
    bench.times.times("bare datagram, one way", &floor, None);
    let ratio = |percent| {
        let (ours, bare) = (way.percentile(percent)?, floor.percentile(percent)?);
        Some(ours.as_secs_f64() / bare.as_secs_f64())
    };
    let text = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
    let (p50, p99) = (ratio(50), ratio(99));
    let verdict = if p50.is_some_and(|ratio| ratio <= 1.5) { "met" } else { "missed" };
    bench.times.row([
        "ratio: heartbeat sent to output / bare datagram".to_owned(),
        "-".to_owned(),
        text(p50),
        text(p99),
        "-".to_owned(),
        format!("1.5 p50: {verdict}"),
    ]);
    Ok(())
}

/// The way of one change.
#[derive(Clone, Copy)]
struct Change {
    begun: Instant,
    /// When the datagram was ready to be sent.
    sealed: Instant,
    /// When the receiver's loop turned with it.
    woken: Instant,
    shown: Instant,
}

impl Change {
    /// From the change to the output; of it the sender's part, what follows, and in that the receiver's part.
    fn times(self) -> [Duration; 4] {
        let Self { begun, sealed, woken, shown } = self;
        [
            shown.saturating_duration_since(begun),
            sealed.saturating_duration_since(begun),
            shown.saturating_duration_since(sealed),
            shown.saturating_duration_since(woken),
        ]
    }
}

/// A number of a change, and two of its instants.
type Half = (u32, Instant, Instant);

/// Changes something so many times; returns how each change went, where it was shown.
fn changes(count: u32) -> Try<Vec<Option<Change>>> {
    let mut edges = Vec::new();
    for _ in 0..2 {
        let edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)));
        let mut edge = edge.map_err(|error| Trouble::failed(error.to_string()))?;
        let own = SocketAddr::from(([127, 0, 0, 1], 0));
        edge.bind_lans(&[(lan()?, own)]).map_err(|error| Trouble::failed(error.to_string()))?;
        edges.push(edge);
    }
    let mut nodes = BTreeMap::new();
    for (place, edge) in edges.iter().enumerate() {
        let name = NodeName::new(&format!("node{place}"));
        let name = name.map_err(|error| Trouble::failed(error.to_string()))?;
        nodes.insert(id(place + 1)?, NodeConfig { name, addresses: edge.lan_addresses() });
    }
    let end = Arc::new(AtomicBool::new(false));
    let (joined, joins) = mpsc::channel();
    let (changed, begins) = mpsc::channel();
    let (shown, shows) = mpsc::channel();
    let mut threads = Vec::new();
    for (place, edge) in edges.into_iter().enumerate() {
        let me = id(place + 1)?;
        let mut config = MembershipConfig::new(me, nodes.clone());
        config.keys = KeyRing { cluster: 9, keys: vec![Key::new([7; 32])] };
        let start = Start { counter: 1, random: 1 };
        let membership = Membership::new(clock::now(), config, start);
        let part =
            if place == 0 { Part::Changes(changed.clone()) } else { Part::Shows(shown.clone()) };
        let (end, joined) = (Arc::clone(&end), joined.clone());
        let side =
            Side { edge, membership, part, joined, end, next: None, changes: 0, sealed: None };
        threads.push(side.start(count)?);
    }
    drop((changed, shown));
    let result = collect(count, &joins, &begins, &shows);
    end.store(true, Ordering::Release);
    for thread in threads {
        drop(thread.join());
    }
    result
}

fn collect(
    count: u32,
    joins: &Receiver<()>,
    begins: &Receiver<Half>,
    shows: &Receiver<Half>,
) -> Try<Vec<Option<Change>>> {
    let never = |_timeout| Trouble::failed("two memberships never joined");
    joins.recv_timeout(PATIENCE).map_err(never)?;
    let mut begun = BTreeMap::new();
    while begun.len() < usize::try_from(count).unwrap_or(usize::MAX) {
        let never = |_timeout| Trouble::failed("the sender stands still");
        let (change, begin, sealed) = begins.recv_timeout(PATIENCE).map_err(never)?;
        begun.insert(change, (begin, sealed));
    }
    let mut ended = BTreeMap::new();
    while let Ok((change, woken, shown)) = shows.recv_timeout(Duration::from_millis(500)) {
        ended.insert(change, (woken, shown));
    }
    let change = |(change, (begun, sealed)): (u32, (Instant, Instant))| {
        let (woken, shown) = *ended.get(&change)?;
        Some(Change { begun, sealed, woken, shown })
    };
    Ok(begun.into_iter().map(change).collect())
}

/// What a side does.
enum Part {
    /// It changes what it tells, and says when, and when that was sealed.
    Changes(Sender<Half>),
    /// It says when its loop turned with the other one's change, and when it showed it.
    Shows(Sender<Half>),
}

/// One node, with the loop of its thread.
struct Side {
    edge: Edge,
    membership: Membership,
    part: Part,
    joined: Sender<()>,
    end: Arc<AtomicBool>,
    /// When it changes something next; `None` until it has joined.
    next: Option<Instant>,
    changes: u32,
    /// When the change's datagram was ready; `None` until it is.
    sealed: Option<Instant>,
}

impl Side {
    fn start(mut self, count: u32) -> Try<JoinHandle<()>> {
        let thread = std::thread::Builder::new().name("side".to_owned());
        let body = move || {
            let mut inputs = Vec::new();
            while !self.end.load(Ordering::Acquire) && self.turn(count, &mut inputs) {}
        };
        thread.spawn(body).map_err(Trouble::io("start a thread"))
    }

    /// One turn of the loop, as the agent has it.
    fn turn(&mut self, count: u32, inputs: &mut Vec<node::Input>) -> bool {
        let look = clock::now() + Duration::from_millis(200);
        let own = [self.membership.poll_timeout(), self.next];
        let deadline = own.into_iter().flatten().fold(look, Instant::min);
        if self.edge.wait(Some(deadline), inputs).is_err() {
            return false;
        }
        let now = clock::now();
        for input in inputs.drain(..) {
            if let node::Input::DatagramReceived { lan, from, bytes } = input {
                self.membership.handle_input(now, Input::DatagramReceived { lan, from, bytes });
            }
        }
        let due = self.next.is_some_and(|next| next <= now) && self.changes < count;
        let begun = due.then(|| self.change());
        self.membership.handle_timeout(begun.unwrap_or(now));
        while let Some(output) = self.membership.poll_output() {
            self.take(now, output);
        }
        if let (Some(begun), Some(sealed), Part::Changes(sender)) = (begun, self.sealed, &self.part)
        {
            let _ = sender.send((self.changes, begun, sealed));
        }
        true
    }

    fn change(&mut self) -> Instant {
        self.sealed = None;
        let now = clock::now();
        self.changes += 1;
        self.membership.handle_input(now, Input::ModulesChanged(facts(self.changes)));
        self.next = Some(now + GAP);
        now
    }

    fn take(&mut self, woken: Instant, output: Output) {
        if let Output::PeerModulesChanged { member } = &output
            && let Part::Shows(shown) = &self.part
        {
            let now = clock::now();
            if let Some(facts) = self.membership.peer_modules(*member).get(&MODULE) {
                let _ = shown.send((facts.config, woken, now));
            }
        } else if let Output::ViewInstalled { view, .. } = &output
            && view.members.len() == 2
            && self.next.is_none()
            && matches!(self.part, Part::Changes(_))
        {
            self.next = Some(clock::now() + CALM);
            let _ = self.joined.send(());
        } else if let Output::ViewProposed { epoch, .. } = &output {
            self.membership.handle_input(clock::now(), Input::Armed { epoch: *epoch });
        } else if let Output::Transmit(transmit) = output {
            self.sealed.get_or_insert_with(clock::now);
            drop(self.edge.perform(node::Output::Transmit(transmit)));
        }
    }
}

/// Tells a change by its number.
fn facts(change: u32) -> BTreeMap<ModuleKey, ModuleFacts> {
    let lans = LanSet(1);
    let state = ModuleState::UP_READY;
    BTreeMap::from([(
        MODULE,
        ModuleFacts { takes: false, state, lans, config: change, sharing: 0 },
    )])
}

fn id(place: usize) -> Try<NodeId> {
    NodeId::new(place).ok_or_else(|| Trouble::failed("no such node"))
}

fn lan() -> Try<LanId> {
    LanId::new(0).ok_or_else(|| Trouble::failed("no such lan"))
}

const PATIENCE: Duration = Duration::from_secs(30);
/// What follows the first view, before anything is measured.
const CALM: Duration = Duration::from_secs(1);
