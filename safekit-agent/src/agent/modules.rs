//! The modules of this node: from their files into the machine.

use std::sync::Arc;
use std::time::Instant;

use safekit_core::event::Severity;
use safekit_core::ids::ModuleName;
use safekit_core::module::state::FarmState;
use safekit_core::node::{AgentStart, Input, ModuleSetup};
use safekit_core::runtime::{ModulePlace, clock, host};

use super::Agent;
use crate::store::saved::{self, Boot, Recovered};
use crate::store::{self, Layout};

/// Returns the host's boot, and its clocks.
pub(super) fn boot(boot_id: &str) -> Boot {
    let since_boot = host::since_boot().unwrap_or_default();
    Boot { id: boot_id.to_owned(), since_boot, wall: clock::unix_time() }
}

impl Agent {
    /// Takes a module's active configuration from its files.
    pub(super) fn apply_module(
        &mut self,
        now: Instant,
        name: &ModuleName,
        start: AgentStart,
    ) -> Result<(), String> {
        let active =
            store::module::load_active(&self.layout, name).map_err(|error| error.to_string())?;
        let Some(active) = active else {
            return Err(format!("module {name} is not configured: run 'safekit config -m {name}'"));
        };
        let known = self.node.node().module(name).is_some();
        let mut recovered = if start == AgentStart::Reconfigured && known {
            Recovered { saved: None, start, line: None }
        } else {
            saved::load(&self.layout, name, &boot(&self.boot_id))
                .map_err(|error| error.to_string())?
        };
        // One that could not be taken when the agent started may have an application that runs; a new one has nothing.
        if start == AgentStart::Reconfigured && recovered.saved.is_none() {
            recovered.start = start;
        }
        let place = place(
            &self.layout,
            name,
            active.config.user.as_ref().map_or(0, |user| user.userlogsize_bytes),
        );
        self.edge
            .place_module(name.clone(), place)
            .map_err(|error| format!("cannot start the worker of module {name}: {error}"))?;
        let lans = self
            .cluster
            .as_ref()
            .map(|cluster| cluster.lans(&active.config.lans))
            .unwrap_or_default();
        let setup = ModuleSetup {
            config: Arc::new(active.config),
            scripts: active.scripts,
            lans,
            sharing: 0,
            saved: recovered.saved,
            start: recovered.start,
        };
        self.feed(now, Input::ModuleConfigured(Box::new(setup)));
        self.told_faults.remove(&fault(name));
        if let Some(line) = recovered.line {
            self.log.module(name, crate::log::Level::Critical, "agent", &line);
        }
        if let Some(module) = self.node.node().module(name) {
            let ready = module.state() == safekit_core::module::state::ModuleState::UP_READY;
            self.board.publish(name, ready, module.reason());
        }
        Ok(())
    }

    /// Forgets a module whose files are gone.
    pub(super) fn remove_module(&mut self, now: Instant, name: &ModuleName) -> Result<(), String> {
        let state = self.node.node().module(name).map(|module| module.state().state);
        if state.is_some_and(|state| state != FarmState::Stop) {
            return Err(format!(
                "module {name} is not stopped: run 'safekit stop -m {name}' first"
            ));
        }
        self.feed(now, Input::ModuleRemoved(name.clone()));
        self.edge.remove_module(name);
        self.told_faults.remove(&fault(name));
        self.board.remove(name);
        self.log.forget(name);
        Ok(())
    }

    /// Hands all modules in again: their lans may have other ids in a new cluster.xml.
    pub(super) fn refresh_modules(&mut self, now: Instant) {
        let names: Vec<ModuleName> =
            self.node.node().modules().map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Err(error) = self.apply_module(now, &name, AgentStart::Reconfigured) {
                self.tell_node(Severity::Event, &error);
            }
        }
    }
}

/// Returns the name of the fault of a module that cannot be taken.
pub(super) fn fault(module: &ModuleName) -> String {
    format!("module {module}")
}

/// Returns where a module's things are, and the environment of its scripts.
fn place(layout: &Layout, name: &ModuleName, userlog_limit: u64) -> ModulePlace {
    let active = layout.active(name);
    let (bin, uservar) = (active.join("bin"), layout.uservar(name));
    let environment = [
        ("SAFE", layout.safe.clone()),
        ("SAFEMODULE", name.as_str().into()),
        ("SAFEBIN", layout.safebin()),
        ("SAFEUSERBIN", bin.clone()),
        ("SAFEUSERCONF", active.join("conf")),
        ("SAFEVAR", layout.safevar.clone()),
        ("SAFEUSERVAR", uservar.clone()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
    ModulePlace { bin, environment: environment.collect(), userlogs: uservar, userlog_limit }
}
