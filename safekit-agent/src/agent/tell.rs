//! What has happened, told: to the logs of the modules and of the node, and to whoever reads the events of `--events`.

use std::io::Write;

use jiff::Timestamp;
use safekit_core::event::Event;
use safekit_core::explain::{Line, Names, line};
use safekit_core::runtime::EdgeNotice;
use serde::Serialize;

use super::Agent;
use crate::log::Level;

/// A line of `--events`.
#[derive(Serialize)]
struct EventLine<'a> {
    time: String,
    module: Option<&'a str>,
    origin: &'a str,
    level: char,
    text: &'a str,
}

impl Agent {
    /// Tells an event. One about the node goes to the node's log, and to that of every module: whoever reads why a module
    /// changed finds it there.
    pub(super) fn tell_event(&self, event: &Event) {
        let said = line(event, &self.names());
        self.tell(&said);
    }

    pub(super) fn tell_notices(&mut self) {
        while let Some(notice) = self.edge.poll_notice() {
            let module = match &notice {
                EdgeNotice::ScriptKilled { module, .. }
                | EdgeNotice::ScriptHangs { module, .. }
                | EdgeNotice::UserlogUnavailable { module, .. } => Some(module.clone()),
                _ => None,
            };
            let severity = safekit_core::event::Severity::Event;
            self.tell(&Line { module, origin: "agent", severity, text: notice.to_string() });
        }
    }

    /// Tells something about the node itself.
    pub(super) fn tell_node(&self, severity: safekit_core::event::Severity, text: &str) {
        self.tell(&Line { module: None, origin: "agent", severity, text: text.to_owned() });
    }

    fn tell(&self, said: &Line) {
        let level = Level::from_letter(said.severity.letter()).unwrap_or(Level::Event);
        match &said.module {
            Some(module) => self.log.module(module, level, said.origin, &said.text),
            None => {
                self.log.node(level, said.origin, &said.text);
                for (module, _) in self.node.node().modules() {
                    self.log.module(module, level, said.origin, &said.text);
                }
            }
        }
        if self.arguments.events {
            self.print(said);
        }
    }

    fn print(&self, said: &Line) {
        let event = EventLine {
            time: Timestamp::now().to_string(),
            module: said.module.as_ref().map(safekit_core::ids::ModuleName::as_str),
            origin: said.origin,
            level: said.severity.letter(),
            text: &said.text,
        };
        if let Ok(mut text) = serde_json::to_string(&event) {
            text.push('\n');
            // Whoever reads the events has gone: the agent goes on.
            drop(std::io::stdout().write_all(text.as_bytes()));
        }
    }

    /// Returns what nodes, lans and modules are called.
    pub(super) fn names(&self) -> Names {
        let lans = self.cluster.iter().flat_map(|cluster| &cluster.config.lans);
        let lans = lans.map(|lan| (lan.id, lan.name.clone())).collect();
        self.node.node().explain_names(lans)
    }
}
