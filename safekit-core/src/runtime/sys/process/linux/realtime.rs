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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::process::Command;

    use super::*;
    use crate::runtime::thread;

    /// The number of `SCHED_RR` and that of usual processes, as the kernel shows them.
    const ROUND_ROBIN: &str = "2";
    const USUAL: &str = "0";

    /// Returns the policy in a `stat` file: the 41st field, and so the 39th behind the name.
    fn policy(stat: &str) -> String {
        let behind = stat.rsplit(')').next().unwrap();
        behind.split_whitespace().nth(38).unwrap().to_owned()
    }

    #[test]
    fn a_thread_with_real_time_priority_starts_threads_and_programs_without() {
        let own = || policy(&fs::read_to_string("/proc/thread-self/stat").unwrap());
        let work = move || {
            assert_eq!(own(), USUAL);
            match take_realtime_priority() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    println!("left out: this user may have no real-time priority");
                    assert_eq!(own(), USUAL, "refused, and nothing has changed");
                    return;
                }
                Err(error) => panic!("{error}"),
            }
            assert_eq!(own(), ROUND_ROBIN);
            let started = thread::spawn("started", move || assert_eq!(own(), USUAL)).unwrap();
            started.join().unwrap();
            let program = Command::new("cat").arg("/proc/self/stat").output().unwrap();
            assert_eq!(policy(&String::from_utf8(program.stdout).unwrap()), USUAL);
            assert_eq!(own(), ROUND_ROBIN, "and has kept it");
            // A second time is harmless: a guardian that becomes another program does it.
            take_realtime_priority().unwrap();
            assert_eq!(own(), ROUND_ROBIN);
        };
        // On a thread that ends: others must not have it.
        thread::spawn("urgent", work).unwrap().join().unwrap();
    }
}
