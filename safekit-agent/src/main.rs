//! The agent of a farm node.

#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the event loop that answers it is not here yet")
)]
mod api;
mod store;

fn main() {}
