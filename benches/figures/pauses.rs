//! Nodes that stand still for 0.5 to 60 s and go on: nothing is served by one that others may have given up.
//!
//! Six agents. Three of them are stopped (SIGSTOP), guardian, agent and application, and go on (SIGCONT), again and
//! again and independently of each other. While a node stands still, requests for its health and its state are sent to
//! it: it reads them after it woke. From outside: no answer 200 comes before the log says that the node has joined
//! again, and no state that has not joined has a share.
//!
//! A node joins again within milliseconds, where its peers are awake: too short a time to see much in. So in further
//! rounds all six stand still, and one wakes alone, with nobody to join, until the others follow 300 ms later.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use safekit_benches::farm::{Agent, Farm, HEALTH_PATH, PATIENCE, is_ready};
use safekit_benches::probe::{answer, request};
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_benches::strain::Frozen;
use safekit_benches::{Trouble, Try};
use safekit_core::control::StateReport;
use safekit_core::runtime::clock;
use serde_json::{Value, json};

use crate::{Bench, say};

/// How long a node stands still, in milliseconds: mostly short, all about what decides.
const FREEZES_MS: [u64; 20] = [
    500, 700, 790, 810, 850, 900, 1_000, 1_100, 1_300, 1_500, 1_000, 2_000, 900, 3_000, 1_200,
    5_000, 850, 10_000, 2_500, 60_000,
];
/// Requests that wait when the node goes on.
const WAITING: usize = 8;

const COLUMNS: [&str; 8] = [
    "nodes that stood still, real agents",
    "freezes",
    "joined again",
    "health answers to what waited",
    "states told to who waited",
    "200 before joining",
    "share before joining",
    "goal",
];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let each = bench.size.of(2, 10, 34);
    say(&format!("pauses: three nodes of six, {each} freezes each"));
    let farm = Farm::start(&bench.agent, 6, 6)?;
    farm.start_module()?;
    for agent in &farm.agents {
        agent.wait("all are in one view", is_settled)?;
    }
    let (sender, freezes) = mpsc::channel();
    let victims = farm.agents.iter().skip(3);
    let result: Try<()> = std::thread::scope(|scope| {
        let threads: Vec<_> = victims
            .enumerate()
            .map(|(number, agent)| {
                let sender = sender.clone();
                scope.spawn(move || victim(agent, number, each, &sender))
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_panic| Trouble::failed("a thread has panicked"))??;
        }
        Ok(())
    });
    let result = result.and_then(|()| alone(&farm, bench.size.of(2, 6, 20), &sender));
    drop(sender);
    let mut sums = [Sum::default(), Sum::default()];
    for freeze in freezes {
        bench.record.line("pauses", freeze.raw())?;
        let [others_awake, wakes_alone] = &mut sums;
        if freeze.alone { wakes_alone } else { others_awake }.add(&freeze);
    }
    let [others_awake, wakes_alone] = sums;
    let times = [("", &others_awake), (" and its peers 300 ms later", &wakes_alone)];
    for (name, sum) in times {
        let joining = format!("node woken{name}, to joined again");
        bench.times.times(&joining, &sum.joining, None);
        bench.times.times(&format!("node woken{name}, to the first 200"), &sum.ready, None);
    }
    for (name, sum) in
        [("one of six, 0.5 to 60 s", others_awake), ("all six, one wakes first", wakes_alone)]
    {
        bench.row(&COLUMNS, sum.row(name));
    }
    result
}

impl Sum {
    fn row(&self, name: &str) -> [String; 8] {
        let kept = self.early + self.early_shares == 0;
        let seen = self.joined > 0 && self.waited > 0 && self.reports > 0;
        let verdict = match (kept, seen) {
            (false, _) => "0: missed",
            (true, true) => "0: met",
            (true, false) => "0: not measured",
        };
        [
            name.to_owned(),
            self.freezes.to_string(),
            self.joined.to_string(),
            self.waited.to_string(),
            self.reports.to_string(),
            self.early.to_string(),
            self.early_shares.to_string(),
            verdict.to_owned(),
        ]
    }
}

/// All stand still; one wakes first.
fn alone(farm: &Farm, rounds: usize, sender: &Sender<Freeze>) -> Try<()> {
    for round in 0..rounds {
        let place = round % farm.agents.len().max(1);
        for agent in &farm.agents {
            agent.wait("it is ready", is_settled)?;
        }
        let agent = farm.agents.get(place).ok_or_else(|| Trouble::failed("no such agent"))?;
        let mut others = Vec::new();
        for (_, other) in farm.agents.iter().enumerate().filter(|(other, _)| *other != place) {
            others.extend(other.pids()?);
        }
        let millis = [900, 1_000, 1_500, 3_000].get(round % 4).copied().unwrap_or(1_000);
        drop(sender.send(freeze(agent, place, Duration::from_millis(millis), Some(others))?));
    }
    Ok(())
}

