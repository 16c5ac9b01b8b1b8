//! Why: the causal record that each change of state carries, and the sentences that tell events to people.
//!
//! - [`Cause`]: why a module's state changed.
//! - [`line()`]: an [`Event`](crate::event::Event) as a line of the module log: origin, severity, sentence.
//! - [`message()`], [`MESSAGES`]: the kinds of lines, with what each means and what to do.
//! - [`Names`]: what ids are called on this node.
//!
//! States, not only changes of them, are told by the reports of a [`Node`](crate::node::Node).
//!
//! Pure. What SafeKit's documentation prints literally begins the sentence, so that a program which searches for it
//! finds it; the evidence follows after a colon. Not here: time stamps, files, colours.
//!
//! Example: [`line()`].

mod cause;
mod duration;
mod line;
mod message;
mod text;

#[cfg(test)]
mod tests;

pub use cause::Cause;
pub(crate) use duration::duration_text;
pub use line::{Line, line};
#[cfg(feature = "runtime")]
pub(crate) use message::messages;
pub use message::{MESSAGES, Message, message};
pub use text::Names;
pub(crate) use text::{
    cause_text, end_text, fault_text, join_text, member_text, module_fault_text,
};
