//! The workers that serve all modules: keeping, listing processes, and asking for services.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::ids::{ActionId, ModuleName};
use crate::module::saved::SavedModule;
use crate::node::Outcome;
use crate::runtime::place::Keep;
use crate::runtime::reports::{Report, Reports};
use crate::runtime::sys::process::Scanner;
use crate::runtime::sys::service::Asker;
use crate::runtime::worker::Worker;

/// Something to keep.
#[derive(Debug)]
pub(super) struct SaveJob {
    /// The order.
    pub(super) id: ActionId,
    /// The module.
    pub(super) module: ModuleName,
    /// What to keep.
    pub(super) saved: SavedModule,
}

/// Starts the worker that keeps what must survive.
pub(super) fn start_saver(keep: Arc<dyn Keep>, reports: Reports) -> io::Result<Worker<SaveJob>> {
    Worker::start(SAVER, SAVE_JOBS_MAX, move |jobs: Vec<SaveJob>| {
        for job in jobs {
            // Code of an embedder: its panic must not leave an order without end.
            let result = catch_unwind(AssertUnwindSafe(|| keep.save(&job.module, &job.saved)));
            let outcome = match result {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(error)) => failed(&error.to_string()),
                Err(_panic) => failed("saving has panicked"),
            };
            reports.send(Report::Finished { id: job.id, outcome });
        }
    })
}

/// Starts the worker that lists processes; one list answers all who waited for it.
pub(super) fn start_scanner(
    only_safe: Option<OsString>,
    reports: Reports,
) -> io::Result<Worker<ActionId>> {
    let mut scanner = Scanner::new(only_safe);
    Worker::start(SCANNER, SCAN_JOBS_MAX, move |ids| {
        let outcome = match scanner.scan() {
            Ok(processes) => Outcome::Processes(processes.into()),
            Err(error) => failed(&error.to_string()),
        };
        // All of them were asked before the list was made.
        for id in ids {
            reports.send(Report::Finished { id, outcome: outcome.clone() });
        }
    })
}

/// Services to ask for.
#[derive(Debug)]
pub(super) struct AskJob {
    /// The order.
    pub(super) id: ActionId,
    /// Their names.
    pub(super) services: BTreeSet<String>,
}

/// Starts the worker that asks for services.
pub(super) fn start_asker(mut asker: Asker, reports: Reports) -> io::Result<Worker<AskJob>> {
    Worker::start(ASKER, ASK_JOBS_MAX, move |jobs: Vec<AskJob>| {
        for AskJob { id, services } in jobs {
            let outcome = Outcome::Services(Arc::new(asker.ask(&services)));
            reports.send(Report::Finished { id, outcome });
        }
    })
}

/// Says that an order could not be done.
pub(super) fn failed(error: &str) -> Outcome {
    Outcome::Failed { error: error.to_owned() }
}

/// The name of the worker that keeps.
pub(super) const SAVER: &str = "sk-save";
/// The name of the worker that lists.
pub(super) const SCANNER: &str = "sk-scan";
/// The name of the worker that asks for services.
const ASKER: &str = "sk-services";
const SAVE_JOBS_MAX: usize = 256;
const SCAN_JOBS_MAX: usize = 64;
/// One at a time is all that a node orders.
const ASK_JOBS_MAX: usize = 4;