fn is_settled(state: &StateReport) -> bool {
    is_ready(state)
        && state.joined
        && state.view.as_ref().is_some_and(|view| view.members.len() == 6)
}

#[derive(Default)]
struct Sum {
    freezes: usize,
    joined: usize,
    waited: usize,
    reports: usize,
    early: usize,
    early_shares: usize,
    joining: Samples,
    ready: Samples,
}

impl Sum {
    fn add(&mut self, freeze: &Freeze) {
        self.freezes += 1;
        self.joined += usize::from(freeze.joined.is_some());
        self.waited += freeze.waited();
        self.reports += freeze.reports.len();
        self.early += freeze.early();
        self.early_shares += freeze.early_shares();
        if let Some(joined) = freeze.joined {
            self.joining.add(since(freeze.woken, joined));
        }
        self.ready.add(freeze.first_ready.and_then(|ready| since(freeze.woken, ready)));
    }
}

/// One freeze of one node.
struct Freeze {
    node: usize,
    /// Whether its peers stood still for longer.
    alone: bool,
    wanted: Duration,
    lasted: Duration,
    woken: Timestamp,
    /// When the node said that it has joined again; `None`: it did not have to.
    joined: Option<Timestamp>,
    /// Status and moment of each answer after the waking, first the [`WAITING`] ones; 0: the connection was closed
    /// instead.
    answers: Vec<(u16, Timestamp)>,
    reports: Vec<StateReport>,
    first_ready: Option<Timestamp>,
}

impl Freeze {
    /// How many of the requests that waited were answered.
    fn waited(&self) -> usize {
        self.answers.iter().take(WAITING).filter(|(status, _)| *status != 0).count()
    }

    /// How many answers 200 came before the node had joined.
    fn early(&self) -> usize {
        let Some(joined) = self.joined else { return 0 };
        self.answers.iter().filter(|(status, at)| *status == 200 && *at < joined).count()
    }

    fn early_shares(&self) -> usize {
        let shares = |report: &&StateReport| {
            !report.joined
                && (report.view.is_some() || report.modules.iter().any(|module| module.share > 0))
        };
        self.reports.iter().filter(shares).count()
    }

    fn raw(&self) -> Value {
        let positive = self.answers.iter().filter(|(status, _)| *status == 200).count();
        json!({
            "node": self.node, "alone": self.alone, "wanted_ms": self.wanted.as_millis(), "lasted_us": micros(Some(self.lasted)),
            "woken": self.woken.to_string(), "joined_us": micros(self.joined.and_then(|it| since(self.woken, it))),
            "first_200_us": micros(self.first_ready.and_then(|it| since(self.woken, it))),
            "waited": self.waited(), "answers": self.answers.len(), "answers_200": positive, "reports": self.reports.len(),
            "early": self.early(), "early_shares": self.early_shares(),
        })
    }
}

/// Lets one node stand still so many times.
fn victim(agent: &Agent, number: usize, each: usize, sender: &Sender<Freeze>) -> Try<()> {
    for round in 0..each {
        let ready = |state: &StateReport| is_ready(state) && state.view.is_some() && state.joined;
        agent.wait("it is ready", ready)?;
        // Others may stand still now and then: whoever it is, its peers are more than one.
        std::thread::park_timeout(Duration::from_millis(300));
        let millis =
            FREEZES_MS.get((round + number * 7) % FREEZES_MS.len()).copied().unwrap_or(1_000);
        let freeze = freeze(agent, number, Duration::from_millis(millis), None)?;
        // Whoever looked has gone.
        drop(sender.send(freeze));
    }
    Ok(())
}

