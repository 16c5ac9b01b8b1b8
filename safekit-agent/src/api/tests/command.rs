//! The command, the HTTP front and the API together, over a real control socket.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use safekit_cli::{Environment, Exit, run};
use safekit_core::runtime::front::{Board, Front, FrontConfig, Listener};

use super::*;
use crate::api::{HostUsers, Users};

/// An agent without an event loop; removed at the end.
struct Agent {
    root: PathBuf,
    operations: Arc<FakeOperations>,
    front: Option<Front>,
}

impl Agent {
    fn start(name: &str, operations: FakeOperations) -> Self {
        let root = std::env::temp_dir().join(format!("safekit-api-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        fs::create_dir_all(root.join("var")).unwrap();
        let operations = Arc::new(operations);
        let me = rustix::process::getuid().as_raw();
        let permissions = Permissions::new(me, Arc::new(HostUsers));
        let api = Api::new(operations.clone(), permissions, StatusPage::On);
        let admit = api.clone();
        let board = Board::new(start_time());
        let config = FrontConfig::new("api", board, Arc::new(move |request| api.handle(request)))
            .with_admit(Arc::new(move |request| admit.admit(request)))
            .with_listener(Listener::Unix { path: root.join("var/safekit.sock"), mode: 0o600 });
        Self { root, operations, front: Some(Front::start(config).unwrap()) }
    }

    fn run(&self, line: &str) -> (Exit, String) {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let mut environment = Environment::default();
        environment.safe = Some(self.root.clone().into_os_string());
        environment.current_dir = Some(self.root.clone());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&arguments, &environment, &mut out, &mut err);
        out.extend_from_slice(&err);
        (exit, String::from_utf8(out).unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.front.take());
        drop(fs::remove_dir_all(&self.root));
    }
}

#[expect(clippy::disallowed_methods, reason = "the board counts from some instant")]
fn start_time() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
fn every_command_reaches_its_operation() {
    let me = HostUsers.name(rustix::process::getuid().as_raw()).unwrap();
    let by_me = format!("by User({me:?})");
    let table = [
        (
            "cluster config /c.xml",
            format!(r#"configure cluster Some(File("/c.xml")) None by {me}"#),
        ),
        ("cluster config", format!("configure cluster Some(Current) None by {me}")),
        ("cluster config lock", format!("configure cluster None Some(Locked) by {me}")),
        ("cluster confcheck /c.xml", "check cluster /c.xml".to_owned()),
        ("cluster deconfig", format!("deconfigure cluster by {me}")),
        ("cluster genkey", format!("keys New Keep by {me}")),
        ("cluster delkey --force", format!("keys None CutOff by {me}")),
        ("module listid", "modules".to_owned()),
        ("module getports -i 2", "ports Id(2)".to_owned()),
        ("module package -m web web.safe", "package web".to_owned()),
        ("deconfig -m web", format!("deconfigure web by {me}")),
        ("update -m web", format!("update web by {me}")),
        ("incloop -m web -i t", "budget Counted web by t".to_owned()),
        ("resetloop -m web", format!("budget Reset web by {me}")),
        ("checkloop -m web", "budget web".to_owned()),
        ("boot on -m web", format!("boot on web by {me}")),
        ("boot status", "boot of node".to_owned()),
        ("cmdlog -s 3", "command log 3".to_owned()),
        ("errd list -m web", "state".to_owned()),
        ("cluster export cluster.zip", format!("export cluster by {me}")),
        ("cluster state", "state".to_owned()),
        ("cluster confinfo", "confinfo cluster".to_owned()),
        ("state", "state".to_owned()),
        ("module install -m web /w -r", format!("install web /w Yes by {me}")),
        ("module uninstall -m web", format!("uninstall web by {me}")),
        ("module list", "modules".to_owned()),
        ("config -m web", format!("configure web by {me}")),
        ("confcheck -m web", "confcheck web".to_owned()),
        ("confinfo -m web", "confinfo web".to_owned()),
        ("start -m web", format!("start web {by_me}")),
        ("stop -m web", format!("stop web {by_me}")),
        ("restart -m web -i t", r#"restart web by Detector("t")"#.to_owned()),
        ("stopstart -m web", format!("stopstart web {by_me}")),
        ("forcestop -m web", format!("forcestop web {by_me}")),
        ("log", "log node 300 Main".to_owned()),
        ("log -m web -s 7 -A", "log web 7 All".to_owned()),
        ("printi -m web hi", format!("print web Info \"hi\" by {me}")),
        ("printe -m web hi", format!("print web Event \"hi\" by {me}")),
        ("shutdown", format!("shutdown by {me}")),
        ("level -m web", "level web".to_owned()),
    ];
    let agent = Agent::start("all", FakeOperations::default());
    let mut expected = Vec::new();
    for (line, asked) in table {
        let (exit, text) = agent.run(&format!("safekit {line}"));
        assert_eq!(exit, Exit::Done, "{line}: {text}");
        expected.push(asked);
    }
    assert_eq!(agent.operations.asked(), expected);
    assert!(agent.root.join("cluster.zip").is_file());
}

#[test]
fn state_is_an_exit_code() {
    let agent = Agent::start("state", FakeOperations::default());
    assert_eq!(agent.run("safekit state -m web -lq"), (Exit::StateWait, "WAIT\n".to_owned()));
    let (exit, text) = agent.run("safekit state -v -m web");
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.starts_with("web on node1: WAIT (Transient)"), "{text}");
    assert_eq!(agent.run("safekit state -m mail -lq").0, Exit::Usage);
}

#[test]
fn errors_keep_their_kind_on_the_way() {
    let faults = OperationError::Configuration {
        message: "1 fault".to_owned(),
        diagnostics: vec!["userconfig.xml:1:2: what is wrong".to_owned()],
    };
    for (error, exit) in [
        (OperationError::Usage("asked wrongly".to_owned()), Exit::Usage),
        (faults, Exit::Configuration),
        (OperationError::Refused("not now".to_owned()), Exit::Refused),
        (OperationError::Internal("broken".to_owned()), Exit::Internal),
    ] {
        let agent = Agent::start("errors", FakeOperations::failing(error.clone()));
        let (ran, text) = agent.run("safekit config -m web");
        assert_eq!(ran, exit, "{text}");
        assert!(text.starts_with(&format!("error: {error}\n")), "{text}");
    }
}

#[test]
fn agent_that_has_ended_is_told() {
    let mut agent = Agent::start("ended", FakeOperations::default());
    drop(agent.front.take());
    let (exit, text) = agent.run("safekit state -m web -lq");
    assert_eq!(exit, Exit::AgentDown, "{text}");
}
