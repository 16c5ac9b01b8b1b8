//! `testdata/*.txt`: cases between lines of `====`. Each has the command, `>` what it asks, `<` status and body of
//! the answer; then `----`, what it prints (errors after `!`), and its exit code. `#` begins a comment.
//!
//! With the variable `SAFEKIT_BLESS` set, what is printed is written into the files, to be reviewed there.

use std::fs;

use crate::fake_agent::{FakeAgent, FakeRoot, answer, testdata};

struct Story {
    intro: String,
    command: String,
    asks: Vec<String>,
    answers: Vec<Vec<u8>>,
    expected: String,
}

impl Story {
    fn read(text: &str) -> Self {
        let (input, expected) = text.split_once("\n----\n").expect("a line of ----");
        let mut story = Self {
            intro: input.trim_start_matches('\n').to_owned(),
            command: String::new(),
            asks: Vec::new(),
            answers: Vec::new(),
            expected: expected.to_owned(),
        };
        let mut body: Option<(u16, String)> = None;
        for line in input.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            if line.starts_with("> ") || line.starts_with("< ") {
                story
                    .answers
                    .extend(body.take().map(|(status, body)| answer(status, body.as_bytes())));
            }
            if let Some(asks) = line.strip_prefix("> ") {
                story.asks.push(asks.to_owned());
            } else if let Some(head) = line.strip_prefix("< ") {
                let (status, rest) = head.split_once(' ').unwrap_or((head, ""));
                body = Some((status.parse().unwrap(), rest.to_owned()));
            } else if let Some((_, body)) = &mut body {
                body.push_str(line.trim_start());
            } else {
                assert!(story.command.is_empty(), "two commands: {line}");
                line.clone_into(&mut story.command);
            }
        }
        story.answers.extend(body.map(|(status, body)| answer(status, body.as_bytes())));
        story
    }

    /// Plays it; gives what was asked, and what was printed.
    fn play(&self) -> (Vec<String>, String) {
        let root = FakeRoot::new();
        let agent = FakeAgent::start(&root, self.answers.clone());
        let ran = root.run(&self.command);
        let asked = agent
            .asked()
            .into_iter()
            .map(|line| line.replace(&root.path.display().to_string(), "ROOT"))
            .collect();
        let mut printed = ran.out;
        for line in ran.err.lines() {
            printed.push_str(format!("! {line}").trim_end());
            printed.push('\n');
        }
        printed.push_str(&format!("exit {}\n", ran.exit.number()));
        (asked, printed)
    }
}

fn play_file(name: &str) {
    let path = testdata().join(name);
    let text = fs::read_to_string(&path).unwrap();
    let mut blessed = Vec::new();
    let mut wrong = Vec::new();
    for story in text.split("====\n").map(Story::read) {
        let (asked, printed) = story.play();
        assert_eq!(asked, story.asks, "{}", story.command);
        if printed != story.expected {
            wrong.push(format!("{}\n{printed}", story.command));
        }
        blessed.push(format!("{}\n----\n{printed}", story.intro));
    }
    if std::env::var_os("SAFEKIT_BLESS").is_some() {
        fs::write(&path, blessed.join("====\n")).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{name}: this is printed:\n{}", wrong.join("====\n"));
}

#[test]
fn cluster_commands() {
    play_file("cluster.txt");
}

#[test]
fn module_commands() {
    play_file("module.txt");
}

#[test]
fn control_commands() {
    play_file("control.txt");
}

#[test]
fn state_commands() {
    play_file("state.txt");
}

#[test]
fn log_and_level_commands() {
    play_file("log.txt");
}

#[test]
fn top_commands() {
    play_file("top.txt");
}

#[test]
fn refusals() {
    play_file("refusals.txt");
}

#[test]
fn upkeep_commands() {
    play_file("upkeep.txt");
}
