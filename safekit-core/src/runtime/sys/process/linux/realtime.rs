//! Real-time priority for one thread: sched(7).

#![expect(unsafe_code, reason = "neither the standard library nor rustix sets a scheduling policy")]

use std::io;

/// See [`crate::runtime::host::take_realtime_priority`].
pub(in crate::runtime) fn take_realtime_priority() -> io::Result<()> {
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // The kernel's struct sched_param is this one number.
    let priority: libc::c_int = PRIORITY;
    let (this_thread, priority) = (0, std::ptr::from_ref(&priority));
    // SAFETY: the kernel reads the one number that the pointer leads to, and writes nothing. Called directly because not
    // every C library hands this call on.
    let refused =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, this_thread, policy, priority) };
    if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The lowest one: above everything that has none, below whatever else the host has chosen to be more urgent.
const PRIORITY: libc::c_int = 1;
