//! The userlogs: a file for the output of each run of a script.
//!
//! The script and its children write the file themselves, so they neither wait for this process nor die with it.
//! All of this runs on workers: a disk can be slow.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::module::script::Script;
use crate::runtime::sys;

/// The userlog of one run.
#[derive(Debug)]
pub(super) struct Userlog {
    /// Its name, without folder.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Open to be appended to.
    pub(super) file: File,
}

/// Creates the userlog of a run that begins at `time`. A second run in the same second gets a number.
///
/// # Errors
/// What the operating system says, and when all numbers are taken.
pub(super) fn create(folder: &Path, script: Script, time: SystemTime) -> io::Result<Userlog> {
    fs::create_dir_all(folder)?;
    let second = local_second(time)?;
    let script = script.as_str();
    for number in 1..=SAME_SECOND_MAX {
        let name = match number {
            1 => format!("userlog_{second}_{script}.ulog"),
            _ => format!("userlog_{second}_{script}.{number}.ulog"),
        };
        let path = folder.join(&name);
        match sys::files::create_log(&path) {
            Ok(file) => return Ok(Userlog { name, path, file }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many userlogs in one second"))
}

/// Adds a line of ours to a userlog; one that cannot be written says nothing.
pub(super) fn add_line(path: &Path, line: &str) {
    use std::io::Write;
    if let Ok(mut file) = sys::files::open_log(path) {
        // Logging is a help, never a reason to fail.
        drop(writeln!(file, "{line}"));
    }
}

/// Removes the oldest userlogs of a script; [`KEPT_MAX`] stay. The last change counts, so that a file that an
/// application still writes to is not the first to go.
pub(super) fn remove_old(folder: &Path, script: Script) {
    let mut files: Vec<(SystemTime, PathBuf)> = entries(folder)
        .filter(|(name, _)| script_of(name) == Some(script.as_str()))
        .filter_map(|(_, path)| Some((fs::symlink_metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    files.sort();
    let excess = files.len().saturating_sub(KEPT_MAX);
    for (_, path) in files.into_iter().take(excess) {
        drop(fs::remove_file(path));
    }
}

/// Cuts to nothing every userlog of `limit_bytes` or more. Who writes to it goes on at its beginning.
pub(super) fn cut_large(folder: &Path, limit_bytes: u64) {
    for (name, path) in entries(folder) {
        let large = fs::symlink_metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() >= limit_bytes);
        if large && limit_bytes > 0 && script_of(&name).is_some() {
            drop(sys::files::open_log(&path).and_then(|file| file.set_len(0)));
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
}

/// Returns the script of a userlog's name, `None` for other names.
fn script_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("userlog_")?.strip_suffix(".ulog")?;
    let (_second, script) = rest.split_once('_')?;
    Some(script.split_once('.').map_or(script, |(script, _number)| script))
}

/// Writes a time as `<YYYY>-<MM>-<DD>T<hhmmss>` in local time.
fn local_second(time: SystemTime) -> io::Result<String> {
    let zoned = Timestamp::try_from(time).map_err(io::Error::other)?.to_zoned(TimeZone::system());
    Ok(zoned.strftime("%Y-%m-%dT%H%M%S").to_string())
}

/// How many userlogs of a script are kept.
pub(super) const KEPT_MAX: usize = 20;
const SAME_SECOND_MAX: u32 = 1000;
const ENTRIES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::script_of;

    #[test]
    fn names_of_userlogs_tell_their_script() {
        assert_eq!(script_of("userlog_2024-02-12T091410_start_both.ulog"), Some("start_both"));
        assert_eq!(script_of("userlog_2024-02-12T091410_start_both.2.ulog"), Some("start_both"));
        assert_eq!(script_of("log.db"), None);
        assert_eq!(script_of("userlog_x.ulog"), None);
    }
}
