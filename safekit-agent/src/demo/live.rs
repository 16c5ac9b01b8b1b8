//! The demo on a terminal: the live view, the tour in it, and then the keys.
//!
//! Two threads: this one does what is to be done to the farm, one thing after the other; the screen's draws, reads the
//! keys, and hands over what they ask for. Each agent is watched by a thread of its own, as `safekit top` does.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use safekit_cli::screen::{LogBlock, Scene, Seat, frame};
use safekit_cli::terminal::{self, Key, Terminal};
use safekit_cli::{Root, Seen, Watch};
use safekit_core::module::state::Readiness;

use super::counts::{Counts, History};
use super::farm::{self, Farm, Node};
use super::keys::{self, Act, Press, press};
use super::{DemoError, MODULE, Network, Stage, story};

/// Time between two questions to an agent.
const WATCH: Duration = Duration::from_millis(300);
/// Time between two frames, unless a key comes.
const BEAT: Duration = Duration::from_millis(150);
/// How long the tour waits for a farm that is not whole: what was started a moment ago may be on its way.
const WHOLE: Duration = Duration::from_secs(5);
/// Lines of an agent's log that are asked for.
const LOG_LINES: u32 = 40;
/// Acts that wait for their turn at most.
const ACTS_MAX: usize = 8;

/// What both threads know.
struct Shared {
    watches: Vec<Watch>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    /// A word about what was done to each node.
    notes: Mutex<Vec<Option<&'static str>>>,
    counts: Arc<Counts>,
    /// Something runs that keys do not interrupt, but for `t` and `q`.
    touring: AtomicBool,
    /// The screen is to be given back.
    closed: AtomicBool,
}

/// Plays until the user has seen enough.
///
/// # Errors
/// [`DemoError::Interrupted`] when the user ends it; else the farm cannot be built, or the terminal cannot be used.
pub(super) fn play(
    printed: &Stage,
    farm: &mut Farm,
    network: Network,
    counts: &Arc<Counts>,
) -> Result<(), DemoError> {
    let shared = Arc::new(Shared::new(farm, counts)?);
    let terminal = Terminal::open().map_err(|source| farm::io_error("use the terminal", source))?;
    let stage = Stage { story: Some(Arc::default()), ..printed.clone() };
    let (sender, acts) = mpsc::sync_channel(ACTS_MAX);
    let screen = std::thread::Builder::new()
        .name("screen".into())
        .spawn({
            let (stage, shared) = (stage.clone(), Arc::clone(&shared));
            move || Screen::new(stage, shared, sender).run(terminal)
        })
        .map_err(|source| farm::io_error("start a thread", source))?;
    let played = perform(&stage, farm, network, &shared, &acts);
    shared.closed.store(true, Ordering::Relaxed);
    // A thread that panicked has told so on standard error.
    drop(screen.join());
    played
}

