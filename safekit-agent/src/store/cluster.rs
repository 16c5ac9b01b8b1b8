//! The configuration of the cluster: cluster.xml, `cluster_ip.xml` and keys in SAFEVAR/cluster.
//!
//! In: a cluster.xml, a zip that another node has exported, or the cluster.xml that is there. Out: the three files, all
//! of them or none, and what they say ([`LoadedCluster`]). Names are asked of DNS here and nowhere else; what the nodes
//! use is `cluster_ip.xml`, which a zip carries along, so that it is the same on all nodes whatever their DNS says.
//!
//! Always: who configures by XML gets new keys and a new cluster id; who configures by zip gets those of the zip.
//! Not here: which node this host is (`ClusterConfig::identify`), and what changes in a running agent.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use safekit_core::config::model::{ClusterConfig, Signature};
use safekit_core::config::{Diagnostic, cluster};
use safekit_core::wire::{Key, KeyRing};

use super::error::{StoreError, StoreResult};
use super::package::Package;
use super::{Layout, files};

const XML: &str = "cluster.xml";
const RESOLVED: &str = "cluster_ip.xml";
const KEYS: &str = "keys";
/// Is there while the configuration may not be replaced.
const LOCK: &str = "lock";
/// The most bytes of a configuration file that are read.
const XML_BYTES_MAX: u64 = 4 << 20;
/// The most bytes of the keys' file.
const KEYS_BYTES_MAX: u64 = 4096;
/// The first line of the keys' file; a newer form gets another one.
const KEYS_HEADER: &str = "safekit keys 1";
/// The most keys of a cluster: the present one, and the one before it.
const KEYS_MAX: usize = 2;

/// Answers a name with its addresses, or says why not.
pub(crate) type Lookup<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<IpAddr>, String>;

/// Says why a resolved configuration does not fit this host.
pub(crate) type Accept<'a> = &'a dyn Fn(&ClusterConfig) -> Result<(), String>;

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file: cluster.xml, which gets new keys, or a zip with configuration and keys.
    File(PathBuf),
    /// The cluster.xml in SAFEVAR/cluster, perhaps edited there; it gets new keys.
    Current,
}

/// The configuration that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadedCluster {
    /// The cluster; all addresses are resolved.
    pub config: ClusterConfig,
    /// What authenticates heartbeats; no key in it: the cluster runs without.
    pub keys: KeyRing,
    /// When it was configured.
    pub date: SystemTime,
    /// The mode of the file of the keys, where others than its owner can read it: whoever does can speak as a node.
    pub keys_open: Option<u32>,
}

/// What `cluster confinfo` says of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClusterInfo {
    /// The same on two nodes means the same cluster.
    pub signature: Signature,
    /// When it was configured.
    pub date: SystemTime,
}

/// Whether the configuration may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It may not.
    Locked,
    /// It may.
    Unlocked,
}

/// Tells whether the configuration may be replaced.
pub(crate) fn lock(layout: &Layout) -> Lock {
    let is_there = fs::symlink_metadata(layout.cluster().join(LOCK)).is_ok();
    if is_there { Lock::Locked } else { Lock::Unlocked }
}

/// Says whether the configuration may be replaced; holds until the other is said.
///
/// # Errors
/// When the cluster is not configured, or the operating system refuses.
pub(crate) fn set_lock(layout: &Layout, lock: Lock) -> StoreResult<()> {
    let path = layout.cluster().join(LOCK);
    match lock {
        Lock::Locked if !layout.cluster().join(RESOLVED).is_file() => Err(not_configured()),
        Lock::Locked => files::write_atomic(&path, b"safekit lock 1\n", 0o640),
        Lock::Unlocked => match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        },
    }
}

/// Refuses where the configuration is locked.
///
/// # Errors
/// Refused, with what to do.
pub(crate) fn check_unlocked(layout: &Layout) -> StoreResult<()> {
    match lock(layout) {
        Lock::Unlocked => Ok(()),
        Lock::Locked => Err(refused(
            "the cluster's configuration is locked: 'safekit cluster config unlock' allows changes again",
        )),
    }
}

