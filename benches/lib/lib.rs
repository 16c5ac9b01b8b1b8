//! What measurements need: a farm of real agents, somebody who watches it from outside, and honest numbers.
//!
//! - [`farm`] starts agents as an administrator does, [`observer`] is a further member that notes what it sees.
//! - [`probe`] asks for the health answer as fast as it can, [`load`] with many connections, [`idle`] holds
//!   some that ask nothing; [`servers`] are others that answer.
//! - [`clients`] ask once each through [`haproxy`], and count what is lost.
//! - [`strain`] takes processors from agents, loses their datagrams and lets them stand still.
//! - [`flood`] and [`crowd`] attack a node by datagrams and by connections, [`meanwhile`] says what others notice of it.
//! - [`lab`] is a network of namespaces, in which [`ours`] and [`peers`] run side by side; [`picture`] is what they show.
//! - [`control`] asks an agent as the command does, without starting a command.
//! - [`relay`] sends bare datagrams: the floor under a heartbeat's latency.
//! - [`curve`] computes detection time and false alarms, [`simulated`] counts them in virtual time,
//!   [`grown`] has clusters of any size there.
//! - [`samples`] and [`usage`] are the numbers, [`record`] keeps them raw, [`table`] and [`plot`] show them, [`place`]
//!   says where and under which load they were taken.
//! - [`sleepers`] fills the host with processes, [`wedge`] holds one thread of another process still; [`series`] makes points
//!   for plots of the raw numbers. [`lists`] has processes listed, [`cost`] says what a node uses at rest.
//!
//! Not here: what is measured (`figures/`).

pub mod clients;
pub mod control;
pub mod cost;
pub mod crowd;
pub mod curve;
pub mod farm;
pub mod flood;
pub mod grown;
pub mod haproxy;
pub mod idle;
pub mod lab;
pub mod lists;
pub mod load;
pub mod meanwhile;
pub mod observer;
pub mod options;
pub mod ours;
pub mod peers;
pub mod picture;
pub mod place;
pub mod plot;
pub mod probe;
pub mod program;
pub mod record;
pub mod relay;
pub mod samples;
pub mod series;
pub mod servers;
pub mod simulated;
pub mod sleepers;
pub mod strain;
pub mod table;
pub mod trouble;
pub mod usage;
pub mod wedge;

pub use options::{Options, Size};
pub use trouble::{Trouble, Try};
