//! Every public module, type, trait and free function of the libraries has an example, which runs as a doc test.
//!
//! Where one example shows several things, it stands at one of them, and the others say `Example: [`Name`].` on a line of
//! their own. An example counts for what it names: in its code, comments and hidden lines left out; of a module the name
//! in an import will do. What has no example of its own and is not named in the one that it points to is a fault.
//!
//! What is `pub` can be reached (`unreachable_pub` sees to that). Methods, fields, variants and constants are shown by the
//! example of their type. An example that cannot run here (`no_run`) says why: `// Not run: ...`.

use std::collections::BTreeMap;

use super::sources::{LIBRARIES, Source, sources};

/// Something public that needs an example, or may hold one for others.
#[derive(Debug)]
struct Item {
    place: String,
    kind: Kind,
    name: String,
    docs: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Module,
    /// A type, trait or free function.
    Free,
    /// A method or constant: may hold the example of others.
    Holder,
}

/// Returns the public items of a file; `//!` belongs to its module.
fn items(package: &str, source: &Source) -> Vec<Item> {
    let lines: Vec<&str> = source.product().lines().collect();
    let place = |number: usize| format!("{package}/src/{}:{}", source.path, number + 1);
    let mut found = Vec::new();
    // How far the free items are indented here.
    let mut free_at = 0;
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if indent == 0 && (code == "}" || code.ends_with('{')) {
            free_at = match code.split([' ', '!']).find(|word| *word != "pub") {
                Some("mod") => 4,
                // What a macro declares under a name of its own.
                Some("macro_rules") => 8,
                _ => 0,
            };
        }
        let is_free = indent == 0 || indent == free_at;
        let (kind, name) = match declared(code) {
            Some(("mod", name)) => (Kind::Module, name),
            Some(("const" | "static", name)) => (Kind::Holder, name),
            Some((_, name)) if is_free => (Kind::Free, name),
            Some((_, name)) => (Kind::Holder, name),
            // A type that a macro makes of documentation and name.
            None if is_made(&lines, number) => (Kind::Free, code),
            None => continue,
        };
        let docs = docs_above(&lines, number);
        found.push(Item { place: place(number), kind, name: name.to_owned(), docs });
    }
    found
}

/// Returns what a line declares for all to see: its keyword and its name.
fn declared(code: &str) -> Option<(&str, &str)> {
    let mut words = code
        .strip_prefix("pub ")?
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    let keyword = words.find(|word| !matches!(*word, "unsafe" | "async" | "extern"))?;
    let (keyword, name) = match (keyword, words.next()?) {
        ("const", "fn") => ("fn", words.next()?),
        found => found,
    };
    let known = matches!(
        keyword,
        "mod" | "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static"
    );
    // `pub struct $name` is of a macro, and shown where that is used.
    (known && !code.contains(&format!("${name}"))).then_some((keyword, name))
}

fn is_made(lines: &[&str], number: usize) -> bool {
    let name = lines[number].trim_start();
    let is_name = name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric);
    is_name
        && number > 0
        && lines[number - 1].trim_start().starts_with("///")
        && lines.get(number + 1) == Some(&"}")
}

fn docs_above(lines: &[&str], number: usize) -> Vec<String> {
    let above = lines[..number].iter().rev().map(|line| line.trim_start());
    let block = above.take_while(|line| {
        !line.is_empty() && !line.ends_with('}') && !line.ends_with(';') && *line != "{"
            || line.starts_with("///")
    });
    let mut docs: Vec<String> = block.filter_map(|line| doc_text(line, "///")).collect();
    docs.reverse();
    docs
}

fn doc_text(line: &str, mark: &str) -> Option<String> {
    let text = line.strip_prefix(mark)?;
    Some(text.strip_prefix(' ').unwrap_or(text).to_owned())
}

/// An example that is compiled.
#[derive(Debug, Default)]
struct Example {
    is_run: bool,
    text: String,
}

impl Example {
    /// Returns the code that a reader sees.
    fn code(&self) -> String {
        let seen = self.text.lines().filter(|line| *line != "#" && !line.starts_with("# "));
        seen.map(|line| format!("{}\n", line.split("//").next().unwrap())).collect()
    }

    /// Tells whether the code does something with this name; importing it is not enough, but for a module.
    fn names(&self, kind: Kind, name: &str) -> bool {
        let code = self.code();
        let used: String = match kind {
            Kind::Module => code,
            Kind::Free | Kind::Holder => {
                let statements = code.split_inclusive(';');
                statements.filter(|it| !it.trim_start().starts_with("use ")).collect()
            }
        };
        used.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    }
}

fn examples(docs: &[String]) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = docs.iter();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| !line.starts_with("```"));
        let text: String = block.map(|line| format!("{line}\n")).collect();
        if info.split(',').all(|word| matches!(word.trim(), "" | "rust" | "no_run")) {
            found.push(Example { is_run: !info.contains("no_run"), text });
        }
    }
    found
}

/// Returns what the documentation says where the example is.
fn pointed_to(docs: &[String]) -> Option<&str> {
    let line = docs.iter().find_map(|line| line.strip_prefix("Example: "))?;
    let line = line.trim_start_matches('[').strip_prefix('`')?;
    let path = line.split('`').next()?.trim_end_matches("()");
    path.rsplit("::").next()
}

