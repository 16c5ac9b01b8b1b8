//! Keeps signals back while nobody is there to take them.

#![expect(unsafe_code, reason = "the standard library knows no signal masks")]

use std::io;
use std::mem::MaybeUninit;

/// The signals that tell an agent to end, or to start anew.
const HELD: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// See [`crate::runtime::host::hold_signals`].
pub(in crate::runtime) fn hold_signals() -> io::Result<()> {
    change_mask(libc::SIG_BLOCK)
}

/// See [`crate::runtime::host::release_signals`].
pub(in crate::runtime) fn release_signals() -> io::Result<()> {
    change_mask(libc::SIG_UNBLOCK)
}

fn change_mask(how: i32) -> io::Result<()> {
    let mut held = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset fills the set that it is given; sigaddset and pthread_sigmask get it filled, with numbers of
    // signals that exist, and pthread_sigmask writes nothing where the former mask is not asked for.
    let error = unsafe {
        libc::sigemptyset(held.as_mut_ptr());
        for signal in HELD {
            libc::sigaddset(held.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(how, held.as_ptr(), std::ptr::null_mut())
    };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}
