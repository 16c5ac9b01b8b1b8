//! Real guardians with real agents that pretend: this test binary, started again, plays both.
//!
//! A test starts a guardian process ([`fake_guardian`]), which starts agents ([`fake_agent`]) that do what the
//! environment says, one word for each start. Everything that happens comes back as datagrams to one socket of the
//! test: the agents' hellos, and the letters. The test waits for nothing else, and for no time.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::channel::{AgentChannel, FromAgent, MESSAGE_BYTES_MAX, ParentError, Received, ToAgent};
use super::counter::Counter;
use super::farewell::{COPIES, Sending};
use super::*;
use crate::store::Layout;
use crate::store::tests::TestRoot;

/// Longer than a loaded machine needs; a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(60);
const ROOT: &str = "SAFEKIT_TEST_ROOT";
const REPORT_TO: &str = "SAFEKIT_TEST_REPORT_TO";
const ACTS: &str = "SAFEKIT_TEST_ACTS";
/// After how many milliseconds without a beat an agent stands still; 300 without.
const FROZEN_MS: &str = "SAFEKIT_TEST_FROZEN_MS";
/// How a program is tried: "hang", "fail"; it answers without.
const TRIAL: &str = "SAFEKIT_TEST_TRIAL";

#[expect(clippy::disallowed_types, reason = "the test's own end of the network")]
type Socket = std::net::UdpSocket;

#[expect(clippy::disallowed_methods, reason = "a base to count from")]
fn now() -> Instant {
    Instant::now()
}

/// A guardian in a process of its own.
struct Played {
    root: TestRoot,
    socket: Socket,
    guardian: Child,
}

impl Played {
    /// Starts a guardian whose agents act as these words say, one after the other; the last word counts for all further.
    fn start(acts: &str) -> Self {
        Self::start_with(acts, |_| {})
    }

