//! Brings the folder of a configured module to a new content, file by file and all or nothing.
//!
//! The folder itself and those in it stay: an application that was started in SAFEUSERBIN keeps its working directory.
//!
//! ```text
//! build beside ─► rename to .next.AM (from here on it will happen, whatever crashes) ─► move each file in its place
//!              ─► remove files that are no longer there ─► remove .next.AM
//! ```
//!
//! What a crash interrupted is brought to its end at the next start ([`finish_all`]).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{StoreError, StoreResult};
use super::files;
use super::package::{Access, Package};

/// The begin of the names of folders that wait to be moved in their place.
const NEXT_PREFIX: &str = ".next.";
/// The files that go in their place.
const FILES: &str = "files";
/// The names of all files, those included that were moved already.
const LIST: &str = "list";
/// The most bytes of the list.
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Brings a folder to the content of a package; durable when this returns.
///
/// # Errors
/// When the operating system refuses. Before the point of no return nothing has changed; after it the rest is done at
/// the next start of the agent, or by the next call.
pub(super) fn apply(package: &Package, folder: &Path) -> StoreResult<()> {
    let next = next_place(folder)?;
    let built = files::building_place(&next)?;
    let names: Vec<&str> = package.files().map(|(name, _)| name).collect();
    let list = serde_json::to_vec(&names)
        .map_err(|error| StoreError::Refused(format!("cannot list the files: {error}")))?;
    let build = || -> StoreResult<()> {
        files::create_folder(&built, 0o750)?;
        package.write_folder(&built.join(FILES), Access::ReadOnly)?;
        files::write_new(&built.join(LIST), &list, 0o640)
    };
    if let Err(error) = build() {
        files::remove_quietly(&built);
        return Err(error);
    }
    files::replace_folder(&built, &next)?;
    finish(&next, folder)
}

/// Does what is left of interrupted calls, for all folders in a folder. Returns what could not be done, for the log.
pub(super) fn finish_all(parent: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let Ok(entries) = fs::read_dir(parent) else { return lines };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(NEXT_PREFIX)) else {
            continue;
        };
        if let Err(error) = finish(&entry.path(), &parent.join(name)) {
            lines.push(format!(
                "the configuration of module {name} was interrupted and cannot be ended, configure it again: {error}"
            ));
        }
    }
    lines
}

/// Forgets what was interrupted for a folder.
pub(super) fn forget(folder: &Path) {
    if let Ok(next) = next_place(folder) {
        files::remove_quietly(&next);
    }
}

fn next_place(folder: &Path) -> StoreResult<PathBuf> {
    match (folder.parent(), folder.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => Ok(parent.join(format!("{NEXT_PREFIX}{name}"))),
        _ => Err(StoreError::Refused(format!("{} is no path of a folder", folder.display()))),
    }
}

fn finish(next: &Path, folder: &Path) -> StoreResult<()> {
    let damaged = |error: &dyn std::fmt::Display| {
        StoreError::Refused(format!("{} is damaged: {error}", next.display()))
    };
    let list = files::read_bounded(&next.join(LIST), LIST_BYTES_MAX)?;
    let names: BTreeSet<String> = serde_json::from_slice(&list).map_err(|error| damaged(&error))?;
    files::create_folder(folder, 0o750)?;
    for name in &names {
        let (from, to) = (next.join(FILES).join(name), folder.join(name));
        if fs::symlink_metadata(&from).is_err() {
            // Moved before the crash.
            fs::symlink_metadata(&to).map_err(StoreError::io("read", &to))?;
            continue;
        }
        make_way(folder, name)?;
        fs::rename(&from, &to).map_err(StoreError::io("write", &to))?;
    }
    remove_others(folder, "", &names)?;
    files::sync_tree(folder)?;
    files::remove_quietly(next);
    Ok(())
}

/// Makes the folders above a file, in the place of files with their names, and removes a folder with its own name.
fn make_way(folder: &Path, name: &str) -> StoreResult<()> {
    let mut path = folder.to_owned();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let is_folder = fs::symlink_metadata(&path).ok().map(|metadata| metadata.is_dir());
        let is_last = parts.peek().is_none();
        if is_folder == Some(is_last) {
            files::remove_quietly(&path);
        }
        if !is_last {
            files::create_folder(&path, 0o750)?;
        }
    }
    Ok(())
}

/// Removes files that are not listed, and folders that have none left.
fn remove_others(folder: &Path, prefix: &str, names: &BTreeSet<String>) -> StoreResult<()> {
    for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))?.flatten() {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if names.contains(&name) {
            continue;
        }
        let below = format!("{name}/");
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && names.range(below.clone()..).next().is_some_and(|n| n.starts_with(&below)) {
            remove_others(&path, &below, names)?;
        } else {
            files::remove_quietly(&path);
        }
    }
    Ok(())
}
