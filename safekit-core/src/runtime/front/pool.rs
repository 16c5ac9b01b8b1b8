//! Runs the handler on a few threads, with a bounded queue before them.
//!
//! In: complete requests, with the name of the connection that waits. Out: answers with the same name; the front is
//! woken for each. A request whose connection no longer waits is not begun.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Handler;
use super::budget::Charge;
use super::conn::ConnId;
use super::counters::Tally;
use super::limits::Limits;
use super::request::{ApiRequest, ApiResponse};
use crate::runtime::thread;

/// A request that waits for a worker.
#[derive(Debug)]
pub(super) struct Job {
    /// Who waits for the answer.
    pub(super) id: ConnId,
    /// What is asked.
    pub(super) request: ApiRequest,
    /// Set when nobody waits any more.
    pub(super) cancelled: Arc<AtomicBool>,
    /// What the body holds of the budget of all bodies, until it has been handled.
    pub(super) charge: Charge,
}

/// Takes requests for the handler.
pub(super) trait Submit {
    /// Takes a request, or drops it when there is no room.
    fn submit(&mut self, job: Job) -> Submitted;
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    /// An answer will come.
    Taken,
    /// There is no room.
    Full,
}

/// The workers of one front.
pub(super) struct Pool {
    queue: Mutex<Queue>,
    filled: Condvar,
    ended: Condvar,
    answers: Mutex<Vec<(ConnId, ApiResponse)>>,
    handler: Handler,
    tally: Arc<Tally>,
    wake: Box<dyn Fn() + Send + Sync>,
    limit: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    workers: usize,
    closed: bool,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts the workers; `wake` is called after each answer.
    ///
    /// # Errors
    /// A thread could not be started; those that were end at once.
    pub(super) fn start(
        name: &str,
        limits: &Limits,
        handler: Handler,
        tally: Arc<Tally>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> io::Result<Arc<Self>> {
        let pool = Arc::new(Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            ended: Condvar::new(),
            answers: Mutex::default(),
            handler,
            tally,
            wake,
            limit: limits.queue,
        });
        for number in 0..limits.workers {
            lock(&pool.queue).workers += 1;
            let worker = Arc::clone(&pool);
            let started = thread::spawn(&format!("{name}-{number}"), move || worker.work());
            if let Err(error) = started {
                lock(&pool.queue).workers -= 1;
                pool.close();
                return Err(error);
            }
        }
        Ok(pool)
    }

    /// Returns the answers since the last call.
    pub(super) fn take_answers(&self) -> Vec<(ConnId, ApiResponse)> {
        std::mem::take(&mut *lock(&self.answers))
    }

    /// Drops what waits and ends each worker after what it is doing.
    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        let dropped = std::mem::take(&mut queue.jobs);
        drop(queue);
        self.filled.notify_all();
        drop(dropped);
    }

    /// Waits until all workers have ended, but not longer than `limit`: a handler that hangs cannot be ended.
    pub(super) fn wait_ended(&self, limit: Duration) {
        let queue = lock(&self.queue);
        // Either way there is nothing more to do.
        drop(self.ended.wait_timeout_while(queue, limit, |queue| queue.workers > 0));
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            let Job { id, request, cancelled, charge } = job;
            if !cancelled.load(Ordering::Relaxed) {
                let handled = catch_unwind(AssertUnwindSafe(|| (self.handler)(&request)));
                let answer = handled.unwrap_or_else(|_| {
                    self.tally.handler_faults.add();
                    ApiResponse::text(500, "the request could not be handled\n")
                });
                drop((request, charge));
                lock(&self.answers).push((id, answer));
                (self.wake)();
            }
        }
        lock(&self.queue).workers -= 1;
        self.ended.notify_all();
    }

    fn next(&self) -> Option<Job> {
        let queue = lock(&self.queue);
        let idle = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closed;
        let mut queue = self.filled.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        queue.jobs.pop_front()
    }
}

impl Submit for Arc<Pool> {
    fn submit(&mut self, job: Job) -> Submitted {
        let mut queue = lock(&self.queue);
        if queue.closed || queue.jobs.len() >= self.limit {
            return Submitted::Full;
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.filled.notify_one();
        Submitted::Taken
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
