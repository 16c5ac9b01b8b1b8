//! What a person sees: the demo and `safekit top`, on a terminal of their own and in a pipe.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::farm::{AGENT, PATIENCE, pause, signal};

/// A program on a terminal of 80 columns and 24 lines.
struct OnTerminal {
    child: Child,
    keyboard: File,
    terminal: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    fn start(command: &mut Command) -> Self {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(name).unwrap();
        let child = command
            .env("TERM", "xterm")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs.try_clone().unwrap())
            .spawn()
            .unwrap();
        let keyboard = File::from(ours);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, kept) = (keyboard.try_clone().unwrap(), Arc::clone(&shown));
        // Ends when the last one has closed the terminal.
        std::thread::Builder::new()
            .spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = screen.read(&mut chunk) {
                    kept.lock().unwrap().extend_from_slice(&chunk[..length]);
                }
            })
            .unwrap();
        Self { child, keyboard, terminal: theirs, shown }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn wait_for(&mut self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(what) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "no {what:?}:\n{}", self.text());
            pause();
        }
    }

    fn press(&mut self, key: &str) {
        self.keyboard.write_all(key.as_bytes()).unwrap();
    }

    /// Waits for the end; the terminal is to be as it was.
    fn end(&mut self) {
        assert!(ended(&mut self.child).success(), "{}", self.text());
        assert!(self.text().contains("\u{1b}[?1049l"), "the screen is not given back");
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        let usual = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes.contains(usual), "keys are not shown: {modes:?}");
    }
}

fn ended(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        pause();
    }
}

/// The folder of a demo.
fn folder(demo: &Child) -> PathBuf {
    std::env::temp_dir().join(format!("safekit-demo-{}", demo.id()))
}

/// Fails where a process or a file of a demo is left.
fn assert_nothing_left(folder: &Path) {
    assert!(!folder.exists(), "{} is left", folder.display());
    let wanted = folder.to_str().unwrap();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(!line.contains(wanted), "a process is left: {line}");
    }
}

#[test]
fn the_live_demo_and_top_end_by_q_and_leave_nothing() {
    let mut demo = OnTerminal::start(Command::new(AGENT).args([
        "demo",
        "--nodes",
        "2",
        "--network",
        "127.61.1",
    ]));
    let folder = folder(&demo.child);
    demo.wait_for("the tour: each thing");
    demo.press("t");
    demo.wait_for("the tour was ended");
    demo.press("2k");
    demo.wait_for("node2: KILL the application");

    let link = folder.join("node1/safekit");
    let once = Command::new(&link).args(["top", "--once", "-m", "shop"]).output().unwrap();
    let text = String::from_utf8(once.stdout).unwrap();
    assert!(text.starts_with("safekit top  module shop  view "), "{text}");
    assert!(text.contains("\nnode1  ") && text.contains("\nnode2  "), "{text}");
    assert!(text.contains("\nlog of shop\n") && !text.contains('\u{1b}'), "{text}");

    let mut top = OnTerminal::start(Command::new(&link).args(["top", "--interval", "200ms"]));
    top.wait_for("node2");
    top.press("\u{1b}[A?q");
    top.end();

    // A host that stands still is ended, too.
    demo.press("1f");
    demo.wait_for("node1: FREEZE");
    demo.press("q");
    demo.end();
    assert!(demo.text().contains("nothing is left behind"), "{}", demo.text());
    assert_nothing_left(&folder);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let folder = crate::farm::TempDir::new();
    let mut command = Command::new(AGENT);
    // The command is the agent under another name.
    std::os::unix::process::CommandExt::arg0(&mut command, "safekit");
    let mut top = OnTerminal::start(command.args(["--root", folder.0.to_str().unwrap(), "top"]));
    top.wait_for("is not running");
    signal(i32::try_from(top.child.id()).unwrap(), rustix::process::Signal::TERM);
    top.end();
}

#[test]
fn the_tour_runs_in_a_pipe_and_leaves_nothing() {
    let mut demo = Command::new(AGENT)
        .args(["demo", "--nodes", "2", "--tour", "--once", "--network", "127.61.2"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let folder = folder(&demo);
    let mut text = String::new();
    demo.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(ended(&mut demo).success(), "{text}");
    for scene in [
        "node1: KILL the application",
        "node2: KILL the agent",
        "node2: safekit stop",
        "all in all:",
    ] {
        assert!(text.contains(scene), "{scene}:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_nothing_left(&folder);
}
