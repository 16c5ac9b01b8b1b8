//! The heart of a farm cluster: it decides, and, behind the feature `runtime`, it does.

#[cfg(feature = "planted-bugs")]
pub mod bug;
#[cfg(not(feature = "planted-bugs"))]
mod bug;
pub mod config;
pub mod control;
pub mod event;
pub mod explain;
pub mod ids;
pub mod machine;
pub mod membership;
pub mod module;
pub mod node;
pub mod record;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod timer;
pub mod wire;

pub use machine::Machine;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]
fn sim_clock_base() -> std::time::Instant {
    std::time::Instant::now()
}
