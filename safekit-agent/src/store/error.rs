//! What can be wrong with the files of a root.

use std::io;
use std::path::PathBuf;

/// A file operation that was not done; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried: "read", "write", ...
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// A configuration file has faults; each diagnostic is one line, file:line:column first.
    #[error("{}", diagnostics.join("\n"))]
    Configuration {
        /// The lines.
        diagnostics: Vec<String>,
    },
    /// It does not fit: the sentence says what, where and what to do.
    #[error("{0}")]
    Refused(String),
}
