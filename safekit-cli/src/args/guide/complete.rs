//! The guide as completions of the shells bash, zsh and fish.
//!
//! All three offer the same: commands, their options, the words an argument may be, files where one is wanted, and the names of
//! the modules of this node after `-m`, for which the agent is asked for two seconds at most.

use clap::{Arg, Command};

use super::print::{found, option_name};
use super::table::{GROUPS, Row};

/// A command, as a completion sees it.
struct Place {
    first: &'static str,
    second: Option<&'static str>,
    line: &'static str,
    options: Vec<Choice>,
    /// What an argument may be.
    values: Vec<String>,
    /// Whether an argument is a file or a folder.
    files: bool,
}

/// An option.
struct Choice {
    name: String,
    about: String,
    value: Wanted,
}

/// What follows an option.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Module,
    Folder,
    Text(Vec<String>),
}

/// The completion of bash.
pub(super) fn bash(command: &Command) -> String {
    let places = places(command);
    let mut text = "# Completion of the command safekit for bash.\n".to_owned();
    text.push_str(BASH_BEGIN);
    text.push_str(&format!("        {})\n", valued(&places).join("|")));
    text.push_str(BASH_WALK);
    for place in &places {
        let (options, values) = (names(&place.options), place.values.join(" "));
        let files = if place.files { " files=yes" } else { "" };
        let pattern = pattern(place);
        text.push_str(&format!(
            "    {pattern}) options=\"{options}\" values=\"{values}\"{files} ;;\n"
        ));
    }
    for (first, seconds) in groups(&places) {
        let seconds: Vec<&str> = seconds.iter().filter_map(|place| place.second).collect();
        text.push_str(&format!("    \"{first} \"*) values=\"{}\" ;;\n", seconds.join(" ")));
    }
    let firsts: Vec<&str> = firsts(&places).into_iter().map(|(first, _)| first).collect();
    text.push_str(&format!(
        "    *) values=\"{}\" ;;\n    esac\n    case \"$before\" in\n",
        firsts.join(" ")
    ));
    for (name, words) in worded(&places) {
        text.push_str(&format!(
            "    {name}) values=\"{}\" files= word_wanted=yes ;;\n",
            words.join(" ")
        ));
    }
    text + BASH_END
}

/// The completion of zsh.
pub(super) fn zsh(command: &Command) -> String {
    let places = places(command);
    let mut text = "#compdef safekit\n# Completion of the command safekit for zsh.\n".to_owned();
    text.push_str(ZSH_BEGIN);
    text.push_str(&format!("        ({})\n", valued(&places).join("|")));
    text.push_str(ZSH_WALK);
    for place in &places {
        text.push_str(&format!("    ({})\n", pattern(place)));
        if !place.options.is_empty() {
            let described =
                place.options.iter().map(|option| described(&option.name, &option.about));
            text.push_str(&format!(
                "        options+=({})\n",
                described.collect::<Vec<_>>().join(" ")
            ));
        }
        if !place.values.is_empty() {
            text.push_str(&format!("        values=({})\n", place.values.join(" ")));
        }
        let files = if place.files { "        files=yes\n" } else { "" };
        text.push_str(&format!("{files}        ;;\n"));
    }
    for (first, seconds) in groups(&places) {
        let words = seconds.iter().filter_map(|place| Some(described(place.second?, place.line)));
        text.push_str(&format!(
            "    (\"{first} \"*) values=({}) ;;\n",
            words.collect::<Vec<_>>().join(" ")
        ));
    }
    let words = firsts(&places).into_iter().map(|(first, line)| described(first, line));
    text.push_str(&format!(
        "    (*) values=({}) ;;\n    esac\n    case \"$before\" in\n",
        words.collect::<Vec<_>>().join(" ")
    ));
    for (name, words) in worded(&places) {
        text.push_str(&format!("    ({name}) compadd -- {}; return ;;\n", words.join(" ")));
    }
    text + ZSH_END
}

