use super::*;
use crate::exit::Exit;

fn read(line: &str, safemodule: Option<&str>) -> Result<Parsed, Failure> {
    let arguments: Vec<OsString> =
        std::iter::once("safekit").chain(line.split_whitespace()).map(OsString::from).collect();
    let environment = Environment {
        safemodule: safemodule.map(OsString::from),
        current_dir: Some(PathBuf::from("/here")),
        ..Environment::default()
    };
    parse(&arguments, &environment)
}

fn order_of(line: &str) -> Order {
    match read(line, None) {
        Ok(Parsed::Line(line)) => line.order,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal_of(line: &str) -> Failure {
    match read(line, None) {
        Err(failure) => failure,
        Ok(parsed) => panic!("{line}: {parsed:?}"),
    }
}

fn web() -> ModuleName {
    ModuleName::new("web").unwrap()
}

fn control_of(command: Command, identity: Option<&str>) -> Order {
    Order::Control { module: web(), command, identity: identity.map(str::to_owned) }
}

fn wait_of(awaited: Awaited, timeout: Option<Duration>) -> Order {
    Order::Wait { module: web(), awaited, timeout }
}

fn cluster_config(file: &str, lock: Option<Lock>) -> Order {
    Order::ClusterConfig { source: Source::File(file.to_owned()), lock }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[expect(clippy::too_many_lines, reason = "one line for each command")]
#[test]
fn every_command_means_what_it_says() {
    let second = Duration::from_secs(1);
    let table = [
        ("cluster config", Order::ClusterConfig { source: Source::Current, lock: None }),
        ("cluster config c.xml", cluster_config("/here/c.xml", None)),
        ("cluster config /c.zip lock", cluster_config("/c.zip", Some(Lock::Lock))),
        ("cluster config c.xml unlock", cluster_config("/here/c.xml", Some(Lock::Unlock))),
        (
            "cluster config lock",
            Order::ClusterConfig { source: Source::Nothing, lock: Some(Lock::Lock) },
        ),
        ("cluster config ./lock", cluster_config("/here/./lock", None)),
        ("cluster confcheck c.xml", Order::ClusterConfcheck("/here/c.xml".into())),
        ("cluster deconfig", Order::ClusterDeconfig),
        ("cluster genkey", Order::ClusterKeys(Keys::New, Others::Keep)),
        ("cluster delkey --force", Order::ClusterKeys(Keys::None, Others::CutOff)),
        ("cluster export c.zip", Order::ClusterExport("/here/c.zip".into())),
        ("cluster state", Order::ClusterState),
        ("cluster confinfo", Order::ClusterConfinfo),
        ("state", Order::NodeState),
        ("state -m web", Order::ModuleState(web(), Detail::Short)),
        ("state -v -m web", Order::ModuleState(web(), Detail::Resources)),
        ("state -m web -lq", Order::ModuleState(web(), Detail::Quiet)),
        (
            "module install -m web dir",
            Order::Install { module: web(), path: "/here/dir".into(), existing: Existing::Keep },
        ),
        (
            "module install -m web /x.safe -r",
            Order::Install { module: web(), path: "/x.safe".into(), existing: Existing::Replace },
        ),
        ("module uninstall -m web", Order::Uninstall(web())),
        ("module list", Order::ModuleList),
        ("module listid", Order::ModuleListid),
        ("module getports -m web", Order::Getports(Selected::Name(web()))),
        ("module getports -i 3", Order::Getports(Selected::Id(3))),
        ("module package -m web w.safe", Order::Package(web(), "/here/w.safe".into())),
        ("deconfig -m web", Order::Deconfig(web())),
        ("update -m web", Order::Update(web())),
        (
            "logview -m web -s 5 -A",
            Order::Logview { module: Some(web()), lines: 5, verbosity: Verbosity::All },
        ),
        (
            "logsave x.log",
            Order::Logsave { module: None, verbosity: Verbosity::Main, file: "/here/x.log".into() },
        ),
        ("cmdlog -s 7", Order::Cmdlog(7)),
        ("errd list -m web", Order::ErrdList(web())),
        ("boot on -m web", Order::SetBoot(web(), Boot::On)),
        ("boot -m web off", Order::SetBoot(web(), Boot::Off)),
        ("boot status", Order::BootStatus(None)),
        ("incloop -m web -i x", Order::Incloop(web(), Some("x".into()))),
        ("resetloop -m web", Order::Resetloop(web(), None)),
        ("checkloop -m web", Order::Checkloop(web())),
        (
            "kill -name=httpd -argregex=a.* -level=15",
            Order::Kill {
                name: "httpd".into(),
                argregex: Some("a.*".into()),
                level: Level::Terminate,
            },
        ),
        (
            "--root /x --json kill -name=httpd -level 9",
            Order::Kill { name: "httpd".into(), argregex: None, level: Level::Kill },
        ),
        ("boundcmd 5 ls -l --all", Order::Boundcmd(second * 5, words(&["ls", "-l", "--all"]))),
        ("-r boundcmd 5 ls", Order::Boundcmd(second * 5, words(&["ls"]))),
        ("processtree list", Order::ProcesstreeList(None)),
        ("processtree list 7", Order::ProcesstreeList(Some(7))),
        ("-r processtree kill 7", Order::ProcesstreeKill(7)),
        ("-p", Order::Places),
        ("config -m web", Order::Config(web())),
        ("confcheck -m web", Order::Confcheck(web())),
        ("confinfo -m web", Order::Confinfo(web())),
        ("start -m web", control_of(Command::Start, None)),
        ("stop -m web -i start_both", control_of(Command::Stop, Some("start_both"))),
        ("restart -mweb", control_of(Command::Restart, None)),
        ("stopstart -i x -m web", control_of(Command::Stopstart, Some("x"))),
        ("forcestop -m web", control_of(Command::Forcestop, None)),
        ("errd on -m web", Order::Errd { module: web(), switch: WatchSwitch::On }),
        ("errd off -m web", Order::Errd { module: web(), switch: WatchSwitch::Off }),
        (
            "errd enable batch -m web",
            Order::Errd { module: web(), switch: WatchSwitch::Enable("batch".into()) },
        ),
        (
            "errd disable batch -m web",
            Order::Errd { module: web(), switch: WatchSwitch::Disable("batch".into()) },
        ),
        ("waitstart -m web", wait_of(Awaited::Up, None)),
        ("waitstop -m web --timeout 1", wait_of(Awaited::Stop, Some(second))),
        ("waitstate -m web UP --timeout 1000ms", wait_of(Awaited::Up, Some(second))),
        ("waitstate STOP -m web --timeout 1m", wait_of(Awaited::Stop, Some(second * 60))),
        ("log", Order::Log { module: None, lines: 300, verbosity: Verbosity::Main }),
        (
            "log -m web -s 5 -A",
            Order::Log { module: Some(web()), lines: 5, verbosity: Verbosity::All },
        ),
        (
            "printi -m web hello",
            Order::Print { module: web(), level: PrintLevel::Info, text: "hello".into() },
        ),
        (
            "printe --nginx-failed -m web",
            Order::Print { module: web(), level: PrintLevel::Event, text: "--nginx-failed".into() },
        ),
        ("top", Order::Top { module: None, interval: second, looks: Looks::Printed }),
        (
            "top -m web --interval 200ms --once",
            Order::Top {
                module: Some(web()),
                interval: second / 5,
                looks: Looks::Once { columns: None },
            },
        ),
        ("shutdown", Order::Shutdown),
        ("level", Order::Level(None)),
        ("level -m web", Order::Level(Some(web()))),
    ];
    for (line, order) in table {
        assert_eq!(order_of(line), order, "{line}");
    }
}

#[test]
fn variable_names_the_module_where_the_option_does_not() {
    let order = |line| match read(line, Some("web")) {
        Ok(Parsed::Line(line)) => line.order,
        other => panic!("{other:?}"),
    };
    assert_eq!(order("start"), control_of(Command::Start, None));
    assert_eq!(order("state -lq"), Order::ModuleState(web(), Detail::Quiet));
    let mail = ModuleName::new("mail").unwrap();
    assert_eq!(order("config -m mail"), Order::Config(mail));
    assert_eq!(read("start", Some("../x")).unwrap_err().exit, Exit::Usage);
}

#[test]
fn wrong_lines_are_usage_errors() {
    for line in [
        "",
        "start",
        "state -lq",
        "state -q -m web",
        "state -l -m web",
        "state -v -lq -m web",
        "state -lq -m web --json",
        "start -m",
        "start -m web -m web",
        "start -m we/b",
        "start -m lastconfig",
        "start web",
        "start -m web --timeout 3",
        "shutdown -m web",
        "waitstate -m web",
        "waitstate -m web PRIM",
        "waitstate -m web up",
        "waitstart -m web --timeout 5x",
        "waitstart -m web --timeout -1",
        "waitstart -m web --timeout 99999999999999999999d",
        "log -m web -s 0",
        "log -m web -s 10001",
        "top --interval 199ms",
        "top --interval 61m",
        "top --json",
        "printe -m web",
        "printe -m web two words",
        "cluster",
        "cluster frobnicate",
        "cluster export",
        "module install -m web",
        "nothing",
        "--frobnicate",
        "help nothing",
        "help cluster nothing",
        "cluster config c.xml locked",
        "cluster config lock unlock",
        "cluster confcheck",
        "cluster genkey -f",
        "module getports",
        "module getports -m web -i 1",
        "module getports -i 0",
        "module package -m web",
        "deconfig",
        "update",
        "logsave -m web",
        "errd",
        "errd enable -m web",
        "errd disable",
        "errd on",
        "boot on",
        "boot maybe -m web",
        "boot webon",
        "incloop",
        "kill -name=x",
        "kill -level=9",
        "kill -name=x -level=kill",
        "boundcmd 5",
        "boundcmd 0 ls",
        "boundcmd ls",
        "processtree",
        "processtree kill",
        "processtree kill x",
        "-r",
        "-r vip_if_ctrl -l",
        "-p -m web",
    ] {
        assert_eq!(refusal_of(line).exit, Exit::Usage, "{line}");
    }
}

#[test]
fn unknown_words_are_met_with_the_nearest_ones() {
    for (line, meant) in [
        ("strat -m web", "'start'"),
        ("stat", "'state'"),
        ("cluster confnfo", "'confinfo'"),
        ("module instal -m web x", "'install'"),
        ("state --jsn", "'--json'"),
    ] {
        let failure = refusal_of(line);
        assert!(failure.details.join("\n").contains(meant), "{line}: {failure:?}");
    }
}

#[test]
fn known_commands_say_that_they_are_not_supported_yet() {
    for (line, name) in
        [("snapshot -m web /x.zip", "snapshot"), ("clean --help", "clean"), ("-H * state", "-H")]
    {
        let failure = refusal_of(line);
        assert_eq!(failure.exit, Exit::Usage, "{line}");
        let expected =
            format!("'safekit {name}' is a known SafeKit command that is not supported yet");
        assert_eq!(failure.message, expected, "{line}");
    }
}

#[test]
fn commands_that_will_not_come_say_why_and_what_to_do_instead() {
    for (line, why, instead) in [
        ("module genkey -m web", "modules have no keys of their own", "'safekit cluster genkey'"),
        ("module delkey -m web", "modules have no keys of their own", "'safekit cluster delkey'"),
        ("prim -m web", "it is for mirror modules", "--help"),
        ("webserver stop", "there is one service", "systemctl"),
    ] {
        let failure = refusal_of(line);
        assert_eq!(failure.exit, Exit::Usage, "{line}");
        assert!(failure.message.contains(why), "{line}: {}", failure.message);
        assert!(failure.details[0].contains(instead), "{line}: {:?}", failure.details);
    }
}

#[test]
fn every_command_has_one_row_in_the_guide() {
    let mut all = Vec::new();
    for one in raw::command().get_subcommands() {
        if one.has_subcommands() {
            let two = one.get_subcommands();
            all.extend(two.map(|two| format!("{} {}", one.get_name(), two.get_name())));
        } else {
            all.push(one.get_name().to_owned());
        }
    }
    let mut rows = guide::rows();
    rows.sort_unstable();
    all.sort();
    assert_eq!(rows, all);
}

#[test]
fn help_names_every_command_and_explains_each() {
    let text = |line: &str| match read(line, None) {
        Ok(Parsed::Text(text)) => text,
        other => panic!("{line}: {other:?}"),
    };
    let help = text("--help");
    assert_eq!(text("help"), help);
    assert!(!help.contains("snapshot"), "a command that is not supported is advertised");
    for row in guide::rows() {
        assert!(help.contains(&format!("  {row} ")), "help does not name {row}");
        let explained = text(&format!("help {row}"));
        assert!(explained.contains("Example:\n  safekit "), "{explained}");
    }
}

#[test]
fn help_fits_into_a_terminal_and_says_what_a_command_needs() {
    let text = |line: &str| match read(line, None) {
        Ok(Parsed::Text(text)) => text,
        other => panic!("{line}: {other:?}"),
    };
    let pages = guide::rows().into_iter().map(|row| text(&format!("help {row}")));
    for line in pages.chain([text("--help")]).collect::<String>().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text("help start").contains("Usage: safekit start -m AM\n"));
}

#[test]
fn a_refused_line_names_the_help_of_its_command() {
    for (line, pointer) in [
        ("start -m web now", "'safekit help start' explains the command"),
        ("--root /x cluster confcheck", "'safekit help cluster confcheck' explains the command"),
        ("processtree kill", "'safekit help processtree kill' explains the command"),
        ("install -m web x", "'safekit help module install' explains it"),
        ("bogus", "'safekit --help' lists the commands of this version"),
    ] {
        let details = refusal_of(line).details.join("\n");
        assert!(details.ends_with(pointer), "{line}: {details}");
    }
}

/// The pages that are made of the command line. With the variable `SAFEKIT_BLESS` set they are written.
#[test]
fn pages_are_those_that_the_command_prints() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (form, file) in [
        ("markdown", "reference/commands.md"),
        ("man", "man/safekit.1"),
        ("bash", "completions/safekit.bash"),
        ("zsh", "completions/_safekit"),
        ("fish", "completions/safekit.fish"),
    ] {
        let Ok(Parsed::Text(text)) = read(&format!("help --as {form}"), None) else {
            panic!("no {form}")
        };
        let path = docs.join(file);
        if std::env::var_os("SAFEKIT_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, text, "{file}: write it anew with SAFEKIT_BLESS=1");
    }
}

#[test]
fn definition_is_consistent() {
    known::extend(raw::command()).debug_assert();
}
