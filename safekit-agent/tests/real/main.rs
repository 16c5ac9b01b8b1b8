//! Real agents: on loopback, and in network namespaces behind a real HAProxy.
//!
//! Nothing here depends on how fast the machine is: waits end by what is seen, within a generous limit. Figures are
//! printed, and belong to the benchmarks where they are to be compared.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod crash;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a reader does takes real time")]
mod docs;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "effects are seen in the real world, and NAT is played by a plain socket"
)]
mod effects;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a farm of real processes lives in real time")]
mod farm;
#[cfg(test)]
mod files;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "HAProxy's view comes in real time")]
mod haproxy;
#[cfg(test)]
mod lab;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a client of a balancer is a plain program"
)]
mod load;
#[cfg(test)]
mod oom;
#[cfg(test)]
mod realtime;
#[cfg(test)]
mod record;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a person sees comes in real time")]
mod show;
#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "another program has the ports")]
mod taken;
#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "a prober is a plain program")]
mod way;
