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

#[test]
fn every_command_means_what_it_says() {
    let second = Duration::from_secs(1);
    let table = [
        ("cluster config", Order::ClusterConfig(None)),
        ("cluster config c.xml", Order::ClusterConfig(Some("/here/c.xml".into()))),
        ("cluster config /c.zip", Order::ClusterConfig(Some("/c.zip".into()))),
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
        "printe -m web",
        "printe -m web two words",
        "cluster",
        "cluster frobnicate",
        "cluster export",
        "module install -m web",
        "nothing",
        "--frobnicate",
        "help",
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
    for (line, name) in [
        ("boot on -m web", "boot"),
        ("incloop -m web -i x", "incloop"),
        ("snapshot -m web /x.zip", "snapshot"),
        ("clean --help", "clean"),
        ("cluster genkey", "cluster genkey"),
        ("module package -m web /x.safe", "module package"),
        ("-H * state", "-H"),
        ("-p", "-p"),
        ("-r vip_if_ctrl -l", "-r"),
    ] {
        let failure = refusal_of(line);
        assert_eq!(failure.exit, Exit::Usage, "{line}");
        let expected =
            format!("'safekit {name}' is a known SafeKit command that is not supported yet");
        assert_eq!(failure.message, expected, "{line}");
    }
}

#[test]
fn help_names_every_command_and_no_other() {
    let Ok(Parsed::Text(help)) = read("--help", None) else { panic!("no help") };
    let command = raw::command();
    for one in command.get_subcommands() {
        let line = if one.has_subcommands() {
            one.get_subcommands()
                .map(|two| format!("  {} {} ", one.get_name(), two.get_name()))
                .collect()
        } else {
            vec![format!("  {} ", one.get_name())]
        };
        for words in line {
            assert!(help.contains(&words), "help does not name {words:?}");
        }
    }
    assert!(!help.contains("incloop"), "a command that is not supported is advertised");
}

#[test]
fn definition_is_consistent() {
    known::extend(raw::command()).debug_assert();
}
