//! Where the things of a module are, and who keeps what must survive.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::ids::ModuleName;
use crate::module::saved::SavedModule;

/// Where a module's scripts are and what they get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModulePlace {
    /// The folder of its scripts, SAFEUSERBIN; also the folder they run in. Absolute.
    pub bin: PathBuf,
    /// The documented variables: SAFE, SAFEMODULE, SAFEBIN, SAFEUSERBIN, SAFEUSERCONF, SAFEVAR, SAFEUSERVAR. They win
    /// over the environment of this process and over `<var>`s of the same name.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder of its userlogs, SAFEUSERVAR. Made when it is missing.
    pub userlogs: PathBuf,
    /// A userlog of this size or more is cut to nothing when the module starts (with `prestart`), in bytes.
    pub userlog_limit: u64,
}

/// Keeps what must survive the agent.
pub trait Keep: Send + Sync {
    /// Keeps this instead of what was kept of the module before: durable when it returns. Called on a worker, never
    /// twice at a time, in the order of the orders.
    ///
    /// # Errors
    /// When it could not be kept; reported as [`crate::node::Outcome::Failed`] with the error's text.
    fn save(&self, module: &ModuleName, saved: &SavedModule) -> io::Result<()>;
}
