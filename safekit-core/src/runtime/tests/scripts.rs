//! Scripts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Bench, app, eventually, kill, lives, place, start_both};
use crate::config::model::Logging;
use crate::ids::{ActionId, ModuleName};
use crate::module::script::{LargeUserlogs, Script, ScriptEnd, ScriptRun};
use crate::node::{Action, Outcome};
use crate::runtime::reports::{Report, Reports};
use crate::runtime::script::{ScriptJob, StartJob, Starter, Withdrawn};
use crate::runtime::{EdgeNotice, KillReach};

const EXITED: ScriptEnd = ScriptEnd::Exited { code: 0 };

#[test]
fn exit_codes_and_signals_are_reported() {
    let mut bench = Bench::new();
    assert_eq!(bench.end_of("#!/bin/sh\nexit 42\n"), ScriptEnd::Exited { code: 42 });
    assert_eq!(bench.end_of("#!/bin/sh\nkill -TERM $$\n"), ScriptEnd::Signalled { signal: 15 });
    // Killed, but not by the edge.
    assert_eq!(bench.end_of("#!/bin/sh\nkill -KILL $$\n"), ScriptEnd::Signalled { signal: 9 });
}

#[test]
fn output_and_arguments_are_in_the_userlog() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\necho \"out $*\"\necho err >&2\n");
    let id = bench.run(start_both());
    let (end, userlog) = bench.end(id);
    assert_eq!(end, EXITED);
    let name = userlog.unwrap();
    let path = bench.folder.join("var").join(&name);
    assert_eq!(fs::read_to_string(&path).unwrap(), "out WAIT UP start\nerr\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let shape: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "userlog_0000-00-00T000000_start_both.ulog");
}

#[test]
fn runs_in_the_same_second_have_userlogs_of_their_own_and_twenty_are_kept() {
    let mut bench = Bench::new();
    bench.script(Script::StopBoth, "#!/bin/sh\necho $1\n");
    let mut run = start_both();
    run.script = Script::StopBoth;
    let mut names = Vec::new();
    for number in 0..25 {
        run.arguments = vec![number.to_string()];
        let id = bench.run(run.clone());
        names.push((number, bench.end(id).1.unwrap()));
    }
    // The next start removes what is too old before it begins.
    let id = bench.run(run);
    bench.end(id);
    let folder = bench.folder.join("var");
    bench.wait_for(|| fs::read_dir(&folder).unwrap().count() <= 20);
    for (number, name) in &names[10..] {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), format!("{number}\n"), "{name}");
    }
}

#[test]
fn large_userlogs_are_cut_when_the_module_starts() {
    let mut bench = Bench::new();
    let folder = bench.folder.join("var");
    fs::create_dir(&folder).unwrap();
    let large = folder.join("userlog_2020-01-01T000000_start_both.ulog");
    let small = folder.join("userlog_2020-01-01T000001_start_both.ulog");
    let foreign = folder.join("database");
    fs::write(&large, [b'x'; 100]).unwrap();
    fs::write(&small, [b'x'; 99]).unwrap();
    fs::write(&foreign, [b'x'; 500]).unwrap();
    let sizes = || [&large, &small, &foreign].map(|path| fs::metadata(path).unwrap().len());
    assert_eq!(bench.end_of("#!/bin/sh\n"), EXITED);
    assert_eq!(sizes(), [100, 99, 500]);
    let id = bench.run(ScriptRun { large_userlogs: LargeUserlogs::Empty, ..start_both() });
    bench.end(id);
    assert_eq!(sizes(), [0, 99, 500]);
}

#[test]
fn without_logging_there_is_no_userlog() {
    let mut bench = Bench::new();
    bench.script(
        Script::StartBoth,
        "#!/bin/sh\necho lost; to=$(readlink /proc/$$/fd/1)\necho $to > {}/out\n",
    );
    let id = bench.run(ScriptRun { logging: Logging::None, ..start_both() });
    assert_eq!(bench.end(id), (EXITED, None));
    assert_eq!(bench.text_of("out"), "/dev/null\n");
    assert!(!bench.folder.join("var").exists());
}