    fn start_with(acts: &str, change: impl FnOnce(&mut Command)) -> Self {
        let root = TestRoot::new();
        drop(root.layout());
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "guardian::tests::fake_guardian", "--test-threads=1"])
            .env(ROOT, root.path())
            .env(REPORT_TO, socket.local_addr().unwrap().to_string())
            .env(ACTS, acts)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(root.path().join("stderr")).unwrap());
        change(&mut command);
        let guardian = command.spawn().unwrap();
        Self { root, socket, guardian }
    }

    /// Returns the next datagram: "hello COUNTER PID", "letter COUNTER", or what an agent says besides.
    fn next(&self) -> String {
        let mut buffer = [0; 2048];
        let length = match self.socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => panic!("nothing comes ({error}); the guardian said: {}", self.stderr()),
        };
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn hello(&self, counter: u32) -> Watched {
        let hello = self.next();
        let (begin, pid) = hello.rsplit_once(' ').unwrap();
        assert_eq!(begin, format!("hello {counter}"));
        Watched::new(pid.parse().unwrap())
    }

    /// Takes datagrams until each of the expected ones has come, in any order.
    fn expect_all(&self, mut expected: Vec<String>) {
        while !expected.is_empty() {
            let came = self.next();
            let known =
                expected.iter().position(|e| came == *e || came.starts_with(&format!("{e} ")));
            let Some(known) = known else { panic!("{came:?} came; expected {expected:?}") };
            expected.swap_remove(known);
        }
    }

    fn nothing_more(&self) {
        self.socket.set_nonblocking(true).unwrap();
        assert_eq!(self.socket.recv(&mut [0; 2048]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        self.socket.set_nonblocking(false).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.guardian.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn end(&mut self) -> Option<i32> {
        self.guardian.wait().unwrap().code()
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.root.path().join("stderr")).unwrap()
    }

    fn counter(&self) -> String {
        fs::read_to_string(Layout::new(Some(self.root.path())).incarnation_file()).unwrap()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        drop(self.guardian.kill());
        drop(self.guardian.wait());
    }
}

/// A process that is not a child of the test.
struct Watched(OwnedFd);

impl Watched {
    fn new(pid: i32) -> Self {
        let pid = Pid::from_raw(pid).unwrap();
        Self(rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    fn is_dead_within(&self, wait_max: Duration) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let timeout = Timespec::try_from(wait_max).unwrap();
        rustix::event::poll(&mut fds, Some(&timeout)).unwrap() > 0
    }

    fn signal(&self, signal: Signal) {
        rustix::process::pidfd_send_signal(&self.0, signal).unwrap();
    }
}

#[test]
#[ignore = "a part that the other tests start"]
fn fake_guardian() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let layout = Layout::new(Some(root.as_ref()));
    let part = |name: &str| {
        let name = format!("guardian::tests::{name}");
        ["--ignored", "--exact", &name, "--test-threads=1"].map(Into::into).to_vec()
    };
    let (lock, known) = take_over_or_root(&layout).unwrap();
    let code = guard(Config {
        lock,
        counter_file: layout.incarnation_file(),
        program: std::env::current_exe().unwrap(),
        arguments: part("fake_agent"),
        trial: part("fake_trial"),
        own: part("fake_guardian"),
        known,
        limits: Limits {
            frozen_after: std::env::var(FROZEN_MS).map_or(Duration::from_millis(300), |ms| {
                Duration::from_millis(ms.parse().unwrap())
            }),
            trial_max: if std::env::var_os(TRIAL).is_some() { Duration::ZERO } else { LONG },
            ..Limits::default()
        },
    });
    std::process::exit(code.unwrap().into());
}

/// Closes the channel, as a process does some time before it is dead, and lives on.
fn close(parent: Parent, tell: impl Fn(String)) -> ! {
    drop(parent);
    tell("mute".to_owned());
    forever()
}

fn beat_until(parent: &Parent, mut sees_terminate: &UnixStream) -> ! {
    sees_terminate.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    loop {
        parent.beat();
        if sees_terminate.read(&mut [0]).is_ok() {
            std::process::exit(0);
        }
    }
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "a part that the other tests start"]
fn fake_trial() {
    match std::env::var(TRIAL).as_deref() {
        Ok("hang") => forever(),
        _ => println!("a program"),
    }
}

#[test]
#[ignore = "a part that the other tests start"]
#[expect(clippy::too_many_lines, reason = "one line or two for each way to behave")]
fn fake_agent() {
    if std::env::var_os(ROOT).is_none() {
        return;
    }
    let (parent, started) = Parent::take().unwrap();
    let to: SocketAddr = std::env::var(REPORT_TO).unwrap().parse().unwrap();
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let tell = |text: String| socket.send_to(text.as_bytes(), to).map(drop).unwrap();
    let counter = started.counter;
    let letters = vec![format!("letter {counter}").into_bytes()];
    let lans = vec![FarewellLan { from: Some(Ipv4Addr::LOCALHOST.into()), to: vec![to] }];
    parent.farewell(Farewell { counter, letters, lans: lans.clone() }).unwrap();
    let acts = std::env::var(ACTS).unwrap();
    let index = usize::try_from(counter - 1).unwrap();
    let act = acts.split(',').nth(index).unwrap_or_else(|| acts.rsplit(',').next().unwrap());
    if act == "late" {
        tell(format!("at {} {}", socket.local_addr().unwrap(), std::process::id()));
        socket.recv(&mut [0]).unwrap();
    }
    let (sees_terminate, terminate) = UnixStream::pair().unwrap();
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, terminate).unwrap();
    let (sees_hangup, hangup) = UnixStream::pair().unwrap();
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGHUP, hangup).unwrap();
    host::release_signals().unwrap();
    tell(format!("hello {counter} {}", std::process::id()));
    match act {
        // Lives on, waiting for nothing that comes; start_max is far away.
        "live" => forever(),
        "terminate" | "late" | "ready" => {
            if act == "ready" {
                parent.ready().unwrap();
            }
            (&sees_terminate).read_exact(&mut [0]).unwrap();
            std::process::exit(0);
        }
        "stubborn" => {
            (&sees_terminate).read_exact(&mut [0]).unwrap();
            std::process::exit(9);
        }
        "hangup" => {
            (&sees_hangup).read_exact(&mut [0]).unwrap();
            tell("hangup".to_owned());
            (&sees_terminate).read_exact(&mut [0]).unwrap();
            std::process::exit(0);
        }
        "reload" => {
            (&sees_hangup).read_exact(&mut [0]).unwrap();
            std::process::exit(75);
        }
        // One that a reload reaches before it catches the signal.
        "unready" => {
            (&sees_hangup).read_exact(&mut [0]).unwrap();
            signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGHUP).unwrap();
        }
        "mute" => close(parent, tell),
        "freeze" => {
            parent.beat();
            std::thread::park();
        }
        "beats" => beat_until(&parent, &sees_terminate),
        "raise" => {
            let letters = vec![b"letter raised".to_vec()];
            parent.farewell(Farewell { counter: 100, letters, lans }).unwrap();
            std::process::exit(1);
        }
        "surroundings" => {
            let mut stdin = Vec::new();
            io::stdin().read_to_end(&mut stdin).unwrap();
            let notify = std::env::var_os("NOTIFY_SOCKET");
            tell(format!("stdin {stdin:?} notify {notify:?} previous {:?}", started.previous_end));
            std::process::exit(0);
        }
        code => std::process::exit(code.parse().unwrap()),
    }
}

