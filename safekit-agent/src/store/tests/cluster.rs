//! Configuring the cluster on a real disk; DNS is a function of the test.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use safekit_core::config::ClusterConfig;

use super::{TestRoot, mode};
use crate::store::cluster::{
    Keys, Lock, Source, change_keys, check, check_unlocked, configure, confinfo, export, load,
    lock, remove, set_lock,
};
use crate::store::{Layout, StoreError};

const XML: &str = r#"<cluster><lans><lan name="default">
  <node name="node1" addr="10.0.0.1"/><node name="node2" addr="second.example"/>
</lan></lans></cluster>"#;

fn answers(host: &str) -> Result<Vec<IpAddr>, String> {
    match host {
        "second.example" => Ok(vec![Ipv4Addr::new(10, 0, 0, 2).into()]),
        _ => Err("is not known".to_owned()),
    }
}

fn nobody(host: &str) -> Result<Vec<IpAddr>, String> {
    Err(format!("{host} must not be asked for"))
}

fn fits(_: &ClusterConfig) -> Result<(), String> {
    Ok(())
}

fn file(root: &TestRoot, name: &str, bytes: impl AsRef<[u8]>) -> Source {
    let path = root.path().join(name);
    fs::write(&path, bytes).unwrap();
    Source::File(path)
}

fn content(layout: &Layout) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(layout.cluster()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_cluster_is_configured_by_xml_with_new_keys_each_time() {
    let root = TestRoot::new();
    let layout = root.layout();
    assert_eq!(load(&layout).unwrap(), None);
    assert_eq!(confinfo(&layout).unwrap(), None);
    let source = file(&root, "given.xml", XML);
    let (first, _) = configure(&layout, &source, &mut answers, &fits).unwrap();
    assert_eq!(first.config.nodes.len(), 2);
    assert_eq!(first.keys.keys.len(), 1);
    assert_eq!(first.keys_open, None);
    assert_eq!(mode(&layout.cluster().join("keys")), 0o600);
    assert_eq!(fs::read_to_string(layout.cluster().join("cluster.xml")).unwrap(), XML);
    assert!(
        fs::read_to_string(layout.cluster().join("cluster_ip.xml")).unwrap().contains("10.0.0.2")
    );
    assert_eq!(load(&layout).unwrap().unwrap(), first);
    let (second, _) = configure(&layout, &Source::Current, &mut answers, &fits).unwrap();
    assert_eq!(second.config, first.config);
    assert_ne!(second.keys.keys, first.keys.keys);
    let info = confinfo(&layout).unwrap().unwrap();
    assert_eq!(info.signature, first.config.signature);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let root = TestRoot::new();
    let layout = root.layout();
    configure(&layout, &file(&root, "given.xml", XML), &mut answers, &fits).unwrap();
    fs::write(layout.cluster().join("note"), "an administrator's own").unwrap();
    let before = content(&layout);
    let wrong = XML.replace("addr=\"10.0.0.1\"", "adr=\"10.0.0.1\"");
    let unknown = XML.replace("second.example", "other.example");
    for (name, bytes) in
        [("wrong", wrong.as_str()), ("unknown", &unknown), ("empty", ""), ("zip", "PK\x03\x04")]
    {
        let error = configure(&layout, &file(&root, name, bytes), &mut answers, &fits).unwrap_err();
        assert_eq!(content(&layout), before, "{error}");
    }
    let error = configure(&layout, &file(&root, "wrong", &wrong), &mut answers, &fits).unwrap_err();
    let StoreError::Configuration { diagnostics } = error else { panic!("{error}") };
    assert!(diagnostics.iter().any(|line| line.contains("wrong:2:")), "{diagnostics:?}");
    let missing = Source::File(root.path().join("missing"));
    assert!(matches!(configure(&layout, &missing, &mut answers, &fits), Err(StoreError::Usage(_))));
    let current = Source::Current;
    let error = configure(&layout, &current, &mut answers, &|_| Err("no node of it".to_owned()));
    assert_eq!(error.unwrap_err().to_string(), "no node of it");
    assert_eq!(content(&layout), before);
    // A good one keeps the administrator's own files, folders and links.
    let folder = layout.cluster();
    fs::create_dir_all(folder.join("older/last")).unwrap();
    fs::write(folder.join("older/last/cluster.xml"), XML).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("older/link")).unwrap();
    configure(&layout, &Source::Current, &mut answers, &fits).unwrap();
    assert!(folder.join("note").exists());
    assert_eq!(fs::read_to_string(folder.join("older/last/cluster.xml")).unwrap(), XML);
    assert_eq!(fs::read_link(folder.join("older/link")).unwrap(), PathBuf::from("nowhere"));
}