#[test]
fn a_userlog_that_cannot_be_written_does_not_keep_the_script_from_running() {
    let mut bench = Bench::new();
    fs::write(bench.folder.join("var"), "in the way").unwrap();
    bench.script(Script::StartBoth, "#!/bin/sh\nexit 3\n");
    let id = bench.run(start_both());
    assert_eq!(bench.end(id), (ScriptEnd::Exited { code: 3 }, None));
    let notice = bench.edge.poll_notice().unwrap();
    assert!(matches!(notice, EdgeNotice::UserlogUnavailable { .. }), "{notice:?}");
}

#[test]
fn a_script_has_ended_though_a_child_keeps_its_output_open() {
    let mut bench = Bench::new();
    let end = bench.end_of("#!/bin/sh\nsleep 600 &\necho $! > {}/pid\n");
    assert_eq!(end, EXITED);
    let child: u32 = bench.text_of("pid").trim().parse().unwrap();
    assert!(lives(child));
    // Another run does not touch it either.
    assert_eq!(bench.end_of("#!/bin/sh\n"), EXITED);
    assert!(lives(child));
    kill(child);
}

#[test]
fn a_script_is_ended_with_grandchildren() {
    let bench = Bench::new();
    // Where a test cannot make control groups, the other half of this is all there is.
    let reach = if bench.edge.has_control_groups() {
        KillReach::GroupAndControlGroup
    } else {
        KillReach::Group
    };
    let mut without = Bench::new();
    without.edge.remove_module(&app());
    without.edge.forget_control_groups();
    without.edge.place_module(app(), place(&without.folder)).unwrap();
    ending_reaches(without, KillReach::Group);
    ending_reaches(bench, reach);
}

fn ending_reaches(mut bench: Bench, reach: KillReach) {
    bench.script(
        Script::StartBoth,
        "#!/bin/sh\n(sh -c 'echo $$ > {}/grandchild; sleep 600; :') &\n\
         setsid sh -c 'echo $$ > {}/apart; exec sleep 600' &\n\
         until test -s {}/grandchild -a -s {}/apart; do sleep 0.01; done\n\
         echo > {}/all; wait\n",
    );
    let id = bench.run(start_both());
    bench.text_of("all");
    bench.act(Action::EndScript { run: id, module: app() });
    let (end, userlog) = bench.end(id);
    assert_eq!(end, ScriptEnd::Ended);
    let grandchild: u32 = bench.text_of("grandchild").trim().parse().unwrap();
    let apart: u32 = bench.text_of("apart").trim().parse().unwrap();
    bench.wait_for(|| !lives(grandchild));
    let log = bench.folder.join("var").join(userlog.unwrap());
    bench.wait_for(|| fs::read_to_string(&log).unwrap().contains("was ended by order"));
    let mut notice = None;
    while notice.is_none() {
        bench.turn(super::clock::now());
        notice = bench.edge.poll_notice();
    }
    match reach {
        KillReach::Group => {
            assert!(lives(apart), "a session of its own is not reached");
            kill(apart);
        }
        KillReach::GroupAndControlGroup => bench.wait_for(|| !lives(apart)),
    }
    let script = Script::StartBoth;
    assert_eq!(notice, Some(EdgeNotice::ScriptKilled { module: app(), script, reach }));
}

#[test]
fn an_order_to_end_that_comes_too_late_spares_what_the_script_left_in_the_background() {
    let mut bench = Bench::new();
    bench.script(
        Script::StartBoth,
        "#!/bin/sh\necho $$ > {}/script\nuntil test -e {}/go; do sleep 0.01; done\n\
         (until test -e {}/question; do sleep 0.01; done; echo > {}/answer) &\n",
    );
    let id = bench.run(start_both());
    let script: u32 = bench.text_of("script").trim().parse().unwrap();
    while !format!("{:?}", bench.edge).contains("Running") {
        bench.turn(super::clock::now() + Duration::from_millis(5));
    }
    fs::write(bench.folder.join("go"), "").unwrap();
    // The script is dead, and the loop has not turned since.
    eventually(|| !lives(script));
    bench.act(Action::EndScript { run: id, module: app() });
    assert_eq!(bench.end(id).0, EXITED);
    // What was killed cannot answer.
    fs::write(bench.folder.join("question"), "").unwrap();
    bench.text_of("answer");
}

