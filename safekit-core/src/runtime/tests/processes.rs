//! Processes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;

use super::{Bench, app, eventually, lives, thread};
use crate::ids::{ModuleName, ProcessId};
use crate::module::watch::ProcessInfo;
use crate::node::{Action, Input, Outcome};
use crate::runtime::host;

/// A child that is killed and reaped whatever the test does.
struct Sleeper(Child);

impl Sleeper {
    fn new(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program.as_ref());
        Self(command.args(arguments).stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid(), started: started(self.pid()) }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn sleeper() -> Sleeper {
    Sleeper::new("/bin/sleep", &["600"])
}

/// Reads the start of a process, another way than the edge does.
fn started(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

impl Bench {
    fn watch(&mut self, module: &ModuleName, processes: &[ProcessId]) {
        let processes: BTreeSet<ProcessId> = processes.iter().copied().collect();
        let id = self.act(Action::WatchProcesses { module: module.clone(), processes });
        assert!(matches!(self.outcome(id), Outcome::Done));
    }

    fn exited(&mut self) -> ProcessId {
        self.until(|input| {
            let Input::ProcessExited(id) = input else { return None };
            Some(*id)
        })
    }

    fn scan(&mut self) -> Arc<[ProcessInfo]> {
        let id = self.act(Action::ScanProcesses);
        let outcome = self.outcome(id);
        let Outcome::Processes(processes) = outcome else { panic!("{outcome:?}") };
        processes
    }
}

fn find(processes: &[ProcessInfo], pid: u32) -> Option<&ProcessInfo> {
    processes.iter().find(|process| process.id.pid == pid)
}

#[test]
fn a_process_that_replaces_its_program_has_the_name_of_the_new_one() {
    let mut bench = Bench::new();
    let link = bench.folder.join("renamed");
    std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read line; exec \"$0\" 600"]).arg(&link).stdin(Stdio::piped());
    let mut shell = Sleeper(command.stdout(Stdio::null()).spawn().unwrap());
    let name = |processes: &[ProcessInfo], pid| find(processes, pid).unwrap().name.clone();
    assert_eq!(name(&bench.scan(), shell.pid()), "sh");
    drop(shell.0.stdin.take());
    let comm = format!("/proc/{}/comm", shell.pid());
    eventually(|| fs::read_to_string(&comm).unwrap() == "renamed\n");
    assert_eq!(name(&bench.scan(), shell.pid()), "renamed");
}

#[test]
fn the_death_of_a_watched_process_is_noticed() {
    let mut bench = Bench::new();
    let (mut one, two) = (sleeper(), sleeper());
    bench.watch(&app(), &[one.id(), two.id()]);
    let dies = one.id();
    // Not reaped: a zombie is dead.
    one.0.kill().unwrap();
    assert_eq!(bench.exited(), dies);
    assert!(bench.inputs.is_empty());
}

#[test]
fn what_is_dead_already_is_reported_at_once() {
    let mut bench = Bench::new();
    let mut reaped = sleeper();
    let mut zombie = sleeper();
    let (reaped_id, zombie_id) = (reaped.id(), zombie.id());
    reaped.0.kill().unwrap();
    reaped.0.wait().unwrap();
    zombie.0.kill().unwrap();
    eventually(|| !lives(zombie_id.pid));
    // The pid lives, but it is another process than the one that is meant.
    let living = sleeper();
    let reused = ProcessId { started: living.id().started - 1, ..living.id() };
    bench.watch(&app(), &[reaped_id, zombie_id, reused]);
    let found = BTreeSet::from([bench.exited(), bench.exited(), bench.exited()]);
    assert_eq!(found, BTreeSet::from([reaped_id, zombie_id, reused]));
    assert!(bench.inputs.is_empty());
}

#[test]
fn what_no_module_watches_any_more_is_not_reported() {
    let mut bench = Bench::new();
    let other = ModuleName::new("other").unwrap();
    let (mut one, mut two, mut three) = (sleeper(), sleeper(), sleeper());
    let ids = [one.id(), two.id(), three.id()];
    bench.watch(&app(), &ids);
    bench.watch(&other, &ids[1..]);
    bench.watch(&app(), &[]);
    one.0.kill().unwrap();
    two.0.kill().unwrap();
    assert_eq!(bench.exited(), ids[1]);
    bench.edge.remove_module(&other);
    three.0.kill().unwrap();
    eventually(|| !lives(ids[2].pid));
    // A later death is reported: the earlier one would have been before it.
    let mut four = sleeper();
    let last = four.id();
    bench.watch(&app(), &[last]);
    four.0.kill().unwrap();
    assert_eq!(bench.exited(), last);
}

#[test]
fn a_list_has_processes_and_neither_threads_nor_zombies_nor_the_kernel() {
    let mut bench = Bench::new();
    let living = sleeper();
    let mut zombie = sleeper();
    zombie.0.kill().unwrap();
    let zombie_pid = zombie.pid();
    eventually(|| !lives(zombie_pid));
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let other = thread::spawn("some-thread", move || {
        tell.send(rustix::thread::gettid()).unwrap();
        ended.recv().unwrap();
    })
    .unwrap();
    let thread_id = u32::try_from(told.recv().unwrap().as_raw_pid()).unwrap();
    let processes = bench.scan();
    end.send(()).unwrap();
    other.join().unwrap();
    let found = find(&processes, living.pid()).unwrap();
    assert_eq!(found.id, living.id());
    assert_eq!(found.parent_pid, std::process::id());
    assert_eq!((found.name.as_str(), found.executable.as_str()), ("sleep", "sleep"));
    assert_eq!(found.arguments, ["/bin/sleep", "600"]);
    assert!(find(&processes, std::process::id()).is_some());
    assert!(find(&processes, zombie_pid).is_none());
    assert!(find(&processes, thread_id).is_none());
    assert!(processes.iter().all(|process| process.name != "kthreadd"));
    assert!(processes.is_sorted_by_key(|process| process.id));
}

