use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("safekit-root-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn root(&self, name: &str) -> PathBuf {
        let root = self.0.join(name);
        fs::create_dir_all(root.join("var")).unwrap();
        fs::write(root.join("safekit"), "").unwrap();
        root
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn program(path: &Path) -> Root {
    Root::find(None, Some(path), &Environment::default())
}

#[test]
fn installed_product_is_meant_where_nothing_else_says_so() {
    let root = Root::find(None, None, &Environment::default());
    assert_eq!(root.safe, Path::new("/opt/safekit"));
    assert_eq!(root.socket(), Path::new("/var/safekit/safekit.sock"));
}

#[test]
fn folder_of_the_link_is_the_root() {
    let folder = Folder::new("link");
    let root = folder.root("r1");
    assert_eq!(program(&root.join("safekit")), Root::at(&root));
    assert_eq!(Root::at(&root).socket(), root.join("var/safekit.sock"));
}

#[test]
fn link_to_a_link_in_a_root_is_followed() {
    let folder = Folder::new("chain");
    let root = folder.root("r1");
    let bin = folder.0.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink("../r1/safekit", bin.join("safekit")).unwrap();
    assert_eq!(program(&bin.join("safekit")).safe.canonicalize().unwrap(), root);
}

#[test]
fn program_without_folder_is_looked_up_in_path() {
    let folder = Folder::new("path");
    let root = folder.root("r1");
    let empty = folder.0.join("empty");
    let path = std::env::join_paths([empty.as_path(), root.as_path()]).unwrap();
    let environment = Environment { path: Some(path), ..Environment::default() };
    assert_eq!(Root::find(None, Some(Path::new("safekit")), &environment), Root::at(&root));
}

#[test]
fn relative_program_is_relative_to_the_working_directory() {
    let folder = Folder::new("relative");
    let root = folder.root("r1");
    let environment = Environment { current_dir: Some(root.clone()), ..Environment::default() };
    let found = Root::find(None, Some(Path::new("./safekit")), &environment);
    assert_eq!(found.safe.canonicalize().unwrap(), root);
}

#[test]
fn root_of_the_file_system_is_no_root() {
    assert!(Path::new("/var").is_dir());
    assert!(program(Path::new("/safekit")).is_installed());
}

#[test]
fn circle_of_links_ends_at_the_installed_product() {
    let folder = Folder::new("circle");
    let (one, two) = (folder.0.join("one"), folder.0.join("two"));
    symlink(&two, &one).unwrap();
    symlink(&one, &two).unwrap();
    assert!(program(&one).is_installed());
}

#[test]
fn option_counts_before_variable_and_variable_before_link() {
    let folder = Folder::new("order");
    let link = folder.root("r1").join("safekit");
    let environment = Environment {
        safe: Some("/r2".into()),
        safevar: Some("/elsewhere".into()),
        current_dir: Some(PathBuf::from("/home")),
        ..Environment::default()
    };
    let by_variable = Root::find(None, Some(&link), &environment);
    assert_eq!(by_variable.socket(), Path::new("/elsewhere/safekit.sock"));
    let by_option = Root::find(Some(Path::new("r3")), Some(&link), &environment);
    assert_eq!(by_option.socket(), Path::new("/home/r3/var/safekit.sock"));
}
