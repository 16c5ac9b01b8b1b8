//! The command `safekit` as a library: the binary of this crate and the agent, started under that name, both call
//! [`main`].
//!
//! In: arguments and environment. Out: text, and an exit code ([`Exit`]).
//!
//! The command knows nothing by itself: it asks the agent of its root over the control socket and shows the answer.
//!
//! ```text
//! arguments ── args ──► Order ── commands ──► client ──► agent
//!                                   │◄─── JSON reports ────┘
//!                                   └── render ──► text
//! ```

mod args;
mod client;
mod clock;
mod commands;
mod exit;
mod failure;
mod render;
mod root;
mod sys;
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use args::Parsed;

pub use exit::Exit;
pub use failure::Failure;
pub use render::screen;
pub use root::{Environment, Root};
pub use sys::terminal;
pub use watch::{Seen, Watch};

/// Runs the command with the environment and the standard streams of this process.
///
/// The first argument is the name that the command was started under: the agent of the folder it lies in is meant.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     safekit_cli::main(std::env::args_os())
/// }
/// ```
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut out = io::stdout().lock();
    let mut err = io::stderr().lock();
    run(&arguments, &Environment::of_process(), &mut out, &mut err).into()
}

/// Returns every command of this version by its words, and each of its options after them.
///
/// ```
/// let commands = safekit_cli::commands();
/// assert!(["cluster config", "log", "log -s", "--json"].iter().all(|word| commands.iter().any(|known| known == word)));
/// ```
#[must_use]
pub fn commands() -> Vec<String> {
    args::words()
}

/// Runs the command with an environment and streams of the caller's choice.
///
/// ```
/// use safekit_cli::{Environment, Exit, run};
///
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let arguments = ["safekit".into(), "strat".into()];
/// let exit = run(&arguments, &Environment::default(), &mut out, &mut err);
/// assert_eq!(exit, Exit::Usage);
/// assert!(String::from_utf8_lossy(&err).contains("'start'"));
/// ```
pub fn run(
    arguments: &[OsString],
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let done = match args::parse(arguments, environment) {
        Ok(Parsed::Line(line)) => commands::run(&line, out),
        Ok(Parsed::Text(text)) => commands::write(out, &text).map(|()| Exit::Done),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(exit) => exit,
        Err(failure) => {
            // Where even the error output is closed, the exit code still says it.
            drop(err.write_all(render::failure(&failure).as_bytes()));
            failure.exit
        }
    }
}
