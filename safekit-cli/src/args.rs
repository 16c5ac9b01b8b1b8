//! Reads the command line: what clap takes (`raw`), and what it means ([`Order`]).
//!
//! In: arguments and the environment. Out: one [`Order`], or a [`Failure`], or a text that was asked for (help).
//!
//! Always: a command of SafeKit that is not here says so; a word that nobody knows is met with the nearest one; neither
//! does anything.
//! Not here: what an order does (`commands`).

mod guide;
mod known;
mod order;
mod raw;
mod special;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches};
use safekit_core::control::{Command, PrintLevel, WatchSwitch};
use safekit_core::ids::ModuleName;

use crate::failure::Failure;
use crate::root::{Environment, Root};

pub(crate) use order::{
    Awaited, Boot, Detail, Existing, Keys, Level, Lock, Looks, Order, Others, Selected, Source,
    Verbosity,
};
use raw::{
    BootArgs, BootWord, ClusterVerb, ControlArgs, ErrdVerb, KeyArgs, KillArgs, LockWord,
    ModuleVerb, ProcesstreeVerb, Raw, Verb, WaitArgs,
};
use special::Special;

/// A command line with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Which agent is meant.
    pub(crate) root: Root,
    /// How answers are shown.
    pub(crate) output: Output,
    /// What is to be done.
    pub(crate) order: Order,
}

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Tables and sentences.
    Text,
    /// The agent's JSON.
    Json,
}

/// What reading the command line gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Something to do.
    Line(Line),
    /// A text that was asked for: help or version.
    Text(String),
}

/// Reads a command line; the first argument is the name that the command was started under.
///
/// # Errors
/// A usage failure that says what is wrong and what was probably meant.
pub(crate) fn parse(arguments: &[OsString], environment: &Environment) -> Result<Parsed, Failure> {
    let named = std::iter::once(OsString::from("safekit"));
    let rest = arguments.iter().skip(1).cloned();
    if let Some(option) = arguments.get(1).and_then(|first| known::option(first)) {
        return Err(not_supported(option));
    }
    let program = arguments.first().map(std::path::Path::new);
    let rest = match special::read(rest.collect()) {
        Special::Places => {
            let root = Root::find(None, program, environment);
            let (output, order) = (Output::Text, Order::Places);
            return Ok(Parsed::Line(Line { root, output, order }));
        }
        Special::Line(line) => line,
        Special::Unknown(failure) => return Err(failure),
    };
    let pointer = guide::pointer(&rest);
    let matches = match known::extend(raw::command()).try_get_matches_from(named.chain(rest)) {
        Ok(matches) => matches,
        Err(error) => return refused(&error, &pointer),
    };
    if let Some(name) = known::named(&matches) {
        return Err(not_supported(&name));
    }
    let raw = match Raw::from_arg_matches(&matches) {
        Ok(raw) => raw,
        Err(error) => return refused(&error, &pointer),
    };
    if let Verb::Help(help) = &raw.verb {
        return match help.form {
            Some(form) => Ok(Parsed::Text(guide::print(&raw::command(), form))),
            None => guide::help(raw::command(), &help.command).map(Parsed::Text),
        };
    }
    if raw.json && matches!(raw.verb, Verb::Top(_)) {
        return Err(Failure::usage("'safekit top' is for people, it prints no JSON")
            .detail("'safekit state --json' has what it shows"));
    }
    Ok(Parsed::Line(Line {
        root: Root::find(raw.root.as_deref(), program, environment),
        output: if raw.json { Output::Json } else { Output::Text },
        order: order(raw.verb, environment)?,
    }))
}

/// The last line of clap's errors.
const FOR_MORE: &str = "For more information, try '--help'.";

fn not_supported(name: &str) -> Failure {
    let failure = match known::never(name) {
        Some(why) => Failure::usage(format!("'safekit {name}' is not there: {why}")),
        None => Failure::usage(format!(
            "'safekit {name}' is a known SafeKit command that is not supported yet"
        )),
    };
    match known::instead(name) {
        Some(instead) => failure.detail(instead),
        None => failure.detail("'safekit --help' lists the commands of this version"),
    }
}

