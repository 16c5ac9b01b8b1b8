//! What differs per platform: the control socket, the processes of the host, and files that only their owner may read.

pub(crate) mod control_socket;
pub(crate) mod processes;
pub(crate) mod secret_file;