#[test]
fn a_killed_agent_is_announced_three_times_only_after_its_death_and_started_again() {
    let mut played = Played::start("live,terminate");
    let first = played.hello(1);
    played.nothing_more();
    first.signal(Signal::KILL);
    let came = played.next();
    assert!(first.is_dead_within(Duration::ZERO), "{came:?} came while it lived");
    let mut left = vec![
        "letter 1".to_owned(),
        "letter 1".to_owned(),
        "letter 1".to_owned(),
        "hello 2".to_owned(),
    ];
    let known = left.iter().position(|l| came.starts_with(l.as_str())).unwrap();
    left.swap_remove(known);
    played.expect_all(left);
    assert_eq!(played.counter(), "safekit incarnation 1\n2\n");
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
    played.expect_all(vec!["letter 2".to_owned(); COPIES.len()]);
    played.nothing_more();
    assert!(
        played.stderr().contains("was ended by signal 9; it is started again in 0 s"),
        "{}",
        played.stderr()
    );
}

#[test]
fn a_guardian_rests_while_an_agent_that_has_closed_its_channel_is_not_dead_yet() {
    let played = Played::start("mute,terminate");
    let agent = played.hello(1);
    assert_eq!(played.next(), "mute");
    // One that looks at the closed channel again and again never sleeps.
    let threads = format!("/proc/{}/task", played.guardian.id());
    let sleeps = || {
        fs::read_dir(&threads).unwrap().all(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('S')
        })
    };
    let end = now() + LONG;
    while !sleeps() {
        assert!(now() < end, "it never rests");
    }
    agent.signal(Signal::KILL);
    let letters = COPIES.map(|_| "letter 1".to_owned());
    played.expect_all([letters.to_vec(), vec!["hello 2".to_owned()]].concat());
}

#[test]
fn restarts_wait_longer_each_time_and_the_next_agent_knows_why() {
    let mut played = Played::start("7,8,surroundings");
    assert_eq!(played.end(), Some(0));
    let mut expected: Vec<String> = (1..=3)
        .flat_map(|c| {
            [
                format!("hello {c}"),
                format!("letter {c}"),
                format!("letter {c}"),
                format!("letter {c}"),
            ]
        })
        .collect();
    expected.push("stdin [] notify None previous Some(\"ended with exit code 8\")".to_owned());
    played.expect_all(expected);
    let said = played.stderr();
    let first = said.find("exit code 7; it is started again in 0 s").unwrap();
    let second = said.find("exit code 8; it is started again in 1 s").unwrap();
    assert!(first < second);
}

#[test]
fn a_wrong_configuration_ends_the_guardian_with_the_same_code() {
    let mut played = Played::start("65");
    assert_eq!(played.end(), Some(65));
    assert!(played.stderr().contains("exit code 65; it is not started again"));
}

#[test]
fn an_agent_that_fails_to_stop_is_not_started_again() {
    let mut played = Played::start("stubborn");
    played.hello(1);
    played.signal(Signal::INT);
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(70));
    played.expect_all(vec!["letter 1".to_owned(); COPIES.len()]);
    played.nothing_more();
}

/// Tells whether SIGTERM waits for a process.
fn terminate_waits_for(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
    u64::from_str_radix(waiting.trim(), 16).unwrap() & (1 << 14) != 0
}

