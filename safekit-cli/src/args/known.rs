//! SafeKit's commands that this version knows by name only.
//!
//! Always: each of them is hidden from help and answered by "not supported yet", and is a word that did-you-mean may
//! propose.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Commands by their first word.
const COMMANDS: [&str; 22] = [
    "checker",
    "clean",
    "dump",
    "failover",
    "get",
    "notification",
    "prim",
    "primforce",
    "safeagent",
    "second",
    "secondforce",
    "set",
    "snapshot",
    "swap",
    "uninstall",
    "webserver",
    "webservercfg",
    // Options that SafeKit takes in place of a command.
    "-E",
    "-G",
    "-H",
    "-M",
    "-l",
];
/// Words after `module`.
const MODULE: [&str; 2] = ["delkey", "genkey"];

/// Returns the option in place of a command, where it is one that SafeKit has.
pub(super) fn option(first: &OsStr) -> Option<&'static str> {
    COMMANDS.iter().find(|name| name.starts_with('-') && first == OsStr::new(name)).copied()
}

/// Adds the known commands to a command line's definition.
pub(super) fn extend(command: Command) -> Command {
    let words = COMMANDS.iter().filter(|name| !name.starts_with('-'));
    command.subcommands(words.map(|name| unsupported(name))).mut_subcommand("module", |module| {
        module.subcommands(MODULE.iter().map(|name| unsupported(name)))
    })
}

/// Returns the words of a command that is known by name only.
pub(super) fn named(matches: &ArgMatches) -> Option<String> {
    let path = super::subcommand_path(matches);
    let known = match path.as_slice() {
        ["module", word] => MODULE.contains(word),
        [word] => COMMANDS.contains(word),
        _ => false,
    };
    known.then(|| path.join(" "))
}

/// Returns why a command of SafeKit is not wanted here, where it is not one that may come.
pub(super) fn never(name: &str) -> Option<&'static str> {
    Some(match name {
        "module genkey" | "module delkey" => {
            "modules have no keys of their own, those of the cluster protect the heartbeats of all modules"
        }
        "prim" | "primforce" | "second" | "secondforce" | "swap" => "it is for mirror modules",
        "safeagent" | "webserver" => {
            "there is one service, safekit-agent, and the service manager of the host starts and stops it"
        }
        _ => return None,
    })
}

/// Returns what does the same, or most of it.
pub(super) fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "module genkey" => {
            "'safekit cluster genkey' makes a new key; 'safekit cluster export' carries it to the other nodes"
        }
        "module delkey" => "'safekit cluster delkey' removes the keys",
        "safeagent" | "webserver" => "systemctl start, stop or status safekit-agent",
        "-H" => {
            "run the command on each node; 'safekit cluster state' shows all modules on all nodes"
        }
        "-E" => {
            "'safekit module package -m AM FILE.safe' here, 'safekit module install -m AM FILE.safe' on the other node"
        }
        "-G" => {
            "'safekit cluster export FILE.zip' here, 'safekit cluster config FILE.zip' on the other nodes"
        }
        "dump" | "snapshot" => {
            "'safekit logsave -A', 'safekit state --json' and the userlogs in SAFEVAR/modules/AM tell what happened"
        }
        "get" => "'safekit state -m AM -v' shows every resource, with --json for programs",
        "uninstall" => "'safekit module uninstall -m AM' removes a module",
        _ => return None,
    })
}

fn unsupported(name: &'static str) -> Command {
    let anything = Arg::new("anything")
        .action(ArgAction::Append)
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .value_parser(clap::value_parser!(OsString));
    Command::new(name).hide(true).disable_help_flag(true).arg(anything)
}
