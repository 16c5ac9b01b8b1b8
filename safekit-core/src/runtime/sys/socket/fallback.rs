//! Socket options that every operating system has.

use socket2::Socket;

/// Enlarges the receive buffer as far as the operating system does without rights.
pub(super) fn enlarge_receive_buffer(socket: &Socket, size_bytes: usize) {
    // Refused or cut: the default works too, with less room for a burst.
    drop(socket.set_recv_buffer_size(size_bytes));
}
