//! The lines of `--events`, on their way to whoever reads them.
//!
//! Always: the event loop never waits for that reader. One that stands still (a stopped pager, a full pipe, a slow
//! terminal) loses lines; how many, it is told in the place where they are missing.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

/// The most lines that wait for the reader.
const QUEUE_MAX: usize = 1024;
/// How long the end of the agent waits for a reader.
const FINISH_MAX: Duration = Duration::from_millis(200);

/// Takes lines, and never waits.
#[derive(Debug)]
pub(super) struct Events {
    queue: SyncSender<String>,
    ended: Receiver<()>,
    lost: u64,
}

impl Events {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub(super) fn start(mut reader: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = sync_channel::<String>(QUEUE_MAX);
        let (tell_end, ended) = sync_channel(1);
        let work = move || {
            while let Ok(line) = lines.recv() {
                // Whoever reads the events has gone: the agent goes on.
                drop(reader.write_all(line.as_bytes()).and_then(|()| reader.flush()));
            }
            // Nobody may wait for it any more.
            let _ = tell_end.try_send(());
        };
        Builder::new().name("safekit-events".to_owned()).spawn(work)?;
        Ok(Self { queue, ended, lost: 0 })
    }

    /// Hands a line over, its end included. `lost_line` makes the line that says how many are missing before it.
    pub(super) fn line(&mut self, line: String, lost_line: impl FnOnce(u64) -> Option<String>) {
        if self.lost > 0 {
            match lost_line(self.lost).map(|text| self.queue.try_send(text)) {
                Some(Ok(())) => self.lost = 0,
                // Behind a line that has found room meanwhile it would be in the wrong place.
                Some(Err(_)) | None => {
                    self.lost = self.lost.saturating_add(1);
                    return;
                }
            }
        }
        match self.queue.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost = self.lost.saturating_add(1);
            }
        }
    }

    /// Lets what waits be written, if somebody reads it.
    pub(super) fn finish(self) {
        drop(self.queue);
        match self.ended.recv_timeout(FINISH_MAX) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_reader_that_stands_still_never_keeps_the_agent_waiting() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let mut events = Events::start(writer).unwrap();
        let lost_line = |count: u64| Some(format!("lost {count}\n"));
        let text = "x".repeat(1000);
        // More than the socket and the queue hold; nobody reads.
        for number in 0..10_000 {
            events.line(format!("{number} {text}\n"), lost_line);
        }
        assert!(events.lost > 0);

        // The reader goes on: every line is there, or counted in its place.
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        let mut next = 0;
        while next < 10_000 {
            if events.lost > 0 {
                events.lost -= 1;
                events.line("9999 again\n".to_owned(), lost_line);
            }
            let line = lines.next().unwrap();
            let (word, rest) = line.split_once(' ').unwrap();
            if word == "lost" {
                next += rest.parse::<u64>().unwrap();
            } else {
                assert_eq!(word.parse::<u64>().unwrap(), next);
                next += 1;
            }
        }
        events.finish();
        assert_eq!(lines.next(), None);
    }
}
