//! What hostile bytes reach first, each as a function that panics where something does not hold.
//!
//! libFuzzer's programs (`targets/`, started by `scripts/fuzz`) look for bytes that reach more code; `tests/corpora.rs`
//! plays what they have found (`corpora/`) and damages of it, without libFuzzer, on each run of the tests.

mod config;
mod machine;
mod store;

pub use config::{cluster, edit, module};
pub use machine::machine;
pub use safekit_core::fuzz::{connection, datagram, value};
pub use store::package;

/// A target: its name, which is that of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("cluster", cluster),
    ("connection", connection),
    ("datagram", datagram),
    ("edit", edit),
    ("machine", machine),
    ("module", module),
    ("package", package),
    ("value", value),
];