/// The completion of fish.
pub(super) fn fish(command: &Command) -> String {
    let places = places(command);
    let mut text = "# Completion of the command safekit for fish.\n".to_owned();
    text.push_str(FISH_BEGIN);
    text.push_str(&format!("            case {}\n", valued(&places).join(" ")));
    text.push_str(FISH_WALK);
    for (first, line) in firsts(&places) {
        text.push_str(&format!(
            "complete -c safekit -n __safekit_now -a {first} -d {}\n",
            quoted(line)
        ));
    }
    for (first, seconds) in groups(&places) {
        for place in seconds {
            let second = place.second.unwrap_or_default();
            let line = quoted(place.line);
            text.push_str(&format!(
                "complete -c safekit -n '__safekit_now {first}' -a {second} -d {line}\n"
            ));
        }
    }
    for place in &places {
        let words =
            [Some(place.first), place.second].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let at = format!("complete -c safekit -n '__safekit_at {words}'");
        for option in &place.options {
            let name = match option.name.strip_prefix("--") {
                Some(long) => format!("-l {long}"),
                None => format!("-s {}", option.name.trim_start_matches('-')),
            };
            let value = match &option.value {
                Wanted::Nothing => String::new(),
                Wanted::Module => " -x -a '(__safekit_modules)'".to_owned(),
                Wanted::Folder => " -r -a '(__fish_complete_directories)'".to_owned(),
                Wanted::Text(words) if words.is_empty() => " -x".to_owned(),
                Wanted::Text(words) => format!(" -x -a '{}'", words.join(" ")),
            };
            text.push_str(&format!("{at} {name}{value} -d {}\n", quoted(&option.about)));
        }
        if !place.values.is_empty() {
            text.push_str(&format!("{at} -a '{}'\n", place.values.join(" ")));
        }
        if place.files {
            text.push_str(&format!("{at} -F\n"));
        }
    }
    text
}

fn places(command: &Command) -> Vec<Place> {
    GROUPS.iter().flat_map(|group| group.rows).map(|row| place(command, row)).collect()
}

fn place(command: &Command, row: &'static Row) -> Place {
    let (first, second) = match row.words.split_once(' ') {
        Some((first, second)) => (first, Some(second)),
        None => (row.words, None),
    };
    let arguments: Vec<&Arg> = found(command, row.words);
    let options = arguments.iter().filter_map(|argument| {
        let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let name = option_name(argument)?;
        let value = wanted(&name, argument);
        Some(Choice { name, about, value })
    });
    let plain = || arguments.iter().filter(|argument| option_name(argument).is_none());
    let mut values: Vec<String> = plain().flat_map(|argument| words(argument)).collect();
    if row.words == "help" {
        let named = command.get_subcommands().filter(|command| !command.is_hide_set());
        values.extend(named.map(|command| command.get_name().to_owned()));
    }
    let is_file = |argument: &Arg| {
        let names = argument.get_value_names().unwrap_or_default();
        names.iter().any(|name| ["FILE", "DIR", "COMMAND"].iter().any(|it| name.contains(it)))
    };
    let files = row.words != "help" && plain().any(|argument| is_file(argument));
    Place { first, second, line: row.line, options: options.collect(), values, files }
}

fn wanted(name: &str, argument: &Arg) -> Wanted {
    match (argument.get_action().takes_values(), name) {
        (false, _) => Wanted::Nothing,
        (true, "-m") => Wanted::Module,
        (true, "--root") => Wanted::Folder,
        (true, _) => Wanted::Text(words(argument)),
    }
}

/// Returns the words that an argument may be, where that is a choice.
fn words(argument: &Arg) -> Vec<String> {
    argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
}

