//! How do I test my own configuration against failures?
//!
//! Whole farms in virtual time, with the scripts and processes of an application as it behaves: a start takes up to
//! two seconds. What must always hold is said as an invariant: here that clients find a server that is ready,
//! as long as not more than one node was harmed. Two configurations are tried with the same faults.
//! `cargo run -p safekit-examples --example test_my_policy`

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use safekit_core::ids::ModuleName;
use safekit_core::node::{Node, Start};
use safekit_core::sim::{Cast, Failure, Invariant, Occurrence, SimModule, World};
use safekit_farm::FarmNode;
use safekit_farm::sim::world;

const SEEDS: u64 = 20;
const CRASHES: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    for maxloop in [CRASHES, CRASHES - 1] {
        let (mut held, mut first) = (0, None);
        for seed in 1..=SEEDS {
            match story(seed, maxloop)? {
                Ok(()) => held += 1,
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        writeln!(out, "maxloop=\"{maxloop}\": held in {held} of {SEEDS} runs")?;
        if let Some(Failure { seed, at, what, .. }) = first {
            writeln!(out, "  seed {seed}, after {at:?}: {what}")?;
        }
    }
    Ok(())
}

/// One node's application crashes five times; the other node is maintained after that, for a quarter of an hour.
fn story(seed: u64, maxloop: u32) -> Result<Result<(), Failure>, Box<dyn Error>> {
    let mut module = SimModule::watched("web")?;
    module.config.maxloop = maxloop;
    module.script_time = (Duration::from_millis(100), Duration::from_secs(2));
    let web = module.config.name.clone();
    let world = world(seed, Cast::new(2).module(module), |birth| {
        let start = Start { counter: birth.counter, random: birth.random };
        FarmNode::new(Node::new(birth.now, start))
    });
    let clients = Clients { module: web.clone(), served: false };
    Ok(play(world.with(clients), &web))
}

fn play(mut world: World<FarmNode>, web: &ModuleName) -> Result<(), Failure> {
    world.start_all();
    world.run_for(Duration::from_secs(20))?;
    let nodes = world.nodes();
    let (Some(&weak), Some(&other)) = (nodes.first(), nodes.last()) else { return Ok(()) };
    for _ in 0..CRASHES {
        world.kill_process(weak, web);
        world.run_for(Duration::from_secs(60))?;
    }
    world.power_off(other);
    world.run_for(Duration::from_secs(15 * 60))
}

/// The invariant: once clients were served, somebody is ready whenever a node's turn has ended.
#[derive(Debug)]
struct Clients {
    module: ModuleName,
    served: bool,
}

impl Invariant<FarmNode> for Clients {
    fn observe(
        &mut self,
        world: &World<FarmNode>,
        occurrence: &Occurrence<'_, FarmNode>,
    ) -> Result<(), String> {
        let Occurrence::TurnEnded { .. } = occurrence else { return Ok(()) };
        let ready = world.nodes().into_iter().any(|node| world.health(node, &self.module));
        self.served |= ready;
        if self.served && !ready {
            return Err("clients find no server that is ready".to_owned());
        }
        Ok(())
    }
}
