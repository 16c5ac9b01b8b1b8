//! One file answers one question:
//!
//! - `farm_in_my_program`: how do I put a farm into my own program?
//! - `own_event_loop`: how do I run the pure core under my own event loop?
//! - `custom_watcher`: how does a detector of my own order a restart, without a script?
//! - `my_application`: what has my application to do, to be started, watched and restarted?
//! - `test_my_policy`: how do I test my own configuration against failures? (the simulator)
//! - `replay_incident`: how do I see an incident again that happened at a customer's?
//! - `lose_a_node`: how long does a farm of mine take to get over the loss of a server? (the simulator)
//!
//! `docs/embedding.md` says which layer to take; its snippets are compiled with this package.

/// The snippets of the guide.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
#[derive(Debug)]
pub struct Embedding;
