//! A page of the documentation as what it asks its reader to do.
//!
//! A fenced block says by its first word what it is, and by the others, which readers do not see, where it is done:
//!
//! ```text
//! sh [HOST...] [until]      commands, run together; the text block that follows, if any, is what they print.
//!                           With until they are run again and again until they print that
//! sh not-run: REASON        commands that no test can run
//! console [HOST...] [until] commands after "$ ", each followed by what it prints
//! console not-run: REASON
//! LANGUAGE file=PATH [HOST...]   a file that the reader makes
//! ```
//!
//! HOST is node1 (where nothing is said), node2, node3, nodes (all three) or balancer. Comments that the reader does not
//! see: `<!-- run [HOST...]`, then lines of commands, `-->`; and `<!-- begins after PAGE#SECTION -->`: the page goes on
//! where that one is after that section.

use std::path::{Path, PathBuf};

/// Languages of blocks that are there to be read.
const READ: [&str; 10] = [
    "text",
    "xml",
    "toml",
    "rust",
    "rust,no_run",
    "haproxy",
    "apache",
    "caddyfile",
    "nginx",
    "yaml",
];
/// The page of examples, which is made of a table: its blocks have no words.
pub(super) const REFERENCE: &str = "docs/reference/commands.md";
/// Where commands can be run.
pub(super) const HOSTS: [&str; 4] = ["node1", "node2", "node3", "balancer"];

/// One thing that the page asks for.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    /// The anchor of the section that it stands in.
    pub(super) section: String,
    pub(super) hosts: Vec<&'static str>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// Commands run together, and what they print.
    Script { text: String, prints: Option<String>, until: bool },
    /// Commands run one by one, each with what it prints.
    Transcript { commands: Vec<(String, String)>, until: bool },
    /// A file to be made.
    File { path: String, text: String },
    /// An example of the reference of commands, whose page is made of a table.
    Example(String),
    /// Commands that no test runs, and why.
    NotRun { reason: String },
}

/// A page, read.
#[derive(Debug)]
pub(super) struct Page {
    /// Its path below the repository.
    pub(super) path: PathBuf,
    pub(super) steps: Vec<Step>,
    /// Page and section after which it begins.
    pub(super) begins_after: Option<(PathBuf, String)>,
    /// Anchors of its headings.
    pub(super) anchors: Vec<String>,
    /// What its links lead to, with their lines.
    pub(super) links: Vec<(usize, String)>,
    /// Blocks that cannot be understood.
    pub(super) faults: Vec<String>,
}

/// The folder of the repository.
pub(super) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

