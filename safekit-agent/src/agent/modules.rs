//! The modules of this node: from their files into the machine.
//!
//! Always: files are read by [`ModuleFiles::read`], on the API's workers and before the first turn; the event loop only
//! takes what was read, so that a disk that does not answer never holds up heartbeats and health answers.

use std::sync::Arc;
use std::time::Instant;

use safekit_core::config::model::{BootPolicy, ModuleConfig};
use safekit_core::control::BudgetReport;
use safekit_core::ids::{LanSet, ModuleName};
use safekit_core::module::state::FarmState;
use safekit_core::module::{BudgetChange, Module};
use safekit_core::node::{AgentStart, Input, ModuleSetup};
use safekit_core::runtime::{ModulePlace, clock, host};

use super::Agent;
use super::own::OwnEvent;
use crate::store::module::ActiveModule;
use crate::store::saved::{self, Boot, Recovered};
use crate::store::{self, Layout};

/// Returns the host's boot, and its clocks.
pub(super) fn boot(boot_id: &str) -> Boot {
    let since_boot = host::since_boot().unwrap_or_default();
    Boot { id: boot_id.to_owned(), since_boot, wall: clock::unix_time() }
}

/// What the files of a configured module say.
#[derive(Debug)]
pub(super) struct ModuleFiles {
    name: ModuleName,
    active: ActiveModule,
    /// What was saved of its life, or why that cannot be used: that matters only where the agent does not know it better.
    recovered: Result<Recovered, String>,
}

impl ModuleFiles {
    /// Reads them. Blocks as long as the disk does.
    pub(super) fn read(layout: &Layout, name: &ModuleName, boot_id: &str) -> Result<Self, String> {
        let active = store::module::load_active(layout, name).map_err(|error| error.to_string())?;
        let mut active = active.ok_or_else(|| {
            format!("module {name} is not configured: run 'safekit config -m {name}'")
        })?;
        if active.config.boot == BootPolicy::Ignore {
            // A damaged file must not keep an application from being watched: `boot status` names it.
            active.config.boot = match store::boot::load(layout, name).unwrap_or(None) {
                Some(store::boot::Boot::On) => BootPolicy::On,
                Some(store::boot::Boot::Off) => BootPolicy::Off,
                None => BootPolicy::Ignore,
            };
        }
        let recovered = saved::load(layout, name, &boot(boot_id));
        let recovered = recovered.map_err(|error| error.to_string());
        Ok(Self { name: name.clone(), active, recovered })
    }
}

impl Agent {
    /// Takes a module as its files have it.
    pub(super) fn apply_module(
        &mut self,
        now: Instant,
        files: ModuleFiles,
        start: AgentStart,
    ) -> Result<(), String> {
        let ModuleFiles { name, active, recovered } = files;
        let known = self.node.node().module(&name).is_some();
        let goes_on = matches!(start, AgentStart::Reconfigured | AgentStart::ClusterChanged);
        let mut recovered = if goes_on && known {
            Recovered { saved: None, start, line: None }
        } else {
            recovered?
        };
        // One that could not be taken when the agent started may have an application that runs; a new one has nothing.
        if goes_on && recovered.saved.is_none() {
            recovered.start = start;
        }
        let place = place(
            &self.layout,
            &name,
            active.config.user.as_ref().map_or(0, |user| user.userlogsize_bytes),
        );
        self.edge
            .place_module(name.clone(), place)
            .map_err(|error| format!("cannot start the worker of module {name}: {error}"))?;
        let setup = ModuleSetup {
            lans: self.lans(&active.config),
            config: Arc::new(active.config),
            scripts: active.scripts,
            sharing: 0,
            saved: recovered.saved,
            start: recovered.start,
        };
        self.feed(now, Input::ModuleConfigured(Box::new(setup)));
        self.told_faults.remove(&fault(&name));
        if let Some(line) = recovered.line {
            self.log.line(&name, &OwnEvent::StateLost { line }.line(Some(&name)));
        }
        if let Some(module) = self.node.node().module(&name) {
            let ready = module.state() == safekit_core::module::state::ModuleState::UP_READY;
            self.board.publish(&name, ready, module.reason());
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

    /// Tells how many automatic actions of a module count, after a change where one is wanted.
    pub(super) fn budget(
        &mut self,
        now: Instant,
        name: &ModuleName,
        change: Option<BudgetChange>,
    ) -> Option<BudgetReport> {
        let reached = |agent: &Self| Some(agent.node.node().module(name)?.is_budget_used_up(now));
        let before = reached(self)?;
        if let Some(change) = change {
            self.feed(now, Input::BudgetChanged { module: name.clone(), change });
        }
        let module = self.node.node().module(name)?;
        let (used, max) = (module.loop_used(now), module.config().maxloop);
        // Who counts is told whether this one was still allowed.
        let counted = change == Some(BudgetChange::Counted);
        let reached = if counted { before } else { module.is_budget_used_up(now) };
        Some(BudgetReport { used, max, reached })
    }

    /// Hands all modules in again: their lans may have other ids in a new cluster.xml.
    pub(super) fn refresh_modules(&mut self, now: Instant) {
        let setup = |(_, module): (&ModuleName, &Module)| ModuleSetup {
            lans: self.lans(module.config()),
            config: Arc::new(module.config().clone()),
            scripts: module.scripts().clone(),
            sharing: module.sharing(),
            saved: None,
            start: AgentStart::ClusterChanged,
        };
        let setups: Vec<ModuleSetup> = self.node.node().modules().map(setup).collect();
        for setup in setups {
            self.feed(now, Input::ModuleConfigured(Box::new(setup)));
        }
    }

    /// Returns the lans that a module names, as far as the cluster has them.
    fn lans(&self, config: &ModuleConfig) -> LanSet {
        let cluster = self.cluster.as_ref();
        cluster.map(|cluster| cluster.lans(&config.lans)).unwrap_or_default()
    }
}

/// Returns the name of the fault of a module that cannot be taken.
pub(super) fn fault(module: &ModuleName) -> String {
    format!("module {module}")
}

/// Returns where a module's things are, and the environment of its scripts.
fn place(layout: &Layout, name: &ModuleName, userlog_limit: u64) -> ModulePlace {
    ModulePlace {
        bin: layout.active(name).join("bin"),
        environment: store::module::environment(layout, name),
        userlogs: layout.uservar(name),
        userlog_limit,
    }
}
