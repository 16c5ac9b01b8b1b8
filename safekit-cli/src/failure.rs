//! Why a command did not do what it was asked, for people and as an exit code.

use std::fmt;

use safekit_core::control::ErrorReport;

use crate::exit::Exit;

/// What went wrong: printed to the error output as `error: ` and the message, then the details line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// What, where and what to do: one sentence without full stop.
    pub message: String,
    /// More lines.
    pub details: Vec<String>,
}

impl Failure {
    /// Makes a failure without details.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new() }
    }

    /// Makes a failure of the caller.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Makes a failure of the agent, its host or this command.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// Adds a line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }
}

impl From<ErrorReport> for Failure {
    fn from(report: ErrorReport) -> Self {
        Self { exit: Exit::of_error(report.code), message: report.message, details: report.details }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