#[test]
fn an_export_makes_the_same_cluster_elsewhere_without_dns() {
    let (here, there) = (TestRoot::new(), TestRoot::new());
    let (layout, other) = (here.layout(), there.layout());
    assert!(matches!(export(&layout), Err(StoreError::Refused(_))));
    let (first, _) =
        configure(&layout, &file(&here, "given.xml", XML), &mut answers, &fits).unwrap();
    let zip = file(&there, "cluster.zip", export(&layout).unwrap());
    let (second, _) = configure(&other, &zip, &mut nobody, &fits).unwrap();
    assert_eq!((second.config, second.keys), (first.config, first.keys));
}

#[test]
fn damaged_keys_are_refused_and_never_repeated() {
    let root = TestRoot::new();
    let layout = root.layout();
    configure(&layout, &file(&root, "given.xml", XML), &mut answers, &fits).unwrap();
    let path = layout.cluster().join("keys");
    let whole = fs::read_to_string(&path).unwrap();
    let key = whole.lines().last().unwrap();
    let damages = [
        String::new(),
        whole.replace("keys 1", "keys 2"),
        whole.replace("cluster ", "klaster "),
        whole.replace("key ", "kay "),
        whole[..whole.len() - 3].to_owned(),
        format!("{whole}{key}\n{key}\n"),
        whole.replacen("key ", "key é", 1),
    ];
    for damage in damages {
        fs::write(&path, &damage).unwrap();
        let error = load(&layout).unwrap_err().to_string();
        assert!(error.contains("keys") && !error.contains(&key[10..]), "{error}");
    }
    fs::remove_file(&path).unwrap();
    load(&layout).unwrap_err();
}

#[test]
fn keys_that_others_can_read_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let root = TestRoot::new();
    let layout = root.layout();
    configure(&layout, &file(&root, "given.xml", XML), &mut answers, &fits).unwrap();
    let path = layout.cluster().join("keys");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(load(&layout).unwrap().unwrap().keys_open, Some(0o644));
    let changed = change_keys(&layout, Keys::New).unwrap();
    assert_eq!((changed.keys_open, mode(&path)), (None, 0o600));
}

#[test]
fn keys_change_and_everything_else_stays_and_a_lock_holds() {
    let root = TestRoot::new();
    let layout = root.layout();
    assert!(change_keys(&layout, Keys::New).is_err(), "there is no cluster");
    assert!(set_lock(&layout, Lock::Locked).is_err());
    let source = file(&root, "given.xml", XML);
    let (first, _) = configure(&layout, &source, &mut answers, &fits).unwrap();
    let second = change_keys(&layout, Keys::New).unwrap();
    assert_eq!((&second.config, second.keys.cluster), (&first.config, first.keys.cluster));
    assert_ne!(second.keys.keys, first.keys.keys);
    assert_eq!(fs::read_to_string(layout.cluster().join("cluster.xml")).unwrap(), XML);
    assert!(change_keys(&layout, Keys::None).unwrap().keys.keys.is_empty());

    set_lock(&layout, Lock::Locked).unwrap();
    set_lock(&layout, Lock::Locked).unwrap();
    let before = content(&layout);
    assert!(check_unlocked(&layout).is_err());
    assert!(change_keys(&layout, Keys::New).is_err());
    assert_eq!(content(&layout), before);
    // Who has the right to unlock configures all the same; the lock stays until it is said otherwise.
    configure(&layout, &source, &mut answers, &fits).unwrap();
    assert_eq!(lock(&layout), Lock::Locked);
    set_lock(&layout, Lock::Unlocked).unwrap();
    set_lock(&layout, Lock::Unlocked).unwrap();
    assert_eq!(lock(&layout), Lock::Unlocked);
}

#[test]
fn a_check_writes_nothing_and_a_removal_leaves_what_is_not_ours() {
    let root = TestRoot::new();
    let layout = root.layout();
    let Source::File(path) = file(&root, "given.xml", XML) else { panic!() };
    assert_eq!(check(&path, &mut answers).unwrap().0.nodes.len(), 2);
    assert!(check(&path, &mut nobody).is_err());
    assert_eq!(content(&layout), []);
    configure(&layout, &Source::File(path), &mut answers, &fits).unwrap();
    fs::write(layout.cluster().join("note"), "an administrator's own").unwrap();
    remove(&layout).unwrap();
    assert_eq!(load(&layout).unwrap(), None);
    assert_eq!(content(&layout).len(), 1);
    remove(&layout).unwrap();
}
