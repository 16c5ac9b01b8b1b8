//! The logs that people read: one for each module, one of the node, and one of the commands that were given.
//!
//! In: lines, from any thread, by [`Log`]. Out: SAFEVAR/modules/AM/log.txt, SAFEVAR/log.txt and SAFEVAR/commandlog.txt, and main
//! messages to the system log, written by one thread of its own ([`LogThread`]), so that a slow, full or dead disk never holds
//! up the event loop. A line that does not fit into the queue, or cannot be written, is counted, and the count is written
//! as soon as that works again. Main messages are brought to the disk itself within a second, by a second thread ([`sync`]).
//!
//! Always: the queue and the files are bounded (10 MiB and 30 days each); a line is one line whatever is in the message;
//! lines of one file stand in the order in which they were handed in.
//! Not here: which sentence tells which event (`safekit_core::explain`).

mod age;
mod file;
mod line;
mod lines;
mod read;
mod sync;
mod system;
#[cfg(test)]
mod tests;
mod thread;

pub(crate) use line::Level;
#[cfg(test)]
pub(crate) use lines::tests::LOG_MESSAGES;
pub(crate) use read::{Piece, Place, Which, newest, piece};
pub(crate) use system::SystemLog;
pub(crate) use thread::{CommandMark, Log, LogThread};