#[test]
fn an_agent_that_does_not_catch_signals_yet_is_stopped_when_it_does() {
    let mut played = Played::start("late");
    let at = played.next();
    let (to, pid) = at.strip_prefix("at ").unwrap().split_once(' ').unwrap();
    played.signal(Signal::TERM);
    while !terminate_waits_for(pid) {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    played.socket.send_to(b"x", to).unwrap();
    played.hello(1);
    assert_eq!(played.end(), Some(0), "{}", played.stderr());
}

#[test]
fn who_is_to_stop_without_an_agent_starts_one_that_stops_the_modules() {
    // The third one would be started after a second.
    let mut played = Played::start("7,8,terminate");
    while !played.stderr().contains("exit code 8; it is started again in 1 s") {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0), "{}", played.stderr());
    assert_eq!(played.counter(), "safekit incarnation 1\n3\n");

    let mut played = Played::start("7,8");
    while !played.stderr().contains("exit code 8; it is started again in 1 s") {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(70), "{}", played.stderr());
    assert!(played.stderr().contains("applications may still run"), "{}", played.stderr());
}

#[test]
fn hangup_is_forwarded_once_the_program_has_answered_and_ends_nothing() {
    let mut played = Played::start("hangup");
    played.hello(1);
    played.signal(Signal::HUP);
    assert_eq!(played.next(), "hangup");
    assert!(played.stderr().contains("guardian and agent become the program"));
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
}

