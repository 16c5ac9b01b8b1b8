//! How do I see an incident again that happened at a customer's?
//!
//! A recorder around the node writes down what the node is told, and when. Here the incident happens in the
//! simulator, to three recorded nodes; in a product the recorder stands around the node in your loop. The recording of
//! one node goes to a file, as a customer would send it, and is told to a fresh node: it does the same again.
//! `cargo run -p safekit-examples --example replay_incident`
//!
//! With a recording of the agent, and the file with the keys that its cluster had, it tells what that node saw:
//! `cargo run -p safekit-examples --example replay_incident -- 2026-11-23T011500_0.1.0_17.record keys`

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use safekit_core::event::Event;
use safekit_core::explain::line;
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::membership::MemberState;
use safekit_core::node::{self, Node, Start};
use safekit_core::record::{Recorder, Recording};
use safekit_core::runtime::clock;
use safekit_core::sim::{Cast, Invariant, Occurrence, SimModule, World};
use safekit_core::wire::Key;
use safekit_farm::FarmNode;
use safekit_farm::node::Output;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let mut arguments = std::env::args_os().skip(1);
    if let Some(file) = arguments.next() {
        let keys = arguments.next().map_or_else(|| Ok(Vec::new()), read_keys)?;
        let recording = Recording::read(&fs::read_to_string(file)?, &keys)?;
        return tell(&mut out, &recording, |_event| true).map(drop);
    }
    let given = Arc::default();
    let recorded = incident(Arc::clone(&given))?;
    let file = std::env::temp_dir().join(format!("incident-{}.record", std::process::id()));
    fs::write(&file, recorded)?;

    // At home. The keys are not in the recording: the customer's second secret, here the simulator's.
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let recording = Recording::read(&text, &Cast::keys().keys)?;
    let calls = recording.calls().len();
    writeln!(out, "{} bytes, {calls} calls, complete: {}", text.len(), recording.is_complete())?;

    let given_again = tell(&mut out, &recording, tells_much)?;
    let same = given_again == *given.lock().map_err(|_poisoned| "the story has panicked")?;
    writeln!(out, "{} outputs then and now, the same: {same}", given_again.len())?;
    Ok(())
}

/// Tells a fresh node all of it, and prints what happened to it; returns what it gave, but for datagrams: a simulated
/// world shows its witnesses everything else.
fn tell(
    out: &mut dyn Write,
    recording: &Recording,
    is_told: fn(&Event) -> bool,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut node = FarmNode::new(Node::new(clock::now(), recording.start()));
    let mut given = Vec::new();
    for (at, output) in recording.replay(clock::now(), &mut node) {
        if !matches!(output, Output::Node(node::Output::Transmit(_))) {
            given.push(format!("{output:?}"));
        }
        let Output::Node(node::Output::Event(event)) = output else { continue };
        let names = node.node().explain_names([].into());
        if is_told(&event) {
            writeln!(out, "{:9.3} s  {}", at.as_secs_f64(), line(&event, &names).text)?;
        }
    }
    Ok(given)
}

/// Reads the keys of a cluster: SAFEVAR/cluster/keys.
fn read_keys(file: std::ffi::OsString) -> Result<Vec<Key>, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let mut keys = Vec::new();
    for hex in text.lines().filter_map(|line| line.strip_prefix("key ")) {
        let digit = |place: usize| {
            let pair = hex.get(2 * place..2 * place + 2).unwrap_or_default();
            u8::from_str_radix(pair, 16)
        };
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = digit(place)?;
        }
        keys.push(Key::new(bytes));
    }
    Ok(keys)
}

/// A node's cable is cut for a while, and then its application dies. Returns what that node's recorder wrote.
fn incident(given: Given) -> Result<String, Box<dyn Error>> {
    let module = SimModule::watched("web")?;
    let web: ModuleName = module.config.name.clone();
    let world = World::new(4, Cast::new(3).module(module), |birth| {
        let start = Start { counter: birth.counter, random: birth.random };
        Recorder::new(FarmNode::new(Node::new(birth.now, start)), start)
    });
    let victim = NodeId::new(2).ok_or("three nodes have a second one")?;
    let mut world = world.with(Witness { victim, given });
    world.start_all();
    world.run_for(Duration::from_secs(10))?;
    world.net().isolate(victim);
    world.run_for(Duration::from_secs(3))?;
    world.net().heal();
    world.run_for(Duration::from_secs(3))?;
    world.kill_process(victim, &web);
    world.run_for(Duration::from_secs(5))?;
    let machine = world.machine(victim).ok_or("its agent runs")?;
    Ok(machine.text().to_owned())
}

/// Whatever a node gave, in its order.
type Given = Arc<Mutex<Vec<String>>>;

/// Sees what the victim really gave, to compare.
#[derive(Debug)]
struct Witness {
    victim: NodeId,
    given: Given,
}

impl Invariant<Recorder<FarmNode>> for Witness {
    fn observe(
        &mut self,
        _world: &World<Recorder<FarmNode>>,
        occurrence: &Occurrence<'_, Recorder<FarmNode>>,
    ) -> Result<(), String> {
        let Occurrence::Output { node, output } = occurrence else { return Ok(()) };
        if *node == self.victim {
            self.given.lock().map_err(|error| error.to_string())?.push(format!("{output:?}"));
        }
        Ok(())
    }
}

fn tells_much(event: &Event) -> bool {
    let lost = |state: &MemberState| *state == MemberState::Lost;
    matches!(event, Event::StateChanged { .. } | Event::ProcessDied { .. })
        || matches!(event, Event::MemberChanged { state, .. } if lost(state))
}
