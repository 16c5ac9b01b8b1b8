//! How long does a farm of mine take to get over the loss of a server?
//!
//! Runs the same machines that an agent runs, three nodes of them, in virtual time, and asks. The answer is the same
//! for every run of a seed. `cargo run -p safekit-examples --example lose_a_node`

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use safekit_core::control::{Command, Origin};
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::node::{Node, Start};
use safekit_core::sim::{Cast, SimModule};
use safekit_farm::FarmNode;
use safekit_farm::sim::{owned, settled, world};

fn main() -> Result<(), Box<dyn Error>> {
    let web = ModuleName::new("web")?;
    let mut out = io::stdout();
    let cast = Cast::new(3).module(SimModule::watched("web")?);
    let mut world = world(7, cast, |birth| {
        let start = Start { counter: birth.counter, random: birth.random };
        FarmNode::new(Node::new(birth.now, start))
    });
    world.start_all();
    world.run_for(Duration::from_secs(2))?;
    for node in world.nodes() {
        world.command(node, &web, Command::Start, Origin::Boot);
    }
    world.run_for(Duration::from_secs(5))?;
    let lost = NodeId::new(3).ok_or("three nodes have a third one")?;
    for (what, announced) in [("its agent is killed", true), ("its power is cut", false)] {
        if announced {
            world.crash(lost);
        } else {
            world.power_off(lost);
        }
        let took =
            world.run_until(Duration::from_secs(10), |world| settled(world, &world.living()))?;
        let took = took.ok_or("the others did not agree within ten seconds")?;
        writeln!(out, "{what}: the others have its share after {took:?}")?;
        for node in world.living() {
            writeln!(out, "  {node} takes {} of 256 buckets", owned(&world, node, &web).count())?;
        }
        world.restart(lost);
        world.run_for(Duration::from_secs(5))?;
    }
    Ok(())
}
