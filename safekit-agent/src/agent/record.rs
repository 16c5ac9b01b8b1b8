//! The node, and what it was told: kept on the disk where somebody wants to see an incident again.
//!
//! In: the calls of the node, and whether there is a folder SAFEVAR/record. Out: the same node; in that folder a file for
//! each agent (`safekit_core::record`), for its owner only: it has the configuration and the host's command lines in it.
//!
//! Always: the event loop never waits for the disk; a file has at most [`BYTES_MAX`], and the folder at most [`FILES_MAX`]
//! of them. A recording begins with the agent: what came before cannot be added, so it is not begun in between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use jiff::Zoned;
use safekit_core::Machine;
use safekit_core::node::{Input, Node, Start};
use safekit_core::record::Recorder;
use safekit_farm::{FarmNode, node::Output};

use super::own::OwnEvent;

/// The most bytes of a recording: some hours. Three nodes that are at peace write about 6 KiB a second.
const BYTES_MAX: usize = 128 << 20;
/// The most recordings in the folder; the oldest ones go.
const FILES_MAX: usize = 4;
/// The most files that are looked at there.
const ENTRIES_MAX: usize = 10_000;
/// How their names end.
const SUFFIX: &str = ".record";
/// The most turns of the event loop that wait for the disk.
const QUEUE_MAX: usize = 4096;
/// How long the end of the agent waits for the disk.
const FINISH_MAX: Duration = Duration::from_millis(500);

/// The node of this agent, and a recorder around it.
#[derive(Debug)]
pub(super) struct Observed {
    node: Recorder<FarmNode>,
    tape: Option<Tape>,
}

impl Observed {
    /// Makes the node; records what it is told where there is the folder for that. Returns what is to be told too.
    pub(super) fn new(now: Instant, start: Start, folder: &Path) -> (Self, Option<OwnEvent>) {
        let mut node = Recorder::new(FarmNode::new(Node::new(now, start)), start);
        let (tape, told) = match folder.is_dir().then(|| Tape::begin(folder, start.counter)) {
            Some(Ok(tape)) => {
                let path = tape.path.display().to_string();
                (Some(tape), Some(OwnEvent::Recorded { path, mebibytes: BYTES_MAX >> 20 }))
            }
            Some(Err(error)) => {
                let (folder, error) = (folder.display().to_string(), error.to_string());
                (None, Some(OwnEvent::NotRecorded { folder, error }))
            }
            None => (None, None),
        };
        if tape.is_none() {
            node.stop(now);
            drop(node.take_text());
        }
        (Self { node, tape }, told)
    }

    /// Hands on what was recorded; to be called after each turn. Returns what is to be told where that cannot go on.
    pub(super) fn hand_on(&mut self, now: Instant) -> Option<OwnEvent> {
        let tape = self.tape.as_mut()?;
        let Err(why) = tape.take(self.node.take_text()) else { return None };
        let path = tape.path.display().to_string();
        self.node.stop(now);
        // Where there is no room for it either, the file just ends.
        drop(tape.write(self.node.take_text()));
        self.tape = None;
        Some(OwnEvent::RecordEnded { path, why })
    }
}

/// An agent that panics has most to tell.
impl Drop for Observed {
    fn drop(&mut self) {
        if let Some(tape) = self.tape.take() {
            drop(tape.write(self.node.take_text()));
            tape.finish();
        }
    }
}

impl Deref for Observed {
    type Target = FarmNode;

    fn deref(&self) -> &FarmNode {
        self.node.machine()
    }
}

impl Machine for Observed {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.node.handle_input(now, input);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.node.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.node.poll_output()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }
}

/// The file of a recording, and the thread that writes it.
#[derive(Debug)]
struct Tape {
    path: PathBuf,
    queue: SyncSender<String>,
    ended: Receiver<io::Result<()>>,
    bytes_left: usize,
}

