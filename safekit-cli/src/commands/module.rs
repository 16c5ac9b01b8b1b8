//! The commands that change a module.

use safekit_core::control::{Command, CommandRequest, InstallRequest};
use safekit_core::ids::ModuleName;

use super::Context;
use crate::args::Existing;
use crate::exit::Exit;
use crate::failure::Failure;

/// `module install`.
///
/// # Errors
/// Faults of the package, or a refusal.
pub(super) fn install(
    context: &mut Context<'_>,
    module: &ModuleName,
    path: &str,
    existing: Existing,
) -> Result<Exit, Failure> {
    let request = InstallRequest { path: path.to_owned(), force: existing == Existing::Replace };
    context.order(&format!("module/{module}/install"), &request)
}

/// start, stop, restart, stopstart, forcestop.
///
/// # Errors
/// A refusal.
pub(super) fn control(
    context: &mut Context<'_>,
    module: &ModuleName,
    command: Command,
    identity: Option<&str>,
) -> Result<Exit, Failure> {
    let request = CommandRequest { identity: identity.map(str::to_owned) };
    context.order(&format!("module/{module}/{}", command.as_str()), &request)
}
