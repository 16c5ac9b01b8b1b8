//! No services where nothing is built yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::module::watch::{ServiceInfo, ServiceState};

/// Knows nothing.
#[derive(Debug)]
pub(in crate::runtime) struct Asker;

impl Asker {
    pub(in crate::runtime) fn new(
        _systemctl: Option<PathBuf>,
        _environment: Arc<[(OsString, OsString)]>,
    ) -> Self {
        Self
    }

    pub(in crate::runtime) fn ask(
        &mut self,
        names: &BTreeSet<String>,
    ) -> BTreeMap<String, ServiceInfo> {
        let said = "services cannot be asked for on this operating system yet".to_owned();
        let info = ServiceInfo { state: ServiceState::Unknown, said, main: None };
        names.iter().map(|name| (name.clone(), info.clone())).collect()
    }
}
