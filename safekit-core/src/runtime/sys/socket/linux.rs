//! Socket options on Linux.

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::Socket;

/// Enlarges the receive buffer, beyond `net.core.rmem_max` where that is permitted, up to it otherwise.
pub(super) fn enlarge_receive_buffer(socket: &Socket, size_bytes: usize) {
    if set_socket_recv_buffer_size_force(socket, size_bytes).is_err() {
        // Refused or cut: the default works too, with less room for a burst.
        drop(socket.set_recv_buffer_size(size_bytes));
    }
}
