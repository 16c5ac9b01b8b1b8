//! What the caller asked for.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Trouble, Try};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A few runs: shows that it works; the numbers mean nothing.
    Quick,
    /// Enough for a median.
    Normal,
    /// Enough for a p99.
    Full,
}

impl Size {
    /// Returns the value that belongs to this size.
    #[must_use]
    pub fn of<T>(self, quick: T, normal: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Normal => normal,
            Self::Full => full,
        }
    }
}

/// What the caller asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much is measured.
    pub size: Size,
    /// Which figures; empty: all.
    pub only: Vec<String>,
    /// How long each part lasts of a figure that has parts; `None`: as the size says.
    pub part: Option<Duration>,
    /// The agent to measure; `None`: built first.
    pub agent: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `known` are the names of the figures. `None`: help was asked for.
    ///
    /// # Errors
    /// An argument is not understood.
    pub fn read(arguments: impl Iterator<Item = String>, known: &[&str]) -> Try<Option<Self>> {
        let agent = std::env::var_os("SAFEKIT_AGENT").map(PathBuf::from);
        let mut options = Self { size: Size::Normal, only: Vec::new(), part: None, agent };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.size = Size::Quick,
                "--full" => options.size = Size::Full,
                // What cargo adds.
                "--bench" => {}
                "--help" | "-h" => return Ok(None),
                name if known.contains(&name) => options.only.push(argument),
                part if part.starts_with("--part=") => {
                    let seconds = part.trim_start_matches("--part=").parse::<u64>();
                    let seconds = seconds.map_err(|_error| Trouble::failed("--part=SECONDS"))?;
                    options.part = Some(Duration::from_secs(seconds.clamp(1, 86_400)));
                }
                other => {
                    let known = known.join(", ");
                    return Err(Trouble::failed(format!(
                        "{other} is no option and no figure ({known})"
                    )));
                }
            }
        }
        Ok(Some(options))
    }

    /// Tells whether a figure is wanted.
    #[must_use]
    pub fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == figure)
    }
}
