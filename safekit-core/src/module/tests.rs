//! Stories of one module in virtual time.

mod bench;
mod budget;
mod commands;
mod drain;
mod faults;
mod recovery;
mod sequences;
mod walk;
