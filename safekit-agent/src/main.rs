//! The agent of a farm node.

mod store;

fn main() {}
