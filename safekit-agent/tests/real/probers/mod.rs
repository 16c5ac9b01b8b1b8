//! What real probers make of the health answer, in each state that a node can be in.
//!
//! What they must come to is the table of `docs/load-balancers.md`; their configurations are those that the pages give
//! to copy. Each is asked by its own account: statistics, manager, metrics, or whether requests reach the node.

mod askers;
mod balancers;
mod peer;
mod states;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::docs;
use crate::farm::{self, HEALTH_PORT, Node, PATIENCE, TempDir};
use crate::lab;
use states::State;

/// The first two numbers of this test's addresses.
const NET: &str = "127.121";
/// What is asked for.
const PATH: &str = "/var/modules/web/ready.txt";
/// Longer than the test waits for anything: it ends the drain itself.
const USERCONFIG: &str = "<!DOCTYPE safe>\n<safe>\n<service mode=\"farm\" drain=\"180s\">\n<farm><lan name=\"default\"/></farm>\n\
    <errd polltimer=\"10\"><proc name=\"demo-shop\" atleast=\"1\" action=\"restart\" class=\"both\"/></errd>\n<user/>\n</service>\n</safe>\n";
/// What the probers are, beside curl.
const PROGRAMS: [&str; 5] =
    ["haproxy", "apache2", "caddy", "nginx", "prometheus-blackbox-exporter"];

/// Somebody who asks a node for its health.
trait Prober: Sync {
    /// Returns its row of the table.
    fn row(&self) -> &'static str;

    /// Returns what it says about node1.
    fn sees(&self) -> String;

    /// Returns where it takes clients, if it does.
    fn front(&self) -> Option<String> {
        None
    }
}

/// The address of a node.
fn node_address(number: usize) -> String {
    format!("{NET}.1.{number}")
}

/// The block of a page with this test's addresses in it.
fn block(page: &str, path: &str) -> String {
    let mut text = docs::file_of(Path::new(page), path);
    for number in 1..=3 {
        text = text.replace(&format!("10.0.0.1{number}"), &node_address(number));
    }
    text
}

/// The table of the page: row and state to conclusion.
fn table() -> BTreeMap<String, BTreeMap<String, String>> {
    let page = docs::page_text(Path::new("docs/load-balancers.md"));
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = page.lines().skip_while(|line| !line.starts_with("| prober | Ready |"));
    let head = cells(lines.next().expect("the table of probers has gone"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let row = cells(line);
        let words = head.iter().zip(&row).skip(1);
        let words = words.map(|(state, word)| (state.clone(), word.replace('`', "")));
        (row[0].replace('`', ""), words.collect())
    })
    .collect()
}

/// Two nodes with the module Ready.
fn nodes(dir: &TempDir) -> Vec<Node> {
    let mut nodes: Vec<Node> = (1..=2)
        .map(|number| Node::new(&dir.0, &format!("node{number}"), &node_address(number), None))
        .collect();
    nodes.iter_mut().for_each(Node::start_agent);
    farm::configure_cluster(&dir.0, &nodes);
    let module = farm::write_module(&dir.0, USERCONFIG);
    nodes.iter().for_each(|node| farm::start_module(node, "web", &module));
    nodes
}

/// Tells whether requests to a balancer reach node1.
fn reaches(front: &str) -> bool {
    // More than one round of any balancer here.
    (0..12).any(|_| peer::ask(front, "/").is_some_and(|answer| answer.contains("node1")))
}

/// Waits until each prober says what the table says, and sends its clients accordingly; how long each took.
fn wait_conclusions(
    state: &State,
    probers: &[Box<dyn Prober>],
    table: &BTreeMap<String, BTreeMap<String, String>>,
) -> Vec<Duration> {
    let all = || -> Vec<Duration> {
        // Side by side: some of them take seconds to say something.
        std::thread::scope(|scope| {
            let threads: Vec<_> = probers
                .iter()
                .map(|prober| {
                    let wanted = &table[prober.row()][state.column()];
                    scope.spawn(|| wait_conclusion(state, prober.as_ref(), wanted))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let took = all();
    // A conclusion that came in passing only would not come again.
    all();
    took
}

fn wait_conclusion(state: &State, prober: &dyn Prober, wanted: &str) -> Duration {
    let begin = Instant::now();
    loop {
        let seen = prober.sees();
        let good = ["UP", "Ok"].contains(&wanted) && state.application_runs();
        let routed = prober.front().is_none_or(|front| reaches(&front) == good);
        if seen == wanted && routed {
            return begin.elapsed();
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "{}: {}: {seen:?}, not {wanted:?}; clients sent accordingly: {routed}",
            state.column(),
            prober.row()
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn each_prober_comes_to_the_conclusion_that_its_row_says() {
    if !lab::wanted() {
        return;
    }
    peer::assert_installed(&PROGRAMS);
    let dir = TempDir::new();
    let mut nodes = nodes(&dir);
    let table = table();
    let mut probers = balancers::start(&dir.0);
    probers.extend(askers::all());
    let rows: Vec<&str> = probers.iter().map(|prober| prober.row()).collect();
    let unknown: Vec<&String> = table.keys().filter(|row| !rows.contains(&row.as_str())).collect();
    assert!(unknown.is_empty(), "rows that nobody tests: {unknown:?}");
    let missing: Vec<&&str> = rows.iter().filter(|row| !table.contains_key(**row)).collect();
    assert!(missing.is_empty(), "probers without a row: {missing:?}");

    let (node1, _) = nodes.split_first_mut().unwrap();
    assert_eq!(states::reason(&node_address(1)).as_deref(), Some("ready"));
    let mut took = vec![("Ready", wait_conclusions(&State::Ready, &probers, &table))];
    for bad in
        [State::Drains, State::Stopped, State::LoopStands, State::HostHangs, State::AgentDead]
    {
        let entered = bad.enter(node1);
        took.push((bad.column(), wait_conclusions(&bad, &probers, &table)));
        if bad.leave(node1, entered) {
            took.push(("Ready again", wait_conclusions(&State::Ready, &probers, &table)));
        }
    }
    println!("seconds until each prober had come to its conclusion:");
    for (state, took) in took {
        for (prober, took) in probers.iter().zip(took) {
            println!("{state:>12} {:>5.1}  {}", took.as_secs_f64(), prober.row());
        }
    }
}
