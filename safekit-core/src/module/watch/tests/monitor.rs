use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::config::model::{ErrdConfig, ProcAction, ProcClass, ProcConfig, ProcKind};
use crate::control::Command;
use crate::ids::ProcessId;
use crate::module::script::Script;
use crate::module::watch::{Begin, Monitor, Notice, ProcessInfo, WatchState};
use crate::sim_clock_base;

pub(super) const POLL: Duration = Duration::from_secs(10);

/// A monitor of class both, switched on, with what it said.
pub(super) struct Watch {
    pub(super) now: Instant,
    pub(super) begun: Instant,
    pub(super) monitor: Monitor,
    pub(super) wanted: u32,
    /// The services that were asked for and not told of.
    pub(super) asked: Option<BTreeSet<String>>,
    pub(super) watched: BTreeSet<u32>,
    said: Vec<String>,
}

pub(super) fn proc(name: &str) -> ProcConfig {
    ProcConfig {
        name: name.to_owned(),
        nameregex: None,
        argregex: None,
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

fn info(name: &str, pid: u32) -> ProcessInfo {
    ProcessInfo {
        id: ProcessId { pid, started: u64::from(pid) },
        parent_pid: 1,
        name: name.to_owned(),
        executable: name.to_owned(),
        arguments: vec![name.to_owned()],
    }
}

pub(super) fn list(name: &str, pids: &[u32]) -> Vec<ProcessInfo> {
    pids.iter().map(|pid| info(name, *pid)).collect()
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Watch {
    pub(super) fn new(procs: Vec<ProcConfig>) -> Self {
        let now = sim_clock_base();
        let mut monitor = Monitor::new(now);
        monitor.configure(now, Some(&ErrdConfig { polltimer: POLL, procs }));
        monitor.enable(now, ProcClass::Both, Begin::Started);
        let mut watch = Self {
            now,
            begun: now,
            monitor,
            wanted: 0,
            asked: None,
            watched: BTreeSet::new(),
            said: Vec::new(),
        };
        watch.hear();
        watch
    }

    pub(super) fn hear(&mut self) {
        while let Some(notice) = self.monitor.poll_notice() {
            match notice {
                Notice::ScanWanted => self.wanted += 1,
                Notice::ServicesWanted(names) => {
                    assert!(self.asked.replace(names).is_none(), "one question at a time");
                }
                Notice::ServicesUnknown { error } => self.said.push(format!("unknown: {error}")),
                Notice::ServicesKnown => self.said.push("known again".to_owned()),
                Notice::Watch(processes) => {
                    self.watched = processes.iter().map(|process| process.pid).collect();
                }
                Notice::Died { name, process } => {
                    self.said.push(format!("{name} {} died", process.pid));
                }
                Notice::Fault { config, count, said } => {
                    let said = said.map(|said| format!(" {said}")).unwrap_or_default();
                    self.said.push(format!("{} fault {count}{said}", config.name));
                }
                Notice::ActionWanted(wanted) => {
                    let words = [vec![wanted.command.as_str().to_owned()], wanted.services];
                    self.said.push(words.concat().join(" "));
                }
                Notice::HandlerWanted(config) => {
                    self.said.push(format!("handler {}", config.action.as_str()));
                }
                Notice::Recovered { name, count, said } => {
                    let said = said.map(|said| format!(" {said}")).unwrap_or_default();
                    self.said.push(format!("{name} recovered {count}{said}"));
                }
                Notice::Unwatchable => self.said.push("unwatchable".to_owned()),
            }
        }
        assert!(self.wanted < 2, "one list at a time");
    }

    pub(super) fn scan(&mut self, processes: &[ProcessInfo]) {
        self.scan_during(processes, None);
    }

    fn scan_during(&mut self, processes: &[ProcessInfo], script: Option<Script>) {
        assert_eq!(self.wanted, 1, "a list is wanted");
        self.wanted = 0;
        self.monitor.handle_scan(self.now, processes, script);
        self.hear();
    }

    pub(super) fn die(&mut self, pid: u32) {
        let process = ProcessId { pid, started: u64::from(pid) };
        self.monitor.handle_exit(self.now, process);
        self.hear();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.monitor.handle_timeout(self.now);
        let next = self.monitor.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "the next deadline is later than now");
        self.hear();
    }

    /// Lets time pass while each list that is wanted shows this; returns the ages at which lists were made.
    pub(super) fn pass_with(&mut self, time: Duration, processes: &[ProcessInfo]) -> Vec<u64> {
        let end = self.now + time;
        let mut ages = Vec::new();
        loop {
            if self.wanted > 0 {
                let age = self.now - self.begun;
                ages.push(u64::try_from(age.as_millis()).unwrap());
                self.scan(processes);
            }
            match self.monitor.poll_timeout().filter(|at| *at <= end) {
                Some(at) => self.pass(at - self.now),
                None => {
                    self.pass(end - self.now);
                    return ages;
                }
            }
        }
    }

    pub(super) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

#[test]
fn a_process_is_looked_for_at_once_and_quickly_until_it_is_there() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    assert_eq!(watch.pass_with(ms(600), &[]), [0, 250, 500]);
    watch.pass_with(ms(200), &list("nginx", &[3]));
    assert_eq!(watch.watched, [3].into());
    assert_eq!(watch.pass_with(Duration::from_secs(9), &list("nginx", &[3])), Vec::<u64>::new());
    assert!(watch.said().is_empty());
}

#[test]
fn the_quick_looks_are_bounded() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    let ages = watch.pass_with(ms(9999), &[]);
    assert!(ages.len() < 20, "{ages:?}");
    assert!(watch.said().is_empty());
}

#[test]
fn a_process_never_seen_is_a_fault_at_the_first_poll_only() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.pass_with(ms(9999), &[]);
    assert!(watch.said().is_empty());
    assert_eq!(watch.pass_with(ms(1), &[]), [10_000]);
    assert_eq!(watch.said(), ["nginx fault 0", "restart"]);
}

