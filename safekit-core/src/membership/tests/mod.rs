//! Stories in virtual time: what happens to farms, told one by one.

mod air;
mod crash;
mod module;
mod network;
mod orders;
mod pause;
#[cfg(feature = "planted-bugs")]
mod planted;
mod sweep;
mod world;
