//! Services, with a `systemctl` that does as the test wants.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{Bench, PATIENCE, clock, eventually, lives};
use crate::module::watch::{ServiceInfo, ServiceState, Services};
use crate::node::{Action, Outcome};

use ServiceState::{NotFound, NotRunning, Running, Unknown};

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("sk-systemctl-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a program of that name; `{}` stands for the folder.
    fn program(&self, text: &str) -> PathBuf {
        let path = self.0.join("systemctl");
        fs::write(&path, text.replace("{}", self.0.to_str().unwrap())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Bench {
    fn ask(&mut self, names: &[&str]) -> Services {
        let services = names.iter().map(|name| (*name).to_owned()).collect();
        let id = self.act(Action::AskServices { services });
        let outcome = self.outcome(id);
        let Outcome::Services(services) = outcome else { panic!("{outcome:?}") };
        assert_eq!(services.len(), names.len(), "of each one something: {services:?}");
        services
    }
}

/// An edge whose `systemctl` is this script, asked for these names.
fn asked(name: &str, text: &str, names: &[&str]) -> (Folder, Services) {
    let folder = Folder::new(name);
    let program = folder.program(text);
    let mut bench = Bench::with(|config| config.systemctl = Some(program));
    let services = bench.ask(names);
    (folder, services)
}

fn states(services: &Services) -> Vec<ServiceState> {
    services.values().map(|info| info.state).collect()
}

fn said(services: &Services) -> Vec<&str> {
    services.values().map(|info| info.said.as_str()).collect()
}

/// Prints a block for each unit that is asked for: those that begin with r run, with this shell as main process.
const HONEST: &str = "#!/bin/sh
echo \"$*\" >>'{}/calls'
env >'{}/environment'
ls -l /proc/self/fd/0 >'{}/input'
for unit in \"$@\"; do
    case $unit in
        -*|show) continue ;;
        r*) load=loaded active=active sub=running pid=$PPID ;;
        d*) load=loaded active=failed sub=failed pid=0 ;;
        *) load=not-found active=inactive sub=dead pid=0 ;;
    esac
    echo \"MainPID=$pid\nId=$unit\nNames=$unit alias-$unit\nLoadState=$load\nActiveState=$active\nSubState=$sub\nJob=\n\"
done
";

#[test]
fn one_call_tells_of_all_services() {
    let (folder, services) = asked("honest", HONEST, &["r1", "d.service", "x@1"]);
    assert_eq!(states(&services), [NotRunning, Running, NotFound]);
    assert_eq!(
        said(&services),
        ["failed (failed)", "active (running)", "the host has no such service"]
    );
    let main = services["r1"].main.expect("its main process runs");
    assert_eq!(main.pid, std::process::id());
    let calls = folder.text("calls");
    let names = "d.service r1.service x@1.service";
    let properties = "--property=Id,Names,LoadState,ActiveState,SubState,MainPID,Job";
    assert_eq!(calls, format!("--no-pager --no-ask-password {properties} show -- {names}\n"));
    let environment = folder.text("environment");
    assert!(environment.lines().any(|line| line == "LC_ALL=C"), "{environment}");
    assert!(folder.text("input").contains("/dev/null"), "nothing can be typed");
}

