//! What differs per platform: the control socket, the processes of the host, files that only their owner may read, and the
//! terminal.

pub(crate) mod control_socket;
pub(crate) mod processes;
pub(crate) mod secret_file;
pub mod terminal;
