//! Tells whether a process is one that a `<proc>` means.
//!
//! A process has several names: the kernel's (cut at 15 bytes, and a script's own name where the script was executed
//! directly), that of its executable, the one in its first argument, and, for an interpreter, that of the script it
//! runs. An administrator writes the one that he knows: each of them counts.
//!
//! Not here: how many there should be (`monitor`).

use regex_lite::Regex;

use super::ProcessInfo;
use crate::config::model::ProcConfig;
use crate::module::script::Script;

/// The length at which Linux cuts a process name.
const KERNEL_NAME_BYTES: usize = 15;
/// The most bytes of a command line that `argregex` sees: the longest single argument of Linux.
const COMMAND_LINE_BYTES_MAX: usize = 128 * 1024;
/// Programs that run a script, and how to find it among their arguments.
const INTERPRETERS: [Interpreter; 6] = [
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"],
        code: &["-c"],
        valued: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
    },
    Interpreter { names: &["python", "pypy"], code: &["-c"], valued: &["-W", "-X"] },
    Interpreter { names: &["perl"], code: &["-e", "-E"], valued: &["-I"] },
    Interpreter { names: &["ruby"], code: &["-e"], valued: &["-r", "-I", "-C"] },
    Interpreter {
        names: &["node", "nodejs"],
        code: &["-e", "--eval", "-p", "--print"],
        valued: &["-r", "--require", "--import", "--loader"],
    },
    Interpreter { names: &["php"], code: &["-r"], valued: &["-c", "-d"] },
];

/// One kind of program that runs scripts. A version after the name, as in python3.11, changes nothing.
struct Interpreter {
    names: &'static [&'static str],
    /// Options after which the program itself stands on the command line.
    code: &'static [&'static str],
    /// Options whose value is the next argument.
    valued: &'static [&'static str],
}

/// What a `<proc>` means.
#[derive(Debug)]
pub(super) struct Matcher {
    name: String,
    names: Option<Regex>,
    arguments: Option<Regex>,
}

impl Matcher {
    /// Makes a matcher.
    ///
    /// # Errors
    /// When `nameregex` or `argregex` is no regular expression: it says why. The configuration is at fault; it is checked before, so
    /// this is a last resort.
    pub(super) fn new(config: &ProcConfig) -> Result<Self, String> {
        let regex = |text: &Option<String>| {
            let regex = text.as_deref().map(Regex::new).transpose();
            regex.map_err(|error| error.to_string())
        };
        let (names, arguments) = (regex(&config.nameregex)?, regex(&config.argregex)?);
        Ok(Self { name: config.name.clone(), names, arguments })
    }

    /// Tells whether a process is meant.
    pub(super) fn matches(&self, process: &ProcessInfo) -> bool {
        let named = match &self.names {
            Some(names) => names.is_match(command_name(process)),
            None => self.has_name(process),
        };
        named && self.arguments.as_ref().is_none_or(|regex| regex.is_match(&command_line(process)))
    }

    fn has_name(&self, process: &ProcessInfo) -> bool {
        let first = process.arguments.first().map(|argument| base_name(argument));
        // A login shell has a dash in front.
        let first = first.map(|name| name.strip_prefix('-').unwrap_or(name));
        same(&self.name, &process.name)
            || same(&self.name, &process.executable)
            || first.is_some_and(|name| same(&self.name, name))
            || script_name(process).is_some_and(|name| same(&self.name, name))
            || (is_cut(&self.name, &process.name) && is_unreadable(process))
    }
}

/// Tells which processes a person means by the name, and where wanted the command line: by the same rules as a `<proc>`.
///
/// ```
/// use safekit_core::ids::ProcessId;
/// use safekit_core::module::watch::{ProcessInfo, ProcessPattern};
///
/// let java = ProcessInfo {
///     id: ProcessId { pid: 4711, started: 90_210 },
///     parent_pid: 1,
///     name: "java".to_owned(),
///     executable: "java".to_owned(),
///     arguments: ["/usr/bin/java", "-jar", "shop.jar"].map(str::to_owned).into(),
/// };
/// assert!(ProcessPattern::new("java", Some(r"shop\.jar"))?.matches(&java));
/// assert!(!ProcessPattern::new("java", Some(r"stock\.jar"))?.matches(&java));
/// assert!(ProcessPattern::new("java", Some("(")).is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct ProcessPattern(Matcher);

