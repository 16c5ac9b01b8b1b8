//! What the API can ask of the agent: one method for each operation, with typed errors.
//!
//! Always: an operation that ends with an error has changed nothing, unless its sentence says otherwise.

use std::fmt;
use std::path::PathBuf;

use safekit_core::control::{
    Accepted, BootReport, BudgetReport, ClusterConfinfoReport, DoneReport, LevelReport, LogReport,
    ModuleCommand, ModuleConfinfoReport, ModuleListReport, PortsReport, PrintLevel, Refusal,
    StateReport, WatchSwitch,
};
use safekit_core::ids::ModuleName;
use safekit_core::module::BudgetChange;

use crate::log::Place;
use crate::store::StoreError;
use crate::store::boot::Boot;
use crate::store::cluster::{Keys, Lock};

/// Who gives an order: the name of a user of this host, for the log. Becomes `Origin::User`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct By(pub(crate) String);

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is done about an installed module of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// Refuse.
    No,
    /// Replace it.
    Yes,
}

/// What is done about nodes that a change of the keys would cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Refuse while any is heard.
    Keep,
    /// They are cut off until they get the new keys.
    CutOff,
}

/// A module by its name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Its name.
    Name(ModuleName),
    /// Its number on this node.
    Id(u8),
}

/// Which lines of a log are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Critical, events, users, scripts.
    Main,
    /// All.
    All,
}

/// Where a cluster configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterSource {
    /// An `.xml` file, which gets new keys, or a `.zip` with configuration and keys; an absolute path.
    File(PathBuf),
    /// The cluster.xml that is in force, with new keys.
    Current,
}

/// Which lines of which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogQuery {
    /// Whose; `None`: the node's own.
    pub(crate) module: Option<ModuleName>,
    /// The newest so many, from 1 to [`LogQuery::LINES_MAX`].
    pub(crate) lines: u32,
    /// Which ones.
    pub(crate) verbosity: Verbosity,
    /// Where a piece of the log begins; `None`: its newest lines are wanted.
    pub(crate) from: Option<Place>,
}

impl LogQuery {
    /// Most lines of one answer.
    pub(crate) const LINES_MAX: u32 = 10_000;
    /// Lines of an answer where the request does not say.
    pub(crate) const LINES_DEFAULT: u32 = 300;
}

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OperationError {
    /// It was asked wrongly. The caller's mistake; the sentence says what to do.
    #[error("{0}")]
    Usage(String),
    /// A configuration has faults. The sentence says of what, each diagnostic is one line.
    #[error("{message}")]
    Configuration {
        /// What has faults.
        message: String,
        /// One line each, its place in the file first.
        diagnostics: Vec<String>,
    },
    /// It does not fit the state of the moment. May be asked again later.
    #[error("{0}")]
    Refused(String),
    /// The agent or its host failed; the sentence says at what.
    #[error("{0}")]
    Internal(String),
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        if matches!(refusal, Refusal::UnknownModule { .. } | Refusal::UnknownClass { .. }) {
            Self::Usage(refusal.to_string())
        } else {
            Self::Refused(refusal.to_string())
        }
    }
}

impl From<StoreError> for OperationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Configuration { diagnostics } => {
                // Warnings stand among them, and refuse nothing.
                let errors = diagnostics.iter().filter(|line| line.contains(": error: ")).count();
                let count = match errors {
                    1 => "1 error".to_owned(),
                    errors => format!("{errors} errors"),
                };
                let message = format!("the configuration has {count}, nothing was changed");
                Self::Configuration { message, diagnostics }
            }
            StoreError::Usage(sentence) => Self::Usage(sentence),
            StoreError::Refused(sentence) => Self::Refused(sentence),
            StoreError::Io { .. } => Self::Internal(error.to_string()),
        }
    }
}

/// The operations of an agent. Called on workers, several at a time; a method may block for as long as its work takes.
pub(crate) trait Operations: fmt::Debug + Send + Sync {
    /// Returns the whole state of the node.
    ///
    /// # Errors
    /// Internal, where the event loop does not answer.
    fn state(&self) -> Result<StateReport, OperationError>;

    /// Gives an order about a module to the node.
    ///
    /// # Errors
    /// What [`Refusal`] says.
    fn command(&self, command: ModuleCommand) -> Result<Accepted, OperationError>;

    /// Switches the process monitor of a module.
    ///
    /// # Errors
    /// What [`Refusal`] says.
    fn switch_errd(
        &self,
        by: &By,
        module: &ModuleName,
        switch: WatchSwitch,
    ) -> Result<Accepted, OperationError>;

    /// Installs a module from a folder or file (an absolute path).
    ///
    /// # Errors
    /// Usage where the path holds no module, refused where one of that name is installed, faults of its configuration.
    fn install(
        &self,
        by: &By,
        module: &ModuleName,
        path: PathBuf,
        replace: Replace,
    ) -> Result<DoneReport, OperationError>;

