//! How an edge is made, and why there may be none.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::runtime::place::Keep;

/// How an edge is to be made.
///
/// Example: [`Edge`](super::Edge).
#[non_exhaustive]
pub struct EdgeConfig {
    /// How many inputs of other threads may wait for the loop; at least 1, by default 1,024. Raising it lets more
    /// commands wait, lowering it refuses them earlier.
    pub inputs_max: usize,
    /// What scripts inherit; by default the environment of this process. `NOTIFY_SOCKET`, `WATCHDOG_*` and
    /// `LD_LIBRARY_PATH`, which are meant for this process, are taken out in any case.
    pub environment: Vec<(OsString, OsString)>,
    /// This agent's SAFE, where several agents share a host, each with a root of its own: processes whose environment
    /// names another SAFE belong to another agent's application, and are left out of lists. `None` (the default): all
    /// processes are listed, as on a server that is one node.
    pub only_safe: Option<OsString>,
    /// The program that tells how the services of the host stand, `systemctl`. `None` (the default): it is looked for in
    /// the PATH of `environment`, then in /usr/bin, /bin and /usr/local/bin, each time it is needed; it is run only where
    /// a module watches a service.
    pub systemctl: Option<PathBuf>,
    /// Who keeps what must survive.
    pub keep: Arc<dyn Keep>,
}

/// Why there is no edge.
///
/// Example: [`EdgeSender`](super::EdgeSender).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// The operating system gives no event queue. Nothing has changed; more descriptors may help (`LimitNOFILE`).
    #[error("cannot make an event queue")]
    Queue {
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// The operating system gives no thread. Nothing has changed; more tasks may help (`TasksMax`).
    #[error("cannot start the worker {name}")]
    Worker {
        /// The worker.
        name: &'static str,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// This process ignores SIGCHLD, so nobody can learn how a script ended. Nothing has changed; the embedder sets
    /// the signal to its default first.
    #[error("SIGCHLD is ignored in this process, so the ends of scripts cannot be learned")]
    ChildrenIgnored,
}

impl EdgeConfig {
    /// Makes a configuration with defaults.
    #[must_use]
    pub fn new(keep: Arc<dyn Keep>) -> Self {
        let environment = std::env::vars_os().collect();
        Self { inputs_max: 1024, environment, only_safe: None, systemctl: None, keep }
    }
}

impl fmt::Debug for EdgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeConfig").field("inputs_max", &self.inputs_max).finish_non_exhaustive()
    }
}
