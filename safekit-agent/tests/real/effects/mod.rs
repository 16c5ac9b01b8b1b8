//! Every attribute and every command has a test that sees what it does: the tables say which (`tables`), and fail where
//! one is missing; the cases that need real agents are here.

mod cluster;
mod commands;
mod errd;
mod faults;
mod hostile;
mod module;
mod place;
mod services;
mod tables;
mod upkeep;
