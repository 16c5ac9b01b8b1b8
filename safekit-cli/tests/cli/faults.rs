//! No agent, an agent that ends, and ends that are no agent.

use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixListener;

use safekit_cli::{Environment, Exit};

use crate::fake_agent::{FakeAgent, FakeRoot, answer};

#[test]
fn missing_agent_is_told_with_what_to_do() {
    let root = FakeRoot::new();
    let ran = root.run("safekit state");
    assert_eq!(ran.exit, Exit::AgentDown);
    assert_eq!(
        ran.err,
        "error: the agent of ROOT is not running\n\
         start it: 'safekit-agent run --root ROOT'\n\
         its control socket would be ROOT/var/safekit.sock\n"
    );
}

#[test]
fn socket_that_an_agent_left_behind_is_no_agent() {
    let root = FakeRoot::new();
    drop(UnixListener::bind(root.socket()).unwrap());
    let ran = root.run("safekit state -m web -lq");
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::AgentDown, ""));
}

#[test]
fn no_fault_is_read_as_a_state() {
    let huge = {
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n".to_vec();
        bytes.resize(100_000, b'{');
        bytes
    };
    for (what, bytes, exit) in [
        ("nothing", Vec::new(), Exit::AgentDown),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-".to_vec(), Exit::AgentDown),
        ("half a body", answer(200, br#"{"name":"web"}"#)[..60].to_vec(), Exit::AgentDown),
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), Exit::Internal),
        ("a huge body", huge, Exit::Internal),
        ("no JSON", answer(200, b"UP"), Exit::Internal),
        ("other JSON", answer(200, br#"{"state":"UP"}"#), Exit::Internal),
        ("no UTF-8", answer(200, b"\xff\xfe"), Exit::Internal),
        ("an unexplained error", answer(502, b"<html>"), Exit::Internal),
        (
            "an unknown error",
            answer(418, br#"{"code":"teapot","message":"","details":[]}"#),
            Exit::Internal,
        ),
        ("too much at a time", answer(503, b"busy"), Exit::Refused),
        ("work without an end", answer(504, b"late"), Exit::AgentDown),
        ("a redirect", answer(302, b""), Exit::Internal),
    ] {
        let root = FakeRoot::new();
        let agent = FakeAgent::start(&root, vec![bytes]);
        let ran = root.run("safekit state -m web -lq");
        assert_eq!((ran.exit, ran.out.as_str()), (exit, ""), "{what}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{what}");
        assert_eq!(agent.asked(), ["GET /api/v1/module/web/state"], "{what}");
    }
}

#[test]
fn order_whose_answer_is_lost_is_not_repeated() {
    let root = FakeRoot::new();
    let agent = FakeAgent::start(&root, vec![Vec::new(), answer(200, b"{}")]);
    let ran = root.run("safekit stop -m web");
    assert_eq!(ran.exit, Exit::AgentDown);
    assert!(ran.err.contains("may have been carried out"), "{}", ran.err);
    assert_eq!(agent.asked(), ["POST /api/v1/module/web/stop {}"]);
}

/// Reads what `top` prints. Starts the agent once it was said to be missing; goes away once its state was shown.
struct Reader<'a> {
    root: &'a FakeRoot,
    agent: Option<FakeAgent>,
    text: String,
}

impl Write for Reader<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.push_str(std::str::from_utf8(bytes).unwrap());
        if self.text.contains("node9") {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.agent.is_none() {
            let state = br#"{"version": "1", "time": "t", "node": "node9", "node_id": 9, "incarnation": "1.0",
                "joined": true, "join_why": "", "guardian_pid": 1, "agent_pid": 2, "view": null, "nodes": [],
                "modules": [], "faults": []}"#;
            let log = answer(200, br#"{"lines": ["one line"]}"#);
            self.agent = Some(FakeAgent::start(self.root, vec![answer(200, state), log]));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn top_waits_for_an_agent_and_ends_with_its_reader() {
    let root = FakeRoot::new();
    let mut reader = Reader { root: &root, agent: None, text: String::new() };
    let mut environment = Environment::default();
    environment.safe = Some(root.path.clone().into_os_string());
    let arguments = ["safekit", "top", "--interval", "200ms"].map(Into::into);
    let exit = safekit_cli::run(&arguments, &environment, &mut reader, &mut Vec::new());
    assert_eq!(exit, Exit::Done);
    let (first, rest) = reader.text.split_once("\n\nsafekit top").unwrap();
    assert!(first.contains("is not running") && first.contains("this waits for it"), "{first}");
    assert!(rest.contains("one line"), "{rest}");
    assert_eq!(
        reader.agent.unwrap().asked(),
        ["GET /api/v1/state", "GET /api/v1/log?lines=60&all=0"]
    );
}
