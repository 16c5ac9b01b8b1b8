//! Reads the newest lines of a log, or all of it piece by piece.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;

use super::file::{LOG_BYTES_MAX, old_path};
use super::line;

/// The most lines that are read at once.
pub(crate) const LINES_MAX: usize = 20_000;
/// How much of a file is read at a time.
const BLOCK_BYTES: u64 = 64 << 10;
/// How many bytes of a file tell it from others: `| YYYY-MM-DD hh:mm:ss.uuuuuu |`.
const IDENTITY_BYTES: u64 = 30;
/// The most bytes of a piece.
const PIECE_BYTES: u64 = 512 << 10;

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

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where it begins.
    Begin,
    /// In the file with that identity, behind so many bytes: it stays where the file is renamed.
    At {
        /// The file.
        file: u64,
        /// The bytes.
        offset: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin => f.write_str("begin"),
            Self::At { file, offset } => write!(f, "{file}-{offset}"),
        }
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "begin" {
            return Ok(Self::Begin);
        }
        let (file, offset) = text.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_no_number| ());
        Ok(Self::At { file: number(file)?, offset: number(offset)? })
    }
}

/// Some lines of a log, and where the next ones are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The lines, the oldest first, without line ends.
    pub(crate) lines: Vec<String>,
    /// Where the next ones begin; `None`: the log ends here.
    pub(crate) next: Option<Place>,
}

/// Returns the lines of a log and its predecessor from a place on, about half a mebibyte of them, and where to go on;
/// `None`: the place is no longer kept.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn piece(path: &Path, place: Place, which: Which) -> io::Result<Option<Piece>> {
    let mut files = Vec::new();
    for path in [old_path(path), path.to_owned()] {
        match File::open(&path) {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut files = files.into_iter();
    let (mut file, offset) = match place {
        Place::Begin => match files.next() {
            Some(file) => {
                // As far back as `newest` reads.
                let offset = file.metadata()?.len().saturating_sub(LOG_BYTES_MAX);
                (file, offset)
            }
            None => return Ok(Some(Piece::default())),
        },
        Place::At { file: number, offset } => loop {
            let Some(mut file) = files.next() else { return Ok(None) };
            if identity(&mut file)? == number {
                break (file, offset);
            }
        },
    };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.by_ref().take(PIECE_BYTES).read_to_end(&mut bytes)?;
    let whole = u64::try_from(bytes.len()).unwrap_or(u64::MAX) < PIECE_BYTES;
    if !whole && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
        bytes.truncate(end.saturating_add(1));
    }
    let next = if whole {
        files.next().map(|mut next| identity(&mut next)).transpose()?.map(|next| (next, 0))
    } else {
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Some((identity(&mut file)?, offset.saturating_add(read)))
    };
    let mut lines = Newest { lines: Vec::new(), count: usize::MAX, which };
    bytes.split(|byte| *byte == b'\n').for_each(|line| lines.take(line));
    let next = next.map(|(file, offset)| Place::At { file, offset });
    Ok(Some(Piece { lines: lines.lines, next }))
}

/// Tells a file from the one after it, also under another name: by its number in the file system, which a new file may have from
/// one that was removed, and by its first bytes, which hold a time.
fn identity(file: &mut File) -> io::Result<u64> {
    let mut begin = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.by_ref().take(IDENTITY_BYTES).read_to_end(&mut begin)?;
    // FNV-1a.
    let hash = begin.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(hash ^ file.metadata()?.ino())
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