fn freeze(agent: &Agent, node: usize, wanted: Duration, others: Option<Vec<u32>>) -> Try<Freeze> {
    let pids = agent.pids()?;
    let before = agent.log().len();
    let mut health = Vec::new();
    for _ in 0..WAITING {
        health.push(connect(agent)?);
    }
    let mut control =
        UnixStream::connect(agent.control_socket()).map_err(Trouble::io("connect"))?;
    control.set_read_timeout(Some(PATIENCE)).map_err(Trouble::io("set a time limit"))?;
    let begin = clock::now();
    let alone = others.is_some();
    let others = others.map(Frozen::stop).transpose()?;
    let frozen = Frozen::stop(pids)?;
    // Sent to a node that stands still: read after it has woken.
    let ask = request(agent.health_address(), HEALTH_PATH, "");
    for stream in &mut health {
        stream.write_all(&ask).map_err(Trouble::io("ask a node that stands still"))?;
    }
    control.write_all(STATE).map_err(Trouble::io("ask a node that stands still"))?;
    std::thread::park_timeout(wanted.saturating_sub(clock::now().saturating_duration_since(begin)));
    let woken = Timestamp::now();
    drop(frozen);
    let lasted = clock::now().saturating_duration_since(begin);
    let mut freeze = Freeze {
        node,
        alone,
        wanted,
        lasted,
        woken,
        joined: None,
        answers: Vec::new(),
        reports: Vec::new(),
        first_ready: None,
    };
    for stream in &mut health {
        freeze.answers.push(read(stream)?);
    }
    let mut last = connect(agent)?;
    let mut others = others.map(|others| (clock::now() + ALONE, others));
    let end = clock::now() + PATIENCE;
    while freeze.first_ready.is_none() {
        last.write_all(&ask).map_err(Trouble::io("ask for health"))?;
        let (status, at) = read(&mut last)?;
        freeze.answers.push((status, at));
        freeze.first_ready = (status == 200).then_some(at);
        if clock::now() > end || status == 0 {
            return Err(Trouble::failed("never ready again"));
        }
        others = others.filter(|(until, _)| clock::now() < *until);
        std::thread::park_timeout(Duration::from_micros(500));
    }
    drop(others);
    freeze.reports.extend(report(&mut control));
    freeze.joined = joined(agent, before, wanted)?;
    Ok(freeze)
}

/// Returns when a node said that it has joined again; `None`: it did not have to. A thread of the agent's own writes its
/// log, and waits for the disk, so the line may come late; its time does not.
fn joined(agent: &Agent, before: usize, stood: Duration) -> Try<Option<Timestamp>> {
    let begin = clock::now();
    loop {
        let log = agent.log();
        let log = log.get(before..).unwrap_or_default();
        if let Some(line) = log.lines().rfind(|line| line.contains("has joined:")) {
            let unread = || Trouble::failed(format!("a line of the log has no time: {line}"));
            return moment(line).ok_or_else(unread).map(Some);
        }
        let has_to = stood >= HAS_TO_JOIN || log.contains("has to join:");
        let waited = clock::now().saturating_duration_since(begin);
        if !has_to && waited >= LINES_WRITTEN {
            return Ok(None);
        }
        if waited >= PATIENCE {
            return Err(Trouble::failed(
                "has stood still for so long, and has not said that it joined",
            ));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The moment of a line of the log, which is in local time.
fn moment(line: &str) -> Option<Timestamp> {
    let text = line.split('|').nth(1)?.trim();
    let local: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    Some(local.to_zoned(TimeZone::system()).ok()?.timestamp())
}

#[expect(clippy::disallowed_types, reason = "the client of the edge under test")]
type Stream = std::net::TcpStream;

fn connect(agent: &Agent) -> Try<Stream> {
    let open = || {
        let stream = Stream::connect(agent.health_address())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    open().map_err(Trouble::io("connect to a node"))
}

fn read(stream: &mut Stream) -> Try<(u16, Timestamp)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let got = match stream.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            got => got.map_err(Trouble::io("read a health answer"))?,
        };
        let at = Timestamp::now();
        bytes.extend_from_slice(buffer.get(..got).unwrap_or_default());
        if let Some(answer) = answer(&bytes) {
            return Ok((answer.status, at));
        }
        if got == 0 {
            // For the agent it was idle for as long as it stood still.
            return Ok((0, at));
        }
    }
}

/// Reads the state that was asked for; an answer that is none counts as none.
fn report(control: &mut UnixStream) -> Option<StateReport> {
    let mut text = String::new();
    control.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

fn since(begin: Timestamp, end: Timestamp) -> Option<Duration> {
    Duration::try_from(end.duration_since(begin)).ok()
}

/// Who stands still for so long joins again: 0.8 s is the rule.
const HAS_TO_JOIN: Duration = Duration::from_secs(1);
/// For who stood still for about that time: until when a line would have been written.
const LINES_WRITTEN: Duration = Duration::from_secs(1);
/// How much longer its peers stand still than one that wakes first: long against everything, short against the loss time.
const ALONE: Duration = Duration::from_millis(300);
const STATE: &[u8] = b"GET /api/v1/state HTTP/1.1\r\nHost: safekit\r\nConnection: close\r\n\r\n";
