//! Modules on disk: installed (SAFE/modules/AM, to be edited) and configured (SAFE/private/modules/AM, in force).
//!
//! `install` unpacks a package into the first place, `configure` checks it and copies it to the second one, with
//! safeconf.xml, the complete text after macro expansion. An agent that starts reads only the second place, so editing a
//! module changes nothing before it is configured. Each is done as a whole or not at all.
//!
//! `install` brings modules in and out, `check` tells whether one may be put in force.
//! Not here: whether a module may be configured or uninstalled in its present state; the caller knows that.

mod check;
mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use jiff::Zoned;
use safekit_core::config::model::{ClusterConfig, ModuleConfig, ModuleMode, Signature};
use safekit_core::config::{Parsed, change, module};
use safekit_core::ids::ModuleName;
use safekit_core::module::script::Script;

use check::{check, handlers};
pub(crate) use install::{Replace, install, package, uninstall};

use super::cluster::lines;
use super::error::{StoreError, StoreResult};
use super::package::Package;
use super::saved::Boot;
use super::{Layout, apply, files};

const USERCONFIG: &str = "conf/userconfig.xml";
const SAFECONF: &str = "conf/safeconf.xml";
/// How many applied configurations of a module are kept.
const LAST_CONFIGS: usize = 3;
/// The most bytes of a configuration file that are read.
const XML_BYTES_MAX: u64 = 4 << 20;
/// The first line of the file with a module's id; a newer form gets another one.
const ID_HEADER: &str = "safekit module 1";

/// An installed module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstalledModule {
    /// Its name.
    pub name: ModuleName,
    /// Its id on this node, from 1.
    pub id: u8,
    /// Whether `configure` has been done.
    pub configured: bool,
    /// What its userconfig.xml says that it is; `None` where that has errors.
    pub mode: Option<ModuleMode>,
}

/// A module as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActiveModule {
    /// Its configuration.
    pub config: ModuleConfig,
    /// The scripts that it has.
    pub scripts: BTreeSet<Script>,
    /// When it was configured.
    pub date: SystemTime,
}

/// A script that belongs to a command, not to the module's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Before a configuration is applied; where it fails nothing is.
    Config,
    /// After a configuration is applied.
    Postconfig,
    /// Before what is in force is removed.
    Deconfig,
    /// After a check that found no fault.
    Confcheck,
    /// After a running module has taken another configuration.
    Update,
    /// When somebody asks what runs.
    Level,
    /// When somebody asks for the state with all resources.
    State,
}

impl Hook {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Config,
        Self::Postconfig,
        Self::Deconfig,
        Self::Confcheck,
        Self::Update,
        Self::Level,
        Self::State,
    ];

    /// Returns the file's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Postconfig => "postconfig",
            Self::Deconfig => "deconfig",
            Self::Confcheck => "confcheck",
            Self::Update => "update",
            Self::Level => "level",
            Self::State => "state",
        }
    }
}

/// A configuration's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The same on two nodes means the same configuration.
    pub signature: Signature,
    /// When it was applied, or last changed.
    pub date: SystemTime,
}

/// What `confinfo` says of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModuleInfo {
    /// What it is in force, else what it would be; `None` where neither is known.
    pub mode: Option<ModuleMode>,
    /// In force; `None` where it never was configured.
    pub active: Option<Stamp>,
    /// To be edited and applied; `None` where it is not there or has errors.
    pub current: Option<Stamp>,
}

/// Lists the installed modules in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn list(layout: &Layout) -> StoreResult<Vec<InstalledModule>> {
    let ids = ids(layout)?;
    let module = |(name, id): (ModuleName, u8)| InstalledModule {
        id,
        configured: layout.active(&name).join(SAFECONF).is_file(),
        mode: current(layout, &name).ok().and_then(|parsed| parsed.model).map(|model| model.mode),
        name,
    };
    Ok(ids.into_iter().map(module).collect())
}

/// Lists the modules that are configured, whether they can be read or not, in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn configured(layout: &Layout) -> StoreResult<Vec<ModuleName>> {
    let is_configured = |name: &ModuleName| layout.active(name).join(SAFECONF).is_file();
    Ok(ids(layout)?.into_keys().filter(is_configured).collect())
}

