//! The demo: a farm of real nodes on one machine, a small load balancer in front, a client that never stops asking; and
//! what happens to them when things break.
//!
//! ```text
//! terminal ── live ── keys ──► farm ── agents, applications ◄── balancer ◄── client
//!    ▲          │                │                                   └─ counts ─┘
//!    └ screen ◄─┴── watches ◄────┘        pipe: story, printed line by line
//! ```
//!
//! Everything runs as processes of the user, on addresses of the loopback network, in a folder that is gone afterwards.

pub(crate) mod application;
mod balancer;
mod client;
mod counts;
mod farm;
mod keys;
mod live;
mod story;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use safekit_cli::terminal;

/// The name of the application's process.
pub(crate) const APPLICATION: &str = "demo-shop";
/// The module's name.
const MODULE: &str = "shop";
/// Where the application answers on each node.
const APPLICATION_PORT: u16 = 8080;
/// Where the agents answer.
const HEALTH_PORT: u16 = 9010;
/// Where the balancer answers.
const BALANCER_PORT: u16 = 8000;

/// Shows a farm on this machine, and what happens when things break.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// How many nodes: 2 to 8.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=8))]
    nodes: u8,
    /// Print the tour line by line instead of the live view; without a terminal that is what happens anyway.
    #[arg(long)]
    tour: bool,
    /// As --tour, and end after it instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Keep the folder with the nodes' files.
    #[arg(long)]
    keep: bool,
    /// The first three numbers of the nodes' loopback addresses.
    #[arg(long, value_name = "127.X.Y", default_value = "127.0.0", value_parser = Network::parse)]
    network: Network,
}

/// The part of the loopback network that the demo uses: the first three bytes of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network([u8; 3]);

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let address: Ipv4Addr =
            format!("{text}.0").parse().map_err(|_error| "write it as 127.0.0".to_owned())?;
        match address.octets() {
            [127, second, third, _] => Ok(Self([127, second, third])),
            _ => Err("it is to be of the loopback network 127".to_owned()),
        }
    }

    /// Returns the address of a node.
    fn address(self, number: u8) -> IpAddr {
        let [first, second, third] = self.0;
        IpAddr::from([first, second, third, number])
    }
}

/// Why the demo ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The tour is to end.
    #[error("the tour was ended")]
    Skipped,
    /// Something that the demo needs does not work here.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Something did not come within its time.
    #[error("{0}")]
    Failed(String),
}

/// Lines of the story that are kept for the screen.
const STORY_LINES: usize = 100;

/// Says what happens, with the time since the begin.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    begin: Instant,
    interrupted: Arc<AtomicBool>,
    /// The tour is to end.
    skipped: Arc<AtomicBool>,
    /// The newest lines, where they go to the screen; `None`: they are printed.
    story: Option<Arc<Mutex<VecDeque<String>>>>,
}

impl Stage {
    /// Says a line; an empty one parts the acts where it is printed. A closed output ends the demo at the next look.
    fn say(&self, text: &str) {
        let line = match text {
            "" => String::new(),
            text => format!("{:>7.2} s  {text}", self.begin.elapsed().as_secs_f64()),
        };
        if let Some(story) = &self.story {
            if !text.is_empty() {
                let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
                story.push_back(line);
                let old = story.len().saturating_sub(STORY_LINES);
                story.drain(..old);
            }
        } else if io::stdout().write_all(format!("{line}\n").as_bytes()).is_err() {
            self.interrupted.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the lines that were said so far and are kept.
    fn lines(&self) -> Vec<String> {
        self.story.as_ref().map_or_else(Vec::new, |story| {
            story.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
        })
    }

    /// Fails once Ctrl-C was pressed, or the tour is to end.
    fn check(&self) -> Result<(), DemoError> {
        if self.interrupted.load(Ordering::Relaxed) {
            Err(DemoError::Interrupted)
        } else if self.skipped.swap(false, Ordering::Relaxed) {
            Err(DemoError::Skipped)
        } else {
            Ok(())
        }
    }

    /// Lets time pass, unless Ctrl-C was pressed.
    fn pass(&self, time: Duration) -> Result<(), DemoError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::park_timeout(left.min(Duration::from_millis(50)));
        }
    }
}

/// Makes a folder that was not there, for nobody else: scripts are run from it, perhaps by root, and everybody may write
/// to the place that it is in.
fn make_folder(place: &Path) -> io::Result<PathBuf> {
    let name = format!("safekit-demo-{}", std::process::id());
    let mut folder = place.join(&name);
    for number in 1..FOLDERS_MAX {
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                folder = place.join(format!("{name}-{number}"));
            }
            made => return made.map(|()| folder),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// How many names of other folders are passed by.
const FOLDERS_MAX: u32 = 100;

/// Runs the demo.
pub(crate) fn run(arguments: &DemoArguments) -> ExitCode {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in
        [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
    {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&interrupted)) {
            return fail(&format!("cannot catch signals: {error}"));
        }
    }
    let stage = Stage { begin: Instant::now(), interrupted, skipped: Arc::default(), story: None };
    let folder = match make_folder(&std::env::temp_dir()) {
        Ok(folder) => folder,
        Err(error) => {
            return fail(&format!("cannot make a folder: {error}; TMPDIR names another place"));
        }
    };
    let result = show(&stage, arguments, &folder);
    let mut left = arguments.keep;
    if arguments.keep {
        stage.say(&format!("files kept in {}", folder.display()));
    } else if let Err(error) = std::fs::remove_dir_all(&folder) {
        left = true;
        stage.say(&format!("cannot remove {}: {error}", folder.display()));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(DemoError::Interrupted) => {
            if !left {
                stage.say("nothing is left behind");
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error.to_string()),
    }
}

/// Builds the farm, plays, and takes everything away again whatever happened.
fn show(stage: &Stage, arguments: &DemoArguments, folder: &Path) -> Result<(), DemoError> {
    let mut farm = farm::Farm::new(folder, arguments.nodes, arguments.network)?;
    let counts = Arc::default();
    let live = !arguments.tour && !arguments.once && terminal::is_interactive();
    let played = if live {
        live::play(stage, &mut farm, arguments.network, &counts)
    } else {
        print(stage, &mut farm, arguments, &counts)
    };
    if played.is_ok() || matches!(played, Err(DemoError::Interrupted)) {
        if live {
            let all = counts.snapshot().client;
            stage
                .say(&format!("all in all: {} requests answered, {} lost", all.answered, all.lost));
        }
        stage.say("ending: stop the applications, the agents, the balancer");
    } else {
        farm.print_logs();
    }
    farm.end();
    played
}

/// Plays the tour, line by line, and goes on until Ctrl-C unless the tour is all that is wanted.
fn print(
    stage: &Stage,
    farm: &mut farm::Farm,
    arguments: &DemoArguments,
    counts: &Arc<counts::Counts>,
) -> Result<(), DemoError> {
    let _running = story::open(stage, farm, arguments.network, counts)?;
    story::tour(stage, farm, counts)?;
    if arguments.once {
        return Ok(());
    }
    story::invite(stage, farm);
    loop {
        stage.pass(Duration::from_secs(1))?;
    }
}

fn fail(text: &str) -> ExitCode {
    // Nothing more can be done where standard error is closed.
    drop(writeln!(io::stderr(), "safekit-agent demo: {text}"));
    ExitCode::FAILURE
}