fn names(options: &[Choice]) -> String {
    options.iter().map(|option| option.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns the options that have a value, of any command: none of them is a flag of another one.
fn valued(places: &[Place]) -> Vec<&str> {
    let options = places.iter().flat_map(|place| &place.options);
    let with = options.filter(|option| option.value != Wanted::Nothing && option.name != "--root");
    let mut names: Vec<&str> = with.map(|option| option.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the options whose values are words of a choice or free text, with those words.
fn worded(places: &[Place]) -> Vec<(&str, Vec<String>)> {
    let options = places.iter().flat_map(|place| &place.options);
    let mut worded: Vec<(&str, Vec<String>)> = options
        .filter_map(|option| match &option.value {
            Wanted::Text(words) => Some((option.name.as_str(), words.clone())),
            Wanted::Nothing | Wanted::Module | Wanted::Folder => None,
        })
        .collect();
    worded.sort_unstable();
    worded.dedup();
    worded
}

/// Returns the first words, each once, with what they do.
fn firsts(places: &[Place]) -> Vec<(&'static str, &'static str)> {
    let mut firsts: Vec<(&str, &str)> = Vec::new();
    for place in places {
        if !firsts.iter().any(|(first, _)| *first == place.first) {
            let line = if place.second.is_some() { "..." } else { place.line };
            firsts.push((place.first, line));
        }
    }
    firsts
}

/// Returns the commands that have second words, by their first ones.
fn groups(places: &[Place]) -> Vec<(&'static str, Vec<&Place>)> {
    let mut groups: Vec<(&'static str, Vec<&Place>)> = Vec::new();
    for place in places.iter().filter(|place| place.second.is_some()) {
        match groups.iter_mut().find(|(first, _)| *first == place.first) {
            Some((_, seconds)) => seconds.push(place),
            None => groups.push((place.first, vec![place])),
        }
    }
    groups
}

fn pattern(place: &Place) -> String {
    match place.second {
        Some(second) => format!("\"{} {second}\"", place.first),
        None => format!("\"{} \"*", place.first),
    }
}

/// A word with its description, as `_describe` of zsh takes it.
fn described(word: &str, line: &str) -> String {
    quoted(&format!("{word}:{line}"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "’"))
}

const BASH_BEGIN: &str = "\
_safekit() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local at=1 first= second= options= values= files= word_wanted=
    local -a root=()
    while ((at < COMP_CWORD)); do
        case \"${COMP_WORDS[at]}\" in
        --root) root=(--root \"${COMP_WORDS[at+1]}\"); ((at++)) ;;
";
const BASH_WALK: &str = "            ((at++)) ;;
        -*) ;;
        *) if [[ -z $first ]]; then first=${COMP_WORDS[at]}; elif [[ -z $second ]]; then second=${COMP_WORDS[at]}; fi ;;
        esac
        ((at++))
    done
    case \"$first $second\" in
";
const BASH_END: &str = "    -m) values=$(\"${COMP_WORDS[0]}\" boundcmd 2 \"${COMP_WORDS[0]}\" \"${root[@]}\" module listid 2>/dev/null | awk 'NR > 1 { print $1 }')
        files= word_wanted=yes ;;
    --root) COMPREPLY=($(compgen -d -- \"$word\")); return ;;
    esac
    if [[ -z $word_wanted && ( $word == -* || -z $values$files ) ]]; then
        values=\"$options --json --root --help\" files=
    fi
    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))
    if [[ -n $files ]]; then
        compopt -o filenames
        COMPREPLY+=($(compgen -f -- \"$word\"))
    fi
}
complete -F _safekit safekit
";
const ZSH_BEGIN: &str = "\
_safekit() {
    local before=$words[CURRENT-1] word=$words[CURRENT] at=2 first second files
    local -a options=('--json:Print the JSON of the agent' '--root:Folder of the root of the agent' '--help:Explain') values root
    while ((at < CURRENT)); do
        case \"$words[at]\" in
        (--root) root=(--root \"$words[at+1]\"); ((at++)) ;;
";
const ZSH_WALK: &str = "            ((at++)) ;;
        (-*) ;;
        (*) if [[ -z $first ]]; then first=$words[at]; elif [[ -z $second ]]; then second=$words[at]; fi ;;
        esac
        ((at++))
    done
    case \"$first $second\" in
";
const ZSH_END: &str = "    (-m) values=(${(f)\"$($words[1] boundcmd 2 $words[1] $root module listid 2>/dev/null | awk 'NR > 1 { print $1 }')\"})
        compadd -a values; return ;;
    (--root) _files -/; return ;;
    esac
    if [[ $word == -* || ( -z $files && $#values -eq 0 ) ]]; then
        _describe option options
        return
    fi
    (($#values)) && _describe argument values
    [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _safekit ]]; then _safekit \"$@\"; else compdef _safekit safekit; fi
";
const FISH_BEGIN: &str = "\
function __safekit_words
    set -l line (commandline -opc)
    set -e line[1]
    set -l skip no
    for word in $line
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case --root
                set skip yes
";
const FISH_WALK: &str = "                set skip yes
            case '-*'
            case '*'
                echo $word
        end
    end
end
# Whether the words of the command so far are these, or these and arguments of the command.
function __safekit_at
    set -l words (__safekit_words)
    set -l count (count $argv)
    test (count $words) -ge $count; and test \"$words[1..$count]\" = \"$argv\"
end
# Whether the words of the command so far are exactly these.
function __safekit_now
    test \"$(__safekit_words | string join ' ')\" = \"$argv\"
end
function __safekit_modules
    set -l line (commandline -opc)
    set -l root
    if set -l at (contains -i -- --root $line)
        set root --root $line[(math $at + 1)]
    end
    $line[1] boundcmd 2 $line[1] $root module listid 2>/dev/null | awk 'NR > 1 { print $1 }'
end
complete -c safekit -f
complete -c safekit -l json -d 'Print the JSON of the agent'
complete -c safekit -l root -r -a '(__fish_complete_directories)' -d 'Folder of the root of the agent'
complete -c safekit -l help -d 'Explain'
";
