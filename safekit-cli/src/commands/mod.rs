//! Does what a command line says: one function for each family of commands.
//!
//! In: an order. Out: text and an exit code, or a [`Failure`].
//!
//! Always: an order that changes something is sent once and never repeated.
//! Not here: how the command line is read (`args`), how a report looks (`render`).

mod bound;
mod budget;
mod cluster;
mod log;
mod module;
mod processes;
mod state;
mod top;
mod wait;

use std::io::{self, Write};
use std::time::Duration;

use safekit_core::control::{
    BootRequest, ClusterConfcheckRequest, DoneReport, EmptyRequest, ErrdRequest, LevelReport,
    LogReport, ModuleReport, PrintRequest,
};
use safekit_core::ids::ModuleName;
use serde::de::DeserializeOwned;

use crate::args::{Boot, Line, Order, Output, Selected};
use crate::client::{Client, Told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::root::Root;

/// How long a question may take for which a script of the module is run: it may take 60 s.
const SCRIPT_LIMIT: Duration = Duration::from_secs(70);

/// What every command has.
pub(crate) struct Context<'a> {
    root: &'a Root,
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
#[expect(clippy::too_many_lines, reason = "one arm for each order")]
pub(crate) fn run(line: &Line, out: &mut dyn Write) -> Result<Exit, Failure> {
    let client = Client::new(line.root.clone());
    let mut context = Context { root: &line.root, client, output: line.output, out };
    let context = &mut context;
    match &line.order {
        Order::ClusterConfig { source, lock } => cluster::config(context, source, *lock),
        Order::ClusterConfcheck(path) => {
            let request = ClusterConfcheckRequest { path: path.clone() };
            context.order("cluster/confcheck", &request)
        }
        Order::ClusterDeconfig => context.order("cluster/deconfig", &EmptyRequest {}),
        Order::ClusterKeys(keys, others) => cluster::keys(context, *keys, *others),
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
        Order::ModuleListid => context.ask("modules", render::module_ids),
        Order::Getports(Selected::Name(module)) => {
            context.ask(&format!("ports?module={module}"), render::ports)
        }
        Order::Getports(Selected::Id(id)) => context.ask(&format!("ports?id={id}"), render::ports),
        Order::Package(module, file) => module::package(context, module, file),
        Order::Deconfig(module) => {
            context.order(&format!("module/{module}/deconfig"), &EmptyRequest {})
        }
        Order::Update(module) => {
            context.order(&format!("module/{module}/update"), &EmptyRequest {})
        }
        Order::Config(module) => {
            context.order(&format!("module/{module}/config"), &EmptyRequest {})
        }
        Order::Confcheck(module) => {
            // Its own script is run.
            context.client = Client::with_limit(line.root.clone(), SCRIPT_LIMIT);
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
        Order::Top { module, interval, looks } => {
            top::top(context, module.as_ref(), *interval, *looks)
        }
        Order::Log { module, lines, verbosity } => {
            context.ask::<LogReport>(&log::route(module.as_ref(), *lines, *verbosity), render::log)
        }
        Order::Logview { module, lines, verbosity } => {
            log::view(context, module.as_ref(), *lines, *verbosity)
        }
        Order::Logsave { module, verbosity, file } => {
            log::save(context, module.as_ref(), *verbosity, file)
        }
        Order::Cmdlog(lines) => {
            context.ask::<LogReport>(&format!("cmdlog?lines={lines}"), render::log)
        }
        Order::ErrdList(module) => {
            context.ask::<ModuleReport>(&format!("module/{module}/state"), render::watched)
        }
        Order::SetBoot(module, boot) => {
            let request = BootRequest { start: *boot == Boot::On };
            context.order(&format!("module/{module}/boot"), &request)
        }
        Order::BootStatus(module) => {
            context.ask(&format!("boot{}", of_module(module.as_ref())), render::boot)
        }
        Order::Incloop(module, identity) => {
            budget::change(context, module, "incloop", identity.as_deref())
        }
        Order::Resetloop(module, identity) => {
            budget::change(context, module, "resetloop", identity.as_deref())
        }
        Order::Checkloop(module) => budget::check(context, module),
        Order::Kill { name, argregex, level } => {
            processes::kill(context, name, argregex.as_deref(), *level)
        }
        Order::Boundcmd(limit, command) => bound::run(*limit, command),
        Order::ProcesstreeList(pid) => processes::list_tree(context, *pid),
        Order::ProcesstreeKill(pid) => processes::kill_tree(context, *pid),
        Order::Places => {
            let Root { safe, safevar } = &line.root;
            let bin = safe.join("private/bin");
            let (safe, safevar, bin) = (safe.display(), safevar.display(), bin.display());
            write(context.out, &format!("SAFE={safe}\nSAFEVAR={safevar}\nSAFEBIN={bin}\n"))?;
            Ok(Exit::Done)
        }
        Order::Print { module, level, text } => {
            let request = PrintRequest { level: *level, text: text.clone() };
            context.client.post::<DoneReport>(&format!("module/{module}/print"), &request)?;
            Ok(Exit::Done)
        }
        Order::Shutdown => context.order("shutdown", &EmptyRequest {}),
        Order::Level(module) => {
            // Where a module is named its own script `level` is run.
            context.client = Client::with_limit(line.root.clone(), SCRIPT_LIMIT);
            let query = of_module(module.as_ref());
            context.ask::<LevelReport>(&format!("level{query}"), render::level)
        }
    }
}

fn of_module(module: Option<&ModuleName>) -> String {
    module.map_or_else(String::new, |module| format!("?module={module}"))
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
