//! Counts what a front did, and above all what it refused to do.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a front did since its start, as a copy taken at one time.
        ///
        /// Example: [`Front`](super::Front).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters that the front and its workers write.
        #[derive(Debug, Default)]
        pub(super) struct Tally {
            $(pub(super) $name: Count,)*
        }

        impl Tally {
            /// Returns a copy.
            pub(super) fn copy(&self) -> Counters {
                Counters { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    accepted,
    /// Connections open at this time.
    open,
    /// Requests answered on the health path.
    probes,
    /// Of these, positive answers.
    probes_ready,
    /// Requests given to the handler.
    handled,
    /// Requests refused because their form breaks a rule or a limit (400, 405, 413, 414, 417, 431, 501, 505).
    refused,
    /// Requests refused because no worker and no place in the queue was free (503).
    refused_queue,
    /// Requests refused because all bodies together would pass their limit (503).
    refused_bodies,
    /// Requests refused by [`FrontConfig::admit`](super::FrontConfig::admit).
    refused_admit,
    /// Connections closed at once because their address has too many and none of them could be closed.
    refused_address,
    /// Connections closed at once because there are too many and none could be closed.
    refused_full,
    /// Connections closed to make room for others.
    evicted,
    /// Heads that did not come in time (408, or closed when nothing came).
    late_heads,
    /// Connections closed because no next request came.
    late_idle,
    /// Bodies that did not come in time (408).
    late_bodies,
    /// Handlers that did not answer in time (504).
    late_handlers,
    /// Connections closed because the peer did not read its answer.
    late_readers,
    /// Connections closed because too many bytes waited for peers that do not read.
    dropped_answers,
    /// Positive health answers that could not be sent before they were no longer true; the connection was closed.
    withdrawn,
    /// Answers of the handler that cannot be sent, and panics of the handler (500).
    handler_faults,
    /// Times that the operating system could not give a connection.
    accept_failures,
}

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one away.
    pub(super) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
