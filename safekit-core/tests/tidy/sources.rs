//! The source of a package, for the checks that read it.

use std::fs;
use std::path::{Path, PathBuf};

/// What vendors build into their products.
pub(crate) const LIBRARIES: [&str; 2] = ["safekit-core", "safekit-farm"];

/// A file of the source.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path below the folder that was read, with slashes.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl Source {
    /// Returns what it holds, without the unit tests at its end.
    pub(crate) fn product(&self) -> &str {
        let mark = "\n#[cfg(test)]\nmod ";
        let opens = |at: usize| {
            self.text[at + mark.len()..].lines().next().is_some_and(|line| line.ends_with('{'))
        };
        let end = self.text.match_indices(mark).map(|(at, _)| at).find(|at| opens(*at));
        &self.text[..end.unwrap_or(self.text.len())]
    }
}

/// Returns a file of a package, such as Cargo.toml.
pub(crate) fn file(package: &str, path: &str) -> String {
    let path = folder(package).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the source of a package below `src`, in the order of the paths.
pub(crate) fn sources(package: &str) -> Vec<Source> {
    below(&folder(package).join("src"))
}

/// Returns all source of a package, tests included, in the order of the paths.
pub(crate) fn everything(package: &str) -> Vec<Source> {
    below(&folder(package))
}

fn below(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(root, root, &mut found);
    assert!(found.len() > 5, "the source is not where it was");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(package)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}
