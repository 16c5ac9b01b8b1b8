//! Which processes are meant, and when there are too few.

mod matcher;
mod monitor;
mod services;
