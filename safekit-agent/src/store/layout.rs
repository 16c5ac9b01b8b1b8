//! Where things are.

use std::path::{Path, PathBuf};

use safekit_core::ids::ModuleName;

/// The folders of a root. Without `--root`: SAFE is /opt/safekit, SAFEVAR is /var/safekit; with it SAFE is the root
/// itself and SAFEVAR is its folder `var`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// SAFE.
    pub safe: PathBuf,
    /// SAFEVAR.
    pub safevar: PathBuf,
}

impl Layout {
    /// Makes the layout of a root.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        match root {
            Some(root) => Self { safe: root.to_owned(), safevar: root.join("var") },
            None => {
                Self { safe: PathBuf::from("/opt/safekit"), safevar: PathBuf::from("/var/safekit") }
            }
        }
    }

    /// SAFEBIN.
    pub(crate) fn safebin(&self) -> PathBuf {
        self.safe.join("private/bin")
    }

    /// The editable module: SAFE/modules/AM.
    pub(crate) fn module(&self, module: &ModuleName) -> PathBuf {
        self.safe.join("modules").join(module.as_str())
    }

    /// The module as last configured: SAFE/private/modules/AM; SAFEUSERBIN and SAFEUSERCONF are its bin and conf.
    pub(crate) fn active(&self, module: &ModuleName) -> PathBuf {
        self.safe.join("private/modules").join(module.as_str())
    }

    /// SAFEUSERVAR: SAFEVAR/modules/AM.
    pub(crate) fn uservar(&self, module: &ModuleName) -> PathBuf {
        self.safevar.join("modules").join(module.as_str())
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.safevar.join("safekit.sock")
    }
}
