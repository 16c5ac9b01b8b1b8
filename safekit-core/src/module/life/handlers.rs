//! Handlers of faults, and the switches of the process monitor.
//!
//! A handler runs beside whatever the module does, one at a time for each `<proc>`, and is ended when its process is no
//! longer watched: before `stop_both` runs, nothing of it is left that could start the application behind its back. One that
//! exits with 0 is believed for one poll; any other end leads to a stopstart.

use std::time::Instant;

use super::journey::{Goal, State};
use super::{HANDLERS_MAX, HandlerRun, Module, Order};
use crate::config::model::{ProcClass, ProcConfig};
use crate::control::{Accepted, Command, Origin, Refusal, WatchSwitch};
use crate::event::Event;
use crate::module::script::{LargeUserlogs, Script, ScriptEnd, ScriptRun};
use crate::module::watch::Switch;
use crate::node::{Action, Outcome};

impl Module {
    /// Runs a handler, unless one runs for that `<proc>` or the application is being stopped. The monitor asks again at
    /// its next poll.
    pub(super) fn run_handler(&mut self, config: &ProcConfig) {
        let stops = self.state.journey().is_some_and(|journey| journey.goal != Goal::Up);
        let runs = self.handlers.values().any(|handler| handler.name == config.name);
        if stops || runs || self.handlers.len() >= HANDLERS_MAX {
            return;
        }
        let (Some(user), Some(file)) = (self.config.user.as_ref(), config.action.handler()) else {
            return;
        };
        let (module, name, file) = (self.name(), config.name.clone(), file.to_owned());
        let run = ScriptRun {
            module: module.clone(),
            script: Script::Handler,
            file: Some(file.clone()),
            arguments: vec![name.clone()],
            vars: user.vars.clone(),
            logging: user.logging,
            large_userlogs: LargeUserlogs::Keep,
            time_limit: Some(config.handlertimeout.unwrap_or(user.nicestoptimeout)),
        };
        self.event(Event::HandlerStarted { module, name: name.clone(), file: file.clone() });
        let action = self.act(Action::RunScript(Box::new(run)));
        self.handlers.insert(action, HandlerRun { name, file, ending: false });
    }

    pub(super) fn handle_handler_end(
        &mut self,
        now: Instant,
        handler: HandlerRun,
        outcome: Outcome,
    ) {
        let HandlerRun { name, file, ending } = handler;
        let (end, duration, userlog) = match outcome {
            Outcome::Script { end, duration, userlog } => (end, duration, userlog),
            Outcome::Failed { error } => {
                (ScriptEnd::NotStarted { error }, std::time::Duration::ZERO, None)
            }
            Outcome::Done | Outcome::Processes(_) | Outcome::Services(_) => {
                let what = "a handler ended without saying how";
                self.event(Event::InvariantBroken { module: Some(self.name()), what });
                let end = ScriptEnd::NotStarted { error: what.to_owned() };
                (end, std::time::Duration::ZERO, None)
            }
        };
        let end = if ending { ScriptEnd::Ended } else { end };
        let (module, told) = (self.name(), name.clone());
        let ended = end.clone();
        self.event(Event::HandlerEnded { module, name: told, file, end: ended, duration, userlog });
        match end {
            ScriptEnd::Exited { code: 0 } => self.monitor.believe(now, &name),
            ScriptEnd::Exited { .. }
            | ScriptEnd::Signalled { .. }
            | ScriptEnd::TimedOut
            | ScriptEnd::Ended
            | ScriptEnd::NotStarted { .. } => {
                if !ending && self.monitor.watches(&name) {
                    // A refusal means that the module is on its way: the monitor asks again at its next poll.
                    drop(self.command(now, Command::Stopstart, &Origin::Errd));
                }
            }
        }
    }

    /// Ends the watch of a class, and the handlers of what is watched no longer.
    pub(super) fn watch_off(&mut self, class: &ProcClass) {
        self.monitor.disable(class);
        self.end_handlers();
    }

    /// Ends the handlers of what is watched no longer.
    pub(super) fn end_handlers(&mut self) {
        let module = self.name();
        let unwatched = self
            .handlers
            .iter_mut()
            .filter(|(_, handler)| !handler.ending && !self.monitor.watches(&handler.name));
        let runs: Vec<_> = unwatched
            .map(|(run, handler)| {
                handler.ending = true;
                *run
            })
            .collect();
        for run in runs {
            self.order(Order::EndScript, Action::EndScript { run, module: module.clone() });
        }
    }

    /// Switches the process monitor, or says why not.
    pub(super) fn switch(
        &mut self,
        now: Instant,
        switch: WatchSwitch,
        origin: &Origin,
    ) -> Result<Accepted, Refusal> {
        let module = self.name();
        let (changed, text) = match &switch {
            WatchSwitch::On => {
                (self.monitor.switch(now, Switch::On), "processes are watched".to_owned())
            }
            WatchSwitch::Off => {
                let text = format!(
                    "no process of module {module} is watched until 'safekit errd on -m {module}' or 'safekit config -m {module}'"
                );
                (self.monitor.switch(now, Switch::Off), text)
            }
            WatchSwitch::Enable(class) => {
                self.admit_class(class)?;
                if matches!(self.state, State::Stopped) {
                    return Err(Refusal::WrongState {
                        module,
                        state: self.state().to_string(),
                        command: "errd enable",
                        needed: "UP, or starting",
                    });
                }
                let changed = self.monitor.enable_class(now, class);
                (changed, format!("class {class} is enabled until the module stops"))
            }
            WatchSwitch::Disable(class) => {
                self.admit_class(class)?;
                (self.monitor.disable_class(class), format!("class {class} is disabled"))
            }
        };
        self.end_handlers();
        if !changed {
            return Ok(Accepted { text: format!("already so: {text}") });
        }
        self.event(Event::WatchSwitched { module, switch, origin: origin.clone() });
        Ok(Accepted { text })
    }

    fn admit_class(&self, class: &str) -> Result<(), Refusal> {
        let classes = self.monitor.classes();
        if classes.contains(class) {
            return Ok(());
        }
        let known = if classes.is_empty() {
            "no <proc> has a class of its own".to_owned()
        } else {
            let classes: Vec<&str> = classes.into_iter().collect();
            format!("there is {}", classes.join(", "))
        };
        Err(Refusal::UnknownClass { module: self.name(), class: class.to_owned(), known })
    }
}