#[test]
fn a_program_that_does_not_answer_does_not_take_over() {
    let mut played = Played::start_with("terminate", |command| {
        command.env(TRIAL, "hang");
    });
    played.hello(1);
    played.signal(Signal::HUP);
    while !played.stderr().contains("it did not answer in time; guardian and agent go on") {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
    played.expect_all(vec!["letter 1".to_owned(); COPIES.len()]);
    played.nothing_more();
}

#[test]
fn a_guardian_becomes_the_program_with_its_hold_and_what_it_knows() {
    let mut played = Played::start("reload,surroundings");
    played.hello(1);
    let layout = Layout::new(Some(played.root.path()));
    played.signal(Signal::HUP);
    let mut came = String::new();
    while !came.starts_with("hello 2") {
        layout.lock().unwrap_err();
        came = played.next();
    }
    // Whoever was another process would not have been waited for here.
    assert_eq!(played.end(), Some(0), "{}", played.stderr());
    let told = "stdin [] notify None previous Some(\"ended with exit code 75\")";
    while came != told {
        came = played.next();
    }
}

#[test]
fn a_counter_that_is_in_memory_only_outlives_the_program() {
    let mut played = Played::start("reload,reload,surroundings");
    played.hello(1);
    // From here on the disk does not take it.
    let file = Layout::new(Some(played.root.path())).incarnation_file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    for counter in 2..=3 {
        played.signal(Signal::HUP);
        while !played.next().starts_with(&format!("hello {counter} ")) {}
    }
    assert_eq!(played.end(), Some(0), "{}", played.stderr());
}

#[test]
fn reloads_are_no_failures_however_many_and_cut_a_wait_short() {
    let mut played = Played::start("reload,reload,reload,reload,unready,7,8,9,terminate");
    let until_hello = |counter: u32| {
        while !played.next().starts_with(&format!("hello {counter} ")) {}
    };
    for counter in 1..=5 {
        until_hello(counter);
        played.signal(Signal::HUP);
    }
    until_hello(8);
    // The fourth real one would wait 2 s.
    let wait = || {
        while !played.stderr().contains("exit code 9; it is started again in 2 s") {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    };
    wait();
    played.signal(Signal::HUP);
    until_hello(9);
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
    let said = played.stderr();
    let reloaded = "the agent ended with exit code 75, as it was to; it is started again\n";
    assert_eq!(said.matches(reloaded).count(), 4, "{said}");
    assert!(said.contains("was ended by signal 1, as it was to"), "{said}");
    for end in ["7; it is started again in 0 s", "8; it is started again in 1 s"] {
        assert!(said.contains(&format!("exit code {end}")), "{said}");
    }
}

#[test]
fn the_agent_dies_with_its_guardian_and_frees_the_root() {
    let mut played = Played::start("live");
    let agent = played.hello(1);
    let layout = Layout::new(Some(played.root.path()));
    layout.lock().unwrap_err();
    played.signal(Signal::KILL);
    assert!(agent.is_dead_within(LONG));
    played.end();
    layout.lock().unwrap();
    played.nothing_more();
}

#[test]
fn an_agent_that_stands_still_is_killed_and_then_announced() {
    let mut played = Played::start("freeze,terminate");
    let frozen = played.hello(1);
    let came = played.next();
    assert_eq!(came, "letter 1");
    assert!(frozen.is_dead_within(Duration::ZERO), "a letter about a live process");
    played.expect_all(vec!["letter 1".to_owned(), "letter 1".to_owned(), "hello 2".to_owned()]);
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
    assert!(played.stderr().contains("was killed, because it stood still"));
}

#[test]
fn a_guardian_that_stood_still_itself_gives_its_agent_the_whole_time_again() {
    let mut played = Played::start_with("beats,terminate", |command| {
        command.env(FROZEN_MS, "2000");
    });
    let agent = played.hello(1);
    agent.signal(Signal::STOP);
    played.signal(Signal::STOP);
    // As in a frozen control group: longer than an agent may stand still, and a second more.
    assert!(!agent.is_dead_within(Duration::from_millis(3500)));
    played.signal(Signal::CONT);
    assert!(!agent.is_dead_within(Duration::from_millis(200)), "{}", played.stderr());
    agent.signal(Signal::CONT);
    played.signal(Signal::TERM);
    assert_eq!(played.end(), Some(0));
    assert!(!played.stderr().contains("stood still"), "{}", played.stderr());
}

#[test]
fn a_greater_counter_is_kept_and_goes_on_from_there() {
    let mut played = Played::start("raise");
    let mut expected = vec!["letter raised".to_owned(); COPIES.len()];
    expected.push("hello 1".to_owned());
    expected.push("hello 101".to_owned());
    // The agent 101 does the same again, so its copies follow.
    while let Some(last) = expected.pop() {
        let came = played.next();
        if came != last && !came.starts_with(&format!("{last} ")) {
            let known = expected
                .iter()
                .position(|e| came == *e || came.starts_with(&format!("{e} ")))
                .unwrap();
            expected[known] = last;
        }
    }
    played.signal(Signal::TERM);
    played.end();
}

#[test]
fn the_service_manager_hears_ready_and_stopping() {
    let (path, manager) = {
        let root = std::env::temp_dir().join(format!("safekit-notify-{}", std::process::id()));
        let manager = UnixDatagram::bind(&root).unwrap();
        manager.set_read_timeout(Some(LONG)).unwrap();
        (root, manager)
    };
    let mut played = Played::start_with("ready", |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let mut buffer = [0; 256];
    let length = manager.recv(&mut buffer).unwrap();
    let expected = format!("READY=1\nMAINPID={}", played.guardian.id());
    assert_eq!(buffer[..length], *expected.as_bytes());
    played.signal(Signal::TERM);
    let length = manager.recv(&mut buffer).unwrap();
    assert_eq!(buffer[..length], *b"STOPPING=1");
    assert_eq!(played.end(), Some(0));
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_root_is_refused_while_its_guardian_lives_and_waited_for_while_its_agent_dies() {
    let root = TestRoot::new();
    let layout = root.layout();
    let lock = layout.lock().unwrap();
    assert!(matches!(take_root(&layout), Err(LockError::Taken { .. })));
    // A pid beyond the kernel's greatest one belongs to nobody.
    fs::write(layout.lock_file(), "2147483646\n").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(lock));
        take_root(&layout).unwrap();
    });
}

#[test]
fn a_counter_that_cannot_be_written_grows_in_memory() {
    let root = TestRoot::new();
    let path = root.path().join("none/incarnation");
    let mut counter = Counter::read(path);
    assert_eq!((counter.next(), counter.next()), (1, 2));
    counter.write_again();
    assert!(counter.fault().is_some());
    fs::create_dir(root.path().join("none")).unwrap();
    counter.write_again();
    assert_eq!(counter.fault(), None, "on disk as soon as that is possible");
    assert_eq!(Counter::read(root.path().join("none/incarnation")).next(), 3);
}

#[test]
fn a_damaged_counter_is_said_and_mended() {
    let root = TestRoot::new();
    let path = root.path().join("incarnation");
    for damage in ["", "7\n", "safekit incarnation 2\n7\n", "safekit incarnation 1\nx\n"] {
        fs::write(&path, damage).unwrap();
        let mut counter = Counter::read(path.clone());
        assert!(counter.fault().unwrap().contains("damaged"));
        counter.raise(41);
        assert_eq!((counter.next(), counter.fault()), (42, None));
        assert_eq!(Counter::read(path.clone()).next(), 43);
    }
}

#[test]
fn the_channel_carries_the_farewell_of_the_biggest_cluster() {
    let root = TestRoot::new();
    let lock = root.layout().lock().unwrap();
    let started = Started { counter: 7, guardian_pid: 1, counter_fault: None, previous_end: None };
    let (mut guardian, agent) = AgentChannel::new(&started, &lock).unwrap();
    let (parent, got) = Parent::from_socket(agent).unwrap();
    assert_eq!(got, started);
    let to: IpAddr = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
    let lan = FarewellLan { from: Some(to), to: vec![SocketAddr::new(to, 65535); 127] };
    let biggest = Farewell { counter: 7, letters: vec![vec![255; 200]; 2], lans: vec![lan; 8] };
    parent.farewell(biggest.clone()).unwrap();
    parent.beat();
    assert_eq!(guardian.receive(), Received::Message(FromAgent::Farewell(biggest.clone())));
    assert_eq!(guardian.receive(), Received::Message(FromAgent::Beat));
    assert_eq!(guardian.receive(), Received::Nothing);
    let too_long = Farewell { letters: vec![vec![255; MESSAGE_BYTES_MAX]], ..biggest };
    parent.farewell(too_long).unwrap_err();
    for fault in [Some("no space".to_owned()), None] {
        let word = ToAgent::Counter { fault };
        guardian.tell(&word).unwrap();
        assert_eq!(parent.hear(), Some(word));
    }
    assert_eq!(parent.hear(), None);
    // A guardian that stands still never holds the agent up.
    for _ in 0..100_000 {
        parent.beat();
    }
    drop(parent);
    while guardian.receive() == Received::Message(FromAgent::Beat) {}
    assert_eq!(guardian.receive(), Received::Ended);
}

#[test]
fn what_an_agent_has_said_counts_though_it_ends_without_hearing_the_guardian() {
    let root = TestRoot::new();
    let lock = root.layout().lock().unwrap();
    let started = Started { counter: 7, guardian_pid: 1, counter_fault: None, previous_end: None };
    let (mut guardian, agent) = AgentChannel::new(&started, &lock).unwrap();
    let (parent, _) = Parent::from_socket(agent).unwrap();
    guardian.tell(&ToAgent::Counter { fault: None }).unwrap();
    let farewell = Farewell { counter: 7, letters: vec![vec![1]], lans: Vec::new() };
    parent.farewell(farewell.clone()).unwrap();
    drop(parent);
    assert_eq!(guardian.receive(), Received::Message(FromAgent::Farewell(farewell)));
    assert_eq!(guardian.receive(), Received::Ended);
}

#[test]
fn a_process_without_guardian_says_so() {
    let (mine, other) = UnixStream::pair().unwrap();
    assert!(matches!(Parent::from_socket(mine.into()), Err(ParentError::NoGuardian(_))));
    drop(other);
    let null = fs::File::open("/dev/null").unwrap();
    assert!(matches!(Parent::from_socket(null.into()), Err(ParentError::NoGuardian(_))));
}

#[test]
fn copies_are_due_at_their_times_and_an_unreachable_address_holds_nothing_up() {
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    // An own address that the host does not have, and a destination of another family.
    let to = vec!["[::1]:1".parse().unwrap(), socket.local_addr().unwrap()];
    let lan = FarewellLan { from: Some("192.0.2.1".parse().unwrap()), to };
    let begun = now();
    let mut sending =
        Sending::new(begun, Farewell { counter: 1, letters: vec![b"x".to_vec()], lans: vec![lan] });
    for after in COPIES {
        assert_eq!(sending.due(), Some(begun + after));
        sending.handle_timeout(begun + after);
        assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1);
    }
    assert_eq!(sending.due(), None);
    let lan = FarewellLan { from: None, to: vec![socket.local_addr().unwrap()] };
    let mut late =
        Sending::new(begun, Farewell { counter: 1, letters: vec![b"x".to_vec()], lans: vec![lan] });
    late.handle_timeout(begun + LONG);
    assert_eq!(late.due(), None, "a guardian that was late sends the rest at once");
}
