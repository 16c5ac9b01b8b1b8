//! Reads and changes files so that a crash at any moment leaves the old content or the new one, never a part.
//!
//! A file is written beside its place, made durable, and renamed over it. A folder is built beside its place and changes
//! places with the one that is there in one step; on a file system that cannot do that the old one stands aside meanwhile. What
//! a crash leaves behind has a name that begins with [`LEFTOVER_PREFIX`] or [`ASIDE_PREFIX`] and is removed, or put back, at
//! the next start ([`clear_leftovers`]).
//!
//! Always: what is read is bounded.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::{StoreError, StoreResult};

/// The begin of the names of files and folders that are not finished.
pub(crate) const LEFTOVER_PREFIX: &str = ".safekit-new.";
/// The begin of the names of folders that stand aside until the new one is in their place; then comes their name.
const ASIDE_PREFIX: &str = ".safekit-old.";

/// Reads a whole file of at most `bytes_max` bytes.
///
/// # Errors
/// When the operating system refuses, when it is no plain file, and when it is bigger.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> StoreResult<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock())
        .open(path)
        .map_err(StoreError::io("read", path))?;
    let metadata = file.metadata().map_err(StoreError::io("read", path))?;
    if !metadata.is_file() {
        return Err(StoreError::Refused(format!("{} is no plain file", path.display())));
    }
    let mut bytes = Vec::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(StoreError::io("read", path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        let path = path.display();
        return Err(StoreError::Refused(format!("{path} is bigger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Reads a whole text of at most `bytes_max` bytes.
///
/// # Errors
/// As [`read_bounded`], and when it is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> StoreResult<String> {
    String::from_utf8(read_bounded(path, bytes_max)?)
        .map_err(|error| StoreError::Refused(format!("{} is not UTF-8: {error}", path.display())))
}

/// Writes a file so that it has the old content or the new one whatever happens; durable when this returns.
///
/// # Errors
/// When the operating system refuses; the old content stays.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> StoreResult<()> {
    let (folder, name) = folder_and_name(path)?;
    let beside = beside(folder, name);
    // An error names the file that is meant, not the one of another name at each attempt.
    let result = create_new(&beside, bytes, mode)
        .map_err(StoreError::io("write", path))
        .and_then(|()| fs::rename(&beside, path).map_err(StoreError::io("write", path)))
        .and_then(|()| sync_folder(folder));
    if result.is_err() {
        remove_quietly(&beside);
    }
    result
}

/// Writes a file that must not be there yet, with exactly this mode, and makes its content durable.
///
/// # Errors
/// When the operating system refuses; a part may be left.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> StoreResult<()> {
    create_new(path, bytes, mode).map_err(StoreError::io("write", path))
}

fn create_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder, with those above it, where it is missing; the mode is that of the last one.
///
/// # Errors
/// When the operating system refuses, and when something else stands there.
pub(crate) fn create_folder(path: &Path, mode: u32) -> StoreResult<()> {
    if path.is_dir() {
        return Ok(());
    }
    let create = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(mode).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    create().map_err(StoreError::io("make the folder", path))
}

/// Returns a path for building what will stand at `path`: in the same folder, and nothing is there.
///
/// # Errors
/// When `path` has no name.
pub(crate) fn building_place(path: &Path) -> StoreResult<PathBuf> {
    let (folder, name) = folder_and_name(path)?;
    Ok(beside(folder, name))
}

/// Puts a built folder in the place of another one, or where none is; the old one is removed. Durable when this returns.
///
/// # Errors
/// When the operating system refuses; the old folder stays, and the built one is removed.
pub(crate) fn replace_folder(built: &Path, place: &Path) -> StoreResult<()> {
    let (folder, _) = folder_and_name(place)?;
    let result = sync_tree(built).and_then(|()| swap(built, place));
    remove_quietly(built);
    result.and_then(|()| sync_folder(folder))
}

/// Moves `built` to `place`; what was at `place` is then at `built`, or gone.
fn swap(built: &Path, place: &Path) -> StoreResult<()> {
    if fs::symlink_metadata(place).is_err() {
        return fs::rename(built, place).map_err(StoreError::io("write", place));
    }
    match renameat_with(CWD, built, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // A file system that cannot exchange: for an instant nothing is at the place.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => step_aside(built, place),
        Err(error) => Err(StoreError::io("replace", place)(error.into())),
    }
}

/// Moves `built` to `place` in two steps; a crash between them leaves the old folder aside, to be put back.
pub(super) fn step_aside(built: &Path, place: &Path) -> StoreResult<()> {
    let (folder, name) = folder_and_name(place)?;
    let aside = folder.join(format!("{ASIDE_PREFIX}{name}"));
    remove_quietly(&aside);
    fs::rename(place, &aside).map_err(StoreError::io("replace", place))?;
    if let Err(error) = fs::rename(built, place) {
        fs::rename(&aside, place).map_err(StoreError::io("put back", place))?;
        return Err(StoreError::io("replace", place)(error));
    }
    remove_quietly(&aside);
    Ok(())
}

/// Makes the folders of a tree durable; its files are already ([`write_new`]).
pub(super) fn sync_tree(folder: &Path) -> StoreResult<()> {
    for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))? {
        let entry = entry.map_err(StoreError::io("read", folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sync_tree(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> StoreResult<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(StoreError::io("write", folder))
}

/// Clears away what a crash left in a folder: what was not finished goes, what stood aside comes back where its place is
/// empty.
pub(crate) fn clear_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_prefix(ASIDE_PREFIX) {
            let place = folder.join(name);
            if fs::symlink_metadata(&place).is_err() && fs::rename(entry.path(), place).is_ok() {
                continue;
            }
            remove_quietly(&entry.path());
        } else if name.starts_with(LEFTOVER_PREFIX) {
            remove_quietly(&entry.path());
        }
    }
}

/// Removes a file or a tree, if it is there. What cannot be removed goes at the next start.
pub(crate) fn remove_quietly(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    // Nothing depends on it: a leftover is never read.
    drop(removed);
}

fn folder_and_name(path: &Path) -> StoreResult<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    match (path.parent(), name) {
        (Some(folder), Some(name)) if !folder.as_os_str().is_empty() => Ok((folder, name)),
        _ => Err(StoreError::Refused(format!("{} is no path of a file", path.display()))),
    }
}

/// Returns a name beside `name` that no other call of this process or of another one uses.
fn beside(folder: &Path, name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{LEFTOVER_PREFIX}{}.{count}.{name}", std::process::id()))
}

/// Opening a named pipe must not wait for a writer.
fn nonblock() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}