impl Tape {
    fn begin(folder: &Path, counter: u32) -> io::Result<Self> {
        make_room(folder);
        let (time, version) = (Zoned::now().strftime("%Y-%m-%dT%H%M%S"), env!("CARGO_PKG_VERSION"));
        let path = folder.join(format!("{time}_{version}_{counter}{SUFFIX}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Self::start(path, file)
    }

    fn start(path: PathBuf, mut file: File) -> io::Result<Self> {
        let (queue, texts) = sync_channel::<String>(QUEUE_MAX);
        let (tell_end, ended) = sync_channel(1);
        let work = move || {
            let written = texts.iter().try_for_each(|text| file.write_all(text.as_bytes()));
            // Before the queue closes. Nobody may wait for it any more.
            drop(tell_end.try_send(written));
            drop(texts);
        };
        Builder::new().name("safekit-record".to_owned()).spawn(work)?;
        Ok(Self { path, queue, ended, bytes_left: BYTES_MAX })
    }

    /// Takes what belongs to the end of the file; an error when it cannot take more.
    fn take(&mut self, text: String) -> Result<(), String> {
        let Some(left) = self.bytes_left.checked_sub(text.len()) else {
            return Err(
                "it is as long as it may be; a reload of the service begins another one".to_owned()
            );
        };
        self.bytes_left = left;
        self.write(text)
    }

    fn write(&self, text: String) -> Result<(), String> {
        if text.is_empty() || self.queue.try_send(text).is_ok() {
            return Ok(());
        }
        match self.ended.try_recv() {
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(())) | Err(_) => Err("the disk does not take it in time".to_owned()),
        }
    }

    /// Waits until all is written, or the disk does not answer.
    fn finish(self) {
        let Self { queue, ended, .. } = self;
        drop(queue);
        drop(ended.recv_timeout(FINISH_MAX));
    }
}

/// Removes the oldest recordings: one more is about to begin.
fn make_room(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    names.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
    // They begin with their time.
    names.sort();
    let surplus = names.len().saturating_sub(FILES_MAX - 1);
    for path in names.iter().take(surplus) {
        // One that cannot be removed is tried again by the next agent.
        drop(fs::remove_file(path));
    }
}

#[cfg(test)]
mod tests {
    use safekit_core::record::Recording;
    use safekit_core::runtime::clock;

    use super::*;
    use crate::store::tests::TestRoot;

    const START: Start = Start { counter: 3, random: 7 };

    fn recordings(folder: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn read(path: &Path) -> Recording {
        Recording::read(&fs::read_to_string(path).unwrap(), &[]).unwrap()
    }

    #[test]
    fn nothing_is_recorded_without_the_folder() {
        let root = TestRoot::new();
        let (mut node, told) = Observed::new(clock::now(), START, &root.path().join("record"));
        node.handle_input(clock::now(), Input::Leave);
        assert_eq!((node.hand_on(clock::now()), told), (None, None));
        assert_eq!(node.node.text(), "", "nor kept in memory");
    }

    #[test]
    fn a_recording_is_whole_even_where_the_agent_panics() {
        let root = TestRoot::new();
        let folder = root.path().join("record");
        fs::create_dir(&folder).unwrap();
        for name in ["1.record", "2.record", "3.record", "4.record", "keep.txt"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let (mut node, told) = Observed::new(clock::now(), START, &folder);
        assert!(told.unwrap().text().contains("confidential"));
        node.handle_timeout(clock::now());
        assert_eq!(node.hand_on(clock::now()), None);
        node.handle_input(clock::now(), Input::Leave);
        // No turn ends any more.
        drop(node);
        let there = recordings(&folder);
        assert_eq!(there.len(), 5, "one recording went: {there:?}");
        assert!(!folder.join("1.record").exists(), "the oldest one: {there:?}");
        let newest = there.iter().find(|path| path.to_string_lossy().ends_with("_3.record"));
        let newest = newest.unwrap();
        let recording = read(newest);
        assert_eq!((recording.calls().len(), recording.is_complete()), (2, true));
        assert_eq!(recording.start(), START);
    }

    #[test]
    fn a_recording_ends_where_there_is_no_room() {
        let root = TestRoot::new();
        let (mut node, _) = Observed::new(clock::now(), START, root.path());
        node.tape.as_mut().unwrap().bytes_left = 100;
        let mut told = None;
        for _ in 0..100 {
            node.handle_timeout(clock::now());
            told = told.or_else(|| node.hand_on(clock::now()));
        }
        assert!(told.unwrap().text().contains("as long as it may be"));
        assert_eq!(node.node.text(), "", "nothing is kept in memory");
        drop(node);
        let mut there = recordings(root.path());
        there.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
        // The thread writes on by itself.
        let deadline = clock::now() + Duration::from_secs(30);
        while !fs::read_to_string(&there[0]).unwrap().ends_with(" full\n") {
            assert!(clock::now() < deadline, "it never says that it has ended");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert!(!read(&there[0]).is_complete(), "it says that it has ended");
        assert!(fs::metadata(&there[0]).unwrap().len() < 200);

        // A full disk.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (mut node, _) = Observed::new(clock::now(), START, &root.path().join("none"));
        node.node = Recorder::new(FarmNode::new(Node::new(clock::now(), START)), START);
        node.tape = Some(Tape::start("full".into(), full).unwrap());
        let told = std::iter::repeat_with(|| {
            // The thread has to come to its turn before the queue is full.
            std::thread::park_timeout(Duration::from_millis(5));
            node.handle_timeout(clock::now());
            node.hand_on(clock::now())
        });
        let told = told.take(QUEUE_MAX).find_map(|told| told).unwrap().text();
        assert!(told.contains("No space left on device"), "{told}");
    }
}
