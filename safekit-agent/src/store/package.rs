//! Reads and writes packages: `.safe` files (plain zips) and folders of the same shape.
//!
//! In: bytes or a folder that may be hostile. Out: [`Package`], a set of files in memory, or an error that says which entry
//! is wrong and why. Everything is refused that is not a plain file or folder with a harmless relative name.
//!
//! Always: at most [`ENTRIES_MAX`] entries and [`TOTAL_BYTES_MAX`] bytes, counted as they come out, whatever the headers say;
//! nothing is written before all of it was read.
//! Not here: what has to be in a package (`module`, `cluster`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::error::{StoreError, StoreResult};
use super::files;

/// The most entries of a package, folders included.
pub(crate) const ENTRIES_MAX: usize = 2_000;
/// The most bytes of all files of a package together.
pub(crate) const TOTAL_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of a `.safe` file.
pub(crate) const PACKED_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of an entry's name.
const NAME_BYTES_MAX: usize = 512;
/// The most folders above a file.
const DEPTH_MAX: usize = 16;
/// What begins each entry of a zip's directory.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// The files of a package, by their names with `/` between folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    entries: BTreeMap<String, Entry>,
    total_bytes: u64,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it can be run: its mode says so, or it begins as a script or program does.
    pub executable: bool,
}

/// Which modes files and folders get on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The owner may write.
    Editable,
    /// Nobody is to write.
    ReadOnly,
}

impl Package {
    /// Reads a `.safe` file.
    ///
    /// # Errors
    /// When it cannot be read, or is refused.
    pub(crate) fn read_file(path: &Path) -> StoreResult<Self> {
        let bytes = files::read_bounded(path, PACKED_BYTES_MAX)?;
        Self::read_bytes(&path.display().to_string(), &bytes)
    }

