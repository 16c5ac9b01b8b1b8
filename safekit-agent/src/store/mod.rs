//! The files of a root: where they are, how they are read, and how they are changed without being half changed.
//!
//! [`layout`] says where things are, lays a root out and locks it. [`cluster`] configures the cluster, [`module`]
//! installs and configures modules, [`package`] reads and writes `.safe` files, [`saved`] keeps what a module was doing,
//! [`boot`] whether it is started with the agent.
//! All of them change things through [`files`]: a crash leaves the old state or the new one.
//!
//! Blocking by nature: called before the event loop starts, or on workers. Never by two callers at a time for one root;
//! the lock keeps other processes out.

mod apply;
pub(crate) mod boot;
pub(crate) mod cluster;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod layout;
pub(crate) mod module;
pub(crate) mod package;
pub(crate) mod saved;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use error::StoreError;
pub(crate) use layout::Layout;
