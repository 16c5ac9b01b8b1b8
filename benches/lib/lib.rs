//! What measurements need: a farm of real agents, somebody who watches it from outside, and honest numbers.
//!
//! - [`farm`] starts agents as an administrator does, [`observer`] is a further member that notes what it sees.
//! - [`lab`] is a network of namespaces, in which [`ours`] and [`peers`] run side by side; [`picture`] is what they show.
//! - [`control`] asks an agent as the command does, without starting a command.
//! - [`probe`] asks for the health answer as fast as it can, [`load`] with many connections, [`nginx`] is the peer.
//! - [`relay`] sends bare datagrams: the floor under a heartbeat's latency.
//! - [`samples`] and [`usage`] are the numbers, [`record`] keeps them raw, [`table`] shows them, [`place`] says where
//!   and under which load they were taken.
//!
//! Not here: what is measured (`figures/`).

pub mod control;
pub mod farm;
pub mod lab;
pub mod load;
pub mod nginx;
pub mod observer;
pub mod options;
pub mod ours;
pub mod peers;
pub mod picture;
pub mod place;
pub mod probe;
pub mod record;
pub mod relay;
pub mod samples;
pub mod table;
pub mod trouble;
pub mod usage;

pub use options::{Options, Size};
pub use trouble::{Trouble, Try};
