//! Why: the causal record that each change of state carries, and the sentences that tell events to people.

mod cause;
mod duration;

pub use cause::Cause;
pub use duration::duration_text;