#[test]
fn it_is_found_in_path_at_each_call_and_its_absence_is_told_with_what_to_do() {
    let folder = Folder::new("path");
    let path = format!("relative:/nowhere:{}", folder.0.display());
    let mut bench = Bench::with(|config| {
        config.environment.retain(|(name, _)| name != "PATH");
        config.environment.push(("PATH".into(), path.clone().into()));
    });
    // Where the host has one of its own, that is found after those of PATH: nothing can be said about it.
    if !["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|it| fs::exists(format!("{it}/systemctl")).unwrap())
    {
        let services = bench.ask(&["r1"]);
        assert_eq!(states(&services), [Unknown]);
        assert!(services["r1"].said.contains("install it"), "{services:?}");
    }
    folder.program("no program: it is not executable");
    fs::set_permissions(folder.0.join("systemctl"), fs::Permissions::from_mode(0o644)).unwrap();
    folder.program(&HONEST.replace("env >", "/usr/bin/env >").replace("ls -l", "/bin/ls -l"));
    assert_eq!(states(&bench.ask(&["r1"])), [Running], "it was installed meanwhile");
}

#[test]
fn one_that_fails_is_no_death_and_told_with_its_own_words() {
    for (name, text, words) in [
        (
            "fails",
            "#!/bin/sh\necho 'Failed to connect to bus: Host is down' >&2\nexit 1\n",
            "exit code 1: Failed to connect to bus: Host is down",
        ),
        ("killed", "#!/bin/sh\nkill -9 $$\n", "signal 9"),
        ("silent", "#!/bin/sh\nexit 0\n", "says nothing of r.service"),
        ("nonsense", "#!/bin/sh\nhead -c 3000 /dev/urandom\n", "says nothing of r.service"),
        ("none", "", "systemctl: "),
    ] {
        let (_folder, services) = asked(name, text, &["r"]);
        assert_eq!(states(&services), [Unknown], "{name}");
        assert!(services["r"].said.contains(words), "{name}: {services:?}");
    }
}

#[test]
fn what_one_that_fails_has_said_before_is_believed() {
    let text = HONEST.to_owned() + "echo 'no such thing' >&2\nexit 4\n";
    let (_folder, services) =
        asked("half", &text.replace("d*)", "d*) exit 3 ;;\n bad*)"), &["a", "d", "r"]);
    assert_eq!(states(&services), [NotFound, Unknown, Unknown]);
    assert!(services["r"].said.contains("exit code 3"), "{services:?}");
}

#[test]
fn one_that_hangs_is_ended_with_its_children_and_does_not_hold_up_lists() {
    let folder = Folder::new("hangs");
    let program = folder.program("#!/bin/sh\nsleep 600 &\necho $! $$ >'{}/pids'\nwait\n");
    let mut bench = Bench::with(|config| config.systemctl = Some(program));
    let began = clock::now();
    let id = bench.act(Action::AskServices { services: ["r".to_owned()].into() });
    for _ in 0..3 {
        let scan = bench.act(Action::ScanProcesses);
        assert!(matches!(bench.outcome(scan), Outcome::Processes(_)), "a list comes meanwhile");
    }
    let Outcome::Services(services) = bench.outcome(id) else { panic!("no answer") };
    assert!(clock::now() - began < PATIENCE);
    assert!(services["r"].said.contains("within 5 s"), "{services:?}");
    let pids = folder.text("pids");
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    eventually(|| pids.iter().all(|pid| !lives(*pid)));
}

#[test]
fn one_that_floods_is_ended() {
    let (folder, services) =
        asked("floods", "#!/bin/sh\necho $$ >'{}/pid'\nexec yes MainPID=1\n", &["r"]);
    assert!(services["r"].said.contains("without end"), "{services:?}");
    let pid = folder.text("pid").trim().parse().unwrap();
    eventually(|| !lives(pid));
    let (_folder, services) =
        asked("complains", "#!/bin/sh\nhead -c 3000000 /dev/zero >&2\nexit 1\n", &["r"]);
    assert!(services["r"].said.contains("exit code 1"), "{services:?}");
}

#[test]
fn a_child_that_keeps_its_output_open_does_not_hold_up_the_answer() {
    let text = HONEST.replace("for unit", "sleep 600 &\necho $! >'{}/pid'\nfor unit");
    let (folder, services) = asked("open", &text, &["r"]);
    assert_eq!(states(&services), [Running]);
    super::kill(folder.text("pid").trim().parse().unwrap());
}

#[test]
fn without_a_module_that_watches_services_it_is_never_run() {
    let folder = Folder::new("never");
    let program = folder.program(HONEST);
    let mut bench = Bench::with(|config| config.systemctl = Some(program));
    let scan = bench.act(Action::ScanProcesses);
    assert!(matches!(bench.outcome(scan), Outcome::Processes(_)));
    assert_eq!(folder.text("calls"), "");
    let info = bench.ask(&["r"]).values().next().cloned();
    assert!(matches!(info, Some(ServiceInfo { state: Running, .. })), "{info:?}");
    assert_eq!(folder.text("calls").lines().count(), 1);
}
