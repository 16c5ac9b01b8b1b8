//! What differs per platform: the control socket, and files that only their owner may read.

pub(crate) mod control_socket;
pub(crate) mod secret_file;
