//! The edge: the code that touches the world.

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
mod clock;
pub mod front;
mod sys;
mod thread;
