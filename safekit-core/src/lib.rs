//! The heart of a farm cluster: it decides, and, behind the feature `runtime`, it does.
//!
//! A *farm* is an application that runs on several nodes at once; the nodes tell each other that they are alive, start,
//! watch and restart the application, and tell load balancers which of them may take clients. This crate is one such
//! node, and what it is made of. How the nodes share the load is in `safekit-farm`: start there if you want a whole
//! node inside your program (its `runtime::Host`).
//!
//! A node is a [`node::Node`]: a plain struct that takes [`node::Input`]s and the time, and gives [`node::Output`]s. It
//! touches no socket, clock, file or thread; so it runs under any event loop, and a whole farm of them inside one test.
//!
//! | layer | module | feature |
//! |---|---|---|
//! | decides | [`node`], and what it is made of: [`membership`], [`module`]; [`Machine`] has their contract | |
//! | reads and tells | [`config`] (cluster.xml, userconfig.xml), [`event`], [`explain`], [`control`] | |
//! | does | `runtime`: event loop, sockets, scripts, processes; `runtime::front`: HTTP with health answers | `runtime` (default) |
//! | tries out | `sim`: whole farms in virtual time, with faults | `sim` |
//! | tells again | [`record`]: an incident as text, and once more | |
//!
//! A feature adds interfaces and never changes what is there (`planted-bugs` and `fuzz` aside, which are for our own tests). Without
//! features there are no threads, no sockets, no files and no clock.
//!
//! Where to go from here: `docs/embedding.md` in the repository says which layer to take, what to call when, and what is
//! promised; the package `examples` answers one question in each file (`own_event_loop`, `custom_watcher`,
//! `replay_incident`, ...); [`ids`] and [`module::state`] have the words that are used everywhere.
//!
//! # A node, without the edge
//!
//! ```
//! use safekit_core::Machine;
//! use safekit_core::config::cluster;
//! use safekit_core::ids::NodeId;
//! use safekit_core::membership::MembershipConfig;
//! use safekit_core::node::{Input, Node, Output, Start};
//! use safekit_core::wire::KeyRing;
//!
//! let text = br#"<cluster><lans><lan name="default">
//!   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
//! </lan></lans></cluster>"#;
//! let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
//! let me = NodeId::new(1).ok_or("the first node")?;
//! let config = MembershipConfig::from_cluster(&cluster, me, KeyRing::default());
//!
//! let mut now = std::time::Instant::now();
//! let mut node = Node::new(now, Start { counter: 1, random: 7 });
//! node.handle_input(now, Input::ClusterConfigured(Box::new(config)));
//! let mut heartbeats = 0;
//! for _ in 0..20 {
//!     node.handle_timeout(now);
//!     while let Some(output) = node.poll_output() {
//!         heartbeats += usize::from(matches!(output, Output::Transmit(_)));
//!     }
//!     // Nothing arrives: the next turn is when the node wants it.
//!     now = node.poll_timeout().ok_or("a node of a cluster waits for something")?;
//! }
//! assert!(heartbeats > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "planted-bugs")]
pub mod bug;
#[cfg(not(feature = "planted-bugs"))]
mod bug;
pub mod config;
pub mod control;
pub mod event;
pub mod explain;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod ids;
mod machine;
pub mod membership;
pub mod module;
pub mod node;
pub mod record;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
mod timer;
pub mod wire;

pub use machine::Machine;

#[cfg(any(test, feature = "fuzz"))]
#[expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]
fn sim_clock_base() -> std::time::Instant {
    std::time::Instant::now()
}
