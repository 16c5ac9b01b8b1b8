//! Why there is no host, and why it does not do what it was asked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use safekit_core::config::Diagnostic;
use safekit_core::control::Refusal;
use safekit_core::ids::{LanName, ModuleName, NameError, NodeName};
use safekit_core::runtime::front::FrontError;
use safekit_core::runtime::{BindError, EdgeError, Full};

/// Why there is no host. Nothing is left open or running.
///
/// ```
/// use safekit_farm::runtime::{HostConfig, HostError};
///
/// let text = r#"<cluster><lans pulse="0"><lan name="default"><node name="node1"/></lan></lans></cluster>"#;
/// let Err(HostError::Configuration { diagnostics }) = HostConfig::read(text, "node1") else {
///     return Err("this file has faults");
/// };
/// // All faults in one pass, each with its place.
/// assert_eq!(diagnostics.len(), 2);
/// assert!(diagnostics[0].to_string().starts_with("cluster.xml:1:"));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// cluster.xml or userconfig.xml has faults: mend each.
    #[error("{}", Lines(.diagnostics))]
    Configuration {
        /// Each fault, with its place.
        diagnostics: Vec<Diagnostic>,
    },
    /// A text cannot be a name.
    #[error("{text:?} cannot be a name")]
    Name {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// cluster.xml has no node of this name.
    #[error("cluster.xml has no node named {name}")]
    UnknownNode {
        /// The name.
        name: NodeName,
    },
    /// cluster.xml has names where addresses are needed: resolve them first
    /// ([`safekit_core::config::ClusterConfig::resolve`]), or write addresses.
    #[error("cluster.xml has names for addresses ({names}): resolve them first")]
    Unresolved {
        /// The names.
        names: String,
    },
    /// A module names a lan that cluster.xml does not have.
    #[error("module {module} names lan {lan}, which cluster.xml does not have")]
    UnknownLan {
        /// The module.
        module: ModuleName,
        /// The lan.
        lan: LanName,
    },
    /// A file of a module cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The event loop cannot be made.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// No lan has a socket. Where one has, the host starts, tells of the others by [`super::News::Lans`] and tries on.
    #[error(transparent)]
    Lans(#[from] BindError),
    /// Health cannot be answered.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The operating system refuses something else: threads, randomness.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it says.
        #[source]
        source: io::Error,
    },
}

/// Why a command was not taken. Nothing has changed.
///
/// ```
/// use safekit_core::control::Refusal;
/// use safekit_core::runtime::Full;
/// use safekit_farm::runtime::CommandError;
///
/// /// Whether the same command may be tried again in a moment.
/// fn try_again(error: &CommandError) -> bool {
///     match error {
///         CommandError::Full(_) | CommandError::Refused(Refusal::Busy { .. }) => true,
///         CommandError::Refused(_) | CommandError::Ended | _ => false,
///     }
/// }
///
/// assert!(try_again(&Full.into()));
/// assert!(!try_again(&Refusal::NoCluster.into()));
/// assert!(!try_again(&CommandError::Ended));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The node refuses it, and says why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much waits for the node already: come again.
    #[error(transparent)]
    Full(#[from] Full),
    /// The host has ended; whether the command was taken is not known where it ended meanwhile.
    #[error("the node has ended")]
    Ended,
}

/// A module did not get where it was to get in time.
///
/// ```
/// use safekit_core::ids::ModuleName;
/// use safekit_farm::runtime::StopError;
///
/// let error = StopError { running: vec![ModuleName::new("web")?, ModuleName::new("db")?] };
/// assert_eq!(error.to_string(), "not stopped in time: web, db");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not stopped in time: {}", Names(.running))]
pub struct StopError {
    /// The modules that were not stopped. Their applications may run on; nobody watches them any more.
    pub running: Vec<ModuleName>,
}

struct Lines<'a>(&'a [Diagnostic]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.0.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{diagnostic}")?;
        }
        Ok(())
    }
}

struct Names<'a>(&'a [ModuleName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(ModuleName::as_str).collect();
        f.write_str(&names.join(", "))
    }
}
