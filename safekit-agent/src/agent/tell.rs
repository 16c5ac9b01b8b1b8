//! What has happened, told: to the logs of the modules and of the node, and to whoever reads the events of `--events`.

use jiff::Timestamp;
use safekit_core::event::{Event, Severity};
use safekit_core::explain::{Line, Names, line};
use safekit_core::runtime::EdgeNotice;
use serde::Serialize;

use super::Agent;
use crate::guardian::counter_in_memory;
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
    pub(super) fn tell_event(&mut self, event: &Event) {
        let said = line(event, &self.names());
        self.tell(&said);
    }

    pub(super) fn tell_notices(&mut self) {
        while let Some(notice) = self.edge.poll_notice() {
            let module = match &notice {
                EdgeNotice::ScriptKilled { module, .. }
                | EdgeNotice::ScriptHangs { module, .. }
                | EdgeNotice::ScriptLeft { module, .. }
                | EdgeNotice::ScriptWaits { module, .. }
                | EdgeNotice::UserlogUnavailable { module, .. } => Some(module.clone()),
                _ => None,
            };
            let severity = Severity::Event;
            self.tell(&Line { module, origin: "agent", severity, text: notice.to_string() });
        }
    }

    /// Takes why the guardian cannot keep the counter of starts on disk; `None` where it can again.
    pub(super) fn take_counter_fault(&mut self, fault: Option<&str>) {
        let name = "counter".to_owned();
        match fault.map(counter_in_memory) {
            Some(text) => {
                self.tell_node(Severity::Event, &text);
                self.told_faults.insert(name, text);
            }
            None if self.told_faults.remove(&name).is_some() => {
                self.tell_node(Severity::Event, "the counter of starts is on disk again");
            }
            None => {}
        }
    }

    /// Tells something about the node itself.
    pub(super) fn tell_node(&mut self, severity: Severity, text: &str) {
        self.tell(&Line { module: None, origin: "agent", severity, text: text.to_owned() });
    }

    fn tell(&mut self, said: &Line) {
        let level = Level::from_letter(said.severity.letter()).unwrap_or(Level::Event);
        match &said.module {
            Some(module) => self.log.module(module, level, said.origin, &said.text),
            None => {
                self.log.node(level, said.origin, &said.text);
                for (module, _) in self.node.node().modules() {
                    self.log.module_too(module, level, said.origin, &said.text);
                }
            }
        }
        if let Some(events) = &mut self.events
            && let Some(line) = event_line(said)
        {
            events.line(line, |count| {
                let text =
                    format!("{count} events before this one are lost: nobody read them in time");
                event_line(&Line {
                    module: None,
                    origin: "agent",
                    severity: Severity::Critical,
                    text,
                })
            });
        }
    }

    /// Returns what nodes, lans and modules are called.
    pub(super) fn names(&self) -> Names {
        let lans = self.cluster.iter().flat_map(|cluster| &cluster.config.lans);
        let lans = lans.map(|lan| (lan.id, lan.name.clone())).collect();
        self.node.node().explain_names(lans)
    }
}

/// Returns a line of `--events`, its end included.
fn event_line(said: &Line) -> Option<String> {
    let event = EventLine {
        time: Timestamp::now().to_string(),
        module: said.module.as_ref().map(safekit_core::ids::ModuleName::as_str),
        origin: said.origin,
        level: said.severity.letter(),
        text: &said.text,
    };
    serde_json::to_string(&event).ok().map(|text| text + "\n")
}