#[test]
fn the_time_limit_ends_a_script_with_its_children() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\nsleep 600\n");
    let limit = Some(Duration::from_millis(200));
    let id = bench.run(ScriptRun { time_limit: limit, ..start_both() });
    let Outcome::Script { end, duration, userlog } = bench.outcome(id) else { panic!() };
    assert_eq!(end, ScriptEnd::TimedOut);
    assert!(duration >= Duration::from_millis(200));
    let log = bench.folder.join("var").join(userlog.unwrap());
    bench.wait_for(|| fs::read_to_string(&log).unwrap().contains("its time limit had passed"));
}

#[test]
fn a_script_is_ended_by_order() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\ntrap '' TERM INT HUP\necho > {}/up\nsleep 600\n");
    let id = bench.run(start_both());
    bench.text_of("up");
    let order = bench.act(Action::EndScript { run: id, module: app() });
    assert!(matches!(bench.outcome(order), Outcome::Done));
    assert_eq!(bench.end(id).0, ScriptEnd::Ended);
}

#[test]
fn an_order_to_end_reaches_a_script_that_is_just_being_started() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\nsleep 600\n");
    let id = bench.run(start_both());
    let order = bench.act(Action::EndScript { run: id, module: app() });
    assert!(matches!(bench.outcome(order), Outcome::Done));
    assert_eq!(bench.end(id).0, ScriptEnd::Ended);
    // One that is no more needs nothing.
    let order = bench.act(Action::EndScript { run: id, module: app() });
    assert!(matches!(bench.outcome(order), Outcome::Done));
}