#[test]
fn start_after_adds_polls() {
    for (start_after, polls) in [(0, 1), (1, 1), (2, 2), (4, 4)] {
        let mut watch = Watch::new(vec![ProcConfig { start_after, ..proc("nginx") }]);
        watch.pass_with(POLL * polls - ms(1), &[]);
        assert!(watch.said().is_empty(), "start_after {start_after}");
        watch.pass_with(ms(2), &[]);
        assert_eq!(watch.said(), ["nginx fault 0", "restart"], "start_after {start_after}");
    }
}

#[test]
fn nothing_is_asked_for_before_start_after() {
    let mut watch = Watch::new(vec![ProcConfig { start_after: 3, ..proc("nginx") }]);
    let ages = watch.pass_with(POLL * 2, &list("nginx", &[1]));
    assert_eq!(ages, [20_000]);
    assert_eq!(watch.watched, [1].into());
}

#[test]
fn a_death_is_acted_upon_at_once() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.scan(&list("nginx", &[3]));
    watch.pass(ms(4321));
    watch.die(3);
    watch.scan(&[]);
    assert_eq!(watch.said(), ["nginx 3 died", "nginx fault 0", "restart"]);
}

#[test]
fn a_daemon_that_forks_and_whose_parent_ends_is_no_fault() {
    let mut watch = Watch::new(vec![proc("daemon")]);
    watch.scan(&list("daemon", &[3]));
    watch.die(3);
    watch.scan(&list("daemon", &[4]));
    assert_eq!(watch.said(), ["daemon 3 died"]);
    assert_eq!(watch.watched, [4].into());
}

#[test]
fn a_list_made_before_a_death_does_not_prove_that_nobody_came() {
    let mut watch = Watch::new(vec![proc("daemon")]);
    watch.scan(&list("daemon", &[3]));
    watch.pass_with(POLL - ms(1), &list("daemon", &[3]));
    watch.pass(ms(1));
    assert_eq!(watch.wanted, 1);
    watch.die(3);
    // Made while the child was not there yet and the parent was gone.
    watch.scan(&[]);
    assert_eq!(watch.said(), ["daemon 3 died"]);
    watch.scan(&list("daemon", &[4]));
    assert!(watch.said().is_empty());
    assert_eq!(watch.watched, [4].into());
}

#[test]
fn workers_that_come_and_go_are_no_fault_and_cost_little() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    let mut lists = 0;
    for pid in 10..110 {
        if watch.wanted > 0 {
            watch.scan(&list("nginx", &[1, pid]));
            lists += 1;
        }
        watch.die(pid);
        watch.pass(ms(10));
    }
    assert!(lists < 15, "{lists} lists in one second");
    assert!(watch.said().iter().all(|said| said.ends_with("died")));
}

#[test]
fn a_group_that_dies_together_is_acted_upon_at_once() {
    let mut watch = Watch::new(vec![ProcConfig { atleast: Some(3), ..proc("nginx") }]);
    watch.scan(&list("nginx", &[1, 2, 3]));
    watch.pass(ms(4321));
    // Each list is out of date when it comes.
    watch.die(1);
    watch.die(2);
    watch.scan(&list("nginx", &[3]));
    watch.die(3);
    watch.scan(&[]);
    assert_eq!(watch.said(), ["nginx 1 died", "nginx 2 died", "nginx 3 died"]);
    watch.scan(&[]);
    assert_eq!(watch.said(), ["nginx fault 0", "restart"]);
}