fn faults(mut items: Vec<Item>, sources: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    for item in items.iter_mut().filter(|item| item.kind == Kind::Module) {
        item.docs.extend(sources.get(&item.name_of_file()).into_iter().flatten().cloned());
    }
    let at = |name: &str| -> Vec<Example> {
        let holders = items.iter().filter(|item| item.name == name);
        holders.flat_map(|holder| examples(&holder.docs)).collect()
    };
    let mut faults = Vec::new();
    for item in &items {
        let own = examples(&item.docs);
        if own.iter().any(|it| !it.is_run && !it.text.contains("// Not run: ")) {
            faults.push(format!("{}: the example does not say why it is not run", item.place));
        }
        let shown =
            |examples: &[Example]| examples.iter().any(|it| it.names(item.kind, &item.name));
        if item.kind == Kind::Holder || shown(&own) {
            continue;
        }
        match pointed_to(&item.docs) {
            Some(name) if shown(&at(name)) => {}
            Some(name) => {
                let Item { place, name: own, .. } = item;
                faults.push(format!("{place}: the example of {name} does not show {own}"));
            }
            None => faults.push(format!("{}: {} has no example", item.place, item.name)),
        }
    }
    faults
}

impl Item {
    /// Returns the path of a module's file, without extension and `mod`.
    fn name_of_file(&self) -> String {
        let folder = self.place.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = self.place.rsplit('/').next().and_then(|it| it.split('.').next()).unwrap_or("");
        match file {
            "lib" | "mod" => format!("{folder}/{}", self.name),
            file => format!("{folder}/{file}/{}", self.name),
        }
    }
}

/// Returns the headers (`//!`) of all files, by path without extension and `mod`.
fn headers(package: &str, sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let header = |source: &Source| {
        let path = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let docs = source.text.lines().filter_map(|line| doc_text(line, "//!")).collect();
        (format!("{package}/src/{path}"), docs)
    };
    sources.iter().map(header).collect()
}

#[test]
fn everything_public_has_an_example() {
    let (mut all, mut files) = (Vec::new(), BTreeMap::new());
    let mut bad = Vec::new();
    for library in LIBRARIES {
        let sources = sources(library);
        all.extend(sources.iter().flat_map(|source| items(library, source)));
        files.extend(headers(library, &sources));
        if examples(&files[&format!("{library}/src/lib")]).is_empty() {
            bad.push(format!("{library}/src/lib.rs: the first page has no example"));
        }
    }
    let counted = all.iter().filter(|item| item.kind != Kind::Holder).count();
    assert!(counted > 200, "only {counted} public items are found");
    bad.extend(faults(all, &files));
    assert!(bad.is_empty(), "{} faults:\n{}", bad.len(), bad.join("\n"));
}

#[cfg(test)]
fn faults_of(text: &str) -> Vec<String> {
    let source = Source { path: "lib.rs".to_owned(), text: text.to_owned() };
    let headers = [("lib/src/part".to_owned(), vec!["Nothing.".to_owned()])].into();
    faults(items("lib", &source), &headers)
}

#[test]
fn what_has_no_example_is_found() {
    for bad in [
        "/// A thing.\npub struct Thing;\n",
        "/// A thing.\npub struct Thing {\n    pub field: u8,\n}\n",
        "/// A thing.\npub const fn thing() {}\n",
        "/// A thing.\npub unsafe fn thing() {}\n",
        "/// A part.\npub mod part;\n",
        "mod inner {\n    /// A thing.\n    pub fn thing() {}\n}\n",
        "made! {\n    /// A thing.\n    Thing\n}\n",
        "macro_rules! made {\n    () => {\n        /// A thing.\n        pub struct Thing;\n    };\n}\n",
        // Nothing that runs.
        "/// ```text\n/// Thing\n/// ```\npub struct Thing;\n",
        "/// ```ignore\n/// Thing;\n/// ```\npub struct Thing;\n",
        "/// ```compile_fail\n/// Thing;\n/// ```\npub struct Thing;\n",
        "/// ```no_run\n/// Thing;\n/// ```\npub struct Thing;\n",
        // The example is of something else.
        "/// ```\n/// Other;\n/// ```\npub struct Thing;\n",
        "/// ```\n/// // Thing\n/// ```\npub struct Thing;\n",
        "/// ```\n/// # Thing;\n/// ```\npub struct Thing;\n",
        "/// ```\n/// use lib::{\n///     Thing,\n/// };\n/// ```\npub struct Thing;\n",
        "/// ```\n/// Thing;\n/// ```\npub const ONE: u8 = 1;\npub struct Thing;\n",
        // It points to where it is not shown.
        "/// Example: [`Other`].\npub struct Thing;\n",
        "/// Example: [`other()`].\npub struct Thing;\n\n/// ```\n/// other();\n/// ```\npub fn other() {}\n",
    ] {
        assert_eq!(faults_of(bad).len(), 1, "{bad}");
    }
}

#[test]
fn what_has_an_example_is_no_fault() {
    for good in [
        "struct Thing;\n",
        "pub(crate) struct Thing;\n",
        "pub use inner::Thing;\n",
        "/// ```\n/// let one = Thing;\n/// ```\n#[derive(\n    Debug,\n)]\npub struct Thing;\n",
        "impl Own {\n    /// A method.\n    pub fn thing(&self) {}\n}\n",
        "/// ```no_run\n/// // Not run: it needs a network.\n/// Thing;\n/// ```\npub struct Thing;\n",
        "/// ```\n/// use lib::part;\n/// ```\npub mod part;\n",
        "/// Example: [`other()`](super::other).\npub struct Thing;\n\n/// ```\n/// other(Thing);\n/// ```\npub fn other() {}\n",
        "macro_rules! made {\n    () => {\n        pub struct $name(String);\n    };\n}\n",
        "struct Thing;\n\n#[cfg(test)]\nmod tests {\n    pub fn thing() {}\n}\n",
    ] {
        assert_eq!(faults_of(good), Vec::<String>::new(), "{good}");
    }
}
