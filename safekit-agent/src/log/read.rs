//! Reads the newest lines of a log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::file::{LOG_BYTES_MAX, old_path};
use super::line;

/// The most lines that are read at once.
pub(crate) const LINES_MAX: usize = 20_000;
/// How much of a file is read at a time.
const BLOCK_BYTES: u64 = 64 << 10;

/// Which lines of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Main messages of a module log only.
    Main,
    /// All of them.
    All,
}

/// Returns the newest `count` lines (at most [`LINES_MAX`]) of a log and its predecessor, the oldest first, without line
/// ends. A log that is not there has no lines. Reads backwards, and no more than it has to.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn newest(path: &Path, count: usize, which: Which) -> io::Result<Vec<String>> {
    let mut newest_first = Newest { lines: Vec::new(), count: count.min(LINES_MAX), which };
    for path in [path.to_owned(), old_path(path)] {
        match File::open(&path) {
            Ok(file) => read_backwards(file, &mut newest_first)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    newest_first.lines.reverse();
    Ok(newest_first.lines)
}

struct Newest {
    lines: Vec<String>,
    count: usize,
    which: Which,
}

impl Newest {
    fn is_full(&self) -> bool {
        self.lines.len() >= self.count
    }

    fn take(&mut self, mut line: &[u8]) {
        // What some file systems leave where a host lost its power.
        while let [0, rest @ ..] = line {
            line = rest;
        }
        if self.is_full() || line.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(line);
        let wanted = match self.which {
            Which::All => true,
            Which::Main => line::parts(&line).is_some_and(|parts| parts.level.is_main()),
        };
        if wanted {
            self.lines.push(line.into_owned());
        }
    }
}

fn read_backwards(mut file: File, newest: &mut Newest) -> io::Result<()> {
    let size = file.metadata()?.len();
    // A file that somebody else made bigger is read no further than one of ours can be big.
    let begin = size.saturating_sub(LOG_BYTES_MAX);
    let mut end = size;
    // The begin of a line whose end was in the block behind.
    let mut rest = Vec::new();
    while end > begin && !newest.is_full() {
        let start = end.saturating_sub(BLOCK_BYTES).max(begin);
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        file.by_ref().take(end - start).read_to_end(&mut block)?;
        block.append(&mut rest);
        let mut lines = block.rsplit(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_some() || start == begin {
                newest.take(line);
            } else {
                rest = line.to_vec();
            }
        }
        end = start;
    }
    Ok(())
}
