//! What it means to share the load: participants and weights become shares of 256 buckets.
//!
//! A *farm* is an application that is active on several nodes at once. Clients are hashed to 256 buckets; each bucket
//! has one owner among the nodes that take load, and what a lost node had is dealt to the others. `safekit-core` says
//! who is there and runs the application; this crate says who takes which share, and puts both together.
//!
//! - `runtime::Host` (feature `runtime`, on by default): a whole node inside your program, on a thread of its own.
//! - [`FarmNode`]: the same node as a plain struct, for an event loop of yours. It is what the agent runs, and what the
//!   simulator runs.
//! - [`Farm`]: the share of one module on one node: it lets go and claims as the views change.
//! - [`ShareTable`]: who owns which bucket, a pure function.
//! - `sim` (feature `sim`): whole farms in virtual time, to try your configuration against failures.
//!
//! Without the feature `runtime` there are no threads, no sockets, no files and no clock. Which layer to take is in
//! `docs/embedding.md` of the repository; the package `examples` answers one question in each file
//! (`farm_in_my_program`, `own_event_loop`, `test_my_policy`, ...).
//!
//! # A node in your program
//!
//! ```
//! # #[cfg(not(feature = "runtime"))]
//! # fn main() {}
//! # #[cfg(feature = "runtime")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use safekit_core::control::{Command, Origin};
//! use safekit_core::ids::ModuleName;
//! use safekit_core::module::state::ModuleState;
//! use safekit_farm::runtime::{Host, HostConfig, HostModule};
//!
//! // A farm of one on loopback; yours names all its servers, the same on each of them.
//! let cluster = r#"<cluster><lans port="47614" pulse="20"><lan name="default">
//!   <node name="node1" addr="127.61.7.2"/></lan></lans></cluster>"#;
//! # // An address of this process alone, so that two runs of the tests do not meet.
//! # let pid = std::process::id();
//! # let cluster = &cluster.replace("127.61.7.2", &format!("127.61.{}.{}", pid / 250 % 250, pid % 250 + 1));
//! let module = r#"<safe><service mode="farm"><farm><lan name="default"/></farm></service></safe>"#;
//! let config = HostConfig::read(cluster, "node1")?
//!     .with_module(HostModule::read("web", module)?)
//!     .with_callback(|news| println!("{news}"));
//!
//! let host = Host::start(config)?;
//! let web = ModuleName::new("web")?;
//! host.command(&web, Command::Start, Origin::User("installer".to_owned()))?;
//! assert!(host.wait_for(&web, ModuleState::UP_READY, Duration::from_secs(30)));
//! host.stop(Duration::from_secs(30))?;
//! # Ok(())
//! # }
//! ```

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