impl Page {
    /// Reads a page by its path below the repository.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Self {
        let mut page = Self {
            path: path.to_owned(),
            steps: Vec::new(),
            begins_after: None,
            anchors: Vec::new(),
            links: Vec::new(),
            faults: Vec::new(),
        };
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        // The step whose output a text block may be, while nothing else has come.
        let mut may_print = false;
        while at < lines.len() {
            let line = lines[at];
            let number = at + 1;
            at += 1;
            let trimmed = line.trim_start();
            if let Some(info) = trimmed.strip_prefix("```") {
                let indent = line.len() - trimmed.len();
                let body = take_until(&lines, &mut at, |line| line.trim() == "```");
                let body: Vec<&str> =
                    body.iter().map(|line| line.get(indent..).unwrap_or_default()).collect();
                may_print = page.block(number, info, &body.join("\n"), may_print);
            } else if let Some(comment) = trimmed.strip_prefix("<!--") {
                page.comment(number, comment, &lines, &mut at);
                may_print = false;
            } else if trimmed.starts_with('#') && line == trimmed {
                page.anchor(line.trim_start_matches('#').trim());
                page.find_links(number, line);
                may_print = false;
            } else if !trimmed.is_empty() {
                page.find_links(number, line);
                may_print = false;
            }
        }
        page
    }

    /// Tells whether it has anything to run.
    pub(super) fn runs(&self) -> bool {
        let run = |step: &Step| matches!(step.what, What::Script { .. } | What::Transcript { .. });
        self.steps.iter().any(run)
    }

    fn fault(&mut self, line: usize, what: &str) {
        self.faults.push(format!("{}:{line}: {what}", self.path.display()));
    }

    fn section(&self) -> String {
        self.anchors.last().cloned().unwrap_or_default()
    }

    /// Takes a fenced block; tells whether a text block that follows may be its output.
    fn block(&mut self, line: usize, info: &str, body: &str, may_print: bool) -> bool {
        let mut words = info.split_whitespace();
        let language = words.next().unwrap_or_default();
        if language == "text" && may_print {
            if let Some(Step { what: What::Script { prints, .. }, .. }) = self.steps.last_mut() {
                *prints = Some(body.to_owned());
            }
            return false;
        }
        if language.is_empty() && self.path == Path::new(REFERENCE) {
            let what = What::Example(body.to_owned());
            self.steps.push(Step { line, section: self.section(), hosts: vec![HOSTS[0]], what });
            return false;
        }
        let commands = language == "sh" || language == "console";
        if !commands && !READ.contains(&language) {
            self.fault(line, &format!("a block of an unknown language '{language}'"));
            return false;
        }
        if let Some((_, reason)) = info.split_once("not-run:") {
            if reason.split_whitespace().count() < 3 {
                self.fault(line, "not-run without a reason");
            }
            let what = What::NotRun { reason: reason.trim().to_owned() };
            self.steps.push(Step { line, section: self.section(), hosts: Vec::new(), what });
            return false;
        }
        let (mut hosts, mut file, mut until) = (Vec::new(), None, false);
        for word in words {
            if let Some(path) = word.strip_prefix("file=") {
                file = Some(path.to_owned());
            } else if word == "until" && commands {
                until = true;
            } else if !add_host(&mut hosts, word) {
                self.fault(line, &format!("'{word}' is no host"));
            }
        }
        if hosts.is_empty() {
            hosts.push(HOSTS[0]);
        }
        let what = match (language, file) {
            ("sh", None) => What::Script { text: body.to_owned(), prints: None, until },
            ("console", None) => match transcript(body) {
                Some(commands) => What::Transcript { commands, until },
                None => return self.no_transcript(line),
            },
            (_, Some(path)) => What::File { path, text: format!("{body}\n") },
            _ => return false,
        };
        let prints = matches!(what, What::Script { .. });
        self.steps.push(Step { line, section: self.section(), hosts, what });
        prints
    }

    fn no_transcript(&mut self, line: usize) -> bool {
        self.fault(line, "a console block that does not begin with '$ '");
        false
    }

    fn comment(&mut self, line: usize, comment: &str, lines: &[&str], at: &mut usize) {
        let comment = comment.trim();
        if comment == "run" || comment.starts_with("run ") {
            let mut hosts = Vec::new();
            for word in comment.split_whitespace().skip(1) {
                if !add_host(&mut hosts, word) {
                    self.fault(line, &format!("'{word}' is no host"));
                }
            }
            if hosts.is_empty() {
                hosts.push(HOSTS[0]);
            }
            let text = take_until(lines, at, |line| line.trim() == "-->").join("\n");
            let what = What::Script { text, prints: None, until: false };
            self.steps.push(Step { line, section: self.section(), hosts, what });
        } else if let Some(place) = comment.strip_prefix("begins after ") {
            let place = place.trim_end_matches("-->").trim();
            match place.split_once('#') {
                Some((page, section)) => {
                    let page = self.path.parent().unwrap().join(page);
                    self.begins_after = Some((page, section.to_owned()));
                }
                None => self.fault(line, "begins after PAGE#SECTION"),
            }
        } else if !comment.ends_with("-->") {
            self.fault(line, "a comment of more than one line that is no 'run'");
        }
    }

    /// Names a heading as GitHub does.
    fn anchor(&mut self, heading: &str) {
        let mut anchor = String::new();
        for sign in heading.chars() {
            match sign {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(sign),
                _ if sign.is_alphanumeric() => anchor.extend(sign.to_lowercase()),
                _ => {}
            }
        }
        let count = self.anchors.iter().filter(|it| **it == anchor).count();
        if count > 0 {
            anchor = format!("{anchor}-{count}");
        }
        self.anchors.push(anchor);
    }

    fn find_links(&mut self, number: usize, line: &str) {
        // What stands in backquotes is no link.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("");
        for part in plain.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                self.links.push((number, target.to_owned()));
            }
        }
    }
}

/// Takes lines up to the one that ends them, which is taken too.
fn take_until<'a>(lines: &[&'a str], at: &mut usize, ends: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let rest = lines.get(*at..).unwrap_or_default();
    let taken: Vec<&str> = rest.iter().take_while(|line| !ends(line)).copied().collect();
    *at += taken.len() + 1;
    taken
}

fn add_host(hosts: &mut Vec<&'static str>, word: &str) -> bool {
    if word == "nodes" {
        hosts.extend(&HOSTS[..3]);
        return true;
    }
    let host = HOSTS.iter().find(|host| **host == word);
    hosts.extend(host);
    host.is_some()
}

/// Cuts a transcript into commands and what each prints.
fn transcript(body: &str) -> Option<Vec<(String, String)>> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    for line in body.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), Vec::new()));
        } else {
            commands.last_mut()?.1.push(line);
        }
    }
    let joined = |(command, lines): (String, Vec<&str>)| (command, lines.join("\n"));
    (!commands.is_empty()).then(|| commands.into_iter().map(joined).collect())
}
