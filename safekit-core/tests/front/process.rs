//! What needs a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use safekit_core::runtime::front::{Front, FrontConfig, reserve_file_descriptors};

use crate::help::*;

/// This program again, playing the part of one test.
struct Part {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Part {
    fn start(test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env("FRONT_TEST_PART", test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Gives an order and waits for its answer.
    fn order(&mut self, order: &str) -> String {
        writeln!(self.child.stdin.as_ref().unwrap(), "{order}").unwrap();
        self.answer()
    }

    /// Returns the next line that is meant for us.
    fn answer(&mut self) -> String {
        self.lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("part: ")?.1.to_owned()))
            .unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn is_part(test: &str) -> bool {
    std::env::var("FRONT_TEST_PART").is_ok_and(|part| part == test)
}

/// The part that serves with 64 descriptors, and may be told to use up all others.
#[test]
fn part_few_descriptors() {
    if !is_part("process::part_few_descriptors") {
        return;
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    reserve_file_descriptors(1000).unwrap();
    let config = FrontConfig::new("front", board(), echo()).with_listener(local());
    let front = Front::start(config).unwrap();
    println!("part: {}", front.local_addrs()[0]);
    let mut hog = Vec::new();
    for order in std::io::stdin().lines() {
        match order.unwrap().as_str() {
            "hog" => {
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    hog.push(file);
                }
            }
            "relief" => hog.clear(),
            _ => {}
        }
        let counters = front.counters();
        println!("part: {} {} {}", counters.open, counters.accept_failures, counters.evicted);
    }
    front.stop();
}

fn numbers(line: &str) -> Vec<u64> {
    line.split(' ').map(|word| word.parse().unwrap()).collect()
}

#[test]
fn few_descriptors_are_enough_to_go_on() {
    let mut part = Part::start("process::part_few_descriptors");
    let addr: SocketAddr = part.answer().parse().unwrap();
    // More idle connections than descriptors.
    under_probes(addr, |pace| {
        let idle = flood(addr, 200, 8, pace);
        assert!(numbers(&part.order("count"))[0] <= 48, "three quarters of the limit");
        drop(idle);
    });
    // Somebody else has all of them: idle connections are given up for callers.
    let mut kept = connect_from(PROBER, addr).unwrap();
    kept.write_all(READY).unwrap();
    assert_eq!(status(&read_one(&kept)), "200");
    let idle: Vec<_> = (0..5).map(|number| connect_from(attacker(number), addr).unwrap()).collect();
    eventually("all are accepted", || numbers(&part.order("count"))[0] == 6);
    let evicted = numbers(&part.order("hog"))[2];
    probe(addr).unwrap();
    let counts = numbers(&part.order("count"));
    assert!(counts[1] > 0 && counts[2] > evicted, "{counts:?}");
    kept.write_all(READY).unwrap();
    assert_eq!(status(&read_one(&kept)), "200");
    drop((idle, kept));
    // Nothing of ours is left to give up: callers are turned away, not left waiting.
    eventually("all are gone", || numbers(&part.order("count"))[0] == 0);
    part.order("hog");
    for _ in 0..3 {
        assert!(probe(addr).is_err());
    }
    part.order("relief");
    eventually("it serves again", || probe(addr).is_ok());
    part.end();
}

/// The part that counts its own descriptors and threads before and after.
#[test]
fn part_leaves_nothing() {
    if !is_part("process::part_leaves_nothing") {
        return;
    }
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    let before = (count("/proc/self/fd"), count("/proc/self/task"));
    for round in 0..3 {
        let (front, addr) = start(|limits| limits.connections = 20);
        let mut clients: Vec<_> = (0..30).map(|_| connect(addr)).collect();
        for client in clients.iter_mut().skip(15) {
            client.write_all(if round == 1 { READY } else { POST_1000 }).unwrap();
        }
        eventually("all are accepted", || front.counters().accepted == 30);
        drop(clients);
        if round == 2 { drop(front) } else { front.stop() }
    }
    eventually("all is given back", || {
        (count("/proc/self/fd"), count("/proc/self/task")) == before
    });
}

#[test]
fn nothing_is_left_after_the_end() {
    Part::start("process::part_leaves_nothing").end();
}
