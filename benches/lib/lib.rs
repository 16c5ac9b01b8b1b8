//! What measurements need: a farm of real agents, somebody who watches it from outside, and honest numbers.
//!
//! - [`farm`] starts agents as an administrator does, [`observer`] is a further member that notes what it sees.
//! - [`probe`] asks for the health answer as fast as it can, [`load`] with many connections, [`idle`] holds
//!   some that ask nothing; [`peers`] are other servers; [`hold`] lets a thread stand still.
//! - [`relay`] sends bare datagrams: the floor under a heartbeat's latency.
//! - [`samples`] and [`usage`] are the numbers, [`record`] keeps them raw, [`table`] shows them, [`place`] says where
//!   and under which load they were taken.
//!
//! Not here: what is measured (`figures/`).

pub mod farm;
pub mod hold;
pub mod idle;
pub mod load;
pub mod observer;
pub mod options;
pub mod peers;
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
