//! The documentation does what it says: its commands are run, its links lead somewhere.
//!
//! How a page says what is run where: `page.rs`. With `SAFEKIT_SHOW=1` and `--nocapture` all is shown that the commands
//! print: for who writes a page.

mod compare;
mod faults;
mod hosts;
mod links;
mod page;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::farm::{self, PATIENCE};
use crate::lab;
use hosts::Hosts;
use page::{Page, Step, What};

/// Makes a test of each page that has commands.
macro_rules! pages {
    ($($test:ident: $path:literal,)*) => {
        /// Pages whose commands are run.
        const PAGES: &[&str] = &[$($path),*];
        $(#[test]
        fn $test() {
            does_what_it_says($path);
        })*
    };
}

pages! {
    readme: "README.md",
    quick_start: "docs/quick-start.md",
    haproxy: "docs/haproxy.md",
    load_balancers: "docs/load-balancers.md",
    operations: "docs/operations.md",
    troubleshooting: "docs/troubleshooting.md",
}

fn does_what_it_says(path: &str) {
    if !lab::wanted() {
        return;
    }
    let Some(hosts) = Hosts::new() else { return };
    run_page(&hosts, Path::new(path), None);
}

/// Runs a page up to the end of a section, or to its own.
fn run_page(hosts: &Hosts, path: &Path, last: Option<&str>) {
    let page = Page::read(path);
    if let Some((before, section)) = &page.begins_after {
        run_page(hosts, before, Some(section));
    }
    assert!(last.is_none_or(|last| page.anchors.iter().any(|it| it == last)), "no {last:?}");
    let mut reached = false;
    for step in &page.steps {
        if reached && last.is_some_and(|last| step.section != last) {
            break;
        }
        reached |= last.is_some_and(|last| step.section == last);
        for host in &step.hosts {
            let begin = Instant::now();
            if let Err(why) = take(hosts, step, host) {
                panic!("{}:{} on {host}: {why}", path.display(), step.line);
            }
            let took = begin.elapsed();
            if took.as_secs() >= 3 {
                println!("{}:{} took {took:.1?}", path.display(), step.line);
            }
        }
    }
}

fn take(hosts: &Hosts, step: &Step, host: &str) -> Result<(), String> {
    match &step.what {
        What::NotRun { .. } | What::Example(_) => Ok(()),
        What::File { path, text } => {
            hosts.write(host, path, text);
            Ok(())
        }
        What::Script { text, prints, until } => {
            let prints = prints.as_deref();
            repeated(*until, || run(hosts, host, text, prints, Code::Zero))
        }
        What::Transcript { commands, until } => {
            commands.iter().try_for_each(|(command, prints)| {
                repeated(*until, || run(hosts, host, command, Some(prints), Code::Any))
            })
        }
    }
}

/// Does it again and again where that is wanted, until it succeeds.
fn repeated(until: bool, act: impl Fn() -> Result<(), String>) -> Result<(), String> {
    // Who writes a page does not want to wait.
    let patience = if shown() { PATIENCE / 8 } else { PATIENCE };
    let deadline = Instant::now() + patience;
    loop {
        let done = act();
        if done.is_ok() || !until || Instant::now() > deadline {
            return done;
        }
        farm::pause();
    }
}

/// Tells whether to show what the commands print.
fn shown() -> bool {
    std::env::var_os("SAFEKIT_SHOW").is_some()
}

/// Which exit codes are right.
#[derive(Clone, Copy, PartialEq)]
enum Code {
    Zero,
    /// A transcript shows what fails, too.
    Any,
}

fn run(
    hosts: &Hosts,
    host: &str,
    commands: &str,
    prints: Option<&str>,
    code: Code,
) -> Result<(), String> {
    let output = hosts.run(host, commands);
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    if shown() {
        println!("{host}$ {commands}\n{seen}");
    }
    if code == Code::Zero && !output.status.success() {
        return Err(format!("exit code {:?}\n{commands}\n{seen}", output.status.code()));
    }
    match prints.and_then(|prints| compare::difference(prints, &seen)) {
        Some(why) => Err(format!("prints something else, {why}\n{commands}\n---\n{seen}---")),
        None => Ok(()),
    }
}

/// Makes what the examples of the reference name: a file, a class of processes, a process.
const NAMED_BY_EXAMPLES: &str = r#"
cp cluster.xml /tmp/
sed -i 's|</errd>|<proc name="batch" class="batch"/></errd>|' /opt/safekit/modules/web/conf/userconfig.xml
safekit stop -m web
safekit waitstop -m web --timeout 1m
safekit config -m web
safekit start -m web
safekit waitstart -m web --timeout 1m
while ! [ -d /proc/4711 ]; do
  echo 4710 >/proc/sys/kernel/ns_last_pid
  sleep 1000 >/dev/null 2>&1 &
