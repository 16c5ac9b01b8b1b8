//! The agent of a farm node.

#[expect(dead_code, reason = "used by the wiring of the agent")]
#[cfg_attr(not(test), expect(unused_imports, reason = "used by the wiring of the agent"))]
mod guardian;
#[expect(dead_code, unused_imports, reason = "used by the wiring of the agent")]
mod log;
#[expect(dead_code, unused_imports, reason = "used by the wiring of the agent")]
mod store;

fn main() {}
