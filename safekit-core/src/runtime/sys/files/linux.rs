//! Files on Linux.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Creates a log that is appended to, readable by its group; never one that is there already, never through a link.
pub(in crate::runtime) fn create_log(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(LOG_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(LOG_MODE))?;
    Ok(file)
}

/// Opens a log that is there, to append or to cut; a link is refused.
pub(in crate::runtime) fn open_log(path: &Path) -> io::Result<File> {
    let no_follow = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(no_follow.bits()).map_err(io::Error::other)?;
    OpenOptions::new().append(true).custom_flags(flags).open(path)
}

const LOG_MODE: u32 = 0o640;
