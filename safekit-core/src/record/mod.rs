//! Records what a machine was told, and tells it another one: an incident happens again as often as it takes.
//!
//! A machine is a function of its calls ([`Machine`]): whoever has them all, with their times, has the incident.
//!
//! - [`Recorder`] stands around a machine and writes each call as a line of text. It writes to no file: the embedder
//!   takes the text ([`Recorder::take_text`]) and keeps it.
//! - [`Recording`] reads the text, and replays it to a fresh machine, which gives the same outputs.
//!
//! The first line is `safekit-record 1 COUNTER RANDOM`: the version of the format and the [`Start`]. Each other one is
//! the time since the first call in nanoseconds, the kind of the call, and its words; a word has no blank, what is not
//! visible ASCII is written as `%` and two digits. A reader refuses versions it does not know.
//!
//! **Confidential**: a recording has the configuration with its `<var>`s, and the command lines of the host's processes.
//! The keys of the cluster are never in it; whoever replays hands them in.
//!
//! Not here: what is not an input ([`Start`] aside): weights that were set on a farm's node, the edge, the clock.
//!
//! Example: [`Recorder`].

mod read;
mod words;
mod write;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::node::{Input, Start};
use crate::timer::later;

/// The version of the format that is written.
pub const VERSION: u32 = 1;
/// The most bytes of text that a recorder keeps until they are taken: an hour of a large farm. Then it says so in a
/// last line, and records no more.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

const MAGIC: &str = "safekit-record";
const FULL: &str = "full";

/// A machine that writes down what it is told.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::Machine;
/// use safekit_core::node::{Input, Node, Start};
/// use safekit_core::record::{Recorder, Recording};
/// # #[expect(clippy::disallowed_methods, reason = "an example needs one instant")]
/// # fn base() -> std::time::Instant { std::time::Instant::now() }
///
/// let (now, start) = (base(), Start { counter: 1, random: 7 });
/// let mut node = Recorder::new(Node::new(now, start), start);
/// node.handle_input(now, Input::Leave);
/// node.handle_timeout(now + Duration::from_millis(5));
/// assert_eq!(node.take_text(), "safekit-record 1 1 7\n0 leave\n5000000 turn\n");
///
/// let recording = Recording::read("safekit-record 1 1 7\n0 leave\n", &[])?;
/// let mut again = Node::new(now, recording.start());
/// assert_eq!(recording.replay(now, &mut again).len(), 1);
/// # Ok::<(), safekit_core::record::RecordError>(())
/// ```
#[derive(Debug)]
pub struct Recorder<M> {
    machine: M,
    base: Option<Instant>,
    text: String,
    text_bytes_max: usize,
    full: bool,
}

impl<M> Recorder<M> {
    /// Puts a recorder around a machine that was not told anything yet; `start` is what it was made with.
    #[must_use]
    pub fn new(machine: M, start: Start) -> Self {
        let text = format!("{MAGIC} {VERSION} {} {}\n", start.counter, start.random);
        Self { machine, base: None, text, text_bytes_max: TEXT_BYTES_MAX, full: false }
    }

    /// Returns the machine within.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Returns the machine within, for what is no input; that is not recorded.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Returns the text that was not taken yet.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes the text: what follows belongs right behind it.
    #[must_use]
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Records no more; a last line says so. For whoever has no more room for the text.
    pub fn stop(&mut self, now: Instant) {
        if !self.full {
            self.note(now, FULL);
            self.full = true;
        }
    }

    fn note(&mut self, now: Instant, words: &str) {
        let at = now.saturating_duration_since(*self.base.get_or_insert(now)).as_nanos();
        self.full = self.text.len().saturating_add(words.len()) > self.text_bytes_max;
        let words = if self.full { FULL } else { words };
        let infallible = writeln!(self.text, "{at} {words}");
        debug_assert!(infallible.is_ok(), "a String takes all");
    }
}

impl<M: Machine<Input = Input>> Machine for Recorder<M> {
    type Input = Input;
    type Output = M::Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        if !self.full {
            self.note(now, &write::input(&input));
        }
        self.machine.handle_input(now, input);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if !self.full {
            self.note(now, write::TURN);
        }
        self.machine.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<M::Output> {
        self.machine.poll_output()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }
}

/// What a machine was told, and when.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::record::{Call, Recording};
///
/// // What a recorder has written; the keys of the cluster would be handed in here.
/// let recording = Recording::read("safekit-record 1 1 7\n0 leave\n5000000 turn\n", &[])?;
/// assert!(recording.is_complete());
/// assert_eq!(recording.start().counter, 1);
/// let last: &Call = &recording.calls()[1];
/// assert_eq!(last.at, Duration::from_millis(5));
/// assert!(last.input.is_none(), "time passed, and nothing else");
/// # Ok::<(), safekit_core::record::RecordError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    start: Start,
    calls: Vec<Call>,
    complete: bool,
}

/// One call of a machine.
///
/// Example: [`Recording`].
#[derive(Clone, Debug)]
pub struct Call {
    /// When, counted from the first call.
    pub at: Duration,
    /// What the machine was told; `None`: the time only ([`Machine::handle_timeout`]).
    pub input: Option<Input>,
}

impl Recording {
    /// Returns what the machine is to be made with.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// Returns the calls in their order.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Tells whether nothing is known to be missing at its end: the recorder was not full, and the last line is whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Tells a fresh machine all of it, and returns what it gave, with the time since the first call. `base` is any
    /// instant: nothing depends on it.
    #[must_use]
    pub fn replay<M: Machine<Input = Input>>(
        &self,
        base: Instant,
        machine: &mut M,
    ) -> Vec<(Duration, M::Output)> {
        let mut outputs = Vec::new();
        for call in &self.calls {
            let now = later(base, call.at);
            match &call.input {
                Some(input) => machine.handle_input(now, input.clone()),
                None => machine.handle_timeout(now),
            }
            while let Some(output) = machine.poll_output() {
                outputs.push((call.at, output));
            }
        }
        outputs
    }
}

/// Why a text is no recording.
///
/// ```
/// use safekit_core::record::{RecordError, Recording};
///
/// let error = Recording::read("safekit-record 9 1 7\n", &[]).err();
/// assert_eq!(error, Some(RecordError::OtherVersion { version: 9 }));
/// let error = Recording::read("safekit-record 1 1 7\n0 sleep\n", &[]).err();
/// assert!(matches!(error, Some(RecordError::Line { line: 2, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It does not begin as a recording does: it is another file, or its begin is missing.
    #[error("not a recording: it has to begin with '{MAGIC} {VERSION}'")]
    NotARecording,
    /// Another version of this program wrote it, and has to read it.
    #[error("version {version} of the format is not known here, only {VERSION}")]
    OtherVersion {
        /// The version.
        version: u32,
    },
    /// A line that no recorder has written.
    #[error("line {line}: {what} is expected")]
    Line {
        /// Its number, counted from 1.
        line: usize,
        /// What should be there.
        what: &'static str,
    },
}
