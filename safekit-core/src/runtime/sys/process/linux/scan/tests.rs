use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

/// A shell that does one line after the other, told by the test; killed and reaped whatever the test does.
struct Shell {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Shell {
    /// Starts a shell with this script and waits until it runs: a process that is just beginning its program is listed
    /// with the name of the one that started it, and without arguments.
    fn new(script: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        let script = format!("echo runs; {script}");
        command.args(["-c", &script, "shell", "first"]);
        let mut shell = Self::begin(&mut command);
        assert_eq!(shell.said(), "runs");
        shell
    }

    fn begin(command: &mut Command) -> Self {
        let command = command.env_remove("SAFE").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it go past its next `read`.
    fn go_on(&mut self) {
        self.go_on_with("go");
    }

    fn go_on_with(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until it says a line.
    fn said(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn find(scanner: &mut Scanner, pid: u32) -> Option<ProcessInfo> {
    scanner.scan().unwrap().into_iter().find(|process| process.id.pid == pid)
}

fn known(scanner: &mut Scanner, pid: u32) -> &mut Known {
    scanner.known.iter_mut().find(|known| known.pid() == pid).unwrap()
}

#[test]
fn the_same_name_with_another_command_line_is_seen() {
    let mut shell = Shell::new("read go; exec /bin/sh -c 'echo begun; read go; :' shell second");
    let mut scanner = Scanner::new(None);
    let before = find(&mut scanner, shell.pid()).unwrap();
    shell.go_on();
    assert_eq!(shell.said(), "begun");
    let after = find(&mut scanner, shell.pid()).unwrap();
    assert_eq!((before.id, &before.name), (after.id, &after.name));
    assert_eq!(before.arguments.last().unwrap(), "first");
    assert_eq!(after.arguments.last().unwrap(), "second");
}

#[test]
fn a_process_that_gives_itself_another_name_has_it_in_the_next_list() {
    let mut shell = Shell::new("read go; printf 'new name' >/proc/$$/comm; echo done; read go");
    let mut scanner = Scanner::new(None);
    assert_eq!(find(&mut scanner, shell.pid()).unwrap().name, "sh");
    shell.go_on();
    assert_eq!(shell.said(), "done");
    assert_eq!(find(&mut scanner, shell.pid()).unwrap().name, "new name");
    assert_eq!(find(&mut scanner, shell.pid()).unwrap().name, "new name");
}

#[test]
fn an_orphan_has_another_parent() {
    let mut shell = Shell::new("/bin/sleep 600 >/dev/null & echo $!; read go");
    let child: u32 = shell.said().parse().unwrap();
    let mut scanner = Scanner::new(None);
    assert_eq!(find(&mut scanner, child).unwrap().parent_pid, shell.pid());
    shell.go_on();
    drop(shell.child.wait());
    let parent = find(&mut scanner, child).map(|process| process.parent_pid);
    rustix::process::kill_process(
        super::super::pid_of(child).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    assert!(parent.is_some_and(|parent| parent != shell.pid()), "{parent:?}");
}

#[test]
fn a_zombie_is_in_no_list_and_its_children_have_another_parent() {
    let mut shell = Shell::new("/bin/sleep 600 >/dev/null & echo $!; exec /bin/sleep 601");
    let child: u32 = shell.said().parse().unwrap();
    let mut scanner = Scanner::new(None);
    assert!(find(&mut scanner, shell.pid()).is_some());
    shell.child.kill().unwrap();
    // Dead, and not reaped: its pipe is closed.
    assert_eq!(shell.said(), "");
    while !matches!(stat::read(shell.pid()), Ok(Some(stat)) if !stat.running) {
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    for _ in 0..2 {
        assert!(find(&mut scanner, shell.pid()).is_none());
        assert_ne!(find(&mut scanner, child).unwrap().parent_pid, shell.pid());
    }
    rustix::process::kill_process(
        super::super::pid_of(child).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let shell = Shell::new("read go");
    let mut scanner = Scanner::new(None);
    let real = find(&mut scanner, shell.pid()).unwrap();
    // As if another process had had the pid at the time of the first list.
    known(&mut scanner, shell.pid()).change(|inode, info| {
        *inode += 1;
        info.id.started -= 1;
        info.executable = "other".to_owned();
    });
    assert_eq!(find(&mut scanner, shell.pid()), Some(real));
}

#[test]
fn a_process_without_a_command_line_for_a_moment_is_listed_with_the_one_it_had() {
    // As if it were just beginning another program, for as long as the test likes: no word at all.
    let mut shell = Shell::begin(Command::new("/bin/sh").arg0(""));
    shell.go_on_with("echo runs; read go");
    assert_eq!(shell.said(), "runs");
    let mut scanner = Scanner::new(None);
    assert!(find(&mut scanner, shell.pid()).unwrap().arguments.is_empty());
    let had = vec!["app".to_owned(), "serve".to_owned()];
    known(&mut scanner, shell.pid()).change(|_, info| info.arguments.clone_from(&had));
    assert_eq!(find(&mut scanner, shell.pid()).unwrap().arguments, had);
    assert!(find(&mut scanner, shell.pid()).unwrap().arguments.is_empty());
}

#[test]
fn what_cannot_have_changed_is_not_read_again() {
    let shell = Shell::new("read go");
    let mut scanner = Scanner::new(None);
    let started = find(&mut scanner, shell.pid()).unwrap().id.started;
    known(&mut scanner, shell.pid()).change(|_, info| info.id.started -= 1);
    assert_eq!(find(&mut scanner, shell.pid()).unwrap().id.started, started - 1);
}

#[test]
fn who_begins_a_program_of_another_agent_is_left_out_from_then_on() {
    let mut shell = Shell::new("read go; SAFE=/other exec /bin/sh -c 'echo begun; read go; :'");
    let mut scanner = Scanner::new(Some("/ours".into()));
    assert!(find(&mut scanner, shell.pid()).is_some());
    shell.go_on();
    assert_eq!(shell.said(), "begun");
    assert!(find(&mut scanner, shell.pid()).is_none());
    assert!(find(&mut Scanner::new(Some("/other".into())), shell.pid()).is_some());
}

/// An empty list would say that everything has died.
#[test]
fn without_descriptors_there_is_no_list_instead_of_an_empty_one() {
    const ROLE: &str = "SAFEKIT_TEST_WITHOUT_DESCRIPTORS";
    const ME: &str = "runtime::sys::process::linux::scan::tests::without_descriptors_there_is_no_list_instead_of_an_empty_one";
    if std::env::var_os(ROLE).is_none() {
        // The limit is of a whole process.
        let mut again = Command::new(std::env::current_exe().unwrap());
        let again =
            again.args(["--exact", ME, "--test-threads=1"]).env(ROLE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let mut scanner = Scanner::new(None);
    assert!(!scanner.scan().unwrap().is_empty());
    let before = getrlimit(Resource::Nofile);
    // Room for the folder, and none for a file in it; then for neither.
    let mut failed = 0;
    let used = u64::try_from(fs::read_dir("/proc/self/fd").unwrap().count()).unwrap();
    for room in 0..used + 1 {
        setrlimit(Resource::Nofile, Rlimit { current: Some(room), ..before }).unwrap();
        match scanner.scan() {
            Ok(list) => assert!(list.iter().any(|it| it.id.pid == std::process::id())),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
                failed += 1;
            }
        }
    }
    assert!(failed >= 2);
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(!scanner.scan().unwrap().is_empty(), "it lists again when there are descriptors");
}
