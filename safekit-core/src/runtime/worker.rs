//! A named thread with a bounded queue, for work that can block.
//!
//! A worker ends when its [`Worker`] is dropped and its queue is empty. Nobody waits for it: who needs the end of a
//! job waits for the job's report.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};

use crate::runtime::thread;

/// A thread that does jobs one after the other.
#[derive(Debug)]
pub(crate) struct Worker<J> {
    jobs: SyncSender<J>,
}

impl<J> Clone for Worker<J> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a worker. `work` gets all jobs that wait, at least one, at most `jobs_max`, in order.
    pub(crate) fn start(
        name: &str,
        jobs_max: usize,
        mut work: impl FnMut(Vec<J>) + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel(jobs_max);
        thread::spawn(name, move || {
            while let Some(batch) = next_batch(&queue, jobs_max) {
                work(batch);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Gives the worker a job; gives it back when the queue is full or the thread has ended.
    pub(crate) fn submit(&self, job: J) -> Result<(), J> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            mpsc::TrySendError::Full(job) | mpsc::TrySendError::Disconnected(job) => job,
        })
    }
}

fn next_batch<J>(queue: &Receiver<J>, jobs_max: usize) -> Option<Vec<J>> {
    let mut batch = vec![queue.recv().ok()?];
    batch.extend(queue.try_iter().take(jobs_max.saturating_sub(1)));
    Some(batch)
}
