//! top: the farm as the agent of this node sees it, again and again.
//!
//! On a terminal it is a live screen, `q` or Ctrl-C ends it. Elsewhere, and on a terminal that cannot be drawn on, each
//! look is printed as plain lines, until the reader has seen enough.
//!
//! Always: an agent that does not answer is said and waited for; but `--once` fails as any other command.

use std::io::ErrorKind;
use std::time::Duration;

use safekit_core::ids::ModuleName;

use super::{Context, write};
use crate::args::Looks;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::screen::{Frame, LogBlock, Scene, Seat, Size, frame};
use crate::sys::terminal::{self, Key, Terminal};
use crate::watch::{Questions, Seen, Watch};

/// Lines of the log that are asked for.
const LOG_LINES: u32 = 60;
/// Lines of the log where there is no terminal.
const LOG_LINES_PRINTED: usize = 10;
/// The size where there is no terminal: wide enough for reasons, high enough for a large farm.
const PAPER: Size = Size { columns: 120, lines: 160 };
/// Time between two looks at the keys, and so at most until the screen follows.
const BEAT: Duration = Duration::from_millis(200);

/// Shows the farm.
///
/// # Errors
/// With `--once`: no agent, an unknown module. Else: the terminal cannot be used.
pub(super) fn top(
    context: &mut Context<'_>,
    module: Option<&ModuleName>,
    interval: Duration,
    looks: Looks,
) -> Result<Exit, Failure> {
    let module = module.map(ModuleName::as_str);
    if let Looks::Once { columns } = looks {
        let questions = Questions { module: module.map(str::to_owned), lines: LOG_LINES };
        let seen = questions.ask(&context.client)?;
        let size = Size { columns: columns.unwrap_or(PAPER.columns), ..PAPER };
        write(context.out, &printed(&seen, module, size).plain())?;
        return Ok(Exit::Done);
    }
    let watch = Watch::start(context.root.clone(), module, LOG_LINES, interval)
        .map_err(|error| Failure::internal(format!("cannot start a thread: {error}")))?;
    match looks {
        Looks::Drawn => live(&watch, module),
        Looks::Printed | Looks::Once { .. } => print(context, &watch, module, interval),
    }
}

fn live(watch: &Watch, module: Option<&str>) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::internal(format!("cannot use the terminal: {error}"));
    let mut terminal = Terminal::open().map_err(failed)?;
    loop {
        let drawn = drawn(&watch.seen(), module, terminal::size(), "q quit");
        // A terminal that is gone wants nothing any more.
        if terminal.draw(&drawn).is_err() {
            return Ok(Exit::Done);
        }
        if let Some(Key::Char('q' | 'Q') | Key::End) = terminal.key(BEAT) {
            return Ok(Exit::Done);
        }
    }
}

/// Prints a view for each interval, until nobody reads it.
fn print(
    context: &mut Context<'_>,
    watch: &Watch,
    module: Option<&str>,
    interval: Duration,
) -> Result<Exit, Failure> {
    let mut lead = "";
    loop {
        let seen = watch.seen();
        if seen.report.is_none() && seen.failure.is_none() {
            clock::sleep(BEAT);
            continue;
        }
        let text = format!("{lead}{}", printed(&seen, module, PAPER).plain());
        match context.out.write_all(text.as_bytes()).and_then(|()| context.out.flush()) {
            Ok(()) => lead = "\n",
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Done),
            Err(error) => {
                return Err(Failure::internal(format!("cannot write the output: {error}")));
            }
        }
        clock::sleep(interval);
    }
}

fn printed(seen: &Seen, module: Option<&str>, size: Size) -> Frame {
    let mut seen = seen.clone();
    seen.log.drain(..seen.log.len().saturating_sub(LOG_LINES_PRINTED));
    drawn(&seen, module, size, "")
}

fn drawn(seen: &Seen, module: Option<&str>, size: Size, keys: &str) -> Frame {
    let report = seen.report.as_ref();
    let mut notices = Vec::new();
    if let Some(failure) = &seen.failure {
        notices.push(failure.message.clone());
        notices.extend(failure.details.iter().cloned());
        notices.push("this waits for it".to_owned());
    }
    let title = match &seen.log_module {
        Some(module) => format!("log of {module}"),
        None => "log of the node".to_owned(),
    };
    let scene = Scene {
        title: "safekit top",
        right: report.map_or("", |report| &report.time),
        module,
        seats: vec![Seat {
            name: report.map_or("", |report| &report.node),
            report,
            silent_ms: seen.silent.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            ..Seat::default()
        }],
        notices,
        logs: vec![LogBlock { title, lines: seen.log.iter().map(String::as_str).collect() }],
        keys,
        ..Scene::default()
    };
    frame(&scene, size)
}
