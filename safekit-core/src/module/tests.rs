//! Stories of one module in virtual time.

mod bench;
mod budget;
mod commands;
mod drain;
mod faults;
mod handlers;
mod light;
mod recovery;
mod sequences;
mod services;
mod walk;
