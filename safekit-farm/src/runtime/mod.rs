//! A node of a farm inside another program: it has a thread of its own, answers health checks, takes commands and
//! tells what happens.
//!
//! ```text
//! your threads ──command──► Host ──► loop: Edge, FarmNode ──► Front: health answers to balancers
//!       ▲                              │
//!       └─── your function, on a thread of its own ◄─── news
//! ```
//!
//! - [`HostConfig`] and [`HostModule`]: cluster.xml, userconfig.xml, keys, where health is answered, who hears the news.
//! - [`Host`]: the running node; [`HostHandle`]: gives commands from any thread.
//! - [`News`]: what your function hears.
//!
//! Always: the loop waits for nobody; a loop that has ended or stands still turns the health answers negative by
//! itself ([`safekit_core::runtime::front::STALE_AFTER`]).
//! Not here: a guardian that announces the death of the whole process (others notice it by silence), the files of a
//! root, the control socket: that is the agent. Who needs more than this turns the loop of
//! [`safekit_core::runtime::Edge`] itself, as the agent does.
//!
//! Example: [`Host`].

mod config;
mod error;
mod host;
mod news;
mod shared;
mod turn;

#[cfg(test)]
mod tests;

pub use config::{Callback, HostConfig, HostModule};
pub use error::{CommandError, HostError, StopError};
pub use host::{Host, HostHandle};
pub use news::News;
pub use shared::ModuleStatus;
