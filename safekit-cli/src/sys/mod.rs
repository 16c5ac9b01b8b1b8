//! What differs per platform: the control socket, files that only their owner may read, and the terminal.

pub(crate) mod control_socket;
pub(crate) mod secret_file;
pub mod terminal;
