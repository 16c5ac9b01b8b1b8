//! What has happened, told: to the logs of the modules and of the node, and to whoever reads the events of `--events`.

use jiff::Timestamp;
use safekit_core::event::Event;
use safekit_core::explain::{Line, Names, line};
use serde::Serialize;

use super::Agent;
use super::own::OwnEvent;
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
            self.tell(&notice.line());
        }
    }

    /// Takes why the guardian cannot keep the counter of starts on disk; `None` where it can again.
    pub(super) fn take_counter_fault(&mut self, fault: Option<&str>) {
        let name = "counter".to_owned();
        match fault.map(|fault| OwnEvent::CounterInMemory { fault: fault.to_owned() }) {
            Some(event) => {
                self.tell_node(&event);
                self.told_faults.insert(name, event.text());
            }
            None if self.told_faults.remove(&name).is_some() => {
                self.tell_node(&OwnEvent::CounterOnDisk);
            }
            None => {}
        }
    }

    /// Tells something about the node itself.
    pub(super) fn tell_node(&mut self, event: &OwnEvent) {
        self.tell(&event.line(None));
    }

    /// Tells something about the node itself that holds until it is mended, once; `safekit state` shows it meanwhile.
    pub(super) fn tell_fault(&mut self, name: &str, event: &OwnEvent) {
        let text = event.text();
        if self.told_faults.insert(name.to_owned(), text.clone()).as_ref() != Some(&text) {
            self.tell_node(event);
        }
    }

    fn tell(&mut self, said: &Line) {
        let level = Level::of(said.severity);
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
            events.line(line, |count| event_line(&OwnEvent::EventsLost { count }.line(None)));
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