#[test]
fn the_environment_is_as_documented() {
    let mut bench = Bench::with(|config| {
        config.environment = [
            ("PATH", "/usr/bin:/bin"),
            ("COLOUR", "red"),
            ("SAFEMODULE", "wrong"),
            ("NOTIFY_SOCKET", "/run/notify"),
            ("WATCHDOG_USEC", "1"),
            ("WATCHDOG_PID", "1"),
            ("LD_LIBRARY_PATH", "/nowhere"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    });
    let end = bench.end_of("#!/bin/sh\n/bin/cat /proc/$$/environ > {}/environ\n");
    assert_eq!(end, EXITED);
    let bytes = fs::read(bench.folder.join("environ")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let found: BTreeMap<&str, &str> =
        text.split_terminator('\0').map(|entry| entry.split_once('=').unwrap()).collect();
    let bin = bench.folder.join("bin");
    let mark = format!("{0} start_both {0}/start_both", bin.display());
    let expected = [
        ("COLOUR", "blue sky"),
        ("PATH", "/usr/bin:/bin"),
        ("SAFEKIT_SCRIPT", &mark),
        ("SAFEMODULE", "app"),
        ("SAFEUSERBIN", bin.to_str().unwrap()),
    ];
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn scripts_begin_with_clean_surroundings() {
    ignore_and_block_signals();
    // A descriptor without the mark that closes it at exec.
    let leaked = rustix::io::dup(std::io::stderr()).unwrap();
    let mut bench = Bench::new();
    let end = bench.end_of(
        "#!/bin/sh\ncat > {}/stdin\npwd -P > {}/pwd\numask > {}/umask\n\
         for fd in /proc/$$/fd/*; do readlink $fd; done > {}/fds\n\
         cut -d' ' -f1,5,6,7 /proc/$$/stat > {}/stat\n\
         exec grep -E 'Sig(Blk|Ign)' /proc/self/status > {}/signals\n",
    );
    assert_eq!(end, EXITED);
    let read = |name: &str| fs::read_to_string(bench.folder.join(name)).unwrap();
    let bin = fs::canonicalize(bench.folder.join("bin")).unwrap();
    assert_eq!(read("stdin"), "");
    assert_eq!(read("pwd"), format!("{}\n", bin.display()));
    assert_eq!(read("umask"), "0027\n");
    for line in read("fds").lines() {
        // The shell itself holds the script and the list.
        let known = ["/dev/null", "/bin/start_both", ".ulog", "/fds"];
        assert!(known.iter().any(|end| line.ends_with(end)), "{line}");
    }
    for line in read("signals").lines() {
        assert!(line.ends_with("0000000000000000"), "{line}");
    }
    let stat = read("stat");
    let fields: Vec<&str> = stat.split_whitespace().collect();
    assert_eq!((fields[0], fields[0]), (fields[1], fields[2]), "group and session of its own");
    assert_eq!(fields[3], "0", "no terminal");
    drop(leaked);
}

#[expect(unsafe_code, reason = "the standard library sets no signals")]
fn ignore_and_block_signals() {
    // SAFETY: plain calls with a set that is filled first; nothing in this process uses these signals.
    unsafe {
        libc::signal(libc::SIGUSR2, libc::SIG_IGN);
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

#[test]
fn a_script_that_cannot_be_started_says_why() {
    let mut bench = Bench::new();
    let cases = [
        ("#!/bin/sh\r\nexit 0\r\n", "carriage return"),
        ("#!/no/such/shell\n", "the first line asks for /no/such/shell"),
        ("#!/etc/passwd\n", "not executable"),
        ("#!  \n", "names no program"),
        ("echo hello\n", "does not say what runs the file"),
        ("", "does not say what runs the file"),
        ("\u{feff}#!/bin/sh\n", "byte order mark"),
    ];
    for (text, expected) in cases {
        let ScriptEnd::NotStarted { error } = bench.end_of(text) else { panic!("{text:?}") };
        assert!(error.contains(expected) && error.contains("bin/start_both"), "{text:?}: {error}");
    }
    let path = bench.folder.join("bin/start_both");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let id = bench.run(start_both());
    let (end, _) = bench.end(id);
    assert!(
        matches!(&end, ScriptEnd::NotStarted { error } if error.contains("chmod +x")),
        "{end:?}"
    );
    fs::remove_file(&path).unwrap();
    let id = bench.run(start_both());
    let (end, _) = bench.end(id);
    assert!(
        matches!(&end, ScriptEnd::NotStarted { error } if error.contains("No such")),
        "{end:?}"
    );
}

#[test]
fn a_module_without_place_runs_nothing() {
    let mut bench = Bench::new();
    let other = ModuleName::new("other").unwrap();
    let id = bench.run(ScriptRun { module: other, ..start_both() });
    assert!(matches!(bench.end(id).0, ScriptEnd::NotStarted { .. }));
    bench.edge.remove_module(&app());
    let id = bench.run(start_both());
    assert!(matches!(bench.end(id).0, ScriptEnd::NotStarted { .. }));
    bench.edge.place_module(app(), place(&bench.folder)).unwrap();
    assert_eq!(bench.end_of("#!/bin/sh\n"), EXITED);
}

#[test]
fn an_edge_that_ends_leaves_the_script_and_no_zombie() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\necho $$ > {}/pid\nexec sleep 600\n");
    bench.run(start_both());
    let pid: u32 = bench.text_of("pid").trim().parse().unwrap();
    drop(bench);
    assert!(lives(pid));
    kill(pid);
    eventually(|| !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn many_scripts_at_once_each_have_their_end() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\nexit $1\n");
    let mut run = start_both();
    let ids: Vec<(i32, ActionId)> = (0..30)
        .map(|code| {
            run.arguments = vec![code.to_string()];
            (code, bench.run(run.clone()))
        })
        .collect();
    for (code, id) in ids {
        assert_eq!(bench.end(id).0, ScriptEnd::Exited { code });
    }
}

#[test]
fn without_pidfds_scripts_are_asked_for() {
    let mut bench = Bench::new();
    bench.edge.limit_descriptors(0);
    assert_eq!(bench.end_of("#!/bin/sh\nexit 9\n"), ScriptEnd::Exited { code: 9 });
    bench.script(Script::StartBoth, "#!/bin/sh\necho > {}/up\nsleep 600\n");
    let id = bench.run(start_both());
    bench.text_of("up");
    bench.act(Action::EndScript { run: id, module: app() });
    assert_eq!(bench.end(id).0, ScriptEnd::Ended);
}

/// Starts a script as a former agent did: marked, in a session of its own, and no child of this process.
fn leave_running(bench: &mut Bench, script: Script, file: &str, text: &str) -> u32 {
    let path = bench.file(file, text);
    let mut parent = std::process::Command::new("sh");
    parent.args(["-c", "setsid \"$0\" WAIT UP start >/dev/null 2>&1 </dev/null &"]).arg(&path);
    let bin = bench.folder.join("bin");
    let mark = format!("{} {} {}", bin.display(), script.as_str(), path.display());
    assert!(parent.env("SAFEKIT_SCRIPT", mark).status().unwrap().success());
    bench.text_of("left").trim().parse().unwrap()
}

#[test]
fn the_first_script_waits_for_one_that_a_former_agent_left() {
    let mut bench = Bench::new();
    let text = "#!/bin/sh\necho $$ >{}/left\nwhile [ ! -e {}/go ]; do sleep 0.01; done\n\
                echo >{}/ended\n";
    let left = leave_running(&mut bench, Script::StartBoth, "start_both", text);
    bench.script(Script::StopBoth, "#!/bin/sh\n[ -e {}/ended ]\n");
    let id = bench.run(ScriptRun { script: Script::StopBoth, ..start_both() });
    let expected = EdgeNotice::ScriptLeft { module: app(), script: Script::StartBoth, pid: left };
    assert_eq!(bench.notice(), expected);
    fs::write(bench.folder.join("go"), "").unwrap();
    assert_eq!(bench.end(id).0, EXITED, "both ran at the same time");
}

#[test]
fn a_script_that_a_former_agent_left_and_that_does_not_end_is_ended() {
    let mut bench = Bench::new();
    // A handler is one as well: it would start the application behind the back of a stop.
    let left = leave_running(&mut bench, Script::Handler, "again.sh", ENDLESS);
    bench.script(Script::StopBoth, "#!/bin/sh\n");
    let time_limit = Some(Duration::from_secs(2));
    let id = bench.run(ScriptRun { script: Script::StopBoth, time_limit, ..start_both() });
    bench.wait_for(|| !lives(left));
    bench.end(id);
}

/// Says who it is, and runs until it is ended.
const ENDLESS: &str = "#!/bin/sh\necho $$ >{}/left\nwhile :; do sleep 0.01; done\n";

#[test]
fn a_loop_that_has_gone_leaves_what_a_former_agent_left() {
    let mut bench = Bench::new();
    let left = leave_running(&mut bench, Script::StartBoth, "start_both", ENDLESS);
    bench.script(Script::StopBoth, "#!/bin/sh\necho >{}/stopped\n");
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (sender, reported) = mpsc::channel();
    let withdrawn = Arc::new(Withdrawn::default());
    withdrawn.leave();
    let job = StartJob {
        id: ActionId(1),
        run: Arc::new(ScriptRun { script: Script::StopBoth, ..start_both() }),
        place: Arc::new(place(&bench.folder)),
        withdrawn,
    };
    let mut starter = Starter::new([].into(), None, Reports::new(sender, waker));
    starter.work(vec![ScriptJob::Start(Box::new(job))]);
    assert!(matches!(reported.recv(), Ok(Report::ScriptNotStarted { .. })));
    assert!(lives(left), "scripts outlive the agent");
    assert!(!bench.folder.join("stopped").exists());
    kill(left);
}

#[test]
fn who_only_looks_at_a_script_is_not_taken_for_it() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\n");
    // As an editor that leads its session: the file is among the words of its command line.
    let path = bench.folder.join("bin/start_both");
    let text = "setsid sh -c 'echo $$ >$1/left; while :; do sleep 0.01; done' \"$0\" \"$1\" >/dev/null 2>&1 </dev/null &";
    let mut parent = std::process::Command::new("sh");
    parent.args(["-c", text]).arg(&path).arg(&bench.folder);
    assert!(parent.status().unwrap().success());
    let editor: u32 = bench.text_of("left").trim().parse().unwrap();
    let id = bench.run(start_both());
    assert_eq!(bench.end(id).0, EXITED);
    assert!(bench.edge.poll_notice().is_none() && lives(editor));
    kill(editor);
}
