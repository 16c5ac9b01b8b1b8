//! Does what a command line says: one function for each family of commands.
//!
//! In: an order. Out: text and an exit code, or a [`Failure`].
//!
//! Always: an order that changes something is sent once and never repeated.
//! Not here: how the command line is read (`args`), how a report looks (`render`).

mod cluster;
mod module;
mod state;
mod wait;

use std::io::{self, Write};

use safekit_core::control::{
    DoneReport, EmptyRequest, ErrdRequest, LevelReport, LogReport, PrintRequest,
};
use safekit_core::ids::ModuleName;
use serde::de::DeserializeOwned;

use crate::args::{Line, Order, Output, Verbosity};
use crate::client::{Client, Told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// What every command has.
pub(crate) struct Context<'a> {
    client: Client,
    output: Output,
    out: &'a mut dyn Write,
}

impl Context<'_> {
    /// Prints a report: the agent's JSON, or what `render` makes of it.
    fn show<T>(&mut self, told: &Told<T>, render: impl Fn(&T) -> String) -> Result<Exit, Failure> {
        let text = match self.output {
            Output::Json => format!("{}\n", told.json),
            Output::Text => render(&told.report),
        };
        write(self.out, &text)?;
        Ok(Exit::Done)
    }

    /// Asks for a report and prints it.
    fn ask<T: DeserializeOwned>(
        &mut self,
        route: &str,
        render: impl Fn(&T) -> String,
    ) -> Result<Exit, Failure> {
        let told = self.client.get(route)?;
        self.show(&told, render)
    }

    /// Gives an order and prints what was done.
    fn order(&mut self, route: &str, body: &impl serde::Serialize) -> Result<Exit, Failure> {
        let told = self.client.post::<DoneReport>(route, body)?;
        self.show(&told, render::done)
    }
}

/// Does what a command line says.
///
/// # Errors
/// See [`Exit`].
pub(crate) fn run(line: &Line, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut context = Context { client: Client::new(line.root.clone()), output: line.output, out };
    let context = &mut context;
    match &line.order {
        Order::ClusterConfig(path) => cluster::config(context, path.as_deref()),
        Order::ClusterExport(file) => cluster::export(context, file),
        Order::ClusterState => context.ask("cluster/state", render::cluster_state),
        Order::ClusterConfinfo => context.ask("cluster/confinfo", render::cluster_confinfo),
        Order::NodeState => context.ask("state", render::node_state),
        Order::ModuleState(module, detail) => state::module(context, module, *detail),
        Order::Install { module, path, existing } => {
            module::install(context, module, path, *existing)
        }
        Order::Uninstall(module) => {
            context.order(&format!("module/{module}/uninstall"), &EmptyRequest {})
        }
        Order::ModuleList => context.ask("modules", render::module_list),
        Order::Config(module) => {
            context.order(&format!("module/{module}/config"), &EmptyRequest {})
        }
        Order::Confcheck(module) => {
            context.ask(&format!("module/{module}/confcheck"), render::done)
        }
        Order::Confinfo(module) => {
            context.ask(&format!("module/{module}/confinfo"), render::module_confinfo)
        }
        Order::Control { module, command, identity } => {
            module::control(context, module, *command, identity.as_deref())
        }
        Order::Errd { module, switch } => {
            let request = ErrdRequest { switch: switch.clone() };
            context.order(&format!("module/{module}/errd"), &request)
        }
        Order::Wait { module, awaited, timeout } => wait::wait(context, module, *awaited, *timeout),
        Order::Log { module, lines, verbosity } => {
            log(context, module.as_ref(), *lines, *verbosity)
        }
        Order::Print { module, level, text } => {
            let request = PrintRequest { level: *level, text: text.clone() };
            context.client.post::<DoneReport>(&format!("module/{module}/print"), &request)?;
            Ok(Exit::Done)
        }
        Order::Shutdown => context.order("shutdown", &EmptyRequest {}),
        Order::Level(module) => {
            let query =
                module.as_ref().map_or_else(String::new, |module| format!("?module={module}"));
            context.ask::<LevelReport>(&format!("level{query}"), render::level)
        }
    }
}

fn log(
    context: &mut Context<'_>,
    module: Option<&ModuleName>,
    lines: u32,
    verbosity: Verbosity,
) -> Result<Exit, Failure> {
    let mut route = format!("log?lines={lines}&all={}", u8::from(verbosity == Verbosity::All));
    if let Some(module) = module {
        route.push_str(&format!("&module={module}"));
    }
    context.ask::<LogReport>(&route, render::log)
}

/// Writes to the standard output. A reader that has seen enough is no failure (`safekit log | head`).
///
/// # Errors
/// An internal failure with what the operating system says.
pub(crate) fn write(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("cannot write the output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
