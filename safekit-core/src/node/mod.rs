//! A node: one membership, the modules of the node, and the translation between them.
//!
//! - [`Node`]: the machine that an agent and the simulator run.
//! - [`Input`], [`Output`], [`Action`], [`Outcome`]: the whole border between deciding and doing.
//! - `report`: what the control socket answers about the node, as far as the node knows it.
//! - `scans`: one list of processes serves all modules that wait for one; `asks`: the same for services.
//!
//! Example: [`Node`].

mod asks;
mod io;
mod machine;
mod report;
mod scans;

#[cfg(test)]
mod tests;

pub use crate::membership::Start;
pub use io::{Action, AgentStart, Input, ModuleSetup, Outcome, Output};
pub use machine::Node;
