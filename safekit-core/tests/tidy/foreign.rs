//! No type of another crate in a public signature: an embedder must not break when a dependency changes.
//!
//! Reads the source of the two libraries: what is `pub` there can be reached (`unreachable_pub` sees to that). Which
//! crates are foreign is read from the manifests, so that a new one is looked for too.
//!
//! Left out, because they are promised to stay: `serde` (data types can be written and read) and `thiserror`, which
//! leaves only traits of the standard library behind.

use std::collections::BTreeSet;

use super::sources::{LIBRARIES, file, sources};

const PROMISED: [&str; 2] = ["serde", "thiserror"];

fn dependencies(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let names = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .filter(|name| !name.starts_with("safekit-") && !PROMISED.contains(name));
    names.map(|name| name.replace('-', "_")).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Names that a file takes from foreign crates: the crates themselves, and what it imports.
fn foreign_names(source: &str, crates: &BTreeSet<String>) -> BTreeSet<String> {
    let mut names = crates.clone();
    for import in source.split('\n').filter_map(|line| line.trim_start().strip_prefix("use ")) {
        let from = source.find(import).unwrap();
        let import = source[from..].split(';').next().unwrap();
        if words(import).next().is_some_and(|first| crates.contains(first)) {
            let own = words(import).filter(|word| word.starts_with(char::is_uppercase));
            names.extend(own.map(str::to_owned));
        }
    }
    names
}

/// What the outside sees of each public item: of a function its head, of an enum or trait all of it, of a struct
/// its public fields; and what is implemented for whom.
fn signatures(source: &str) -> Vec<(usize, String)> {
    let code = |line: &str| line.split("//").next().unwrap().to_owned();
    let lines: Vec<String> = source.lines().map(code).collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let item = line.trim_start();
        let indent = &line[..line.len() - item.len()];
        let ends: Box<dyn Fn(&str) -> bool> = match words(item).collect::<Vec<_>>()[..] {
            ["pub", "enum" | "trait", ..] => {
                let end = format!("{indent}}}");
                Box::new(move |line| line == end || line.ends_with("{}"))
            }
            ["pub", "struct" | "mod", ..] => Box::new(|_| true),
            ["pub", "use" | "type" | "static", ..] => Box::new(|line| line.contains(';')),
            ["pub" | "impl", ..] if item.starts_with("pub ") || item.starts_with("impl") => {
                Box::new(|line| line.ends_with(['{', ';', ',', '}']) && !line.ends_with("&self,"))
            }
            _ => continue,
        };
        // The arguments of a function stand on lines of their own where it is long.
        let is_long = item.ends_with('(');
        let close = format!("{indent})");
        let ends = |line: &str| if is_long { line.starts_with(&close) } else { ends(line) };
        let last = lines[number..].iter().position(|line| ends(line)).unwrap_or(0);
        let text = lines[number..=number + last].join("\n");
        // Of a tuple struct only what is public too.
        let text = match item.strip_prefix("pub struct ") {
            Some(fields) => fields.split("pub ").skip(1).collect(),
            None => text,
        };
        found.push((number + 1, text));
    }
    found
}

fn faults(source: &str, crates: &BTreeSet<String>) -> Vec<usize> {
    let names = foreign_names(source, crates);
    let foreign = |text: &str| words(text).any(|word| names.contains(word));
    let shown = |text: &str| !text.starts_with("impl") || !is_for_private(text, source);
    let bad = signatures(source).into_iter();
    bad.filter(|(_, text)| foreign(text) && shown(text.trim_start())).map(|it| it.0).collect()
}

/// Whether something is implemented for a type that this file has, and does not show; or by a macro, of which only
/// private ones are here.
fn is_for_private(implementation: &str, source: &str) -> bool {
    if implementation.contains(" for $") {
        return true;
    }
    let whom = implementation.split(" for ").last().and_then(|whom| words(whom).next());
    let declares = |line: &str| {
        let words: Vec<&str> = words(line).collect();
        let kind = words.iter().position(|word| matches!(*word, "struct" | "enum"));
        kind.is_some_and(|at| words.get(at + 1).copied() == whom)
    };
    source.lines().any(|line| !line.starts_with("pub ") && declares(line))
}

#[test]
fn public_signatures_name_no_other_crate() {
    let mut bad = Vec::new();
    for library in LIBRARIES {
        let crates = dependencies(&file(library, "Cargo.toml"));
        assert!(crates.contains("sha2"), "the manifest is not read: {crates:?}");
        for source in sources(library) {
            let lines = faults(source.product(), &crates).into_iter();
            bad.extend(lines.map(|line| format!("{library}/src/{}:{line}", source.path)));
        }
    }
    assert_eq!(bad, Vec::<String>::new());
}

#[test]
fn a_foreign_type_is_found_wherever_it_shows() {
    let crates = ["mio".to_owned(), "regex_lite".to_owned()].into();
    let begin = "use mio::{\n    Poll as Queue, Token,\n};\n";
    for bad in [
        "pub fn poll(&self) -> mio::Poll {\n}\n",
        "    pub fn poll(\n        &self,\n        token: Token,\n    ) -> u8 {\n    }\n",
        "    pub fn watch(&mut self, token: &Token) {\n",
        "pub struct Edge {\n    pub token: Token,\n}\n",
        "pub struct Edge(pub Token);\n",
        "pub enum Thing {\n    One {\n        token: Queue,\n    },\n}\n",
        "pub trait Wait {\n    fn wait(&self) -> Token;\n}\n",
        "pub type Place = Token;\n",
        "pub const FIRST: Token = Token(1);\n",
        "pub use mio::Poll;\n",
        "impl From<regex_lite::Error> for Fault {\n}\n",
    ] {
        assert!(!faults(&format!("{begin}{bad}"), &crates).is_empty(), "{bad}");
    }
    for good in [
        "pub(crate) fn poll(&self) -> Token {\n}\n",
        "fn poll(&self) -> Token {\n}\n",
        "pub struct Edge {\n    token: Token,\n    pub count: u8,\n}\n",
        "pub struct WatchToken(Token);\n",
        "pub fn watch(&self, token: WatchToken) {\n    mio::poll(Token(1));\n}\n",
        "/// See mio::Token.\npub fn watch(&self) {\n}\n",
        "struct Own(u8);\nimpl From<Token> for Own {\n}\n",
    ] {
        assert_eq!(faults(&format!("{begin}\n{good}"), &crates), [], "{good}");
    }
}