    /// Reads the bytes of a `.safe` file; `name` is only repeated in errors.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn read_bytes(name: &str, bytes: &[u8]) -> StoreResult<Self> {
        Self::read_within(name, bytes, TOTAL_BYTES_MAX)
    }

    /// Does the same with another bound for all files together.
    pub(super) fn read_within(name: &str, bytes: &[u8], bytes_max: u64) -> StoreResult<Self> {
        let refuse = |why: String| StoreError::Usage(format!("{name}: {why}"));
        if !bytes.starts_with(b"PK") {
            return Err(refuse("is no package: a .safe file is a zip".to_owned()));
        }
        let entries = bytes.windows(DIRECTORY_ENTRY.len()).filter(|w| *w == DIRECTORY_ENTRY);
        if entries.count() > ENTRIES_MAX {
            return Err(refuse(format!("has more than {ENTRIES_MAX} entries")));
        }
        let broken = |error: ZipError| refuse(format!("is no sound zip: {error}"));
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if archive.has_duplicate_names() {
            return Err(refuse("has an entry twice".to_owned()));
        }
        archive.validate_header_consistency().map_err(broken)?;
        let mut package = Self::default();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).map_err(broken)?;
            let entry = file.name().map_err(broken)?.into_owned();
            // The library hides setuid and setgid from its own mode.
            check_kind(Some(file.external_attributes() >> 16), file.is_symlink())
                .map_err(|why| refuse(format!("entry {entry:?} {why}")))?;
            let (is_folder, mode) = (file.is_dir(), file.unix_mode());
            let content = package.take(&entry, &mut file, bytes_max);
            let content = content.map_err(|why| refuse(format!("entry {entry:?} {why}")))?;
            package
                .add(&entry, is_folder, content, mode)
                .map_err(|why| refuse(format!("entry {entry:?} {why}")))?;
        }
        package.check_shape().map_err(refuse)?;
        Ok(package)
    }

    /// Reads a folder. Links are refused like everything else that is neither file nor folder.
    ///
    /// # Errors
    /// When it cannot be read, or is refused.
    pub(crate) fn read_folder(folder: &Path) -> StoreResult<Self> {
        let mut package = Self::default();
        package.read_below(folder, "", 0)?;
        Ok(package)
    }

    fn read_below(&mut self, folder: &Path, prefix: &str, seen: usize) -> StoreResult<usize> {
        let mut seen = seen;
        for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))? {
            let entry = entry.map_err(StoreError::io("read", folder))?;
            let path = entry.path();
            let refuse = |why: &str| StoreError::Usage(format!("{}: {why}", path.display()));
            let name = entry.file_name().into_string();
            let Ok(name) = name else { return Err(refuse("its name is not UTF-8")) };
            if name.starts_with(files::LEFTOVER_PREFIX) {
                continue;
            }
            seen = seen.saturating_add(1);
            if seen > ENTRIES_MAX {
                return Err(refuse(&format!("this folder has more than {ENTRIES_MAX} entries")));
            }
            let name = format!("{prefix}{name}");
            check_name(&name).map_err(|why| refuse(&why))?;
            let metadata = fs::symlink_metadata(&path).map_err(StoreError::io("read", &path))?;
            if metadata.is_dir() {
                seen = self.read_below(&path, &format!("{name}/"), seen)?;
                continue;
            }
            let mode = metadata.permissions().mode();
            check_kind(Some(mode), metadata.is_symlink()).map_err(|why| refuse(&why))?;
            let left = TOTAL_BYTES_MAX.saturating_sub(self.total_bytes);
            let content = files::read_bounded(&path, left)?;
            self.add(&name, false, content, Some(mode)).map_err(|why| refuse(&why))?;
        }
        Ok(seen)
    }

    /// Returns the file of a name.
    pub(crate) fn file(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Returns all files with their names, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Adds a file, or replaces it.
    pub(crate) fn insert(&mut self, name: &str, bytes: Vec<u8>) {
        let executable = begins_as_program(&bytes);
        self.entries.insert(name.to_owned(), Entry { bytes, executable });
    }

    /// Keeps only the files of which this is true.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.entries.retain(|name, _| keep(name));
    }

    /// Marks a file as one that can be run.
    pub(crate) fn make_executable(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.executable = true;
        }
    }

    /// Writes all files below a folder, which is made; each is durable when this returns.
    ///
    /// # Errors
    /// When the operating system refuses; a part is left for the caller to remove.
    pub(crate) fn write_folder(&self, folder: &Path, access: Access) -> StoreResult<()> {
        files::create_folder(folder, 0o750)?;
        for (name, entry) in &self.entries {
            let path = folder.join(name);
            if let Some(above) = path.parent() {
                files::create_folder(above, 0o750)?;
            }
            let mode = match (access, entry.executable) {
                (Access::Editable, true) => 0o750,
                (Access::Editable, false) => 0o640,
                (Access::ReadOnly, true) => 0o550,
                (Access::ReadOnly, false) => 0o440,
            };
            files::write_new(&path, &entry.bytes, mode)?;
        }
        Ok(())
    }

    /// Returns the package as a `.safe` file; the same files give the same bytes.
    ///
    /// # Errors
    /// When it does not fit into a zip.
    pub(crate) fn to_bytes(&self) -> StoreResult<Vec<u8>> {
        let pack = || -> Result<Vec<u8>, ZipError> {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            for (name, entry) in &self.entries {
                let mode = if entry.executable { 0o755 } else { 0o644 };
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .unix_permissions(mode);
                zip.start_file(name.as_str(), options)?;
                zip.write_all(&entry.bytes).map_err(ZipError::Io)?;
            }
            Ok(zip.finish()?.into_inner())
        };
        pack().map_err(|error| StoreError::Refused(format!("cannot write a package: {error}")))
    }

    /// Takes what is in an entry, within what is left of the bounds.
    fn take(&self, name: &str, content: &mut impl Read, bytes_max: u64) -> Result<Vec<u8>, String> {
        check_name(name)?;
        let left = bytes_max.saturating_sub(self.total_bytes);
        let mut bytes = Vec::new();
        let read = content.take(left.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot be unpacked: {error}"))?;
        if length(&bytes) > left {
            return Err(format!("makes the package bigger than {bytes_max} bytes"));
        }
        Ok(bytes)
    }

    fn add(
        &mut self,
        name: &str,
        is_folder: bool,
        bytes: Vec<u8>,
        mode: Option<u32>,
    ) -> Result<(), String> {
        if is_folder {
            return if bytes.is_empty() { Ok(()) } else { Err("is a folder with content".into()) };
        }
        self.total_bytes = self.total_bytes.saturating_add(length(&bytes));
        let executable = mode.is_some_and(|mode| mode & 0o111 != 0) || begins_as_program(&bytes);
        match self.entries.insert(name.to_owned(), Entry { bytes, executable }) {
            None => Ok(()),
            Some(_) => Err("is there twice".to_owned()),
        }
    }

    /// No file may stand where another one needs a folder.
    fn check_shape(&self) -> Result<(), String> {
        for name in self.entries.keys() {
            let mut above = name.as_str();
            while let Some((folder, _)) = above.rsplit_once('/') {
                if self.entries.contains_key(folder) {
                    return Err(format!("entry {folder:?} is a file and a folder"));
                }
                above = folder;
            }
        }
        Ok(())
    }
}

/// Says what is wrong with an entry's name.
fn check_name(name: &str) -> Result<(), String> {
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.is_empty() || path.len() > NAME_BYTES_MAX {
        return Err(format!("has no name, or one longer than {NAME_BYTES_MAX} bytes"));
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Err("has a backslash or a control character in its name".to_owned());
    }
    if Path::new(path).is_absolute() || path.split('/').any(|part| part == "..") {
        return Err("leads out of the package".to_owned());
    }
    let plain = |part: &str| {
        let mut components = Path::new(part).components();
        matches!((components.next(), components.next()), (Some(Component::Normal(_)), None))
    };
    if !path.split('/').all(plain) || path.split('/').count() > DEPTH_MAX {
        return Err("has a name that is no plain path".to_owned());
    }
    Ok(())
}

/// Says what is wrong with an entry's kind and mode.
fn check_kind(mode: Option<u32>, is_link: bool) -> Result<(), String> {
    /// The bits of the kind of file, and its two values that are welcome.
    const KIND: u32 = 0o170_000;
    const FILE: u32 = 0o100_000;
    const FOLDER: u32 = 0o040_000;
    if is_link {
        return Err("is a link".to_owned());
    }
    let mode = mode.unwrap_or(0);
    if ![0, FILE, FOLDER].contains(&(mode & KIND)) {
        return Err("is neither a file nor a folder".to_owned());
    }
    if mode & KIND != FOLDER && mode & 0o6000 != 0 {
        return Err("would run with the rights of its owner (setuid or setgid)".to_owned());
    }
    Ok(())
}

fn begins_as_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF")
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
