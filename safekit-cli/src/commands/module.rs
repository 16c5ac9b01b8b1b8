//! The commands that change a module.

use std::path::Path;

use safekit_core::control::{Command, CommandRequest, InstallRequest};
use safekit_core::ids::ModuleName;

use super::{Context, cluster, write};
use crate::args::{Existing, Output};
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

/// `module package`.
///
/// # Errors
/// A refusal of the agent, or a file that cannot be written.
pub(super) fn package(
    context: &mut Context<'_>,
    module: &ModuleName,
    file: &Path,
) -> Result<Exit, Failure> {
    let bytes = context.client.download(&format!("module/{module}/package"))?;
    cluster::save_zip(file, &bytes)?;
    if context.output == Output::Text {
        let file = file.display();
        write(
            context.out,
            &format!(
                "{file} holds module {module}: 'safekit module install -m {module} {file}' installs it\n"
            ),
        )?;
    }
    Ok(Exit::Done)
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
