//! Services of the host, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::monitor::{POLL, Watch, list, ms, proc};
use crate::config::model::{ErrdConfig, ProcAction, ProcConfig, ProcKind};
use crate::ids::ProcessId;
use crate::module::watch::{ServiceInfo, ServiceState, WatchState};

use ServiceState::{Changing, NotFound, NotRunning, Running, Unknown};

fn service(name: &str) -> ProcConfig {
    ProcConfig { kind: ProcKind::Service, ..proc(name) }
}

/// A watched service, already seen running with that main process.
fn running(pid: u32) -> Watch {
    let mut watch = Watch::new(vec![service("nginx")]);
    watch.tell(Running, Some(pid));
    assert_eq!((watch.state(), watch.said()), (WatchState::Up, Vec::new()));
    watch
}

impl Watch {
    /// Answers for all services that were asked for.
    fn tell(&mut self, state: ServiceState, pid: Option<u32>) {
        let names = self.asked.take().expect("services are asked for");
        let main = pid.map(|pid| ProcessId { pid, started: u64::from(pid) });
        let info = ServiceInfo { state, said: state.as_str().to_owned(), main };
        let services: BTreeMap<_, _> = names.into_iter().map(|name| (name, info.clone())).collect();
        self.monitor.handle_services(self.now, &services);
        self.hear();
    }

