//! The command `safekit`.

fn main() {}