#[test]
fn processes_that_come_and_go_hide_no_other_fault() {
    let mut watch = Watch::new(vec![proc("httpd"), proc("nginx")]);
    watch.scan(&[list("httpd", &[2]), list("nginx", &[1, 10])].concat());
    watch.pass(ms(4321));
    watch.die(2);
    // Before each list comes a worker of the other has died.
    watch.die(10);
    watch.scan(&list("nginx", &[1, 11]));
    watch.die(11);
    watch.scan(&list("nginx", &[1, 12]));
    let died = ["httpd 2 died", "nginx 10 died", "nginx 11 died"];
    assert_eq!(watch.said(), [&died[..], &["httpd fault 0", "restart"]].concat());
}

#[test]
fn a_death_that_leaves_enough_is_not_urgent_and_the_one_that_does_not_is() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.scan(&list("nginx", &[1, 2, 3]));
    watch.pass(ms(4321));
    watch.die(1);
    assert_eq!(watch.wanted, 0);
    watch.pass(ms(99));
    assert_eq!(watch.wanted, 0);
    watch.pass(ms(1));
    watch.scan(&list("nginx", &[2, 3, 4]));
    assert_eq!(watch.watched, [2, 3, 4].into());
    for pid in [2, 3, 4] {
        watch.die(pid);
    }
    watch.scan(&[]);
    let died = ["nginx 1 died", "nginx 2 died", "nginx 3 died", "nginx 4 died"];
    assert_eq!(watch.said(), [&died[..], &["nginx fault 0", "restart"]].concat());
}

#[test]
fn one_that_dies_and_is_replaced_all_the_time_costs_little() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.scan(&list("nginx", &[1]));
    let mut lists = 0;
    for pid in 1..=1000 {
        watch.die(pid);
        watch.pass(ms(10));
        if watch.wanted > 0 {
            watch.scan(&list("nginx", &[pid + 1]));
            lists += 1;
        }
    }
    assert!((90..125).contains(&lists), "{lists} lists in ten seconds");
}

#[test]
fn a_module_that_is_started_again_and_again_is_judged_at_once_each_time() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    for pid in 1..100 {
        // A host with very many processes.
        watch.pass_with(ms(500), &[]);
        watch.pass_with(ms(500), &list("nginx", &[pid]));
        watch.die(pid);
        assert_eq!(watch.wanted, 1, "round {pid}");
        watch.pass(ms(150));
        watch.scan(&[]);
        assert_eq!(watch.said(), [&format!("nginx {pid} died"), "nginx fault 0", "restart"]);
        watch.monitor.disable(&ProcClass::Both);
        watch.monitor.enable(watch.now, ProcClass::Both, Begin::Started);
        watch.hear();
    }
}

#[test]
fn lists_that_take_long_are_far_apart() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.scan(&list("nginx", &[1]));
    let mut busy = Duration::ZERO;
    for pid in 1..=3000 {
        watch.die(pid);
        watch.pass(ms(10));
        if watch.wanted > 0 {
            watch.pass(ms(40));
            busy += ms(40);
            watch.scan(&list("nginx", &[pid + 1]));
        }
    }
    let share = busy.as_secs_f64() / (watch.now - watch.begun).as_secs_f64();
    assert!(share < 0.3, "{share}");
}

#[test]
fn newcomers_are_found_at_the_polls() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.scan(&list("nginx", &[3]));
    let ages = watch.pass_with(POLL * 3 + ms(1), &list("nginx", &[3, 4]));
    assert_eq!(ages, [10_000, 20_000, 30_000]);
    assert_eq!(watch.watched, [3, 4].into());
}

#[test]
fn polls_come_to_fall_on_common_moments_and_never_late() {
    // Since when the polls of the node are counted, before the watch began; when this one polls.
    for (before, polls) in [
        (0, [10_000, 20_000, 30_000, 40_000]),
        (1, [10_000, 19_999, 29_999, 39_999]),
        (6_000, [10_000, 14_000, 24_000, 34_000]),
        // The next common moment is a third of the timer away, or sooner.
        (6_667, [10_000, 16_666, 23_333, 33_333]),
        (9_999, [10_000, 13_334, 20_001, 30_001]),
    ] {
        let mut watch = Watch::new(vec![proc("nginx")]);
        watch.monitor.poll_since(watch.now.checked_sub(ms(before)).unwrap());
        watch.scan(&list("nginx", &[3]));
        let ages = watch.pass_with(POLL * 4 + ms(2), &list("nginx", &[3]));
        assert_eq!(ages[..4], polls, "{before}");
    }
}