/// Puts what lies in SAFE/modules/AM in force. Returns the configuration, and warnings.
///
/// # Errors
/// Every fault of the configuration, or what else is in the way; nothing has changed.
pub(crate) fn configure(
    layout: &Layout,
    name: &ModuleName,
    cluster: Option<&ClusterConfig>,
) -> StoreResult<(ModuleConfig, Vec<String>)> {
    let (edited, config, mut warnings) = check(layout, name, cluster)?;
    let mut package = edited.clone();
    package.retain(|file| file.starts_with("conf/") || file.starts_with("bin/"));
    make_executable(&mut package);
    for handler in handlers(&config) {
        package.make_executable(&format!("bin/{handler}"));
    }
    package.insert(SAFECONF, config.to_xml().into_bytes());
    files::create_folder(&layout.uservar(name), 0o750)?;
    apply::apply(&package, &layout.active(name))?;
    if let Err(error) = keep_config(layout, name, &edited) {
        warnings
            .push(format!("the configuration is in force, but no package of it is kept: {error}"));
    }
    Ok((config, warnings))
}

/// Checks what lies in SAFE/modules/AM; nothing changes. Returns the warnings.
///
/// # Errors
/// Every fault of the configuration.
pub(crate) fn confcheck(
    layout: &Layout,
    name: &ModuleName,
    cluster: Option<&ClusterConfig>,
) -> StoreResult<Vec<String>> {
    check(layout, name, cluster).map(|(_, _, warnings)| warnings)
}

/// Returns what the configuration in SAFE/modules/AM changes that a running module cannot take; empty where it can.
///
/// # Errors
/// Every fault of the configuration; and where none is in force that could be compared.
pub(crate) fn refused_changes(layout: &Layout, name: &ModuleName) -> StoreResult<Vec<String>> {
    let (new, _) = model(current(layout, name)?)?;
    let active = load_active(layout, name)?;
    let active = active.ok_or_else(|| refused(format!("module {name} is not configured")))?;
    Ok(change::when_stopped(&active.config, &new))
}

/// Removes what is in force of a stopped module: it stays installed, and can be configured again. Its logs stay.
///
/// # Errors
/// When the operating system refuses; it is in force as before, or wholly gone.
pub(crate) fn deconfigure(layout: &Layout, name: &ModuleName, boot: &Boot) -> StoreResult<()> {
    super::saved::begin_anew(layout, name, boot)?;
    let active = layout.active(name);
    apply::forget(&active);
    if fs::symlink_metadata(&active).is_ok() {
        let away = files::building_place(&active)?;
        fs::rename(&active, &away).map_err(StoreError::io("remove", &active))?;
        files::remove_quietly(&away);
    }
    Ok(())
}

/// Tells which configuration is in force, and which one could be.
///
/// # Errors
/// When the module is not installed.
pub(crate) fn confinfo(layout: &Layout, name: &ModuleName) -> StoreResult<ModuleInfo> {
    let place = layout.module(name);
    if fs::symlink_metadata(&place).is_err() {
        return Err(not_installed(name));
    }
    let active = load_active(layout, name).ok().flatten();
    let mode = active.as_ref().map(|active| active.config.mode);
    let active = active.map(|a| Stamp { signature: a.config.signature, date: a.date });
    let current = current(layout, name).ok().and_then(|parsed| parsed.model);
    let mode = mode.or_else(|| current.as_ref().map(|config| config.mode));
    let date = modified(&place.join(USERCONFIG)).ok();
    let current =
        current.zip(date).map(|(config, date)| Stamp { signature: config.signature, date });
    Ok(ModuleInfo { mode, active, current })
}

/// Reads a module as it is in force; `None` where it never was configured.
///
/// # Errors
/// When it is damaged: the caller serves the others.
pub(crate) fn load_active(layout: &Layout, name: &ModuleName) -> StoreResult<Option<ActiveModule>> {
    read_active(layout, name).map_err(|error| {
        StoreError::Refused(format!(
            "module {name} cannot be taken: {error}; 'safekit config -m {name}' makes the file anew"
        ))
    })
}