fn refused(error: &clap::Error, pointer: &str) -> Result<Parsed, Failure> {
    let text = error.render().to_string().replace(FOR_MORE, pointer);
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Ok(Parsed::Text(text));
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Err(details("no command is given", &text));
    }
    let text = text.trim_start_matches("error: ");
    let (message, rest) = text.split_once('\n').unwrap_or((text, ""));
    Err(details(message, rest))
}

fn details(message: &str, text: &str) -> Failure {
    let mut failure = Failure::usage(message);
    failure.details = text.trim_matches('\n').lines().map(str::to_owned).collect();
    failure
}

fn order(verb: Verb, environment: &Environment) -> Result<Order, Failure> {
    let module = |option: Option<String>| required(option, environment);
    Ok(match verb {
        Verb::Cluster { verb } => cluster(verb, environment)?,
        Verb::Module { verb } => module_order(verb, environment)?,
        Verb::State(args) => {
            let detail = match (args.verbose, args.local, args.quiet) {
                (true, ..) => Detail::Resources,
                (false, true, true) => Detail::Quiet,
                (false, ..) => Detail::Short,
            };
            match optional(args.module.module, environment)? {
                Some(module) => Order::ModuleState(module, detail),
                None if detail == Detail::Quiet => return Err(no_module()),
                None => Order::NodeState,
            }
        }
        Verb::Config(args) => Order::Config(module(args.module)?),
        Verb::Deconfig(args) => Order::Deconfig(module(args.module)?),
        Verb::Update(args) => Order::Update(module(args.module)?),
        Verb::Confcheck(args) => Order::Confcheck(module(args.module)?),
        Verb::Confinfo(args) => Order::Confinfo(module(args.module)?),
        Verb::Start(args) => control(Command::Start, args, environment)?,
        Verb::Stop(args) => control(Command::Stop, args, environment)?,
        Verb::Restart(args) => control(Command::Restart, args, environment)?,
        Verb::Stopstart(args) => control(Command::Stopstart, args, environment)?,
        Verb::Forcestop(args) => control(Command::Forcestop, args, environment)?,
        Verb::Waitstart(args) => wait(Awaited::Up, args, environment)?,
        Verb::Waitstop(args) => wait(Awaited::Stop, args, environment)?,
        Verb::Waitstate(args) => wait(args.state, args.wait, environment)?,
        Verb::Top(args) => top(args, environment)?,
        Verb::Log(args) => Order::Log {
            module: optional(args.module.module, environment)?,
            lines: args.lines,
            verbosity: if args.all { Verbosity::All } else { Verbosity::Main },
        },
        Verb::Logview(args) => Order::Logview {
            module: optional(args.module.module, environment)?,
            lines: args.lines,
            verbosity: if args.all { Verbosity::All } else { Verbosity::Main },
        },
        Verb::Logsave(args) => Order::Logsave {
            module: optional(args.module.module, environment)?,
            verbosity: if args.all { Verbosity::All } else { Verbosity::Main },
            file: environment.absolute(&args.file),
        },
        Verb::Cmdlog(args) => Order::Cmdlog(args.lines),
        Verb::Errd { verb } => errd(verb, environment)?,
        Verb::Boot(args) => boot(args, environment)?,
        Verb::Incloop(args) => Order::Incloop(module(args.module.module)?, args.identity),
        Verb::Resetloop(args) => Order::Resetloop(module(args.module.module)?, args.identity),
        Verb::Checkloop(args) => Order::Checkloop(module(args.module)?),
        Verb::Kill(args) => {
            let KillArgs { name, argregex, level } = args;
            Order::Kill { name, argregex, level }
        }
        Verb::Boundcmd(args) => {
            Order::Boundcmd(Duration::from_secs(args.seconds.into()), args.command)
        }
        Verb::Processtree { verb: ProcesstreeVerb::List { pid } } => Order::ProcesstreeList(pid),
        Verb::Processtree { verb: ProcesstreeVerb::Kill { pid } } => Order::ProcesstreeKill(pid),
        // Answered before there is an order.
        Verb::Help(_) => Order::Places,
        Verb::Printi(args) => print(PrintLevel::Info, args, environment)?,
        Verb::Printe(args) => print(PrintLevel::Event, args, environment)?,
        Verb::Shutdown => Order::Shutdown,
        Verb::Level(args) => Order::Level(optional(args.module, environment)?),
    })
}

