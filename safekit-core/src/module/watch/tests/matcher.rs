use crate::config::model::{ProcAction, ProcClass, ProcConfig, ProcKind};
use crate::ids::ProcessId;
use crate::module::script::Script;
use crate::module::watch::ProcessInfo;
use crate::module::watch::matcher::{Matcher, runs_script};

fn process(name: &str, executable: &str, command: &[&str]) -> ProcessInfo {
    ProcessInfo {
        id: ProcessId { pid: 1, started: 1 },
        parent_pid: 1,
        name: name.to_owned(),
        executable: executable.to_owned(),
        arguments: command.iter().map(|argument| (*argument).to_owned()).collect(),
    }
}

fn config(name: &str, argregex: Option<&str>) -> ProcConfig {
    ProcConfig {
        name: name.to_owned(),
        nameregex: None,
        argregex: argregex.map(str::to_owned),
        atleast: Some(1),
        atmax: None,
        kind: ProcKind::Process,
        restart_services: Vec::new(),
        action: ProcAction::Restart,
        handlertimeout: None,
        class: ProcClass::Both,
        start_after: 0,
    }
}

fn matches(name: &str, process: &ProcessInfo) -> bool {
    Matcher::new(&config(name, None)).unwrap().matches(process)
}

#[test]
fn a_process_is_known_by_each_of_its_names() {
    let python = process("python3.11", "python3.11", &["/usr/bin/python3", "/opt/app/server.py"]);
    for name in ["python3.11", "python3", "server.py"] {
        assert!(matches(name, &python), "{name}");
    }
    for name in ["python", "server", "app", "/opt/app/server.py", ""] {
        assert!(!matches(name, &python), "{name}");
    }
}

#[test]
fn a_script_is_known_by_its_own_name_whatever_its_interpreter() {
    for command in [
        &["/bin/sh", "/opt/app/run"][..],
        &["-bash", "/opt/app/run", "--flag"],
        &["/bin/sh", "-e", "/opt/app/run"],
        &["bash", "-o", "pipefail", "-eu", "/opt/app/run"],
        &["/usr/bin/perl", "-w", "-I", "/lib", "/opt/app/run"],
        &["ruby3.2", "-r", "json", "run"],
        &["node", "--require", "x.js", "--", "/opt/app/run"],
        &["python3", "-u", "-E", "/opt/app/run"],
        &["python3", "-u", "-m", "run"],
        &["php8.2", "-d", "memory_limit=1G", "-f", "/opt/app/run"],
        &["/usr/bin/zsh", "+x", "run"],
    ] {
        assert!(matches("run", &process("x", "x", command)), "{command:?}");
    }
}

#[test]
fn a_name_among_other_arguments_does_not_count() {
    for command in [
        &["vi", "nginx"][..],
        &["grep", "-r", "nginx"],
        &["bash", "-c", "nginx"],
        &["perl", "-e", "nginx"],
        &["node", "-e", "nginx"],
        &["php", "-r", "nginx"],
        &["sh", "-"],
        &["tail", "-f", "/var/log/nginx"],
        &["sh", "start", "nginx"],
    ] {
        assert!(!matches("nginx", &process("x", "x", command)), "{command:?}");
    }
}

#[test]
fn a_name_longer_than_the_kernels_is_compared_whole() {
    let mine = process("my-long-service", "my-long-service-a", &["/opt/my-long-service-a"]);
    let other = process("my-long-service", "my-long-service-b", &["/opt/my-long-service-b"]);
    assert!(matches("my-long-service-a", &mine));
    assert!(!matches("my-long-service-a", &other));
    // Written as SafeKit wants it, cut at 15 bytes, it means both.
    assert!(matches("my-long-service", &mine) && matches("my-long-service", &other));
}

#[test]
fn a_long_name_falls_back_to_the_kernels_where_nothing_else_can_be_read() {
    let bare = process("my-long-service", "", &[]);
    assert!(matches("my-long-service-a", &bare));
    assert!(!matches("my-short-service", &bare));
    assert!(!matches("my-long-service-a", &process("my-long-service", "", &["other"])));
    assert!(!matches("my-long-servic", &bare));
}

#[test]
fn windows_names_are_compared_without_exe_and_case() {
    let found = process("W3SVC.EXE", "w3svc.exe", &[r"C:\windows\w3svc.exe"]);
    assert!(matches("w3svc", &found) && matches("w3svc.exe", &found) && matches("W3SVC", &found));
    assert!(!matches("Nginx", &process("nginx", "nginx", &["nginx"])));
}

#[test]
fn the_regular_expression_sees_the_arguments_joined_by_spaces() {
    let java = process("java", "java", &["/usr/bin/java", "-Xmx1g", "-jar", "/opt/shop.jar"]);
    for (regex, found) in [
        ("shop", true),
        ("-Xmx1g -jar /opt/shop[.]jar$", true),
        ("^/usr/bin/java ", true),
        ("SHOP", false),
        ("other", false),
    ] {
        let matcher = Matcher::new(&config("java", Some(regex))).unwrap();
        assert_eq!(matcher.matches(&java), found, "{regex}");
    }
    let matcher = Matcher::new(&config("nginx", Some("shop"))).unwrap();
    assert!(!matcher.matches(&java), "the name has to match too");
    assert!(Matcher::new(&config("java", Some("("))).is_err());
}

#[test]
fn a_script_of_the_module_is_recognised() {
    let direct = process("start_both", "bash", &["/bin/sh", "/opt/safekit/bin/start_both", "WAIT"]);
    assert!(runs_script(&direct, Script::StartBoth));
    assert!(runs_script(&process("sh", "dash", &["sh", "-x", "start_both"]), Script::StartBoth));
    assert!(!runs_script(&direct, Script::StopBoth));
    assert!(!runs_script(&process("nginx", "nginx", &["nginx"]), Script::StartBoth));
}

#[test]
fn a_nameregex_is_held_against_the_name_of_the_command_and_the_name_is_a_label() {
    let matcher = |regex: &str| {
        let config = ProcConfig { nameregex: Some(regex.to_owned()), ..config("label", None) };
        Matcher::new(&config).unwrap()
    };
    let worker = process("worker-7", "worker-7", &["/opt/label", "worker-x"]);
    assert!(matcher("^worker-[0-9]+$").matches(&worker));
    assert!(matcher("ker").matches(&worker), "anywhere, as POSIX does");
    assert!(!matcher("^worker-x$").matches(&worker), "arguments are argregex's");
    assert!(!matcher("label").matches(&worker), "the label means nothing");
    assert!(!matcher("^WORKER").matches(&worker), "as it is written");
    // The kernel cuts at 15 bytes; the executable has the rest.
    let long = process("backup-of-datab", "backup-of-databases", &["/opt/x"]);
    assert!(matcher("^backup-of-databases$").matches(&long));
    // A script is named as the kernel names it.
    let script = process("serve", "python3.11", &["/usr/bin/python3", "/opt/serve"]);
    assert!(matcher("^serve$").matches(&script) && !matcher("^python").matches(&script));
    // With argregex both must hold.
    let both = ProcConfig { nameregex: Some("^worker".into()), ..config("l", Some("worker-x$")) };
    assert!(Matcher::new(&both).unwrap().matches(&worker));
    let broken = ProcConfig { nameregex: Some("(".into()), ..config("l", None) };
    assert!(Matcher::new(&broken).is_err());
}
