//! A text file that only grows at its end, and is bounded: it and its predecessor together.
//!
//! `log.txt` that has reached half of the bound becomes `log.old.txt`, in the place of the one before, and a new one begins.
//! A line is written by one call. A line that was written in part (full disk) is taken back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The most bytes of a log: 10 MiB for the file and its predecessor together.
pub(crate) const LOG_BYTES_MAX: u64 = 10 << 20;

/// A bounded file of lines.
#[derive(Debug)]
pub(crate) struct LineFile {
    path: PathBuf,
    bytes_max: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl LineFile {
    /// Names a file; it is opened by the first line.
    pub(crate) fn new(path: PathBuf, bytes_max: u64) -> Self {
        Self { path, bytes_max, open: None }
    }

    /// Returns the name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open file, where the last line could be written.
    pub(crate) fn file(&self) -> Option<&File> {
        self.open.as_ref().map(|open| &open.file)
    }

    /// Appends a line, its end included, or several that belong together.
    ///
    /// # Errors
    /// When the operating system refuses: nothing of it is there, also not in part. The next call tries everything anew.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        let appended = self.try_append(line);
        if appended.is_err() {
            // Whatever is wrong (removed folder, other disk mounted): begin anew with the next line.
            self.open = None;
        }
        appended
    }

    fn try_append(&mut self, line: &str) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let size_max = self.bytes_max / 2;
        let full = |open: &Open| open.size > 0 && open.size.saturating_add(length) > size_max;
        if self.open()?.is_some_and(full) {
            self.open = None;
            fs::rename(&self.path, old_path(&self.path))?;
            self.open()?;
        }
        let Some(open) = self.open.as_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        match open.file.write_all(line.as_bytes()) {
            Ok(()) => {
                open.size = open.size.saturating_add(length);
                Ok(())
            }
            Err(error) => {
                open.file.set_len(open.size)?;
                Err(error)
            }
        }
    }

    /// Opens the file where it is not open, or where it was moved or removed by somebody.
    fn open(&mut self) -> io::Result<Option<&Open>> {
        use std::os::unix::fs::MetadataExt;
        let same = |open: &Open| -> io::Result<bool> {
            let (there, mine) = (fs::metadata(&self.path)?, open.file.metadata()?);
            Ok(there.ino() == mine.ino() && there.dev() == mine.dev())
        };
        if self.open.as_ref().is_some_and(|open| same(open).unwrap_or(false)) {
            return Ok(self.open.as_ref());
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o640).open(&self.path)?;
        let mut open = Open { size: file.metadata()?.len(), file };
        end_last_line(&mut open)?;
        self.open = Some(open);
        Ok(self.open.as_ref())
    }
}

/// Returns where the predecessor of a file is: `log.old.txt` for `log.txt`.
pub(crate) fn old_path(path: &Path) -> PathBuf {
    path.with_extension("old.txt")
}

/// A host that lost its power may have left half a line.
fn end_last_line(open: &mut Open) -> io::Result<()> {
    if open.size == 0 {
        return Ok(());
    }
    let mut last = [0; 1];
    open.file.seek(SeekFrom::End(-1))?;
    open.file.read_exact(&mut last)?;
    if last != *b"\n" {
        open.file.write_all(b"\n")?;
        open.size = open.size.saturating_add(1);
    }
    Ok(())
}
