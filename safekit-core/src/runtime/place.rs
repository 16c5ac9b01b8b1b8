//! Where the things of a module are, and who keeps what must survive.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::ids::ModuleName;
use crate::module::saved::SavedModule;

/// Where a module's scripts are and what they get.
///
/// ```
/// use std::path::Path;
/// use std::sync::Arc;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::saved::SavedModule;
/// use safekit_core::runtime::{Edge, EdgeConfig, Keep, ModulePlace};
///
/// # struct Nothing;
/// # impl Keep for Nothing {
/// #     fn save(&self, _module: &ModuleName, _saved: &SavedModule) -> std::io::Result<()> { Ok(()) }
/// # }
/// let folder = Path::new("/opt/product/modules/web");
/// let place = ModulePlace {
///     bin: folder.join("bin"),
///     environment: vec![("SAFEMODULE".into(), "web".into())],
///     userlogs: folder.join("var"),
///     userlog_limit: 2048 * 1024,
/// };
/// let mut edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)))?;
/// // Before `Input::ModuleConfigured` of that module.
/// edge.place_module(ModuleName::new("web")?, place)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use std::fs::{self, File};
/// use std::io::{self, Write};
/// use std::path::PathBuf;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::saved::{SavedBudget, SavedModule, SavedPhase};
/// use safekit_core::runtime::Keep;
///
/// /// One file for each module.
/// struct Folder(PathBuf);
///
/// impl Keep for Folder {
///     fn save(&self, module: &ModuleName, saved: &SavedModule) -> io::Result<()> {
///         let (path, draft) = (self.0.join(format!("{module}.json")), self.0.join("draft"));
///         let mut file = File::create(&draft)?;
///         file.write_all(&serde_json::to_vec(saved)?)?;
///         // Durable before it counts: a host that loses its power has the old file or the new one.
///         file.sync_all()?;
///         fs::rename(draft, path)
///     }
/// }
///
/// let folder = Folder(std::env::temp_dir().join(format!("keep-{}", std::process::id())));
/// fs::create_dir_all(&folder.0)?;
/// let saved = SavedModule {
///     phase: SavedPhase::Up,
///     started: true,
///     watched: Vec::new(),
///     budget: SavedBudget::default(),
///     may_still_run: false,
///     errd_off: false,
///     classes: [].into(),
/// };
/// folder.save(&ModuleName::new("web")?, &saved)?;
/// let kept: SavedModule = serde_json::from_slice(&fs::read(folder.0.join("web.json"))?)?;
/// assert_eq!(kept, saved);
/// fs::remove_dir_all(&folder.0)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Keep: Send + Sync {
    /// Keeps this instead of what was kept of the module before: durable when it returns. Called on a worker, never
    /// twice at a time, in the order of the orders.
    ///
    /// # Errors
    /// When it could not be kept; reported as [`crate::node::Outcome::Failed`] with the error's text.
    fn save(&self, module: &ModuleName, saved: &SavedModule) -> io::Result<()>;
}
