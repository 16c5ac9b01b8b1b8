//! Asks an agent again and again on a thread of its own, and keeps what it said last.
//!
//! In: a root, a module, an interval. Out: [`Seen`], at any time, without waiting.
//!
//! Always: one question at a time, the next one an interval after the last answer, so that an agent that has much to
//! do is not given more; a question that is not answered in time is given up.
//! Not here: how it is shown (`render::screen`).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use safekit_core::control::{LogReport, StateReport};

use crate::client::Client;
use crate::clock;
use crate::failure::Failure;
use crate::root::Root;

/// How long a question may take: a watched agent that takes longer is shown as silent, and is asked again.
const LIMIT: Duration = Duration::from_secs(2);

/// A question that takes longer is shown as silence, though its answer may still come.
const LATE: Duration = Duration::from_secs(1);

/// What an agent said last.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Seen {
    /// Its last state; `None` before the first.
    pub report: Option<StateReport>,
    /// The newest lines of the log, oldest first.
    pub log: Vec<String>,
    /// Whose log that is; `None`: the node's own.
    pub log_module: Option<String>,
    /// Why the last question was not answered; `None` where it was.
    pub failure: Option<Failure>,
    /// Time since the last answer, or since the begin; `None` while it answers.
    pub silent: Option<Duration>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    /// This module's log; `None`: that of the only module, or the node's own.
    pub(crate) module: Option<String>,
    /// Lines of the log.
    pub(crate) lines: u32,
}

impl Questions {
    /// Asks once.
    ///
    /// # Errors
    /// No agent, or an answer that is not understood.
    pub(crate) fn ask(&self, client: &Client) -> Result<Seen, Failure> {
        let report = client.get::<StateReport>("state")?.report;
        if let Some(module) = &self.module
            && report.modules.iter().all(|known| known.name != *module)
        {
            return Err(Failure::usage(format!(
                "module {module} is not configured on this node: 'safekit module list' shows those that are"
            )));
        }
        let log_module = self.module.clone().or_else(|| match report.modules.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        });
        let mut route = format!("log?lines={}&all=0", self.lines);
        if let Some(module) = &log_module {
            route.push_str(&format!("&module={module}"));
        }
        // The log is an extra: a state without it is worth showing.
        let log = client
            .get::<LogReport>(&route)
            .map_or_else(|failure| vec![failure.message], |told| told.report.lines);
        Ok(Seen { report: Some(report), log, log_module, failure: None, silent: None })
    }
}

#[derive(Debug)]
struct Shared {
    ended: AtomicBool,
    interval: Duration,
    state: Mutex<(Seen, Instant)>,
}

/// Watches an agent until it is dropped.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Begins to ask the agent of a root. `module` is the one whose log is wanted; `lines` of it, 1 to 10000.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        root: Root,
        module: Option<&str>,
        lines: u32,
        interval: Duration,
    ) -> io::Result<Self> {
        let questions = Questions { module: module.map(str::to_owned), lines };
        let shared = Arc::new(Shared {
            ended: AtomicBool::new(false),
            interval,
            state: Mutex::new((Seen::default(), clock::now())),
        });
        let client = Client::impatient(root, LIMIT);
        let thread = Builder::new().name("safekit-watch".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                while !shared.ended.load(Ordering::Relaxed) {
                    shared.note(questions.ask(&client));
                    std::thread::park_timeout(interval);
                }
            }
        })?;
        Ok(Self { shared, thread })
    }

    /// Returns what the agent said last.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut seen, answered) = state.clone();
        let silent = clock::now().saturating_duration_since(answered);
        let late = silent > self.shared.interval.saturating_add(LATE);
        if seen.failure.is_some() || late {
            seen.silent = Some(silent);
        }
        seen
    }
}

impl Shared {
    fn note(&self, asked: Result<Seen, Failure>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Ok(seen) => *state = (seen, clock::now()),
            Err(failure) => state.0.failure = Some(failure),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Not joined: a question to an agent that stands still may take a moment, and nobody waits for its answer.
        self.shared.ended.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }
}