done
"#;

#[test]
fn the_examples_of_the_reference_are_understood() {
    if !lab::wanted() {
        return;
    }
    let Some(hosts) = Hosts::new() else { return };
    run_page(&hosts, Path::new("docs/quick-start.md"), Some("4-start"));
    let page = Page::read(Path::new(page::REFERENCE));
    assert!(page.steps.len() > 40, "the examples are not where they were");
    let ready = hosts.run("node1", NAMED_BY_EXAMPLES);
    assert!(ready.status.success(), "{ready:?}");
    let mut wrong = Vec::new();
    for step in &page.steps {
        let What::Example(example) = &step.what else { continue };
        // Some of them never end by themselves, and some are refused in the state that the others have left.
        let command = format!(
            "export SAFEMODULE=web\ntimeout 5 /bin/sh -c '{}'",
            example.replace('\'', "'\\''")
        );
        let output = hosts.run("node1", &command);
        if shown() {
            println!(
                "{example}: {:?} {}",
                output.status.code(),
                String::from_utf8_lossy(&output.stdout)
            );
        }
        if matches!(output.status.code(), Some(64 | 70 | 126 | 127)) {
            wrong.push(format!("{example}: {}", String::from_utf8_lossy(&output.stdout)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of a page.
pub(crate) fn page_text(path: &Path) -> String {
    std::fs::read_to_string(page::repository().join(path)).unwrap()
}

/// The text of a file that a page gives to copy.
pub(crate) fn file_of(page: &Path, file: &str) -> String {
    let steps = Page::read(page).steps;
    let mut texts = steps.into_iter().filter_map(|step| {
        let What::File { path, text } = step.what else { return None };
        (path == file).then_some(text)
    });
    texts.next().unwrap_or_else(|| panic!("{} does not show {file}", page.display()))
}

/// All pages of the book, and the one that leads to it.
fn book() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(page::repository().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

#[test]
fn each_command_of_the_book_is_run_or_says_why_not() {
    let (mut faults, mut left_out) = (Vec::new(), Vec::new());
    for path in book() {
        let page = Page::read(&path);
        faults.extend(page.faults.iter().cloned());
        let tested = PAGES.iter().any(|it| Path::new(it) == path);
        if page.runs() != tested {
            faults.push(format!("{}: its test is missing or has nothing to run", path.display()));
        }
        for step in &page.steps {
            if let What::NotRun { reason } = &step.what {
                left_out.push(format!("{}:{}: {reason}", path.display(), step.line));
            }
        }
    }
    println!("commands that no test runs:\n{}", left_out.join("\n"));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_page_is_read_as_its_readers_see_it() {
    let text = "# A `b` c-d: e\n\n```sh\none\n```\n\n```text\nseen\n```\n\n```sh nodes until\ntwo\n```\nwords\n```text\nnot output\n```\n\
        - item\n  ```sh not-run: no host has it\n  three\n  ```\n<!-- run balancer\nfour\n-->\n```xml file=a/b.xml node2\n<a/>\n```\n\
        ```console\n$ five\nprints\n$ six\n```\n```sh nowhere\n```\n```\n```\n[x](y.md#z) `[no](no.md)`\n";
    let page = Page::parse(Path::new("docs/x.md"), text);
    assert_eq!(page.anchors, ["a-b-c-d-e"]);
    assert_eq!(page.links, [(37, "y.md#z".to_owned())]);
    assert_eq!(page.faults.len(), 2, "{:?}", page.faults);
    let said: Vec<String> =
        page.steps.iter().map(|step| format!("{:?} {:?}", step.hosts, step.what)).collect();
    assert_eq!(
        said,
        [
            "[\"node1\"] Script { text: \"one\", prints: Some(\"seen\"), until: false }",
            "[\"node1\", \"node2\", \"node3\"] Script { text: \"two\", prints: None, until: true }",
            "[] NotRun { reason: \"no host has it\" }",
            "[\"balancer\"] Script { text: \"four\", prints: None, until: false }",
            "[\"node2\"] File { path: \"a/b.xml\", text: \"<a/>\\n\" }",
            "[\"node1\"] Transcript { commands: [(\"five\", \"prints\"), (\"six\", \"\")], until: false }",
            "[\"node1\"] Script { text: \"\", prints: None, until: false }",
        ]
    );
}