    /// Removes a module and its configuration.
    ///
    /// # Errors
    /// Usage where it is not there, refused where it is not stopped.
    fn uninstall(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError>;

    /// Applies the configuration of SAFE/modules/AM.
    ///
    /// # Errors
    /// Faults of the configuration; refused in a state that does not allow it.
    fn configure(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError>;

    /// Checks the configuration of SAFE/modules/AM; nothing changes. The details hold the warnings.
    ///
    /// # Errors
    /// Faults of the configuration.
    fn confcheck(&self, module: &ModuleName) -> Result<DoneReport, OperationError>;

    /// Tells which configuration of a module is in force.
    ///
    /// # Errors
    /// Usage where the module is not there.
    fn confinfo(&self, module: &ModuleName) -> Result<ModuleConfinfoReport, OperationError>;

    /// Lists the modules of the node.
    ///
    /// # Errors
    /// Internal, where the folders cannot be read.
    fn modules(&self) -> Result<ModuleListReport, OperationError>;

    /// Runs the module's own script `state`, and returns what it says; nothing where there is none.
    fn run_state(&self, module: &ModuleName) -> Vec<String>;

    /// Returns the newest lines of a log, or a piece of it.
    ///
    /// # Errors
    /// Usage where the module is not there; refused where the place is no longer kept; internal where the file cannot be read.
    fn log(&self, query: &LogQuery) -> Result<LogReport, OperationError>;

    /// Writes a line to a module's log; the text is one line of bounded length.
    ///
    /// # Errors
    /// Usage where the module is not there; internal where the file cannot be written.
    fn print(
        &self,
        by: &By,
        module: &ModuleName,
        level: PrintLevel,
        text: &str,
    ) -> Result<(), OperationError>;

    /// Applies a cluster configuration, where one is named; and locks or unlocks it, where that is said.
    ///
    /// # Errors
    /// Faults of the configuration; usage where the path cannot be read; refused where it is locked.
    fn configure_cluster(
        &self,
        by: &By,
        source: Option<ClusterSource>,
        lock: Option<Lock>,
    ) -> Result<DoneReport, OperationError>;

    /// Checks a cluster configuration (an absolute path); nothing changes. The details hold the warnings.
    ///
    /// # Errors
    /// Faults of the configuration; usage where the path cannot be read.
    fn check_cluster(&self, path: PathBuf) -> Result<DoneReport, OperationError>;

    /// Removes the cluster configuration; the modules stay installed and configured.
    ///
    /// # Errors
    /// Refused while a module is not STOP, and where it is locked or not there.
    fn deconfigure_cluster(&self, by: &By) -> Result<DoneReport, OperationError>;

    /// Gives the cluster new keys on this node, or none.
    ///
    /// # Errors
    /// Refused where other nodes are heard and are to be kept, and where it is locked or not configured.
    fn change_keys(
        &self,
        by: &By,
        keys: Keys,
        others: Others,
    ) -> Result<DoneReport, OperationError>;

    /// Removes what is in force of a module; it stays installed.
    ///
    /// # Errors
    /// Usage where it is not there, refused where it is not configured or not STOP.
    fn deconfigure(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError>;

    /// Gives a running module the configuration of SAFE/modules/AM.
    ///
    /// # Errors
    /// Faults of the configuration; refused where the module does not run, is on its way, or cannot take the changes.
    fn update(&self, by: &By, module: &ModuleName) -> Result<DoneReport, OperationError>;

    /// Returns what lies in SAFE/modules/AM as a `.safe` file.
    ///
    /// # Errors
    /// Usage where the module is not there, or cannot be packed.
    fn package(&self, module: &ModuleName) -> Result<Vec<u8>, OperationError>;

    /// Tells which ports this node uses for a module.
    ///
    /// # Errors
    /// Usage where the module is not there.
    fn ports(&self, module: &Selected) -> Result<PortsReport, OperationError>;

    /// Counts an automatic action of a module, or forgets the count. Tells the count afterwards.
    ///
    /// # Errors
    /// Usage where the module is not configured.
    fn change_budget(
        &self,
        by: &By,
        module: &ModuleName,
        change: BudgetChange,
    ) -> Result<BudgetReport, OperationError>;

    /// Tells the count of automatic actions of a module.
    ///
    /// # Errors
    /// Usage where the module is not configured.
    fn budget(&self, module: &ModuleName) -> Result<BudgetReport, OperationError>;

    /// Says whether a module starts with the agent of this node; counts where its configuration says `ignore`.
    ///
    /// # Errors
    /// Usage where the module is not there.
    fn set_boot(
        &self,
        by: &By,
        module: &ModuleName,
        boot: Boot,
    ) -> Result<DoneReport, OperationError>;

    /// Tells what starts a module, or all of them.
    ///
    /// # Errors
    /// Usage where the module is not there.
    fn boot_status(&self, module: Option<&ModuleName>) -> Result<BootReport, OperationError>;

    /// Returns the newest lines of the log of commands.
    ///
    /// # Errors
    /// Internal where the file cannot be read.
    fn command_log(&self, lines: u32) -> Result<LogReport, OperationError>;

    /// Returns configuration and keys of the cluster as a zip file. Whoever has it can speak as a node of the cluster.
    ///
    /// # Errors
    /// Refused where the cluster is not configured.
    fn export_cluster(&self, by: &By) -> Result<Vec<u8>, OperationError>;

    /// Tells which cluster configuration each node has.
    ///
    /// # Errors
    /// Internal, where it cannot be read.
    fn cluster_confinfo(&self) -> Result<ClusterConfinfoReport, OperationError>;

    /// Stops all modules of the node; the agent goes on.
    ///
    /// # Errors
    /// Internal, where the event loop does not answer.
    fn shutdown(&self, by: &By) -> Result<Accepted, OperationError>;

    /// Tells what runs here.
    ///
    /// # Errors
    /// Usage where the module is not there.
    fn level(&self, module: Option<&ModuleName>) -> Result<LevelReport, OperationError>;
}
