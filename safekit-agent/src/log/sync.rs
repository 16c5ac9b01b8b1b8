//! Brings the main messages of the logs to the disk itself, so that a loss of power costs a second of them at most.
//!
//! In: open log files that have got a main message. Out: they are synchronized, by a thread of its own, all of them at most
//! once in [`SYNC_INTERVAL`], the first at once.
//!
//! Always: nobody waits for the disk here but this thread, not even the one that writes the logs; a file waits once,
//! however many lines it gets.
//! Not here: lines that are no main messages. They come to the disk with the next main one, or when the operating system
//! likes (30 s with most file systems).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use safekit_core::runtime::clock;

/// The least time between two rounds. Lower: less is lost with the power; higher: fewer writes of the disk.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// The most files that wait: two of the node, two for each module.
const FILES_MAX: usize = 128;

/// Takes files that are to be synchronized. Never waits for the disk.
#[derive(Clone, Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By device and number of the file.
    waiting: BTreeMap<(u64, u64), File>,
    ends: bool,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, at most that long.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Syncer {
    /// Starts the thread, which synchronizes a file by `sync`.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub(super) fn start(
        sync: impl Fn(&File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let works = Arc::clone(&shared);
        let work = move || {
            run(&works, &sync);
            works.lock().ended = true;
            works.changed.notify_all();
        };
        Builder::new().name("safekit-sync".to_owned()).spawn(work)?;
        Ok(Self { shared })
    }

    /// Has a file synchronized.
    pub(super) fn add(&self, file: &File) {
        // A file that cannot be asked or kept open here is written later, as without this.
        let Ok(metadata) = file.metadata() else { return };
        let key = (metadata.dev(), metadata.ino());
        let mut state = self.shared.lock();
        if state.waiting.len() >= FILES_MAX || state.waiting.contains_key(&key) {
            return;
        }
        let Ok(file) = file.try_clone() else { return };
        state.waiting.insert(key, file);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Ends the thread once what waits is synchronized; a disk that does not answer by then is left alone.
    pub(super) fn finish(&self, until: Instant) {
        let mut state = self.shared.lock();
        state.ends = true;
        self.shared.changed.notify_all();
        while !state.ended {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.wait(state, left);
        }
    }
}

fn run(shared: &Shared, sync: &dyn Fn(&File) -> io::Result<()>) {
    loop {
        let mut state = shared.lock();
        while state.waiting.is_empty() && !state.ends {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let files = std::mem::take(&mut state.waiting);
        drop(state);
        if files.is_empty() {
            return;
        }
        let next = clock::now() + SYNC_INTERVAL;
        for file in files.values() {
            // A disk that fails here fails for the next line too, and there it is told.
            drop(sync(file));
        }
        let mut state = shared.lock();
        while !state.ends {
            let left = next.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            state = shared.wait(state, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;
    use crate::log::{CommandMark, Level, LogThread, SystemLog};
    use crate::store::tests::{TestRoot, module};

    const LONG: Duration = Duration::from_secs(30);

    /// A disk that tells the size of each file that it is to take, and takes it when it is let.
    fn slow_disk()
    -> (impl Fn(&File) -> io::Result<()> + Send + 'static, Receiver<u64>, SyncSender<()>) {
        let (tell, told) = sync_channel(100);
        let (allow, allowed) = sync_channel::<()>(100);
        let sync = move |file: &File| {
            let _ = tell.send(file.metadata()?.len());
            allowed.recv_timeout(LONG).map_err(io::Error::other)
        };
        (sync, told, allow)
    }

    #[test]
    fn main_messages_are_synchronized_while_the_logs_go_on() {
        let root = TestRoot::new();
        let (sync, told, allow) = slow_disk();
        let syncer = Syncer::start(sync).unwrap();
        let (log, thread) =
            LogThread::start_with(&root.layout(), SystemLog::none(), syncer).unwrap();
        log.module(&module("web"), Level::Info, "test", "no main message");
        log.node(Level::Warning, "test", "neither");
        assert!(log.written(LONG));
        told.try_recv().unwrap_err();

        log.module(&module("web"), Level::Event, "test", "a main message");
        let first = told.recv_timeout(LONG).unwrap();
        // The disk does not answer: lines are written all the same, and the file waits once.
        for number in 0..100 {
            log.module(&module("web"), Level::Event, "test", &format!("line {number}"));
        }
        assert!(log.written(LONG));
        told.try_recv().unwrap_err();
        allow.send(()).unwrap();
        let second = told.recv_timeout(LONG).unwrap();
        assert!(second > first, "both messages and all lines: {second}");
        allow.send(()).unwrap();

        log.command("cli", None, 1, CommandMark::End(0));
        told.recv_timeout(LONG).unwrap();
        allow.send(()).unwrap();
        // The end waits for no interval.
        log.node(Level::Critical, "test", "the last one");
        allow.send(()).unwrap();
        assert!(thread.finish(&log));
        told.recv_timeout(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_disk_that_does_not_answer_keeps_nobody_from_the_end() {
        let root = TestRoot::new();
        let (sync, told, allow) = slow_disk();
        let syncer = Syncer::start(sync).unwrap();
        let file = File::create(root.path().join("file")).unwrap();
        syncer.add(&file);
        told.recv_timeout(LONG).unwrap();
        syncer.add(&file);
        syncer.finish(clock::now());
        drop(allow);
    }
}