/// Checks a configuration as [`configure`] does; nothing changes. Returns the cluster, and warnings.
///
/// # Errors
/// Every fault of the configuration, or that it cannot be read.
pub(crate) fn check(path: &Path, lookup: Lookup<'_>) -> StoreResult<(ClusterConfig, Vec<String>)> {
    let (_, resolved, _, warnings) = read_file(path, lookup)?;
    Ok((resolved, warnings))
}

/// Gives the cluster that is in force new keys, or none; everything else stays. Returns what is in force from now on.
///
/// # Errors
/// When the cluster is not configured, is locked, or its files cannot be read or written; nothing has changed.
pub(crate) fn change_keys(layout: &Layout, keys: Keys) -> StoreResult<LoadedCluster> {
    check_unlocked(layout)?;
    let loaded = load(layout)?.ok_or_else(not_configured)?;
    let xml = files::read_bounded(&layout.cluster().join(XML), XML_BYTES_MAX)?;
    let keys = match keys {
        Keys::New => vec![random_key()?],
        Keys::None => Vec::new(),
    };
    let ring = KeyRing { cluster: loaded.keys.cluster, keys };
    write(layout, &xml, &loaded.config, &ring)?;
    load(layout)?.ok_or_else(not_configured)
}

/// What becomes of the keys of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// There is a new one, and no other.
    New,
    /// There is none.
    None,
}

