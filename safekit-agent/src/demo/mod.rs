//! The demo: a farm of three real nodes on one machine, a small load balancer in front, a client that never stops
//! asking; and what happens to them when things break.
//!
//! Everything runs as processes of the user, on 127.0.0.1 to 127.0.0.3, in a folder that is gone afterwards.

pub(crate) mod application;
mod balancer;
mod client;
mod farm;
mod story;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

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

/// Shows a farm of three on this machine, and what happens when things break.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// End after the tour instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Keep the folder with the nodes' files.
    #[arg(long)]
    keep: bool,
}

/// Why the demo ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
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

/// Says what happens, with the time since the begin.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    begin: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Stage {
    /// Prints a line. A closed output ends the demo at the next look.
    fn say(&self, text: &str) {
        let line = format!("{:>7.2} s  {text}\n", self.begin.elapsed().as_secs_f64());
        if io::stdout().write_all(line.as_bytes()).is_err() {
            self.interrupted.store(true, Ordering::Relaxed);
        }
    }

    /// Fails once Ctrl-C was pressed.
    fn check(&self) -> Result<(), DemoError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(DemoError::Interrupted) } else { Ok(()) }
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
    let stage = Stage { begin: Instant::now(), interrupted };
    let folder = std::env::temp_dir().join(format!("safekit-demo-{}", std::process::id()));
    let result = show(&stage, arguments, &folder);
    if arguments.keep {
        stage.say(&format!("files kept in {}", folder.display()));
    } else if let Err(error) = std::fs::remove_dir_all(&folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        stage.say(&format!("cannot remove {}: {error}", folder.display()));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(DemoError::Interrupted) => {
            stage.say("nothing is left behind");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error.to_string()),
    }
}

/// Builds the farm, plays the story, and takes everything away again whatever happened.
fn show(stage: &Stage, arguments: &DemoArguments, folder: &Path) -> Result<(), DemoError> {
    let mut farm = farm::Farm::new(folder)?;
    let played = story::play(stage, &mut farm, arguments.once);
    if played.is_ok() || matches!(played, Err(DemoError::Interrupted)) {
        stage.say("ending: stop the applications, the agents, the balancer");
    } else {
        farm.print_logs();
    }
    farm.end();
    played
}

fn fail(text: &str) -> ExitCode {
    // Nothing more can be done where standard error is closed.
    drop(writeln!(io::stderr(), "safekit-agent demo: {text}"));
    ExitCode::FAILURE
}
