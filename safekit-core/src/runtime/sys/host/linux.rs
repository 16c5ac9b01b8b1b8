//! The host's boot on Linux.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the kernel's id of this boot.
pub(in crate::runtime) fn boot_id() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let id = text.trim();
    if id.is_empty() {
        return Err(io::Error::other("/proc/sys/kernel/random/boot_id is empty"));
    }
    Ok(id.to_owned())
}

/// Returns `CLOCK_BOOTTIME`.
pub(in crate::runtime) fn since_boot() -> io::Result<Duration> {
    Duration::try_from(clock_gettime(ClockId::Boottime)).map_err(io::Error::other)
}
