//! incloop, resetloop and checkloop: the count of automatic actions.

use safekit_core::control::{BudgetReport, CommandRequest};
use safekit_core::ids::ModuleName;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// `incloop` and `resetloop`.
///
/// # Errors
/// A module that is not configured.
pub(super) fn change(
    context: &mut Context<'_>,
    module: &ModuleName,
    word: &str,
    identity: Option<&str>,
) -> Result<Exit, Failure> {
    let request = CommandRequest { identity: identity.map(str::to_owned) };
    let told = context.client.post::<BudgetReport>(&format!("module/{module}/{word}"), &request)?;
    context.show(&told, render::budget)?;
    Ok(exit(word == "incloop" && told.report.reached))
}

/// `checkloop`.
///
/// # Errors
/// A module that is not configured.
pub(super) fn check(context: &mut Context<'_>, module: &ModuleName) -> Result<Exit, Failure> {
    let told = context.client.get::<BudgetReport>(&format!("module/{module}/checkloop"))?;
    context.show(&told, render::budget)?;
    Ok(exit(told.report.reached))
}

fn exit(reached: bool) -> Exit {
    if reached { Exit::LimitReached } else { Exit::Done }
}
