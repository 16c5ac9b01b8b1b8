//! The life of one module: states, script sequences, restart budget, process watch, drain.
//!
//! [`Module`] is the machine; the [`Node`](crate::node::Node) owns it. A command, a dead process or the begin of the
//! agent sets it on a *journey*: a `plan` of scripts and changes of state, done one after the other. Whatever comes
//! meanwhile either changes the rest of the plan or is refused with the reason.
//!
//! - `plan`: which script runs when, to read from top to bottom.
//! - `life`: [`Module`], its states and what moves it.
//! - `budget`: how many automatic restarts there may be.
//! - [`watch`]: which processes belong to a module, and whether there are enough.
//! - [`state`], [`script`], [`saved`]: the words that others use too.
//!
//! Not here: other nodes (`membership`), running a script or listing processes (`runtime`).
//!
//! Example: [`Module`].

mod budget;
mod io;
mod life;
mod plan;
pub mod saved;
pub mod script;
pub mod state;
pub mod watch;

#[cfg(test)]
mod tests;

pub use io::{BudgetChange, Input, Join, Output};
#[cfg(feature = "sim")]
pub(crate) use life::SAVE;
pub use life::{Module, PastRun, PresentRun};
