//! logview and logsave.

use std::path::Path;
use std::time::Duration;

use safekit_core::control::LogReport;
use safekit_core::ids::ModuleName;

use super::{Context, cluster, write};
use crate::args::{Output, Verbosity};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// Most lines that the agent gives at once.
const LINES_MAX: u32 = 10_000;
/// Most bytes of a log that are saved, a few times what the agent keeps: one that grows faster than it is read ends somewhere.
const SAVE_BYTES_MAX: usize = 64 << 20;
/// Lines that are asked for to find the new ones among them.
const LINES_LOOK: u32 = 500;
/// Time between two looks.
const POLL: Duration = Duration::from_millis(300);
/// Lines by which the place is found again where the view left off.
const MARK_LINES: usize = 16;

/// Returns where a log is asked for.
pub(super) fn route(module: Option<&ModuleName>, lines: u32, verbosity: Verbosity) -> String {
    let mut route = format!("log?lines={lines}&all={}", u8::from(verbosity == Verbosity::All));
    if let Some(module) = module {
        route.push_str(&format!("&module={module}"));
    }
    route
}

/// Returns where a piece of a log is asked for.
fn piece_route(module: Option<&ModuleName>, place: &str, verbosity: Verbosity) -> String {
    let module = module.map(|module| format!("&module={module}")).unwrap_or_default();
    format!("log?from={place}&all={}{module}", u8::from(verbosity == Verbosity::All))
}

/// Shows the newest lines, and each new one until somebody ends this, or nobody reads it any more.
///
/// # Errors
/// No agent, an unknown module, or an output that cannot be written.
pub(super) fn view(
    context: &mut Context<'_>,
    module: Option<&ModuleName>,
    lines: u32,
    verbosity: Verbosity,
) -> Result<Exit, Failure> {
    let mut shown = context.client.get::<LogReport>(&route(module, lines, verbosity))?.report.lines;
    let mut fresh = shown.clone();
    loop {
        for line in &fresh {
            let text = match context.output {
                Output::Text => render::plain(line),
                Output::Json => serde_json::to_string(line)
                    .map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))?,
            };
            let written = writeln!(context.out, "{text}").and_then(|()| context.out.flush());
            match written {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return Ok(Exit::Done);
                }
                Err(error) => {
                    return Err(Failure::internal(format!("cannot write the output: {error}")));
                }
                Ok(()) => {}
            }
        }
        clock::sleep(POLL);
        let mut asked = LINES_LOOK;
        let newest = loop {
            let told = context.client.get::<LogReport>(&route(module, asked, verbosity))?;
            let newest = told.report.lines;
            let found = after(&shown, &newest).is_some();
            if found || shown.is_empty() || asked == LINES_MAX {
                break newest;
            }
            asked = LINES_MAX;
        };
        // Where the place is not found all of it is new: a log that was begun anew, or very many lines.
        let from = after(&shown, &newest).unwrap_or(0);
        fresh = newest.get(from..).unwrap_or_default().to_vec();
        if !fresh.is_empty() {
            shown = newest;
        }
    }
}

/// Returns where the lines begin that come after those that were shown; `None` where these are not found.
fn after(shown: &[String], newest: &[String]) -> Option<usize> {
    let mark =
        shown.get(shown.len().saturating_sub(MARK_LINES)..).filter(|mark| !mark.is_empty())?;
    let ends = (1..=newest.len()).rev();
    ends.into_iter().find(|end| {
        let before = newest.get(..*end).unwrap_or_default();
        let length = mark.len().min(before.len());
        let mark = mark.get(mark.len() - length..);
        mark == before.get(before.len() - length..)
    })
}

/// Writes all lines that are kept to a file; they are fetched piece by piece.
///
/// # Errors
/// No agent, an unknown module, a log that was begun anew meanwhile, or a file that cannot be written.
pub(super) fn save(
    context: &mut Context<'_>,
    module: Option<&ModuleName>,
    verbosity: Verbosity,
    file: &Path,
) -> Result<Exit, Failure> {
    let (mut text, mut count) = (String::new(), 0_usize);
    let mut from = Some("begin".to_owned());
    while let Some(place) = from.take().filter(|_| text.len() < SAVE_BYTES_MAX) {
        let piece =
            context.client.get::<LogReport>(&piece_route(module, &place, verbosity))?.report;
        text.push_str(&render::log(&piece));
        count = count.saturating_add(piece.lines.len());
        // A piece that does not go on would never end.
        from = piece.next.filter(|next| *next != place);
    }
    cluster::save(file, text.as_bytes())?;
    if context.output == Output::Text {
        write(context.out, &format!("{} holds {count} lines\n", file.display()))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::after;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn new_lines_are_those_after_the_last_ones_shown() {
        for (shown, newest, expected) in [
            ("a b c", "a b c", Some(3)),
            ("a b c", "a b c d e", Some(3)),
            // Older ones are no longer among them.
            ("a b c", "c d", Some(1)),
            // The same text comes again.
            ("a b b", "a b b b", Some(3)),
            ("a b c", "d e", None),
            ("", "a", None),
            ("a", "", None),
        ] {
            let (shown, newest) = (lines(shown), lines(newest));
            assert_eq!(after(&shown, &newest), expected, "{shown:?} {newest:?}");
        }
    }
}
