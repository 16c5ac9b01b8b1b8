//! A node that stood still and goes on serves nothing before it has joined again: a few real ones; the figure `pauses`
//! has many.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::crash::{WATCHED, is_ready};
use crate::farm::{self, HEALTH_PORT, Node, PATIENCE, TempDir};

/// Shorter than the loss time of 1 s, before which a node that hears nobody does not join.
const SURELY_JOINING: Duration = Duration::from_millis(700);

fn farm_of_two(dir: &TempDir) -> [Node; 2] {
    let mut nodes = [1, 2].map(|number| {
        Node::new(&dir.0, &format!("node{number}"), &format!("127.121.11.{number}"), None)
    });
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    let module = farm::write_module(&dir.0, WATCHED);
    for node in &nodes {
        farm::start_module(node, "farm", &module);
    }
    nodes
}

/// All of a node that can stand still: the guardian, the agent, the application.
fn processes(node: &Node) -> Vec<i32> {
    let mut pids = vec![i32::try_from(node.guardian_pid()).unwrap(), node.agent_pid()];
    pids.extend(node.application_pids());
    pids
}

fn stop(pids: &[i32]) {
    pids.iter().for_each(|pid| farm::signal(*pid, Signal::STOP));
    let deadline = Instant::now() + PATIENCE;
    while !pids.iter().all(|pid| stands_still(*pid)) {
        assert!(Instant::now() < deadline, "a process does not stop");
        farm::pause();
    }
}

fn go_on(pids: &[i32]) {
    pids.iter().for_each(|pid| farm::signal(*pid, Signal::CONT));
}

fn stands_still(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        state.is_none_or(|state| state == 'T')
    })
}

/// A request that the node reads when it can.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /var/modules/farm/ready.txt HTTP/1.1\r\nHost: farm\r\n\r\n").unwrap();
}

/// The status of the answer; `None` where the connection was closed instead.
fn answer(stream: &mut TcpStream) -> Option<u16> {
    let mut buffer = [0; 1024];
    let got = stream.read(&mut buffer).unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer[..got]).into_owned();
    text.get(9..12).map(|status| status.parse().unwrap())
}

/// Both nodes stand still, and one wakes: it has nobody to join, for long enough to look at it. Returns how many
/// answers were surely given before it had joined.
fn wake_alone(sleeper: &Node, other: &Node, time: Duration) -> usize {
    let (sleeping, others) = (processes(sleeper), processes(other));
    let connect = |_| {
        let stream = TcpStream::connect((sleeper.address.as_str(), HEALTH_PORT)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = (0..4).map(connect).collect();
    stop(&others);
    stop(&sleeping);
    // Sent to a node that stands still: read after it has woken.
    streams.iter_mut().for_each(ask);
    // The fault itself: nothing is waited for.
    std::thread::sleep(time);
    let woken = Instant::now();
    go_on(&sleeping);
    let mut judged = 0;
    for round in 0..20 {
        for stream in &mut streams {
            if round > 0 {
                ask(stream);
            }
            let status = answer(stream);
            if woken.elapsed() < SURELY_JOINING {
                assert_ne!(status, Some(200), "round {round}, {:?} after waking", woken.elapsed());
                judged += usize::from(status.is_some());
            }
        }
    }
    let report = sleeper.report();
    if woken.elapsed() < SURELY_JOINING {
        assert_eq!(report["joined"], false, "{report:#}");
    }
    if report["joined"] == false {
        assert!(report["view"].is_null(), "{report:#}");
        assert_eq!(report["modules"][0]["share"], 0, "{report:#}");
    }
    go_on(&others);
    judged
}

#[test]
fn a_node_that_stood_still_serves_nothing_before_it_has_joined_again() {
    let dir = TempDir::new();
    let nodes = farm_of_two(&dir);
    let agents = nodes.each_ref().map(Node::agent_pid);
    for (round, millis) in [1_000, 1_500, 3_000].into_iter().enumerate() {
        let (sleeper, other) = (&nodes[round % 2], &nodes[(round + 1) % 2]);
        let mut judged = 0;
        // A busy machine may be so slow that nothing can be judged: then again.
        for _ in 0..10 {
            for node in &nodes {
                node.wait_for("both share the load", |report| {
                    is_ready(report) && report["modules"][0]["share"] == 128
                });
            }
            judged += wake_alone(sleeper, other, Duration::from_millis(millis));
            if judged > 0 {
                break;
            }
        }
        assert!(judged > 0, "no answer came soon enough to be judged");
    }
    for (node, agent) in nodes.iter().zip(agents) {
        node.wait_for("both share the load", |report| {
            is_ready(report) && report["modules"][0]["share"] == 128
        });
        assert_eq!(node.agent_pid(), agent, "nobody was killed for standing still");
        assert!(!node.agent_log().contains("stands still and is killed"), "{}", node.agent_log());
    }
}
