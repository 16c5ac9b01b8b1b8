//! What a crash leaves of folders that are replaced.

use std::fs;
use std::path::Path;

use super::TestRoot;
use crate::store::files::{clear_leftovers, step_aside};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// As on a file system without `RENAME_EXCHANGE`, with a crash after each step.
#[test]
fn a_folder_that_stood_aside_comes_back_where_its_place_is_empty() {
    let root = TestRoot::new();
    let (place, built) =
        (root.path().join("cluster"), root.path().join(".safekit-new.1.0.cluster"));
    let make = |folder: &Path, text| {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("cluster.xml"), text).unwrap();
    };
    make(&place, "old");
    make(&built, "new");
    let aside = root.path().join(".safekit-old.cluster");
    fs::rename(&place, &aside).unwrap();
    clear_leftovers(root.path());
    assert_eq!(read(&place.join("cluster.xml")), "old");
    assert!(!aside.exists() && !built.exists());

    make(&built, "new");
    step_aside(&built, &place).unwrap();
    assert_eq!(read(&place.join("cluster.xml")), "new");
    assert!(!aside.exists() && !built.exists());

    make(&aside, "old");
    clear_leftovers(root.path());
    assert_eq!(read(&place.join("cluster.xml")), "new");
    assert!(!aside.exists());
}
