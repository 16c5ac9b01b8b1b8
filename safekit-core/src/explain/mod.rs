//! Why: the causal record that each change of state carries, and the sentences that tell events to people.

mod cause;

pub use cause::Cause;
