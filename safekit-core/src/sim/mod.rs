//! The simulator: whole farms in virtual time.
//!
//! A [`World`] has hosts. Each runs the very machine that an agent runs, made by a function of the test, and has what
//! an agent has around it: a guardian, a disk, scripts, processes, and a network that loses, delays, duplicates and
//! cuts. Time is virtual, chance comes from a seed: a run is a pure function of its seed, and a failure prints the
//! line that replays it.
//!
//! - [`Subject`]: what a machine must be to be hosted.
//! - [`World`] with its verbs: `crash`, `restart`, `pause`, `fail_script`, `kill_process`, ...; [`Net`] with its own;
//!   [`Lateness`] is how busy a host is.
//! - [`Invariant`]: what must always hold; [`Life`] has the properties of a module's life, [`Joining`],
//!   [`Epochs`] and [`Accusations`] those of membership as they show outside. Laws of machines are asserted by the world itself.
//! - [`Sweep`]: runs many seeds, as the environment says, and reports.
//!
//! Not here: what a share of the load must fulfil; that is `safekit-farm`'s.
//!
//! Example: [`World`].

mod cast;
mod disk;
mod host;
mod invariant;
mod lateness;
mod life;
mod membership;
mod net;
mod process;
mod questions;
mod random;
mod script;
mod sweep;
mod trace;
mod turn;
mod verbs;
mod world;

pub use cast::{Cast, SimModule};
pub use invariant::{Invariant, Occurrence};
pub use lateness::Lateness;
pub use life::Life;
pub use membership::{Accusations, Epochs, Joining};
pub use net::Net;
pub use random::Random;
pub use script::ScriptFault;
pub use sweep::{Sweep, SweepReport};
pub use trace::Failure;
pub use world::{Birth, DiskState, Subject, World};

#[cfg(test)]
mod tests;