/// Removes configuration and keys; other files in the folder stay.
///
/// # Errors
/// When the operating system refuses. The file that says that there is a cluster goes first: from then on there is none.
pub(crate) fn remove(layout: &Layout) -> StoreResult<()> {
    for name in [RESOLVED, KEYS, XML] {
        let path = layout.cluster().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    files::sync_tree(&layout.cluster())
}

/// Configures the cluster; `accept` has the last word before anything changes. Returns what is in force from now on, and warnings.
///
/// # Errors
/// Every fault of the configuration, or what else is in the way; nothing has changed.
pub(crate) fn configure(
    layout: &Layout,
    source: &Source,
    lookup: Lookup<'_>,
    accept: Accept<'_>,
) -> StoreResult<(LoadedCluster, Vec<String>)> {
    let (xml, resolved, keys, warnings) = match source {
        Source::Current => {
            let path = layout.cluster().join(XML);
            read_xml(&path, &read_given(&path, XML_BYTES_MAX)?, lookup)?
        }
        Source::File(path) => read_file(path, lookup)?,
    };
    accept(&resolved).map_err(StoreError::Refused)?;
    write(layout, &xml, &resolved, &keys)?;
    match load(layout)? {
        Some(loaded) => Ok((loaded, warnings)),
        None => Err(refused("the cluster's configuration was removed meanwhile")),
    }
}

/// Reads the configuration that is in force; `None` where the cluster was never configured.
///
/// # Errors
/// When the files are damaged, or of a newer version: a node that does not know its cluster must not guess.
pub(crate) fn load(layout: &Layout) -> StoreResult<Option<LoadedCluster>> {
    let folder = layout.cluster();
    let path = folder.join(RESOLVED);
    let bytes = match files::read_bounded(&path, XML_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let (config, _) = parse(&path.display().to_string(), &bytes)?;
    let metadata = fs::metadata(&path).and_then(|metadata| metadata.modified());
    let date = metadata.map_err(StoreError::io("read", &path))?;
    let path = folder.join(KEYS);
    let keys = parse_keys(&path.display().to_string(), &files::read_text(&path, KEYS_BYTES_MAX)?)?;
    let mode = fs::metadata(&path).map_err(StoreError::io("read", &path))?.permissions().mode();
    let keys_open = Some(mode & 0o777).filter(|mode| mode & 0o077 != 0 && !keys.keys.is_empty());
    Ok(Some(LoadedCluster { config, keys, date, keys_open }))
}

/// Returns configuration and keys as a zip for other nodes. Who has it can speak as a node: files of it get mode 0600.
///
/// # Errors
/// When the cluster is not configured, or cannot be read.
pub(crate) fn export(layout: &Layout) -> StoreResult<Vec<u8>> {
    if load(layout)?.is_none() {
        return Err(not_configured());
    }
    let mut package = Package::default();
    for name in [XML, RESOLVED, KEYS] {
        let path = layout.cluster().join(name);
        package.insert(name, files::read_bounded(&path, XML_BYTES_MAX)?);
    }
    package.to_bytes()
}

/// Tells which configuration is in force; `None` where the cluster was never configured.
///
/// # Errors
/// As [`load`].
pub(crate) fn confinfo(layout: &Layout) -> StoreResult<Option<ClusterInfo>> {
    let info = |loaded: LoadedCluster| ClusterInfo {
        signature: loaded.config.signature,
        date: loaded.date,
    };
    Ok(load(layout)?.map(info))
}

/// Asks the host's resolver. Blocks as long as that one likes.
///
/// # Errors
/// What the resolver says.
pub(crate) fn dns(host: &str) -> Result<Vec<IpAddr>, String> {
    let addresses = (host, 0).to_socket_addrs();
    addresses
        .map(|addresses| addresses.map(|address| address.ip()).collect())
        .map_err(|error| format!("cannot be resolved: {error}"))
}

/// What is to be written: cluster.xml as it is, the cluster resolved, its keys, and warnings.
type Read = (Vec<u8>, ClusterConfig, KeyRing, Vec<String>);

fn read_file(path: &Path, lookup: Lookup<'_>) -> StoreResult<Read> {
    let bytes = read_given(path, super::package::PACKED_BYTES_MAX)?;
    if bytes.starts_with(b"PK") {
        read_zip(path, &bytes, lookup)
    } else {
        read_xml(path, &bytes, lookup)
    }
}

fn read_xml(path: &Path, bytes: &[u8], lookup: Lookup<'_>) -> StoreResult<Read> {
    let (config, warnings) = parse(&path.display().to_string(), bytes)?;
    let resolved = resolve(&config, lookup)?;
    let keys = KeyRing { cluster: random_u32()?, keys: vec![random_key()?] };
    Ok((bytes.to_vec(), resolved, keys, warnings))
}

fn read_zip(path: &Path, bytes: &[u8], lookup: Lookup<'_>) -> StoreResult<Read> {
    let name = path.display().to_string();
    let package = Package::read_bytes(&name, bytes)?;
    let file = |file: &str| package.file(file).map(|entry| entry.bytes.as_slice());
    let missing = |file: &str| {
        StoreError::Usage(format!("{name}: {file} is not in it: this is no exported cluster"))
    };
    let xml = file(XML).ok_or_else(|| missing(XML))?;
    let (config, warnings) = parse(&format!("{name}:{XML}"), xml)?;
    let resolved = match file(RESOLVED) {
        Some(bytes) => parse(&format!("{name}:{RESOLVED}"), bytes)?.0,
        None => resolve(&config, lookup)?,
    };
    if resolved.nodes != config.nodes {
        return Err(StoreError::Usage(format!(
            "{name}: {XML} and {RESOLVED} have different nodes"
        )));
    }
    let keys = String::from_utf8_lossy(file(KEYS).ok_or_else(|| missing(KEYS))?);
    let keys = parse_keys(&format!("{name}:{KEYS}"), &keys)?;
    Ok((xml.to_vec(), resolved, keys, warnings))
}

fn write(layout: &Layout, xml: &[u8], resolved: &ClusterConfig, keys: &KeyRing) -> StoreResult<()> {
    let folder = layout.cluster();
    files::create_folder(&folder, 0o750)?;
    let built = files::building_place(&folder)?;
    let build = || -> StoreResult<()> {
        files::create_folder(&built, 0o750)?;
        files::write_new(&built.join(XML), xml, 0o640)?;
        files::write_new(&built.join(RESOLVED), resolved.to_xml().as_bytes(), 0o640)?;
        files::write_new(&built.join(KEYS), keys_text(keys).as_bytes(), 0o600)?;
        keep_others(&folder, &built)
    };
    if let Err(error) = build() {
        files::remove_quietly(&built);
        return Err(error);
    }
    files::replace_folder(&built, &folder)
}

/// Somebody's own files in the folder (an older cluster.xml, a note, a folder of them) are not ours to remove.
fn keep_others(from: &Path, to: &Path) -> StoreResult<()> {
    for entry in fs::read_dir(from).map_err(StoreError::io("read", from))?.flatten() {
        let (path, kept) = (entry.path(), to.join(entry.file_name()));
        let is_ours = entry.file_name().to_string_lossy().starts_with(files::LEFTOVER_PREFIX);
        if is_ours || fs::symlink_metadata(&kept).is_ok() {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).map_err(StoreError::io("keep", &path))?;
        if metadata.is_dir() {
            files::create_folder(&kept, metadata.permissions().mode() & 0o7777)?;
            keep_others(&path, &kept)?;
        } else {
            // A link stays a link.
            fs::hard_link(&path, &kept).map_err(StoreError::io("keep", &path))?;
        }
    }
    Ok(())
}

fn resolve(config: &ClusterConfig, lookup: Lookup<'_>) -> StoreResult<ClusterConfig> {
    config.resolve(lookup).map_err(|errors| StoreError::Configuration {
        diagnostics: errors.iter().map(ToString::to_string).collect(),
    })
}

fn parse(name: &str, bytes: &[u8]) -> StoreResult<(ClusterConfig, Vec<String>)> {
    match cluster::parse(name, bytes).into_result() {
        Ok((config, warnings)) => Ok((config, lines(&warnings))),
        Err(faults) => Err(StoreError::Configuration { diagnostics: lines(&faults) }),
    }
}

/// Returns diagnostics as lines for people.
pub(super) fn lines(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

fn keys_text(ring: &KeyRing) -> String {
    let mut text = format!("{KEYS_HEADER}\ncluster {:08x}\n", ring.cluster);
    for key in &ring.keys {
        let hex: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("key {hex}\n"));
    }
    text
}

/// Reads the keys' file; an error never repeats what is in it.
fn parse_keys(name: &str, text: &str) -> StoreResult<KeyRing> {
    let refuse = |why: &str| refused(&format!("{name}: {why}"));
    let mut lines = text.lines();
    match lines.next() {
        Some(KEYS_HEADER) => {}
        Some(other) if other.starts_with("safekit keys ") => {
            return Err(refuse("is of a newer version than this agent knows"));
        }
        Some(_) | None => return Err(refuse("is no file of keys")),
    }
    let cluster = lines.next().and_then(|line| line.strip_prefix("cluster "));
    let cluster = cluster.and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let cluster = cluster.ok_or_else(|| refuse("has no cluster id in its second line"))?;
    let mut keys = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let key = line.strip_prefix("key ").and_then(parse_hex);
        keys.push(Key::new(key.ok_or_else(|| refuse("has a line that is no key"))?));
        if keys.len() > KEYS_MAX {
            return Err(refuse("has more than two keys"));
        }
    }
    Ok(KeyRing { cluster, keys })
}

fn parse_hex(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    (hex.len() == 64 && hex.is_ascii()).then_some(())?;
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn random_key() -> StoreResult<Key> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| refused(&format!("the host gives no random numbers: {error}")))?;
    Ok(Key::new(bytes))
}

fn random_u32() -> StoreResult<u32> {
    getrandom::u32().map_err(|error| refused(&format!("the host gives no random numbers: {error}")))
}

/// Reads a file that somebody named: that it cannot be read is his matter.
fn read_given(path: &Path, bytes_max: u64) -> StoreResult<Vec<u8>> {
    files::read_bounded(path, bytes_max).map_err(|error| StoreError::Usage(error.to_string()))
}

fn refused(why: &str) -> StoreError {
    StoreError::Refused(why.to_owned())
}

fn not_configured() -> StoreError {
    refused("the cluster is not configured on this node: run 'safekit cluster config' first")
}
