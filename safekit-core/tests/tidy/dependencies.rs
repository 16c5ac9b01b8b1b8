//! Each dependency is used, and has its reason in the decision about them.
//!
//! What is only turned on by a feature of a package counts as its dependency; the packages of this workspace do not.

use std::collections::BTreeSet;

use super::sources::{everything, file};

const PACKAGES: [&str; 6] =
    ["safekit-core", "safekit-farm", "safekit-cli", "safekit-agent", "examples", "benches"];

/// Returns what a manifest takes from others, in whatever section.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_dependency = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_dependency = section.trim_end_matches(']').ends_with("dependencies");
        } else if is_dependency && line.starts_with(char::is_alphabetic) {
            found.extend(line.split(['.', ' ', '=']).next());
        }
    }
    found.into_iter().filter(|name| !name.starts_with("safekit-")).collect()
}

/// Returns the libraries that the table of the decision names.
fn decided(decision: &str) -> BTreeSet<&str> {
    let rows = decision.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    rows.flat_map(|names| names.split(", ")).collect()
}

#[test]
fn each_dependency_is_used_and_has_a_reason() {
    let decision = file("docs", "decisions/0002-dependencies.md");
    let decided = decided(&decision);
    let mut bad = Vec::new();
    for package in PACKAGES {
        let manifest = file(package, "Cargo.toml");
        let sources = everything(package);
        let dependencies = dependencies(&manifest);
        assert!(!dependencies.is_empty() || package == "examples", "{package}: nothing is read");
        for name in dependencies {
            let path = format!("{}::", name.replace('-', "_"));
            if !sources.iter().any(|source| source.text.contains(&path)) {
                bad.push(format!("{package}: nothing uses {name}"));
            }
            if !decided.contains(name) {
                bad.push(format!("{package}: 0002-dependencies.md has no reason for {name}"));
            }
        }
    }
    assert_eq!(bad, Vec::<String>::new());
}

#[test]
fn all_sections_of_a_manifest_are_read() {
    let manifest = "[package]\nname = \"x\"\n\n[dependencies]\n# Why.\none.workspace = true\ntwo = { version = \"1\" }\n\
                    safekit-core.workspace = true\n\n[target.'cfg(unix)'.dependencies]\nthree = \"3\"\n\n\
                    [dev-dependencies]\nfour.workspace = true\n\n[[test]]\nname = \"t\"\n";
    assert_eq!(dependencies(manifest), ["four", "one", "three", "two"].into());
    assert_eq!(
        decided("| library | for |\n|---|---|\n| one, two | x |"),
        ["library", "one", "two"].into()
    );
}
