//! `cluster export` writes a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use safekit_cli::Exit;

use crate::fake_agent::{FakeAgent, FakeRoot, answer};

const ZIP: &[u8] = b"PK\x03\x04 and more \0\xff";

#[test]
fn export_is_for_its_owner_only_and_whole() {
    let root = FakeRoot::new();
    let agent = FakeAgent::start(&root, vec![answer(200, ZIP)]);
    let ran = root.run("safekit cluster export cluster.zip");
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    assert!(ran.out.starts_with("ROOT/cluster.zip holds"), "{}", ran.out);
    let file = root.path.join("cluster.zip");
    assert_eq!(fs::read(&file).unwrap(), ZIP);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(agent.asked(), ["GET /api/v1/cluster/export"]);
}

#[test]
fn export_takes_the_place_of_a_file_that_all_may_read() {
    let root = FakeRoot::new();
    let file = root.path.join("cluster.zip");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let _agent = FakeAgent::start(&root, vec![answer(200, ZIP)]);
    assert_eq!(root.run("safekit cluster export cluster.zip").exit, Exit::Done);
    assert_eq!(fs::read(&file).unwrap(), ZIP);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn export_that_fails_leaves_nothing() {
    for (line, sent, exit) in [
        ("safekit cluster export cluster.zip", answer(200, b"<html>"), Exit::Internal),
        ("safekit cluster export missing/cluster.zip", answer(200, ZIP), Exit::Usage),
        ("safekit cluster export cluster.zip", answer(200, ZIP)[..60].to_vec(), Exit::AgentDown),
    ] {
        let root = FakeRoot::new();
        let _agent = FakeAgent::start(&root, vec![sent]);
        let ran = root.run(line);
        assert_eq!(ran.exit, exit, "{ran:?}");
        let left: Vec<_> =
            fs::read_dir(&root.path).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(left, ["var"], "{line}");
    }
}

#[test]
fn export_to_a_folder_is_refused_before_anything_is_asked() {
    let root = FakeRoot::new();
    let agent = FakeAgent::start(&root, vec![answer(200, ZIP)]);
    assert_eq!(root.run("safekit cluster export var").exit, Exit::Usage);
    assert!(agent.asked().is_empty());
}
