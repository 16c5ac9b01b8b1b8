//! What measurements need: a farm of real agents, somebody who watches it from outside, and honest numbers.
//!
//! - [`farm`] starts agents as an administrator does, [`observer`] is a further member that notes what it sees.
//! - [`probe`] asks for the health answer as fast as it can, [`load`] with many connections, [`nginx`] is the peer.
//! - [`relay`] sends bare datagrams: the floor under a heartbeat's latency.
//! - [`samples`] and [`usage`] are the numbers, [`record`] keeps them raw, [`table`] shows them, [`place`] says where
//!   and under which load they were taken.
//! - [`sleepers`] fills the host with processes, [`wedge`] holds one thread of another process still; [`series`] makes points
//!   for plots of the raw numbers. [`lists`] has processes listed, [`cost`] says what a node uses at rest.
//!
//! Not here: what is measured (`figures/`).

pub mod cost;
pub mod farm;
pub mod lists;
pub mod load;
pub mod nginx;
pub mod observer;
pub mod options;
pub mod place;
pub mod probe;
pub mod record;
pub mod relay;
pub mod samples;
pub mod series;
pub mod sleepers;
pub mod table;
pub mod trouble;
pub mod usage;
pub mod wedge;

pub use options::{Options, Size};
pub use trouble::{Trouble, Try};
