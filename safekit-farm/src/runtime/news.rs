//! What the embedder's function hears, and the thread that it hears it on.
//!
//! Always: the loop never waits for that function. One that stands still misses news; how many, it hears when it goes
//! on. One that panics hears the next news all the same.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use safekit_core::event::Event;
use safekit_core::explain::Line;
use safekit_core::ids::ModuleName;
use safekit_core::runtime::{BindError, EdgeNotice};

use super::config::Callback;
use crate::buckets::BucketSet;

/// The most news that wait for the embedder's function.
const QUEUE_MAX: usize = 1024;
/// How long the end of a host waits for that function.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// Something that the embedder may want to know. Its `Display` is a line for a log, without time.
///
/// ```
/// use safekit_core::event::Event;
/// use safekit_core::ids::ModuleName;
/// use safekit_farm::BucketSet;
/// use safekit_farm::runtime::News;
///
/// /// What a product does with the news: programs look at the kind, people read the line.
/// fn hear(news: &News) -> Option<String> {
///     match news {
///         News::Event { event: Event::BudgetExhausted { .. }, line } => Some(format!("call me: {}", line.text)),
///         News::Failed { .. } => Some(format!("call me: {news}")),
///         News::Share { .. } => Some(news.to_string()),
///         _ => None,
///     }
/// }
///
/// let news = News::Share { module: ModuleName::new("web")?, owned: BucketSet::ALL };
/// assert_eq!(hear(&news).as_deref(), Some("web: takes 256 of 256 buckets"));
/// assert_eq!(hear(&News::Missed { count: 3 }), None);
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// Something has happened on the node; changes of state ([`Event::StateChanged`]) are among it.
    Event {
        /// What, for programs.
        event: Event,
        /// The same, for people.
        line: Line,
    },
    /// This node's share of a module is another one.
    Share {
        /// The module.
        module: ModuleName,
        /// The buckets that it takes.
        owned: BucketSet,
    },
    /// The edge has something to say about a script.
    Notice(EdgeNotice),
    /// Which lans are without a socket has changed. They are tried again each second.
    Lans {
        /// What is wrong; `None`: nothing any more.
        fault: Option<BindError>,
    },
    /// The loop has failed and ended. Nothing is watched any more, and health answers are negative.
    Failed {
        /// Why.
        error: String,
    },
    /// News were missed here, because too many waited.
    Missed {
        /// How many.
        count: u64,
    },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { line: Line { module: Some(module), text, .. }, .. } => {
                write!(f, "{module}: {text}")
            }
            Self::Event { line, .. } => f.write_str(&line.text),
            Self::Share { module, owned } => {
                write!(f, "{module}: takes {} of 256 buckets", owned.count())
            }
            Self::Notice(notice) => notice.fmt(f),
            Self::Lans { fault: Some(fault) } => {
                write!(f, "heartbeats cannot be sent on every lan: {fault}")
            }
            Self::Lans { fault: None } => f.write_str("all lans have their sockets"),
            Self::Failed { error } => write!(f, "the event queue has failed: {error}"),
            Self::Missed { count } => write!(f, "{count} news were missed"),
        }
    }
}

/// Brings news to the embedder's function.
#[derive(Debug)]
pub(super) struct Teller {
    queue: SyncSender<News>,
    missed: u64,
}

/// Tells when the embedder's function has heard all.
#[derive(Debug)]
pub(super) struct Heard(Receiver<()>);

impl Teller {
    /// Starts the thread of the embedder's function.
    pub(super) fn start(name: &str, mut hear: Callback) -> io::Result<(Self, Heard)> {
        let (queue, news) = sync_channel::<News>(QUEUE_MAX);
        let (tell_end, ended) = sync_channel(1);
        let work = move || {
            while let Ok(news) = news.recv() {
                // Whose function it is has been told by the panic's own message.
                drop(catch_unwind(AssertUnwindSafe(|| hear(&news))));
            }
            // Nobody may wait for it any more.
            let _ = tell_end.try_send(());
        };
        Builder::new().name(name.to_owned()).spawn(work)?;
        Ok((Self { queue, missed: 0 }, Heard(ended)))
    }

    /// Tells, and never waits.
    pub(super) fn tell(&mut self, news: News) {
        if self.missed > 0 {
            match self.queue.try_send(News::Missed { count: self.missed }) {
                Ok(()) => self.missed = 0,
                Err(_) => return self.miss(),
            }
        }
        match self.queue.try_send(news) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.miss(),
        }
    }

    fn miss(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }
}

impl Heard {
    /// Waits until all was heard, a second at most.
    pub(super) fn wait(&self) {
        match self.0.recv_timeout(FINISH_MAX) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
    }
}
