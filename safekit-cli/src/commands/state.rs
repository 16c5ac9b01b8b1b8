//! The command `state -m`.

use safekit_core::control::{ModuleReport, StateReport};
use safekit_core::ids::ModuleName;

use super::{Context, SCRIPT_LIMIT, write};
use crate::args::{Detail, Output};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// Shows one module.
///
/// # Errors
/// An unknown module, or no agent.
pub(super) fn module(
    context: &mut Context<'_>,
    module: &ModuleName,
    detail: Detail,
) -> Result<Exit, Failure> {
    let told = if detail == Detail::Resources {
        // The module's own script `state` is run for it.
        let client = Client::with_limit(context.root.clone(), SCRIPT_LIMIT);
        client.get::<ModuleReport>(&format!("module/{module}/state?script=1"))?
    } else {
        context.client.get::<ModuleReport>(&format!("module/{module}/state"))?
    };
    if told.report.name != module.as_str() {
        return Err(Failure::internal(format!(
            "the agent's answer is not understood: it is about module {}",
            told.report.name
        )));
    }
    if detail == Detail::Quiet {
        write(context.out, &format!("{}\n", told.report.state))?;
        return Ok(Exit::of_state(told.report.state));
    }
    if context.output == Output::Json {
        return context.show(&told, |_| String::new());
    }
    let node = context.client.get::<StateReport>("state")?.report;
    write(context.out, &render::module_state(&node, &told.report, detail))?;
    Ok(Exit::Done)
}
