//! Links lead somewhere, and every page is found from the contents page.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::page::{self, Page};

/// Folders without pages of ours.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];

fn pages() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(page::repository().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
            if entry.path().is_dir() {
                if !SKIPPED.iter().any(|it| name.to_str() == Some(it)) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Takes `a/..` out of a path.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out", path.display()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

/// Where a link leads: a file below the repository, and an anchor. `None`: out into the world.
fn target(page: &Path, link: &str) -> Option<(PathBuf, Option<String>)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (link, None),
    };
    let path = match file {
        "" => page.to_owned(),
        _ => plain(&page.parent().unwrap().join(file)),
    };
    Some((path, anchor))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut dead = Vec::new();
    let pages = pages();
    assert!(pages.len() > 15, "the pages are not where they were");
    for path in pages {
        let page = Page::read(&path);
        for (line, link) in &page.links {
            let Some((file, anchor)) = target(&path, link) else { continue };
            let there = page::repository().join(&file).exists();
            let heading =
                anchor.is_none_or(|anchor| there && Page::read(&file).anchors.contains(&anchor));
            if !there || !heading {
                dead.push(format!("{}:{line}: {link}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn every_page_of_the_book_is_found_from_its_contents_page() {
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    let mut next = vec![PathBuf::from("docs/README.md")];
    while let Some(path) = next.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let links = Page::read(&path).links;
        let targets = links.iter().filter_map(|(_, link)| target(&path, link));
        // Over the pages of the book only: the way must not lead through the sources.
        next.extend(targets.map(|(file, _)| file).filter(|file| {
            file.starts_with("docs") && file.extension().is_some_and(|it| it == "md")
        }));
    }
    let lost: Vec<PathBuf> = super::book()
        .into_iter()
        .filter(|path| path.starts_with("docs") && !found.contains(path))
        .collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}