    /// Lets time pass while each question is answered so; returns the ages at which there was one.
    fn tell_for(&mut self, time: Duration, state: ServiceState, pid: Option<u32>) -> Vec<u64> {
        let end = self.now + time;
        let mut ages = Vec::new();
        loop {
            if self.asked.is_some() {
                ages.push(u64::try_from((self.now - self.begun).as_millis()).unwrap());
                self.tell(state, pid);
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

    fn state(&self) -> WatchState {
        self.monitor.watched()[0].state
    }
}

#[test]
fn only_services_of_the_configuration_are_asked_for_and_only_while_they_are_watched() {
    let mut watch = Watch::new(vec![service("b"), proc("nginx"), service("a")]);
    assert_eq!(watch.asked, Some(["a", "b"].map(str::to_owned).into()));
    assert_eq!(watch.wanted, 1, "processes are listed apart");
    let mut none = Watch::new(vec![proc("nginx")]);
    none.pass_with(POLL * 3, &list("nginx", &[1]));
    assert_eq!(none.asked, None);
    watch.tell(Running, None);
    watch.monitor.switch(watch.now, crate::module::watch::Switch::Off);
    watch.hear();
    watch.tell_for(POLL * 3, Running, None);
    assert_eq!(watch.asked, None);
}

#[test]
fn a_service_that_runs_is_up_with_a_main_process_or_without() {
    for pid in [None, Some(7)] {
        let mut watch = Watch::new(vec![service("nginx")]);
        assert_eq!(watch.state(), WatchState::Init);
        watch.tell(Running, pid);
        assert_eq!(watch.state(), WatchState::Up);
        assert_eq!(watch.watched, pid.into_iter().collect());
        assert_eq!(watch.monitor.watched()[0].service.as_deref(), Some("running"));
        let ages = watch.tell_for(POLL * 2 + ms(1), Running, pid);
        assert_eq!(ages, [10_000, 20_000], "asked for at the polls only");
        assert!(watch.said().is_empty());
    }
}

#[test]
fn the_death_of_the_main_process_is_confirmed_before_it_is_acted_upon() {
    let mut watch = running(7);
    watch.pass(ms(1234));
    watch.die(7);
    assert_eq!(watch.said(), ["nginx 7 died"]);
    watch.tell(NotRunning, None);
    assert_eq!(watch.said(), ["nginx fault 0 not-running", "restart"]);
    assert!(watch.watched.is_empty());
}

#[test]
fn a_service_that_the_host_has_started_again_is_no_fault() {
    let mut watch = running(7);
    watch.die(7);
    watch.tell(Running, Some(8));
    assert_eq!(
        (watch.said(), watch.watched.clone()),
        (vec!["nginx 7 died".to_owned()], [8].into())
    );
    assert_eq!(watch.tell_for(POLL - ms(1), Running, Some(8)), Vec::<u64>::new());
}

#[test]
fn a_host_that_has_not_noticed_a_death_yet_is_asked_again() {
    for stale in [None, Some(7)] {
        let mut watch = running(7);
        watch.die(7);
        watch.tell(Running, stale);
        assert!(watch.watched.is_empty(), "a dead process is not watched");
        watch.pass(ms(250));
        watch.tell(NotRunning, None);
        assert_eq!(watch.said(), ["nginx 7 died", "nginx fault 0 not-running", "restart"]);
    }
}

#[test]
fn a_service_that_lives_on_without_a_main_process_is_believed_in_the_end() {
    let mut watch = running(7);
    watch.die(7);
    let ages = watch.tell_for(POLL - ms(1), Running, None);
    assert!(ages.len() < 8, "{ages:?}");
    assert_eq!((watch.said(), watch.state()), (vec!["nginx 7 died".to_owned()], WatchState::Up));
}

#[test]
fn a_service_on_its_way_is_a_fault_at_a_poll_only() {
    let mut watch = running(7);
    watch.die(7);
    let ages = watch.tell_for(ms(4_000), Changing, None);
    assert!(ages.len() < 20, "{ages:?}");
    assert_eq!((watch.said(), watch.state()), (vec!["nginx 7 died".to_owned()], WatchState::Up));
    watch.tell_for(ms(1_000), Running, Some(8));
    assert_eq!((watch.watched.clone(), watch.said()), ([8].into(), Vec::new()));
    // One that hangs on its way.
    watch.die(8);
    watch.tell_for(ms(4_999), Changing, None);
    assert_eq!(watch.said(), ["nginx 8 died"]);
    watch.tell_for(ms(1), Changing, None);
    assert_eq!(watch.said(), ["nginx fault 0 changing", "restart"]);
}

#[test]
fn one_that_stops_after_its_way_is_a_fault_at_once() {
    let mut watch = running(7);
    watch.die(7);
    watch.tell(Changing, None);
    watch.pass(ms(250));
    watch.tell(NotRunning, None);
    assert_eq!(watch.said(), ["nginx 7 died", "nginx fault 0 not-running", "restart"]);
}

#[test]
fn a_service_never_seen_is_a_fault_at_the_first_poll_only() {
    for state in [NotRunning, NotFound, Changing] {
        let mut watch = Watch::new(vec![service("nginx")]);
        let ages = watch.tell_for(POLL - ms(1), state, None);
        assert!(ages.len() < 20 && ages[..3] == [0, 250, 500], "{ages:?}");
        assert!(watch.said().is_empty());
        watch.tell_for(ms(1), state, None);
        assert_eq!(
            watch.said(),
            [format!("nginx fault 0 {}", state.as_str()), "restart".to_owned()]
        );
        watch.tell_for(POLL, Running, Some(1));
        assert_eq!(watch.said(), ["nginx recovered 1 running"]);
    }
}

#[test]
fn what_cannot_be_known_is_no_death_and_told_once() {
    let mut watch = running(7);
    let ages = watch.tell_for(POLL * 6, Unknown, None);
    assert!(ages.len() < 20, "{ages:?}");
    assert_eq!(
        (watch.said(), watch.state()),
        (vec!["unknown: unknown".to_owned()], WatchState::Up)
    );
    assert_eq!(watch.monitor.services_unknown(), Some("unknown"));
    // Its death is noticed, and nobody can confirm it.
    watch.die(7);
    watch.tell_for(ms(5_000), Unknown, None);
    assert_eq!(watch.said(), ["nginx 7 died"]);
    watch.tell_for(POLL, Running, Some(8));
    assert_eq!(watch.said(), ["known again"]);
    assert_eq!((watch.monitor.services_unknown(), watch.watched.clone()), (None, [8].into()));
}

#[test]
fn a_death_that_was_not_to_be_known_is_acted_upon_as_soon_as_it_is() {
    let mut watch = running(7);
    watch.die(7);
    watch.tell(Unknown, None);
    watch.pass(ms(1_000));
    watch.tell(NotRunning, None);
    assert_eq!(
        watch.said(),
        ["nginx 7 died", "unknown: unknown", "nginx fault 0 not-running", "restart", "known again"]
    );
}

#[test]
fn one_service_of_which_nothing_is_known_does_not_hide_another() {
    let mut watch = Watch::new(vec![service("a"), service("b")]);
    watch.tell(Running, None);
    watch.pass(POLL);
    let info = |state: ServiceState| ServiceInfo { state, said: "x".to_owned(), main: None };
    watch.asked = None;
    let services =
        BTreeMap::from([("a".to_owned(), info(Unknown)), ("b".to_owned(), info(NotRunning))]);
    watch.monitor.handle_services(watch.now, &services);
    watch.hear();
    assert_eq!(watch.said(), ["b fault 0 x", "restart", "unknown: x"]);
}

#[test]
fn a_service_that_must_not_run_is_a_fault_at_a_poll_while_it_does() {
    let config = ProcConfig { atleast: None, atmax: Some(0), ..service("nginx") };
    let mut watch = Watch::new(vec![config]);
    watch.tell_for(POLL - ms(1), NotRunning, None);
    assert!(watch.said().is_empty());
    watch.tell_for(ms(1), Running, Some(3));
    assert_eq!(watch.said(), ["nginx fault 1 running", "restart"]);
    watch.tell_for(POLL, NotFound, None);
    assert_eq!(watch.said(), ["nginx recovered 0 not-found"]);
}

#[test]
fn without_atleast_a_service_need_not_run() {
    let mut watch = Watch::new(vec![ProcConfig { atleast: None, ..service("nginx") }]);
    watch.tell_for(POLL * 3, NotRunning, None);
    assert!(watch.said().is_empty());
    assert!(!watch.monitor.is_missing_any());
}

#[test]
fn a_restart_is_about_the_services_of_all_that_want_it() {
    let restarts = |name: &str, list: &[&str]| {
        let restart_services = list.iter().map(|name| (*name).to_owned()).collect();
        ProcConfig { restart_services, ..service(name) }
    };
    let mut watch = Watch::new(vec![restarts("a", &["a", "b"]), service("c")]);
    watch.tell_for(POLL, NotRunning, None);
    assert_eq!(
        watch.said(),
        ["a fault 0 not-running", "restart a b", "c fault 0 not-running", "restart"]
    );
}

#[test]
fn an_answer_from_before_the_watch_began_is_not_looked_at() {
    let mut watch = running(7);
    watch.pass(POLL);
    let class = crate::config::model::ProcClass::Both;
    watch.monitor.disable(&class);
    watch.monitor.enable(watch.now, class, crate::module::watch::Begin::Started);
    watch.hear();
    watch.tell(NotRunning, None);
    assert!(watch.said().is_empty() && watch.state() == WatchState::Init);
    watch.tell(Running, Some(9));
    assert_eq!((watch.state(), watch.watched.clone()), (WatchState::Up, [9].into()));
}

#[test]
fn a_process_and_a_service_of_one_name_are_judged_apart() {
    let mut watch = Watch::new(vec![
        ProcConfig { action: ProcAction::NoAction, ..proc("nginx") },
        ProcConfig { name: "nginx.service".to_owned(), ..service("") },
    ]);
    watch.scan(&list("nginx", &[7]));
    watch.tell(Running, Some(7));
    assert_eq!(watch.watched, [7].into());
    watch.die(7);
    assert_eq!(watch.said(), ["nginx 7 died", "nginx.service 7 died"]);
    watch.scan(&[]);
    watch.tell(NotRunning, None);
    assert_eq!(watch.said(), ["nginx fault 0", "nginx.service fault 0 not-running", "restart"]);
}

#[test]
fn a_configuration_without_services_asks_for_none_and_knows_of_no_fault() {
    let mut watch = Watch::new(vec![service("nginx"), proc("httpd")]);
    watch.tell(Unknown, None);
    assert!(watch.monitor.services_unknown().is_some());
    let errd = ErrdConfig { polltimer: POLL, procs: vec![proc("httpd")] };
    watch.monitor.configure(watch.now, Some(&errd));
    watch.hear();
    watch.pass_with(POLL * 3, &list("httpd", &[1]));
    assert_eq!((watch.asked.clone(), watch.monitor.services_unknown()), (None, None));
}

#[test]
fn a_poll_at_which_nothing_could_be_known_makes_no_fault_of_the_way_back() {
    let mut watch = running(7);
    watch.pass(POLL);
    watch.tell(Unknown, None);
    watch.die(7);
    watch.tell(Changing, None);
    assert_eq!(watch.said(), ["unknown: unknown", "nginx 7 died", "known again"]);
    watch.pass(ms(250));
    watch.tell(Running, Some(8));
    assert!(watch.said().is_empty() && watch.state() == WatchState::Up);
}
