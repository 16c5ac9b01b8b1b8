//! A node: one membership, the modules of the node, and the translation between them.

mod io;

pub use io::{Action, AgentStart, Input, ModuleSetup, Outcome, Output};
