//! Modules on disk: installed (SAFE/modules/AM, to be edited) and configured (SAFE/private/modules/AM, in force).
//!
//! `install` unpacks a package into the first place, `configure` checks it and copies it to the second one, with
//! safeconf.xml, the complete text after macro expansion. An agent that starts reads only the second place, so editing a
//! module changes nothing before it is configured. Each is done as a whole or not at all.
//!
//! Not here: whether a module may be configured or uninstalled in its present state; the caller knows that.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Zoned;
use safekit_core::config::model::{ClusterConfig, ModuleConfig, ModuleMode, Signature};
use safekit_core::config::{Parsed, change, module};
use safekit_core::ids::{MODULES_MAX, ModuleName};
use safekit_core::module::script::Script;

use super::cluster::lines;
use super::error::{StoreError, StoreResult};
use super::package::{Access, Package};
use super::{Layout, apply, files};

const USERCONFIG: &str = "conf/userconfig.xml";
const SAFECONF: &str = "conf/safeconf.xml";
/// How many applied configurations of a module are kept.
const LAST_CONFIGS: usize = 3;
/// The most bytes of a configuration file that are read.
const XML_BYTES_MAX: u64 = 4 << 20;
/// The first line of the file with a module's id; a newer form gets another one.
const ID_HEADER: &str = "safekit module 1";

/// What happens to an installed module of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// It stays, and the installation is refused.
    No,
    /// It is replaced (`-r`), and keeps its id.
    Yes,
}

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

/// Removes what is in force of a module: it stays installed, and can be configured again. Its logs stay.
///
/// # Errors
/// When the operating system refuses; it is in force as before, or wholly gone.
pub(crate) fn deconfigure(layout: &Layout, name: &ModuleName) -> StoreResult<()> {
    let active = layout.active(name);
    apply::forget(&active);
    if fs::symlink_metadata(&active).is_ok() {
        let away = files::building_place(&active)?;
        fs::rename(&active, &away).map_err(StoreError::io("remove", &active))?;
        files::remove_quietly(&away);
    }
    super::saved::forget(layout, name);
    Ok(())
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

/// What was edited, what it says, and warnings.
type Checked = (Package, ModuleConfig, Vec<String>);

fn check(
    layout: &Layout,
    name: &ModuleName,
    cluster: Option<&ClusterConfig>,
) -> StoreResult<Checked> {
    let place = layout.module(name);
    if fs::symlink_metadata(&place).is_err() {
        return Err(not_installed(name));
    }
    let parsed = current(layout, name)?;
    let cluster = cluster.ok_or_else(|| {
        refused(
            "the cluster is not configured on this node: run 'safekit cluster config' first".into(),
        )
    })?;
    let against_cluster = parsed.check_against(cluster);
    if !against_cluster.is_empty() {
        let diagnostics = [lines(&parsed.diagnostics), lines(&against_cluster)].concat();
        return Err(StoreError::Configuration { diagnostics });
    }
    let package = Package::read_folder(&place)?;
    let no_program = parsed.check_programs(&|file| package.file(&format!("bin/{file}")).is_some());
    if !no_program.is_empty() {
        let diagnostics = [lines(&parsed.diagnostics), lines(&no_program)].concat();
        return Err(StoreError::Configuration { diagnostics });
    }
    let idle = parsed.check_classes(&|class| enables(&package, class));
    let (config, mut warnings) = model(parsed)?;
    warnings.extend(lines(&idle));
    warnings.extend(script_warnings(&place, &package, &config));
    let missing = |handler: &&str| package.file(&format!("bin/{handler}")).is_none();
    let missing: Vec<String> =
        handlers(&config).filter(missing).map(|h| no_handler(&place, h)).collect();
    if !missing.is_empty() {
        return Err(StoreError::Configuration { diagnostics: missing });
    }
    Ok((package, config, warnings))
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

/// Tells whether a file of bin seems to enable a class: a line with `errd enable` and its name, or a variable that may be it.
fn enables(package: &Package, class: &str) -> bool {
    let mut scripts = package.files().filter(|(name, _)| name.starts_with("bin/"));
    scripts.any(|(_, entry)| {
        String::from_utf8_lossy(&entry.bytes).lines().any(|line| {
            let named = line.split_once("errd").and_then(|(_, rest)| rest.split_once("enable"));
            named.is_some_and(|(_, rest)| rest.contains(class) || rest.contains(['$', '%']))
        })
    })
}

/// Says what would go wrong with scripts only when they run.
fn script_warnings(place: &Path, package: &Package, config: &ModuleConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, entry) in package.files().filter(|(name, _)| name.starts_with("bin/")) {
        let first = entry.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first.starts_with(b"#!") && first.ends_with(b"\r") {
            warnings.push(format!(
                "{}:1: warning: the line ends with CR LF: the kernel will not find the interpreter (convert the file to Unix line ends)",
                place.join(name).display()
            ));
        }
    }
    let has = |script: &Script| package.file(&script_file(*script));
    for script in Script::ALL {
        let Some(entry) = has(&script) else { continue };
        if !entry.bytes.starts_with(b"#!") && !entry.bytes.starts_with(b"\x7fELF") {
            warnings.push(format!(
                "{}:1: warning: the script cannot be started: it does not begin with #! and an interpreter",
                place.join(script_file(script)).display()
            ));
        }
    }
    for handler in handlers(config) {
        let file = format!("bin/{handler}");
        let Some(entry) = package.file(&file) else { continue };
        if !entry.bytes.starts_with(b"#!") && !entry.bytes.starts_with(b"\x7fELF") {
            warnings.push(format!(
                "{}:1: warning: the handler cannot be started: it does not begin with #! and an interpreter",
                place.join(file).display()
            ));
        }
    }
    let there = Script::ALL.iter().any(|script| has(script).is_some());
    let place = place.display();
    if config.user.is_none() && there {
        warnings.push(format!("{place}: warning: no script will run, because <user> is missing"));
    }
    if config.user.is_some() && has(&Script::StartBoth).is_none() {
        warnings.push(format!("{place}: warning: there is no bin/start_both: nothing is started"));
    }
    warnings
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

/// Returns the handlers below the module's bin.
fn handlers(config: &ModuleConfig) -> impl Iterator<Item = &str> {
    let procs = config.errd.iter().flat_map(|errd| &errd.procs);
    let files = procs.filter_map(|proc| proc.action.handler());
    files.filter(|file| !file.starts_with('/')).map(|file| file.trim_start_matches("./"))
}

fn no_handler(place: &Path, handler: &str) -> String {
    format!(
        "{}: error: there is no such file, and action '{handler}' of a <proc> is none of restart, stopstart, stop and noaction",
        place.join("bin").join(handler).display()
    )
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
