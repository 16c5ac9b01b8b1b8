//! The source of a package, for the checks that read it.

use std::fs;
use std::path::{Path, PathBuf};

/// What vendors build into their products.
pub(crate) const LIBRARIES: [&str; 2] = ["safekit-core", "safekit-farm"];

/// A file of the source.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path below the package's `src`, with slashes.
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

/// Returns a file of a package, as Cargo.toml.
pub(crate) fn file(package: &str, path: &str) -> String {
    let path = folder(package).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the whole source of a package, in the order of the paths.
pub(crate) fn sources(package: &str) -> Vec<Source> {
    let src = folder(package).join("src");
    let mut found = Vec::new();
    collect(&src, &src, &mut found);
    assert!(found.len() > 5, "the source is not where it was");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(package)
}

fn collect(src: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(src, &path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}