#[test]
fn fewer_than_atleast_is_a_fault() {
    let mut watch = Watch::new(vec![ProcConfig { atleast: Some(3), ..proc("nginx") }]);
    watch.scan(&list("nginx", &[1, 2, 3, 4]));
    watch.die(4);
    watch.pass(ms(100));
    watch.scan(&list("nginx", &[1, 2, 3]));
    assert_eq!(watch.said(), ["nginx 4 died"]);
    watch.die(3);
    watch.scan(&list("nginx", &[1, 2]));
    assert_eq!(watch.said(), ["nginx 3 died", "nginx fault 2", "restart"]);
}

#[test]
fn without_atleast_nothing_has_to_run() {
    let mut watch = Watch::new(vec![ProcConfig { atleast: None, ..proc("nginx") }]);
    watch.scan(&list("nginx", &[1]));
    watch.die(1);
    watch.pass_with(POLL * 3, &[]);
    assert_eq!(watch.said(), ["nginx 1 died"]);
}

#[test]
fn atmax_and_more_is_a_fault_at_a_poll() {
    for (atmax, count, fault) in
        [(0, 0, false), (0, 1, true), (1, 1, true), (3, 2, false), (3, 3, true)]
    {
        let config = ProcConfig { atleast: None, atmax: Some(atmax), ..proc("nginx") };
        let mut watch = Watch::new(vec![config]);
        let pids: Vec<_> = (1..=count).collect();
        watch.pass_with(POLL - ms(1), &list("nginx", &pids));
        assert!(watch.said().is_empty(), "while it starts there may be more for a moment");
        watch.pass_with(ms(1), &list("nginx", &pids));
        assert_eq!(!watch.said().is_empty(), fault, "atmax {atmax}, {count} processes");
    }
}

#[test]
fn a_fault_that_lasts_is_told_once_and_its_action_wanted_at_each_poll() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.pass_with(POLL * 3 + ms(1), &[]);
    assert_eq!(watch.said(), ["nginx fault 0", "restart", "restart", "restart"]);
    watch.pass_with(POLL, &list("nginx", &[1]));
    assert_eq!(watch.said(), ["nginx recovered 1"]);
}

#[test]
fn noaction_wants_no_action() {
    let mut watch = Watch::new(vec![ProcConfig { action: ProcAction::NoAction, ..proc("nginx") }]);
    watch.pass_with(POLL * 3 + ms(1), &[]);
    assert_eq!(watch.said(), ["nginx fault 0"]);
    assert!(!watch.monitor.is_missing_any());
}

#[test]
fn a_list_asked_for_before_the_watch_began_is_not_looked_at() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.monitor.disable(&ProcClass::Both);
    watch.monitor.enable(watch.now, ProcClass::Both, Begin::Started);
    watch.hear();
    watch.scan(&list("nginx", &[1]));
    assert!(watch.watched.is_empty());
    assert_eq!(watch.monitor.watched()[0].state, WatchState::Init);
    watch.scan(&list("nginx", &[2]));
    assert_eq!(watch.watched, [2].into());
}

#[test]
fn a_list_that_comes_after_the_end_of_the_watch_is_not_looked_at() {
    let mut watch = Watch::new(vec![proc("nginx")]);
    watch.monitor.disable(&ProcClass::Both);
    watch.hear();
    watch.scan(&[]);
    watch.pass(POLL * 2);
    assert!(watch.said().is_empty());
    assert_eq!(watch.wanted, 0);
}

#[test]
fn a_script_of_the_module_does_not_count_while_it_runs() {
    let config = ProcConfig { argregex: Some("farm".to_owned()), ..proc("sh") };
    let mut script = info("sh", 9);
    script.arguments = vec!["/bin/sh".to_owned(), "/modules/farm/bin/start_both".to_owned()];
    let mut watch = Watch::new(vec![config]);
    watch.scan_during(&[script.clone()], Some(Script::StartBoth));
    assert!(watch.watched.is_empty());
    watch.pass(ms(250));
    watch.scan(&[script]);
    assert_eq!(watch.watched, [9].into(), "a loop that the script left behind is an application");
}

#[test]
fn an_entry_with_a_broken_expression_is_named_and_harmless() {
    let broken = ProcConfig { argregex: Some("(".to_owned()), ..proc("nginx") };
    let mut watch = Watch::new(vec![broken]);
    assert_eq!(watch.said(), ["unwatchable"]);
    watch.pass(POLL * 2);
    assert!(watch.said().is_empty());
    assert_eq!(watch.wanted, 0);
}

#[test]
fn actions_are_those_of_the_configuration() {
    for (action, command) in [
        (ProcAction::Restart, Some(Command::Restart)),
        (ProcAction::Stopstart, Some(Command::Stopstart)),
        (ProcAction::Stop, Some(Command::Stop)),
        (ProcAction::NoAction, None),
        (ProcAction::Handler("mend".to_owned()), None),
    ] {
        assert_eq!(crate::module::watch::monitor::command(&action), command);
    }
}
