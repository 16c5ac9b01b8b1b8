//! The demo's application: a partner's small web program on `tiny_http`, as `start_both` would start any other.
//!
//! It knows nothing of the cluster. It answers every request with its name and its process id, and on SIGTERM it
//! closes its socket and ends, as many programs do.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use signal_hook::consts::SIGTERM;

/// The demo's application.
#[derive(Debug, Parser)]
#[command(name = super::APPLICATION)]
struct Arguments {
    /// Where it listens.
    #[arg(long)]
    address: SocketAddr,
    /// The name that it answers with.
    #[arg(long)]
    name: String,
}

/// Serves until SIGTERM.
pub(crate) fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing more can be done where standard error is closed.
            drop(writeln!(io::stderr(), "{}: {error}", super::APPLICATION));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> io::Result<()> {
    let server = tiny_http::Server::http(arguments.address).map_err(io::Error::other)?;
    let server = Arc::new(server);
    let stopper = Arc::clone(&server);
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if signals.forever().next().is_some() {
            stopper.unblock();
        }
    })?;
    let text = format!("{} (process {})\n", arguments.name, std::process::id());
    for request in server.incoming_requests() {
        // A client that went away before its answer is its own affair.
        drop(request.respond(tiny_http::Response::from_string(text.as_str())));
    }
    Ok(())
}
