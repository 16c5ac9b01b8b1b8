//! What a module makes of what its process monitor says.

use std::time::Instant;

use super::{Module, Order};
use crate::config::model::ProcConfig;
use crate::control::{Command, Origin};
use crate::event::Event;
use crate::module::io::Output;
use crate::module::watch::{Notice, Wanted};
use crate::node::Action;

/// What cannot be done where it is not known how services stand, for the log.
const ASK_SERVICES: &str = "learn whether the services run";

impl Module {
    /// Hears what the process monitor has to say.
    pub(super) fn hear_monitor(&mut self, now: Instant) {
        let mut wanted: Option<Wanted> = None;
        while let Some(notice) = self.monitor.poll_notice() {
            let module = self.name();
            match notice {
                Notice::ScanWanted => self.outputs.push_back(Output::ScanWanted),
                Notice::ServicesWanted(names) => {
                    self.outputs.push_back(Output::ServicesWanted(names));
                }
                Notice::ServicesUnknown { error } => {
                    let what = ASK_SERVICES;
                    self.event(Event::EdgeFailed { module: Some(module), what, error });
                }
                Notice::ServicesKnown => {
                    let what = ASK_SERVICES;
                    self.event(Event::EdgeRecovered { module: Some(module), what });
                }
                Notice::Watch(processes) => {
                    self.order(Order::Watch, Action::WatchProcesses { module, processes });
                }
                Notice::Died { name, process } => {
                    self.event(Event::ProcessDied { module, name, process });
                }
                Notice::Fault { config, count, said } => self.fault(*config, count, said),
                Notice::ActionWanted(action) => {
                    wanted = Some(match wanted {
                        Some(other) => other.and(action, strength),
                        None => action,
                    });
                }
                Notice::HandlerWanted(config) => self.run_handler(&config),
                Notice::Recovered { name, count, said: None } => {
                    self.event(Event::ProcessRecovered { module, name, count });
                }
                Notice::Recovered { name, count, said: Some(said) } => {
                    let runs = count > 0;
                    self.event(Event::ServiceRecovered { module, name, runs, said });
                }
                Notice::Unwatchable => self.event(Event::InvariantBroken {
                    module: Some(module),
                    what: "nameregex or argregex of a proc is no regular expression; it is not watched",
                }),
            }
        }
        if let Some(Wanted { command, services }) = wanted {
            // A refusal means that the module is on its way: the monitor asks again at its next poll.
            drop(self.command_about(now, command, &Origin::Errd, services));
            self.hear_monitor(now);
        }
    }

    fn fault(&mut self, config: ProcConfig, count: u32, said: Option<String>) {
        let module = self.name();
        let ProcConfig { name, atleast, atmax, action, .. } = config;
        self.event(match said {
            None => Event::ProcessFault { module, name, count, atleast, atmax, action },
            Some(said) => Event::ServiceFault { module, name, runs: count > 0, said, action },
        });
    }
}

/// Of several actions wanted at once the strongest one is done.
fn strength(command: Command) -> u8 {
    match command {
        Command::Start => 0,
        Command::Restart => 1,
        Command::Stopstart => 2,
        Command::Stop => 3,
        Command::Forcestop => 4,
    }
}