fn read_active(layout: &Layout, name: &ModuleName) -> StoreResult<Option<ActiveModule>> {
    let active = layout.active(name);
    let path = active.join(SAFECONF);
    let bytes = match files::read_bounded(&path, XML_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let parsed = module::parse(name, &path.display().to_string(), &bytes, &|_| None);
    let (config, _) = model(parsed)?;
    let is_there = |script: &Script| active.join(script_file(*script)).is_file();
    let scripts = Script::ALL.into_iter().filter(is_there).collect();
    Ok(Some(ActiveModule { config, scripts, date: modified(&path)? }))
}

/// Returns the variables that every script of a module gets.
pub(crate) fn environment(layout: &Layout, name: &ModuleName) -> Vec<(OsString, OsString)> {
    let active = layout.active(name);
    let entry = |name: &str, value: &Path| (OsString::from(name), value.as_os_str().to_owned());
    vec![
        entry("SAFE", &layout.safe),
        entry("SAFEMODULE", Path::new(name.as_str())),
        entry("SAFEBIN", &layout.safebin()),
        entry("SAFEUSERBIN", &active.join("bin")),
        entry("SAFEUSERCONF", &active.join("conf")),
        entry("SAFEVAR", &layout.safevar),
        entry("SAFEUSERVAR", &layout.uservar(name)),
    ]
}

fn current(layout: &Layout, name: &ModuleName) -> StoreResult<Parsed<ModuleConfig>> {
    let path = layout.module(name).join(USERCONFIG);
    let bytes = files::read_bounded(&path, XML_BYTES_MAX)?;
    let variables = environment(layout, name);
    let value = |wanted: &str| {
        let ours = variables.iter().find(|(name, _)| name == wanted);
        let ours = ours.map(|(_, value)| value.clone());
        ours.or_else(|| std::env::var_os(wanted)).and_then(|value| value.into_string().ok())
    };
    Ok(module::parse(name, &path.display().to_string(), &bytes, &value))
}

fn model(parsed: Parsed<ModuleConfig>) -> StoreResult<(ModuleConfig, Vec<String>)> {
    match parsed.into_result() {
        Ok((config, warnings)) => Ok((config, lines(&warnings))),
        Err(faults) => Err(StoreError::Configuration { diagnostics: lines(&faults) }),
    }
}

/// Sets the execute bit of all scripts that have a name of their own.
fn make_executable(package: &mut Package) {
    for script in Script::ALL {
        package.make_executable(&script_file(script));
    }
    for hook in Hook::ALL {
        package.make_executable(&format!("bin/{}", hook.as_str()));
    }
}

fn script_file(script: Script) -> String {
    format!("bin/{}", script.as_str())
}

/// Keeps what was applied, and the two before it.
fn keep_config(layout: &Layout, name: &ModuleName, package: &Package) -> StoreResult<()> {
    let folder = layout.last_configs();
    files::create_folder(&folder, 0o750)?;
    let stamp = Zoned::now().strftime("%Y-%m-%d_%H%M%S%3f").to_string();
    let path = folder.join(format!("{name}_{stamp}.safe"));
    files::write_atomic(&path, &package.to_bytes()?, 0o640)?;
    // Module names may hold '_' themselves: only what has exactly our form behind the name is this module's.
    let is_ours = |file: &str| {
        let rest = file.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('_'));
        let rest = rest.and_then(|rest| rest.strip_suffix(".safe"));
        rest.is_some_and(|rest| {
            rest.len() == stamp.len() && !rest.contains(|c: char| c.is_ascii_alphabetic())
        })
    };
    let entries = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let kept: BTreeSet<String> = names.filter(|file| is_ours(file)).collect();
    for old in kept.iter().rev().skip(LAST_CONFIGS) {
        files::remove_quietly(&folder.join(old));
    }
    Ok(())
}

/// Returns the ids of all installed modules. One whose file is lost gets a free one.
fn ids(layout: &Layout) -> StoreResult<BTreeMap<ModuleName, u8>> {
    let folder = layout.modules();
    let entries = fs::read_dir(&folder).map_err(StoreError::io("read", &folder))?;
    let installed = entries.flatten().filter(|entry| entry.path().join("conf").is_dir());
    let names = installed.filter_map(|entry| ModuleName::new(entry.file_name().to_str()?).ok());
    let mut ids = BTreeMap::new();
    let mut lost = Vec::new();
    for name in names {
        match read_id(layout, &name).filter(|id| !ids.values().any(|taken| taken == id)) {
            Some(id) => drop(ids.insert(name, id)),
            None => lost.push(name),
        }
    }
    lost.sort();
    for name in lost {
        let free = (1..=u8::MAX).find(|id| !ids.values().any(|taken| taken == id));
        ids.insert(name, free.unwrap_or(u8::MAX));
    }
    Ok(ids)
}

fn read_id(layout: &Layout, name: &ModuleName) -> Option<u8> {
    let text = files::read_text(&layout.uservar(name).join("id"), 256).ok()?;
    let mut lines = text.lines();
    (lines.next()? == ID_HEADER).then_some(())?;
    lines.next()?.parse().ok().filter(|id| *id > 0)
}

fn modified(path: &Path) -> StoreResult<SystemTime> {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.map_err(StoreError::io("read", path))
}

fn not_installed(name: &ModuleName) -> StoreError {
    StoreError::Usage(format!("module {name} is not installed on this node"))
}

fn refused(why: String) -> StoreError {
    StoreError::Refused(why)
}
