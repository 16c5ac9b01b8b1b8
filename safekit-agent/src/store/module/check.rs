//! Is what lies in SAFE/modules/AM fit to be put in force? Its configuration by itself, against the cluster, and against
//! the files beside it.

use std::fs;
use std::path::Path;

use safekit_core::config::model::{ClusterConfig, ModuleConfig};
use safekit_core::ids::ModuleName;
use safekit_core::module::script::Script;

use super::{current, model, not_installed, refused, script_file};
use crate::store::Layout;
use crate::store::cluster::lines;
use crate::store::error::{StoreError, StoreResult};
use crate::store::package::Package;

/// What was edited, what it says, and warnings.
pub(super) type Checked = (Package, ModuleConfig, Vec<String>);

/// Checks it all. Every fault is told at once, as far as the ones before it let it be seen.
pub(super) fn check(
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

/// Returns the handlers below the module's bin.
pub(super) fn handlers(config: &ModuleConfig) -> impl Iterator<Item = &str> {
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