impl ProcessPattern {
    /// Makes a pattern; without `argregex` the name alone counts.
    ///
    /// # Errors
    /// When `argregex` is no regular expression: it says why. The caller's mistake.
    pub fn new(name: &str, argregex: Option<&str>) -> Result<Self, String> {
        let arguments = argregex.map(Regex::new).transpose().map_err(|error| error.to_string())?;
        Ok(Self(Matcher { name: name.to_owned(), names: None, arguments }))
    }

    /// Tells whether a process is meant.
    #[must_use]
    pub fn matches(&self, process: &ProcessInfo) -> bool {
        self.0.matches(process)
    }
}

/// Tells whether a process is the interpreter that runs one of the module's own scripts.
pub(super) fn runs_script(process: &ProcessInfo, script: Script) -> bool {
    process.name == script.as_str() || script_name(process) == Some(script.as_str())
}

/// Returns the name of the command: the kernel's, or that of the executable where the kernel has cut just that one.
fn command_name(process: &ProcessInfo) -> &str {
    if is_cut(&process.executable, &process.name) { &process.executable } else { &process.name }
}

/// Tells whether the kernel's name may be this longer one, cut.
fn is_cut(configured: &str, kernel: &str) -> bool {
    kernel.len() == KERNEL_NAME_BYTES
        && configured.len() > KERNEL_NAME_BYTES
        && configured.starts_with(kernel)
}

/// Tells whether the kernel's name is all that is known of a process.
fn is_unreadable(process: &ProcessInfo) -> bool {
    process.executable.is_empty() && process.arguments.is_empty()
}

/// Compares two names; where one of them ends in ".exe", as Windows does: without it and without regard to case.
fn same(configured: &str, found: &str) -> bool {
    if found.is_empty() {
        return false;
    }
    match (without_exe(configured), without_exe(found)) {
        (None, None) => configured == found,
        (left, right) => left.unwrap_or(configured).eq_ignore_ascii_case(right.unwrap_or(found)),
    }
}

fn without_exe(name: &str) -> Option<&str> {
    let (stem, end) = name.split_at_checked(name.len().checked_sub(4)?)?;
    end.eq_ignore_ascii_case(".exe").then_some(stem)
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Returns the base name of the script that an interpreter runs, or of its module (`python -m`).
fn script_name(process: &ProcessInfo) -> Option<&str> {
    let mut arguments = process.arguments.iter().map(String::as_str);
    let first = base_name(arguments.next()?);
    let first = first.strip_prefix('-').unwrap_or(first);
    let interpreter = interpreter(&process.executable).or_else(|| interpreter(first))?;
    while let Some(argument) = arguments.next() {
        match argument {
            "--" | "-m" => return arguments.next().map(base_name),
            // The program comes from the standard input.
            "-" => return None,
            code if interpreter.code.contains(&code) => return None,
            option if interpreter.valued.contains(&option) => {
                arguments.next()?;
            }
            option if option.starts_with('-') || option.starts_with('+') => {}
            script => return Some(base_name(script)),
        }
    }
    None
}

fn interpreter(program: &str) -> Option<&'static Interpreter> {
    let program = without_exe(program).unwrap_or(program);
    let stem = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.iter().find(|interpreter| interpreter.names.contains(&stem))
}

/// Joins the arguments by spaces, up to a limit.
fn command_line(process: &ProcessInfo) -> String {
    let mut line = String::new();
    for argument in &process.arguments {
        if line.len() + argument.len() > COMMAND_LINE_BYTES_MAX {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(argument);
    }
    line
}
