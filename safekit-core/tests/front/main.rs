//! The HTTP front over real sockets of this host: that it keeps answering probes while somebody attacks it.
//!
//! No test depends on how fast the machine is: attacks end by count, waits by a generous limit. Attackers come from
//! other addresses of the loopback network than the prober, as they would. What needs a process of its own (limits of
//! open files, counts of threads) starts this program again and names the one test that plays that part.
#![cfg(all(feature = "runtime", target_os = "linux"))]

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod help;
#[cfg(test)]
mod local;
#[cfg(test)]
mod process;
#[cfg(test)]
mod service;