/// Opens the farm, plays the tour, and does what the keys ask for.
fn perform(
    stage: &Stage,
    farm: &mut Farm,
    network: Network,
    shared: &Shared,
    acts: &Receiver<(Act, usize)>,
) -> Result<(), DemoError> {
    shared.note(farm);
    let _running = story::open(stage, farm, network, &shared.counts)?;
    shared.note(farm);
    tour(stage, farm, shared)?;
    stage.say(
        "the farm is yours: choose a node by its number, then press a key; ? shows what they do",
    );
    loop {
        stage.check().or_else(skipped)?;
        match acts.recv_timeout(BEAT) {
            Ok((Act::Tour, _)) => tour(stage, farm, shared)?,
            Ok((act, number)) => {
                if let (Some(node), Some(watch)) =
                    (farm.nodes.get_mut(number), shared.watches.get(number))
                {
                    let done = do_to(stage, act, node, &watch.seen());
                    tell(stage, done)?;
                }
                shared.note(farm);
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The screen is gone, and so is who looked at it.
            Err(RecvTimeoutError::Disconnected) => return Err(DemoError::Interrupted),
        }
    }
}

/// Plays the tour, where the farm is whole.
fn tour(stage: &Stage, farm: &Farm, shared: &Shared) -> Result<(), DemoError> {
    let limit = Instant::now() + WHOLE;
    while !shared.is_whole(farm) {
        if Instant::now() > limit {
            stage.say(
                "the tour begins with all nodes UP (Ready): bring them back first (s, f or c)",
            );
            return Ok(());
        }
        stage.pass(BEAT).or_else(skipped)?;
    }
    shared.touring.store(true, Ordering::Relaxed);
    stage.say("the tour: each thing that may break, one after the other; t ends it");
    let toured = story::tour(stage, farm, &shared.counts);
    shared.touring.store(false, Ordering::Relaxed);
    tell(stage, toured)
}

/// Says what went wrong and goes on, unless the demo is to end.
fn tell(stage: &Stage, done: Result<(), DemoError>) -> Result<(), DemoError> {
    match done {
        Err(DemoError::Interrupted) => Err(DemoError::Interrupted),
        Err(error) => {
            stage.say(&error.to_string());
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// A wish to end a tour that has ended by itself is none.
fn skipped(error: DemoError) -> Result<(), DemoError> {
    if matches!(error, DemoError::Skipped) { Ok(()) } else { Err(error) }
}

/// Does something to a node.
fn do_to(stage: &Stage, act: Act, node: &mut Node, seen: &Seen) -> Result<(), DemoError> {
    // The process of an agent that does not answer may be somebody else's by now.
    let answers = seen.report.as_ref().filter(|_| seen.silent.is_none());
    let agent = answers.map_or(0, |report| report.agent_pid);
    let name = node.name.clone();
    let say = |text: &str| stage.say(&format!("{name}: {text}"));
    match (act, node.note()) {
        (Act::Power, Some("host off")) => {
            say("switch the host on");
            node.start_agent(stage)?;
        }
        (Act::Power, _) => {
            say("CUT: the host loses its power, nobody says goodbye");
            node.power_off(agent);
        }
        (Act::Start, Some("host off")) => {
            say("switch the host on, then safekit start");
            node.start_agent(stage)?;
            node.safekit(stage, &["start", "-m", MODULE])?;
        }
        (_, Some("host off")) => say("its host is off: c or s switches it on"),
        (Act::Freeze, Some(_)) => {
            say("let the agent go on");
            node.thaw();
        }
        (Act::Freeze | Act::KillAgent, None) if agent == 0 => say("its agent does not answer"),
        (Act::Freeze, None) => {
            say(&format!("FREEZE guardian and agent (process {agent})"));
            node.freeze(agent);
        }
        (Act::KillApplication, _) => match node.kill_application().as_slice() {
            [] => say("no application runs here"),
            pids => say(&format!("KILL the application (process {})", story::list(pids))),
        },
        (_, Some(_)) => say("its agent is frozen: f lets it go on"),
        (Act::KillAgent, None) => {
            say(&format!("KILL the agent (process {agent})"));
            farm::signal(agent, Signal::KILL);
        }
        (Act::Stop, None) => {
            say(&format!("safekit stop -m {MODULE}"));
            node.safekit(stage, &["stop", "-m", MODULE])?;
        }
        (Act::Start, None) => {
            say(&format!("safekit start -m {MODULE}"));
            node.safekit(stage, &["start", "-m", MODULE])?;
        }
        (Act::Tour, None) => {}
    }
    Ok(())
}

impl Shared {
    fn new(farm: &Farm, counts: &Arc<Counts>) -> Result<Self, DemoError> {
        let mut watches = Vec::new();
        for node in &farm.nodes {
            let watch = Watch::start(Root::at(&node.root), None, LOG_LINES, WATCH)
                .map_err(|source| farm::io_error("start a thread", source))?;
            watches.push(watch);
        }
        Ok(Self {
            watches,
            names: farm.nodes.iter().map(|node| node.name.clone()).collect(),
            addresses: farm.nodes.iter().map(|node| node.address).collect(),
            notes: Mutex::default(),
            counts: Arc::clone(counts),
            touring: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// Tells whether all nodes share the load, and nothing was done to any.
    fn is_whole(&self, farm: &Farm) -> bool {
        let shares = |watch: &Watch| {
            let seen = watch.seen();
            seen.silent.is_none()
                && seen.report.as_ref().and_then(farm::module).is_some_and(|module| {
                    module.readiness == Readiness::Ready
                        && module.participants.len() == farm.nodes.len()
                })
        };
        farm.nodes.iter().all(|node| node.note().is_none()) && self.watches.iter().all(shares)
    }

    fn note(&self, farm: &Farm) {
        let notes = farm.nodes.iter().map(Node::note).collect();
        *self.notes.lock().unwrap_or_else(PoisonError::into_inner) = notes;
    }
}

/// The screen's thread.
struct Screen {
    stage: Stage,
    shared: Arc<Shared>,
    acts: SyncSender<(Act, usize)>,
    history: History,
    chosen: usize,
    help: bool,
}

impl Screen {
    fn new(stage: Stage, shared: Arc<Shared>, acts: SyncSender<(Act, usize)>) -> Self {
        Self { stage, shared, acts, history: History::default(), chosen: 0, help: false }
    }

    fn run(mut self, mut terminal: Terminal) {
        while !self.shared.closed.load(Ordering::Relaxed) {
            let drawn = self.draw(&mut terminal);
            let wanted = match terminal.key(BEAT) {
                None => Press::Nothing,
                Some(Key::Char(key)) => press(key, self.shared.names.len()),
                Some(_) => Press::Quit,
            };
            match wanted {
                Press::Choose(node) => self.chosen = node,
                Press::Help => self.help = !self.help,
                Press::Do(act) => self.ask(act),
                Press::Quit => break,
                Press::Nothing if drawn.is_err() => break,
                Press::Nothing => {}
            }
        }
        self.stage.interrupted.store(true, Ordering::Relaxed);
    }

    fn ask(&self, act: Act) {
        let touring = self.shared.touring.load(Ordering::Relaxed);
        if act == Act::Tour && touring {
            self.stage.skipped.store(true, Ordering::Relaxed);
        } else if touring {
            self.stage.say("the tour runs: wait for its end, or end it with t");
        } else if self.acts.try_send((act, self.chosen)).is_err() {
            self.stage.say("too many keys at once: wait until something is done");
        }
    }

    fn draw(&mut self, terminal: &mut Terminal) -> std::io::Result<()> {
        let shared = &self.shared;
        let seen: Vec<Seen> = shared.watches.iter().map(Watch::seen).collect();
        let counted = shared.counts.snapshot();
        self.history.note(Instant::now(), &counted);
        let notes = shared.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seats = shared.names.iter().zip(&shared.addresses).zip(&seen).enumerate();
        let seats = seats.map(|(number, ((name, address), seen))| Seat {
            name,
            report: seen.report.as_ref(),
            silent_ms: seen.silent.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            note: notes.get(number).copied().flatten(),
            clients: Some(self.history.clients(&counted, Some(*address))),
            chosen: number == self.chosen,
        });
        let said = self.stage.lines();
        let story = LogBlock {
            title: "what was done".into(),
            lines: said.iter().map(String::as_str).collect(),
        };
        let log = LogBlock {
            title: format!(
                "log of {MODULE} on {}",
                shared.names.get(self.chosen).map_or("", String::as_str)
            ),
            lines: seen
                .get(self.chosen)
                .map_or_else(Vec::new, |seen| seen.log.iter().map(String::as_str).collect()),
        };
        let help = LogBlock { title: "keys".into(), lines: keys::HELP.to_vec() };
        let time = format!("{:.0} s", self.stage.begin.elapsed().as_secs_f64());
        let scene = Scene {
            title: "safekit demo",
            right: &time,
            seats: seats.collect(),
            clients: Some(self.history.clients(&counted, None)),
            logs: if self.help { vec![help] } else { vec![story, log] },
            keys: keys::LINE,
            ..Scene::default()
        };
        terminal.draw(&frame(&scene, terminal::size()))
    }
}
