//! The contract between what decides and what does.
//!
//! A machine is a plain struct that takes inputs and the current time and gives back outputs. It never touches a
//! socket, a clock, a file, a thread or the environment: effects are data. An order to the outside leaves as an
//! output that carries an id, and its end, good or bad or late, comes back as an input with the same id.

use std::fmt;
use std::time::Instant;

/// A deterministic state machine, driven from outside.
///
/// # The drive loop
///
/// 1. Wait until [`Machine::poll_timeout`] or until something arrives.
/// 2. Read the clock once: `now`.
/// 3. Hand in **everything** that waits, each with [`Machine::handle_input`].
/// 4. Call [`Machine::handle_timeout`] with the same `now`, on every turn: what was received counts before silence
///    is judged.
/// 5. Drain [`Machine::poll_output`] until it gives `None`, and do what the outputs say.
/// 6. Go on at 1.
///
/// # Laws
///
/// - Time comes only from `now` and never goes back. It has to go on while the host is suspended, or a machine that slept
///   believes that it was heard meanwhile (`runtime::clock::now` does).
/// - `poll_timeout` changes nothing.
/// - After `handle_timeout(now)` the next deadline is later than `now`.
/// - The same construction and the same calls give the same outputs in the same order.
/// - Early, late or repeated calls are harmless.
/// - No call blocks or panics, and each gives a bounded number of outputs.
///
/// The simulator asserts them after each step.
///
/// # A machine of your own
///
/// ```
/// use std::time::{Duration, Instant};
/// use safekit_core::Machine;
///
/// /// Says when nobody has spoken for a second.
/// #[derive(Debug)]
/// struct Silence {
///     heard: Instant,
///     is_told: bool,
///     output: Option<&'static str>,
/// }
///
/// impl Machine for Silence {
///     type Input = ();
///     type Output = &'static str;
///
///     fn handle_input(&mut self, now: Instant, (): ()) {
///         (self.heard, self.is_told) = (now, false);
///     }
///
///     fn handle_timeout(&mut self, now: Instant) {
///         if self.poll_timeout().is_some_and(|due| due <= now) {
///             self.is_told = true;
///             self.output = Some("silent for 1 s");
///         }
///     }
///
///     fn poll_output(&mut self) -> Option<&'static str> {
///         self.output.take()
///     }
///
///     fn poll_timeout(&self) -> Option<Instant> {
///         (!self.is_told).then_some(self.heard + Duration::from_secs(1))
///     }
/// }
///
/// let begin = Instant::now();
/// let mut silence = Silence { heard: begin, is_told: false, output: None };
/// silence.handle_input(begin + Duration::from_millis(500), ());
/// silence.handle_timeout(begin + Duration::from_millis(1_400));
/// assert_eq!(silence.poll_output(), None);
/// silence.handle_timeout(begin + Duration::from_millis(1_500));
/// assert_eq!(silence.poll_output(), Some("silent for 1 s"));
/// assert_eq!(silence.poll_timeout(), None);
/// ```
pub trait Machine: fmt::Debug {
    /// What enters: facts.
    type Input;
    /// What leaves: orders and news.
    type Output;

    /// Takes one fact.
    fn handle_input(&mut self, now: Instant, input: Self::Input);

    /// Fires what is due, and judges what only the absence of inputs can tell.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns the next output, oldest first.
    #[must_use]
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// Returns when [`Machine::handle_timeout`] has to be called at the latest; a time that has passed means at once.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;
}
