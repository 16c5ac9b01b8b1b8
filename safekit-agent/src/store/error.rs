//! What can be wrong with the files of a root.

use std::io;
use std::path::{Path, PathBuf};

/// A file operation that was not done; nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StoreError {
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}{}", mend(source))]
    Io {
        /// What was tried: "read", "write", ...
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// A configuration file has faults; each diagnostic is one line that begins with the place.
    #[error("{}", diagnostics.join("; "))]
    Configuration {
        /// The lines.
        diagnostics: Vec<String>,
    },
    /// It was asked wrongly, as for a file or module that is not there: the sentence says what, where and what to do.
    #[error("{0}")]
    Usage(String),
    /// It does not fit: the sentence says what, where and what to do.
    #[error("{0}")]
    Refused(String),
}

/// Says what helps, where that is known.
fn mend(source: &io::Error) -> &'static str {
    let kind = source.kind();
    if kind == io::ErrorKind::PermissionDenied {
        "; run as root, or give this user the right to it"
    } else if kind == io::ErrorKind::ReadOnlyFilesystem {
        "; mount the file system for writing, or use a --root elsewhere"
    } else if kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded {
        "; make room on the file system"
    } else if kind == io::ErrorKind::AlreadyExists || kind == io::ErrorKind::NotADirectory {
        "; something else has that name: move it away"
    } else {
        ""
    }
}

impl StoreError {
    /// Returns what turns an error of the operating system into this one: `.map_err(StoreError::io("read", path))`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// Tells whether a file or folder is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Configuration { .. } | Self::Usage(_) | Self::Refused(_) => false,
        }
    }
}

/// What the functions of the store return.
pub(crate) type StoreResult<T> = Result<T, StoreError>;
