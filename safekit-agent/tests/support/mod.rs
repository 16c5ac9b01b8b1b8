//! What the tests with real processes share: farms of real agents, on loopback or in network namespaces.

#![expect(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests are about the real world")]

pub mod farm;
pub mod lab;
pub mod load;