fn cluster(verb: ClusterVerb, environment: &Environment) -> Result<Order, Failure> {
    Ok(match verb {
        ClusterVerb::Config { file, lock } => cluster_config(file, lock, environment)?,
        ClusterVerb::Confcheck { file } => Order::ClusterConfcheck(path_text(environment, file)?),
        ClusterVerb::Deconfig => Order::ClusterDeconfig,
        ClusterVerb::Genkey(args) => Order::ClusterKeys(Keys::New, others(&args)),
        ClusterVerb::Delkey(args) => Order::ClusterKeys(Keys::None, others(&args)),
        ClusterVerb::Export { file } => Order::ClusterExport(environment.absolute(&file)),
        ClusterVerb::State => Order::ClusterState,
        ClusterVerb::Confinfo => Order::ClusterConfinfo,
    })
}

fn cluster_config(
    file: Option<PathBuf>,
    lock: Option<LockWord>,
    environment: &Environment,
) -> Result<Order, Failure> {
    let lock_of = |word| match word {
        LockWord::Lock => Lock::Lock,
        LockWord::Unlock => Lock::Unlock,
    };
    // `cluster config lock`: a file of that name is written as ./lock.
    let word = file.as_deref().and_then(std::path::Path::to_str);
    let alone = match word {
        Some("lock") => Some(Lock::Lock),
        Some("unlock") => Some(Lock::Unlock),
        Some(_) | None => None,
    };
    Ok(match (alone, lock) {
        (Some(lock), None) => Order::ClusterConfig { source: Source::Nothing, lock: Some(lock) },
        (Some(_), Some(_)) => {
            return Err(Failure::usage("lock and unlock: name one of them, after the file"));
        }
        (None, lock) => {
            let source = match file {
                Some(file) => Source::File(path_text(environment, file)?),
                None => Source::Current,
            };
            Order::ClusterConfig { source, lock: lock.map(lock_of) }
        }
    })
}

fn others(args: &KeyArgs) -> Others {
    if args.force { Others::CutOff } else { Others::Keep }
}

fn boot(args: BootArgs, environment: &Environment) -> Result<Order, Failure> {
    let module = args.module.module;
    Ok(match args.what {
        BootWord::On => Order::SetBoot(required(module, environment)?, Boot::On),
        BootWord::Off => Order::SetBoot(required(module, environment)?, Boot::Off),
        BootWord::Status => Order::BootStatus(optional(module, environment)?),
    })
}

fn module_order(verb: ModuleVerb, environment: &Environment) -> Result<Order, Failure> {
    Ok(match verb {
        ModuleVerb::Install { module, path, replace } => Order::Install {
            module: required(module.module, environment)?,
            path: path_text(environment, path)?,
            existing: if replace { Existing::Replace } else { Existing::Keep },
        },
        ModuleVerb::Uninstall(args) => Order::Uninstall(required(args.module, environment)?),
        ModuleVerb::List => Order::ModuleList,
        ModuleVerb::Listid => Order::ModuleListid,
        ModuleVerb::Getports { id: Some(id), .. } => Order::Getports(Selected::Id(id)),
        ModuleVerb::Getports { module, id: None } => {
            Order::Getports(Selected::Name(required(module.module, environment)?))
        }
        ModuleVerb::Package { module, file } => {
            Order::Package(required(module.module, environment)?, environment.absolute(&file))
        }
    })
}

