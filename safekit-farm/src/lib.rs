//! What it means to share the load: participants and weights become shares of 256 buckets.
//!
//! - [`ShareTable`] computes who owns which bucket: pure.
//! - [`Farm`] is the share of one module on one node: it lets go and claims as the views change.
//! - [`FarmNode`] is a whole node: what the agent runs, and what the simulator runs.
//! - `runtime::Host` (feature `runtime`) is a node inside your program, on a thread of its own.

mod buckets;
pub mod farm;
pub mod node;
#[cfg(feature = "runtime")]
pub mod runtime;
mod share;
#[cfg(feature = "sim")]
pub mod sim;

pub use buckets::{BUCKETS, BucketId, BucketSet};
pub use farm::Farm;
pub use node::FarmNode;
pub use share::{ShareTable, Shares, Weight};
