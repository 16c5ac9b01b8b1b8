//! The life of one module: states, scripts, restart budget, process watch, drain.

pub mod saved;
pub mod script;
pub mod state;
pub mod watch;
