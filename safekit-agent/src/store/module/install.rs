//! Modules come and go: packages into SAFE/modules/AM and out of it.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use safekit_core::ids::{MODULES_MAX, ModuleName};

use super::{ID_HEADER, USERCONFIG, ids, make_executable, not_installed, refused};
use crate::store::error::{StoreError, StoreResult};
use crate::store::package::{Access, Package};
use crate::store::{Layout, apply, files};

/// What happens to an installed module of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// It stays, and the installation is refused.
    No,
    /// It is replaced (`-r`), and keeps its id.
    Yes,
}

/// Installs a module from a folder or a `.safe` file; without one, from the package of its name in
/// `SAFE/Application_Modules`. Returns its id, and warnings.
///
/// # Errors
/// When the package is refused, a module of that name is there (see [`Replace`]), or there are too many; nothing has changed.
pub(crate) fn install(
    layout: &Layout,
    name: &ModuleName,
    source: Option<&Path>,
    replace: Replace,
) -> StoreResult<(u8, Vec<String>)> {
    let place = layout.module(name);
    let is_installed = fs::symlink_metadata(&place).is_ok();
    if is_installed && replace == Replace::No {
        return Err(refused(format!(
            "module {name} is installed already: choose another name, or replace it (-r)"
        )));
    }
    let source = match source {
        Some(path) => path.to_owned(),
        None => find_package(layout, name)?,
    };
    let mut package = read_package(&source)?;
    let warnings = keep_known(&mut package, &source)?;
    make_executable(&mut package);
    let id = choose_id(layout, name)?;
    if !is_installed {
        // A crash may have left something of a module of that name that was uninstalled.
        remove_traces(layout, name);
    }
    let built = files::building_place(&place)?;
    if let Err(error) = package.write_folder(&built, Access::Editable) {
        files::remove_quietly(&built);
        return Err(error);
    }
    let uservar = layout.uservar(name);
    let written = files::create_folder(&uservar, 0o750).and_then(|()| {
        files::write_atomic(&uservar.join("id"), format!("{ID_HEADER}\n{id}\n").as_bytes(), 0o640)
    });
    if let Err(error) = written {
        files::remove_quietly(&built);
        return Err(error);
    }
    files::replace_folder(&built, &place)?;
    Ok((id, warnings))
}

/// Removes a module that does not run: what was installed, what is in force, logs and saved state. Returns the package
/// that is kept of it.
///
/// # Errors
/// When it is not installed, or no package of it can be kept; nothing has changed.
pub(crate) fn uninstall(layout: &Layout, name: &ModuleName) -> StoreResult<PathBuf> {
    let place = layout.module(name);
    if fs::symlink_metadata(&place).is_err() {
        return Err(not_installed(name));
    }
    let stamp = Zoned::now().strftime("%Y-%m-%d_%H%M%S");
    let backup = match Package::read_folder(&place).and_then(|package| package.to_bytes()) {
        Ok(bytes) => {
            let backup = layout.backups().join(format!("{name}.safe"));
            files::write_atomic(&backup, &bytes, 0o640)?;
            let away = files::building_place(&place)?;
            fs::rename(&place, &away).map_err(StoreError::io("remove", &place))?;
            files::remove_quietly(&away);
            backup
        }
        // What cannot be packed (a link in it) is kept as it is.
        Err(_) => {
            let backup = layout.backups().join(format!("{name}_{stamp}"));
            fs::rename(&place, &backup).map_err(StoreError::io("remove", &place))?;
            backup
        }
    };
    remove_traces(layout, name);
    Ok(backup)
}

/// Removes what is known of a module that is not installed.
fn remove_traces(layout: &Layout, name: &ModuleName) {
    apply::forget(&layout.active(name));
    files::remove_quietly(&layout.active(name));
    files::remove_quietly(&layout.uservar(name));
}

/// Returns what lies in SAFE/modules/AM as a package that can be installed.
///
/// # Errors
/// When the module is not installed, or something in its folder cannot be packed.
pub(crate) fn package(layout: &Layout, name: &ModuleName) -> StoreResult<Vec<u8>> {
    let place = layout.module(name);
    if fs::symlink_metadata(&place).is_err() {
        return Err(not_installed(name));
    }
    let mut package = Package::read_folder(&place)?;
    package.retain(is_part);
    package.to_bytes()
}

fn read_package(source: &Path) -> StoreResult<Package> {
    let metadata = fs::metadata(source)
        .map_err(|error| StoreError::Usage(format!("cannot read {}: {error}", source.display())))?;
    if metadata.is_dir() { Package::read_folder(source) } else { Package::read_file(source) }
}

fn find_package(layout: &Layout, name: &ModuleName) -> StoreResult<PathBuf> {
    let folder = layout.packages();
    let file = format!("{name}.safe");
    let below = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
    let mut folders: Vec<PathBuf> = below.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let found = std::iter::once(folder.clone()).chain(folders).map(|f| f.join(&file));
    found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        StoreError::Usage(format!(
            "there is no {file} in {}: name a folder or a package",
            folder.display()
        ))
    })
}

/// Leaves out what no module has; returns warnings.
fn keep_known(package: &mut Package, source: &Path) -> StoreResult<Vec<String>> {
    if package.file(USERCONFIG).is_none() {
        let inner = package.files().find_map(|(file, _)| file.strip_suffix(USERCONFIG));
        let why = match inner {
            Some(folder) => format!(
                "its files lie below the folder '{}': a package has conf and bin at its top",
                folder.trim_end_matches('/')
            ),
            None => format!("{USERCONFIG} is not in it"),
        };
        return Err(StoreError::Usage(format!("{} is no module: {why}", source.display())));
    }
    let others: Vec<&str> = package.files().map(|(file, _)| file).filter(|f| !is_part(f)).collect();
    let mut tops: Vec<&str> = others.iter().map(|f| f.split('/').next().unwrap_or(f)).collect();
    tops.dedup();
    let warnings = match tops.as_slice() {
        [] => Vec::new(),
        [..] => vec![format!(
            "{}: not installed, because a module has only conf, bin and web: {}",
            source.display(),
            tops.join(", ")
        )],
    };
    package.retain(is_part);
    Ok(warnings)
}

/// Tells whether a module has a file.
fn is_part(file: &str) -> bool {
    ["conf/", "bin/", "web/"].iter().any(|top| file.starts_with(top))
}

/// Returns the id of an installed module, or the smallest one that is free.
fn choose_id(layout: &Layout, name: &ModuleName) -> StoreResult<u8> {
    let ids = ids(layout)?;
    if let Some(id) = ids.get(name) {
        return Ok(*id);
    }
    if ids.len() >= MODULES_MAX {
        return Err(refused(format!(
            "there are {MODULES_MAX} modules already, and no more may be"
        )));
    }
    if let Some(other) = ids.keys().find(|other| other.key() == name.key()) {
        return Err(refused(format!(
            "the names {name} and {other} have the same key in heartbeats: choose another name"
        )));
    }
    let free = (1..=u8::MAX).find(|id| !ids.values().any(|taken| taken == id));
    free.ok_or_else(|| refused("no module id is free".into()))
}