#[test]
fn long_names_removed_programs_and_scripts_can_be_told_apart() {
    let mut bench = Bench::new();
    let long = bench.folder.join("averyveryverylongprocessname");
    fs::copy("/bin/sleep", &long).unwrap();
    let script = bench.folder.join("myservice.sh");
    fs::write(&script, "#!/bin/sh\nsleep 600 & echo $!\nwait\n").unwrap();
    let program = spawn_patiently(&long);
    fs::remove_file(&long).unwrap();
    let interpreted = Sleeper::new("/bin/sh", &[script.to_str().unwrap(), "an argument"]);
    eventually(|| children_of(interpreted.pid()).len() == 1);
    let child = children_of(interpreted.pid())[0];
    let processes = bench.scan();
    super::kill(child);
    let found = find(&processes, program.pid()).unwrap();
    assert_eq!(found.name, "averyveryverylo");
    assert_eq!(found.executable, "averyveryverylongprocessname");
    let found = find(&processes, interpreted.pid()).unwrap();
    assert_eq!(found.arguments[1..], [script.to_str().unwrap(), "an argument"]);
    // A process that has ended is not in the next list.
    eventually(|| !lives(child));
    let again = bench.scan();
    assert!(find(&again, child).is_none());
}

/// A file just written may be open for a moment in a process that another test forks.
fn spawn_patiently(program: &Path) -> Sleeper {
    let mut made = None;
    eventually(|| {
        made = Command::new(program).arg("600").spawn().ok();
        made.is_some()
    });
    Sleeper(made.unwrap())
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_listed_process_can_be_watched() {
    let mut bench = Bench::new();
    let mut living = sleeper();
    let listed = find(&bench.scan(), living.pid()).unwrap().id;
    bench.watch(&app(), &[listed]);
    living.0.kill().unwrap();
    assert_eq!(bench.exited(), listed);
}

#[test]
fn a_process_ends_with_its_parent() {
    const ROLE: &str = "SAFEKIT_TEST_ROLE";
    const ME: &str = "runtime::tests::processes::a_process_ends_with_its_parent";
    let again = |role: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", ME, "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command
    };
    match std::env::var(ROLE).ok().as_deref() {
        Some("child") => {
            let parent = std::env::var("SAFEKIT_TEST_PARENT").unwrap().parse().unwrap();
            host::end_with_parent(parent).unwrap();
            assert!(host::end_with_parent(parent + 1).is_err(), "somebody else is not the parent");
            fs::write(std::env::var("SAFEKIT_TEST_FILE").unwrap(), "ready\n").unwrap();
            // Until it is killed.
            eventually(|| false);
        }
        Some(_) => {
            let mut command = again("child");
            command.env("SAFEKIT_TEST_PARENT", std::process::id().to_string());
            let mut child = Sleeper(command.stdout(Stdio::null()).spawn().unwrap());
            let file = std::env::var("SAFEKIT_TEST_FILE").unwrap();
            fs::write(format!("{file}.pid"), format!("{}\n", child.pid())).unwrap();
            drop(child.0.wait());
        }
        None => {
            let mut bench = Bench::new();
            let mut command = again("parent");
            command.env("SAFEKIT_TEST_FILE", bench.folder.join("file")).stdout(Stdio::null());
            let mut parent = Sleeper(command.spawn().unwrap());
            assert_eq!(bench.text_of("file"), "ready\n");
            let child: u32 = bench.text_of("file.pid").trim().parse().unwrap();
            assert!(lives(child));
            parent.0.kill().unwrap();
            eventually(|| !lives(child));
        }
    }
}

#[test]
fn the_boot_has_an_id_and_an_age() {
    assert_eq!(host::boot_id().unwrap().len(), 36);
    assert!(host::since_boot().unwrap() > std::time::Duration::ZERO);
}

#[test]
fn more_processes_than_descriptors_are_asked_for() {
    let mut bench = Bench::new();
    let mut last = sleeper();
    // Fifty that once had the pid of this process, and nine that live.
    let own = std::process::id();
    let missing = |started| ProcessId { pid: own, started };
    let mut processes: Vec<ProcessId> = (1..=50).map(missing).collect();
    let kept: Vec<Sleeper> = (0..8).map(|_| sleeper()).collect();
    processes.extend(kept.iter().map(Sleeper::id));
    processes.push(last.id());
    bench.edge.limit_descriptors(2);
    bench.watch(&app(), &processes);
    for _ in 0..50 {
        assert_eq!(bench.exited().pid, own);
    }
    let dies = last.id();
    last.0.kill().unwrap();
    assert_eq!(bench.exited(), dies);
    assert!(bench.inputs.is_empty());
}