fn errd(verb: ErrdVerb, environment: &Environment) -> Result<Order, Failure> {
    let (args, switch) = match verb {
        ErrdVerb::List(args) => {
            return Ok(Order::ErrdList(required(args.module, environment)?));
        }
        ErrdVerb::On(args) => (args, WatchSwitch::On),
        ErrdVerb::Off(args) => (args, WatchSwitch::Off),
        ErrdVerb::Enable { module, class } => (module, WatchSwitch::Enable(class)),
        ErrdVerb::Disable { module, class } => (module, WatchSwitch::Disable(class)),
    };
    Ok(Order::Errd { module: required(args.module, environment)?, switch })
}

fn control(
    command: Command,
    args: ControlArgs,
    environment: &Environment,
) -> Result<Order, Failure> {
    Ok(Order::Control {
        module: required(args.module.module, environment)?,
        command,
        identity: args.identity,
    })
}

fn top(args: raw::TopArgs, environment: &Environment) -> Result<Order, Failure> {
    Ok(Order::Top {
        module: optional(args.module.module, environment)?,
        interval: args.interval,
        looks: match (args.once, environment.terminal) {
            (true, terminal) => Looks::Once { columns: terminal.map(|size| size.columns) },
            (false, Some(_)) => Looks::Drawn,
            (false, None) => Looks::Printed,
        },
    })
}

fn wait(awaited: Awaited, args: WaitArgs, environment: &Environment) -> Result<Order, Failure> {
    let module = required(args.module.module, environment)?;
    Ok(Order::Wait { module, awaited, timeout: args.timeout })
}

fn print(
    level: PrintLevel,
    args: raw::PrintArgs,
    environment: &Environment,
) -> Result<Order, Failure> {
    Ok(Order::Print {
        module: required(args.module.module, environment)?,
        level,
        text: args.message,
    })
}

fn path_text(environment: &Environment, path: PathBuf) -> Result<String, Failure> {
    environment
        .absolute(&path)
        .into_os_string()
        .into_string()
        .map_err(|path| Failure::usage(format!("the path {} is not UTF-8", path.display())))
}

fn required(option: Option<String>, environment: &Environment) -> Result<ModuleName, Failure> {
    optional(option, environment)?.ok_or_else(no_module)
}

fn no_module() -> Failure {
    Failure::usage("no module is named: use -m AM, or set the variable SAFEMODULE")
        .detail("'safekit module list' shows the modules of this node")
}

fn optional(
    option: Option<String>,
    environment: &Environment,
) -> Result<Option<ModuleName>, Failure> {
    let (text, from) = match (option, environment.safemodule.as_deref().and_then(OsStr::to_str)) {
        (Some(text), _) => (text, "-m"),
        (None, Some(text)) => (text.to_owned(), "SAFEMODULE"),
        (None, None) => return Ok(None),
    };
    ModuleName::new(&text)
        .map(Some)
        .map_err(|error| Failure::usage(format!("{from} {text:?} is no module name: {error}")))
}

/// Returns the words of every command, and of each of its options after the words: `log`, `log -s`.
pub(crate) fn words() -> Vec<String> {
    let mut words = special::WORDS.map(str::to_owned).to_vec();
    collect_words(&raw::command(), "", &mut words);
    words
}

fn collect_words(command: &clap::Command, before: &str, words: &mut Vec<String>) {
    for argument in command.get_arguments() {
        let short = argument.get_short().map(|letter| format!("-{letter}"));
        let long = argument.get_long().map(|long| format!("--{long}"));
        // What is neither is no option: a file, a state, a message.
        let Some(option) = short.or(long) else { continue };
        words.push(format!("{before} {option}").trim_start().to_owned());
    }
    for inner in command.get_subcommands() {
        let name = format!("{before} {}", inner.get_name()).trim_start().to_owned();
        // A word that only groups commands is none.
        if !inner.has_subcommands() {
            words.push(name.clone());
        }
        collect_words(inner, &name, words);
    }
}

/// Tells which known command clap found, where it is one that is not supported.
pub(crate) fn subcommand_path(matches: &ArgMatches) -> Vec<&str> {
    let mut path = Vec::new();
    let mut at = matches;
    while let Some((name, inner)) = at.subcommand() {
        path.push(name);
        at = inner;
    }
    path
}

#[cfg(test)]
mod tests;
