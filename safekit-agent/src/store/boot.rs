//! What an administrator said on this node about the start of a module: SAFEUSERVAR/boot. It counts where the
//! configuration says `boot="ignore"`, and holds until the opposite is said or the module is uninstalled.

use safekit_core::ids::ModuleName;

use super::error::{StoreError, StoreResult};
use super::{Layout, files};

/// The first line of the file; a newer form gets another one.
const HEADER: &str = "safekit boot 1";
/// The most bytes of the file.
const BYTES_MAX: u64 = 256;

/// Whether a module is started with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Boot {
    /// Returns the word of the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// Keeps what was said; durable when it returns.
///
/// # Errors
/// When the operating system refuses; what was said before holds.
pub(crate) fn save(layout: &Layout, module: &ModuleName, boot: Boot) -> StoreResult<()> {
    let folder = layout.uservar(module);
    files::create_folder(&folder, 0o750)?;
    let text = format!("{HEADER}\n{}\n", boot.as_str());
    files::write_atomic(&folder.join("boot"), text.as_bytes(), 0o640)
}

/// Returns what was said; `None` where nothing was.
///
/// # Errors
/// When the file cannot be read, or is not one of ours: a guess would start or not start an application.
pub(crate) fn load(layout: &Layout, module: &ModuleName) -> StoreResult<Option<Boot>> {
    let path = layout.uservar(module).join("boot");
    let text = match files::read_text(&path, BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    match text.lines().collect::<Vec<_>>().as_slice() {
        [HEADER, "on"] => Ok(Some(Boot::On)),
        [HEADER, "off"] => Ok(Some(Boot::Off)),
        [..] => Err(StoreError::Refused(format!(
            "{} is damaged: say 'safekit boot on' or 'safekit boot off' again",
            path.display()
        ))),
    }
}
