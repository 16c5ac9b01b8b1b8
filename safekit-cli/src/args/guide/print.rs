//! The guide as a reference page, as a manual page and as a shell completion.

use clap::{Arg, Command};

use super::table::{GROUPS, Row};
use super::{Form, complete, notes};
use crate::exit::Exit;

/// Returns everything in a form.
pub(in crate::args) fn print(command: &Command, form: Form) -> String {
    match form {
        Form::Markdown => markdown(command),
        Form::Man => man(command),
        Form::Bash => complete::bash(command),
        Form::Zsh => complete::zsh(command),
        Form::Fish => complete::fish(command),
    }
}

fn markdown(command: &Command) -> String {
    let mut text = "# The command `safekit`\n\n".to_owned();
    text.push_str("Made of the command's own help by `safekit help --as markdown`: a test keeps both the same.\n");
    text.push_str("Everywhere: `--json` prints the agent's JSON, `--root DIR` names another agent, and the variable SAFEMODULE stands for `-m`.\n");
    text.push_str("Beside the commands: `safekit -p` prints SAFE, SAFEVAR and SAFEBIN; `safekit -r \"boundcmd ...\"` and `safekit -r \"processtree ...\"` run a special command.\n");
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        text.push_str(&format!("| {} | {} |\n", exit.number(), exit.meaning()));
    }
    text.push_str("\nThe error output begins with `error: ` and one sentence that says what, where and what to do; lines after it are details, as the faults of a file.\n");
    for group in GROUPS {
        text.push_str(&format!("\n## {}\n", group.title));
        for row in group.rows {
            text.push_str(&format!("\n### `{}`\n\n{}.\n", usage(row), row.line));
            if !row.notes.is_empty() {
                text.push_str(&format!("{}\n", row.notes));
            }
            let arguments = arguments(command, row.words);
            if !arguments.is_empty() {
                text.push_str("\n| | |\n|---|---|\n");
            }
            for (name, about) in arguments {
                text.push_str(&format!("| `{}` | {} |\n", cell(&name), cell(&about)));
            }
            text.push_str(&format!("\n```\n{}\n```\n", row.example));
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn man(command: &Command) -> String {
    let mut text =
        ".TH SAFEKIT 1\n.SH NAME\nsafekit \\- control the agent of a farm node\n".to_owned();
    text.push_str(".SH SYNOPSIS\n.B safekit\n[\\-\\-root DIR] [\\-\\-json] COMMAND\n");
    text.push_str(".SH DESCRIPTION\nWhere there is no \\-m, the variable SAFEMODULE names the module. \\fBsafekit \\-p\\fR prints the folders; \\fBsafekit \\-r\\fR runs boundcmd or processtree.\n");
    for group in GROUPS {
        text.push_str(&format!(".SH {}\n", roff(&group.title.to_uppercase())));
        for row in group.rows {
            text.push_str(&format!(".TP\n.B {}\n{}.\n", roff(&usage(row)), roff(row.line)));
            if !row.notes.is_empty() {
                text.push_str(&format!("{}\n", roff(notes(row).trim_end())));
            }
            for (name, about) in arguments(command, row.words) {
                text.push_str(&format!(".br\n\\fI{}\\fR: {}\n", roff(&name), roff(&about)));
            }
            text.push_str(&format!(".br\nExample: {}\n", roff(row.example)));
        }
    }
    text.push_str(".SH EXIT STATUS\n");
    for exit in Exit::ALL {
        text.push_str(&format!(".TP\n.B {}\n{}.\n", exit.number(), roff(exit.meaning())));
    }
    text
}

/// A dash is a dash, and no line begins with what roff takes for a request.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn usage(row: &Row) -> String {
    format!("safekit {} {}", row.words, row.usage).trim_end().to_owned()
}

/// Returns the arguments of a command, each with what it means.
fn arguments(command: &Command, words: &str) -> Vec<(String, String)> {
    let arguments = found(command, words).into_iter().map(|argument| {
        let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
        (argument_name(argument), about)
    });
    arguments.collect()
}

/// Returns the arguments of a command that are its own.
pub(super) fn found<'a>(command: &'a Command, words: &str) -> Vec<&'a Arg> {
    let found = words.split(' ').try_fold(command, |at, word| at.find_subcommand(word));
    let all = found.into_iter().flat_map(Command::get_arguments);
    all.filter(|argument| !argument.is_global_set() && argument.get_id() != "help").collect()
}

fn argument_name(argument: &Arg) -> String {
    let value = argument.get_value_names().unwrap_or_default().first();
    let value = value.filter(|_| argument.get_action().takes_values()).map(ToString::to_string);
    option_name(argument).into_iter().chain(value).collect::<Vec<_>>().join(" ")
}

/// Returns how an option is written; `None`: it is an argument without a name.
pub(super) fn option_name(argument: &Arg) -> Option<String> {
    match (argument.get_short(), argument.get_long()) {
        (Some(short), _) => Some(format!("-{short}")),
        (None, Some(long)) => Some(format!("--{long}")),
        (None, None) => None,
    }
}
