//! Why a measurement gives no number.

use std::io;

/// Why a measurement gives no number; what was measured before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The operating system refuses something.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// A part did not do what is measured.
    #[error("{0}")]
    Failed(String),
}

/// A number, or why there is none.
pub type Try<T> = Result<T, Trouble>;

impl Trouble {
    /// Makes an error of what was tried, for `map_err`.
    pub fn io(what: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.to_owned(), source }
    }

    /// Makes an error of a sentence.
    #[must_use]
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }
}
