//! Writes docs/reference/messages.md from the rows beside the events, and holds the file against them.
//!
//! With the variable `SAFEKIT_BLESS` set the file is written.

use std::path::Path;

use safekit_cli::Exit;
use safekit_core::control::Refusal;
use safekit_core::explain::{MESSAGES, Message};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::NOTICE_MESSAGES;

use crate::agent::OWN_MESSAGES;
use crate::api::OperationError;
use crate::log::LOG_MESSAGES;

const BEGIN: &str = "\
# Messages, refusals, exit codes

Written from the tables beside the program's own events: do not edit it by hand. `SAFEKIT_BLESS=1 cargo test -p safekit-agent --bin safekit-agent reference`
writes it anew.

## Where messages are

| | | read by |
|---|---|---|
| log of a module | SAFEVAR/modules/AM/log.txt | `safekit log -m AM`, `logview` (main messages; `-A`: all) |
| log of the node | SAFEVAR/log.txt | `safekit log`; its lines are in the log of every module, too |
| system log | the host's journal, else /dev/log: main messages as `AM \\| origin \\| message`, with `-` for what concerns the node | `journalctl -t safekit` |
| command log | SAFEVAR/commandlog.txt: who gave which command, and its exit code | `safekit cmdlog` |

A line: `| 2026-02-03 04:05:06.000007 | module | E | Local state UP Ready: start_both ended after 2.1 s with exit code 0`.

Levels: C critical, E event, U somebody did something, S a script; these are the main messages. I and below: with `-A` only.
`safekit printe` and `printi` write any text, with the name of the user or script as origin and the levels E and I.

In the tables `<...>` stands for what differs, and `[...]` for what may be left out. **Interface** is the beginning of a message that
SafeKit's documentation prints: monitoring may search for it, and it stays. Other texts are for people and may be worded better in another
version: programs read `safekit state --json`.
";

/// The origins, in the order of the page, with what they are.
const ORIGINS: [(&str, &str); 6] = [
    ("module", "the life of a module"),
    ("user", "the scripts of a module"),
    ("errd", "the process monitor"),
    ("membership", "which nodes are there; in the log of the node and of every module"),
    (
        "agent",
        "the agent and its files; in the log of the node and of every module where it names none",
    ),
    ("safekit", "the logs themselves"),
];

fn page() -> String {
    let all: Vec<&Message> =
        [MESSAGES, NOTICE_MESSAGES, OWN_MESSAGES, &LOG_MESSAGES].into_iter().flatten().collect();
    let mut text = BEGIN.to_owned();
    for (origin, what) in ORIGINS {
        text.push_str(&format!("\n## Origin `{origin}`\n\n{}.\n\n", capital(what)));
        text.push_str("| level | message | interface | what has happened | what to do |\n|---|---|---|---|---|\n");
        for row in all.iter().filter(|message| message.origin == origin) {
            let interface = match row.interface {
                Some(interface) => format!("`{}`", cell(interface)),
                None => String::new(),
            };
            text.push_str(&format!(
                "| {} | `{}` | {interface} | {} | {} |\n",
                row.severity.letter(),
                cell(row.form),
                prose(row.meaning),
                prose(row.remedy)
            ));
        }
    }
    let left = all.iter().find(|message| ORIGINS.iter().all(|(name, _)| message.origin != *name));
    assert_eq!(left, None, "an origin without a part of the page");
    text + &refusals() + &exits()
}

/// What is refused because of the state of a module, and the sentences.
fn refusals() -> String {
    let module = ModuleName::new("AM").unwrap();
    let word = |text: &str| format!("<{text}>");
    let samples = [
        Refusal::NoCluster,
        Refusal::Ending,
        Refusal::UnknownModule { module: module.clone() },
        Refusal::UnknownClass {
            module: module.clone(),
            class: word("class"),
            known: word("which there are"),
        },
        Refusal::WrongState {
            module: module.clone(),
            state: word("state"),
            command: "<command>",
            needed: "<state>",
        },
        Refusal::Busy { module, doing: word("what it does") },
    ];
    let mut text = "\n## Refusals\n\nA refusal begins with `error: ` on the error output, and nothing has changed. With 75 the same command may succeed later; \
                    with 64 and 65 it has to be given in another way, or files have to be mended first. Commands that change files give many other \
                    sentences, each with what to do; of what has faults (65) every fault is a line `file:line:column: ...`.\n\n\
                    | code | sentence |\n|---|---|\n"
        .to_owned();
    for refusal in samples {
        let sentence = refusal.to_string();
        let code = match OperationError::from(refusal) {
            OperationError::Usage(_) => Exit::Usage,
            OperationError::Configuration { .. } => Exit::Configuration,
            OperationError::Refused(_) => Exit::Refused,
            OperationError::Internal(_) => Exit::Internal,
        };
        text.push_str(&format!("| {} | `{}` |\n", code.number(), cell(&sentence)));
    }
    text
}

fn exits() -> String {
    let mut text = "\n## Exit codes\n\n### `safekit`\n\n| code | when |\n|---|---|\n".to_owned();
    for exit in Exit::ALL {
        text.push_str(&format!("| {} | {} |\n", exit.number(), prose(exit.meaning())));
    }
    let (late, own) = (Exit::TimeOver, Exit::OfCommand(0));
    text.push_str(&format!("| {} | {} |\n", late.number(), prose(late.meaning())));
    text.push_str(&format!("| any | {} |\n", prose(own.meaning())));
    text.push_str("\n### `safekit-agent run`\n\n| code | when |\n|---|---|\n");
    for (code, when) in crate::EXITS_OF_RUN {
        text.push_str(&format!("| {code} | {when} |\n"));
    }
    text.push_str("\n### `safekit-agent demo`\n\n| code | when |\n|---|---|\n");
    for (code, when) in crate::EXITS_OF_DEMO {
        text.push_str(&format!("| {code} | {when} |\n"));
    }
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Keeps what stands for itself between backticks, and everything else from being taken for HTML.
fn prose(text: &str) -> String {
    let parts = cell(text);
    let parts = parts.split('`').enumerate().map(|(number, part)| {
        if number % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("`")
}

#[test]
fn the_page_is_that_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/messages.md");
    let page = page();
    if std::env::var_os("SAFEKIT_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, page, "docs/reference/messages.md: write it anew with SAFEKIT_BLESS=1");
}
