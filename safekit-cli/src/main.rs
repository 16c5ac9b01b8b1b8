//! The command `safekit`.

use std::process::ExitCode;

fn main() -> ExitCode {
    safekit_cli::main(std::env::args_os())
}
