//! A root with a control socket on which prepared answers are given, one for each connection.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{Builder, JoinHandle};

use safekit_cli::{Environment, Exit, run};

/// What one run of the command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A root of its own for a test; removed at the end.
#[derive(Debug)]
pub(crate) struct FakeRoot {
    pub(crate) path: PathBuf,
}

impl FakeRoot {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("safekit-cli-{}-{number}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("var")).unwrap();
        Self { path }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("var/safekit.sock")
    }

    /// Runs the command with this root as SAFE and as working directory.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let arguments: Vec<_> = words(line).into_iter().map(Into::into).collect();
        let mut environment = Environment::default();
        environment.safe = Some(self.path.clone().into_os_string());
        environment.current_dir = Some(self.path.clone());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&arguments, &environment, &mut out, &mut err);
        Ran { exit, out: self.text(&out), err: self.text(&err) }
    }

    fn text(&self, bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap().replace(&self.path.display().to_string(), "ROOT")
    }
}

impl Drop for FakeRoot {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Splits at spaces; single quotes keep words together.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(place, part)| {
            if place % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

/// Gives answers, and remembers what was asked.
#[derive(Debug)]
pub(crate) struct FakeAgent {
    thread: JoinHandle<Vec<String>>,
    socket: PathBuf,
}

impl FakeAgent {
    /// Listens; each connection gets the next answer, byte for byte.
    pub(crate) fn start(root: &FakeRoot, answers: Vec<Vec<u8>>) -> Self {
        let socket = root.socket();
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = Builder::new().spawn(move || serve(&listener, answers)).unwrap();
        Self { thread, socket }
    }

    /// Ends the agent, and returns the head line and body of what was asked.
    pub(crate) fn asked(self) -> Vec<String> {
        // Answers that nobody asked for: an empty connection tells the thread to end.
        drop(UnixStream::connect(&self.socket));
        self.thread.join().unwrap()
    }
}

/// Makes an answer of a status and a body.
pub(crate) fn answer(status: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn serve(listener: &UnixListener, answers: Vec<Vec<u8>>) -> Vec<String> {
    let mut asked = Vec::new();
    for answer in answers {
        let (mut stream, _) = listener.accept().unwrap();
        let Some(request) = request(&mut stream) else { break };
        asked.push(request);
        // A client that has seen enough hangs up.
        drop(stream.write_all(&answer));
    }
    asked
}

fn request(stream: &mut UnixStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            assert!(head.contains("\r\nHost: "), "{head}");
            if body.len() >= length {
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                return Some(format!("{line} {body}").trim_end().to_owned());
            }
        }
        match stream.read(&mut chunk).unwrap() {
            0 => return None,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Returns the folder of the reviewed texts.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}
