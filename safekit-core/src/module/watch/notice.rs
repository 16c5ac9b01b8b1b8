//! What a monitor has to say to the life of its module.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::config::model::ProcConfig;
use crate::control::Command;
use crate::ids::ProcessId;

/// What a monitor has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::module) enum Notice {
    /// A list of all processes is wanted.
    ScanWanted,
    /// It is wanted how these services stand.
    ServicesWanted(BTreeSet<String>),
    /// Whether services run cannot be known, since now.
    ServicesUnknown {
        /// Why, and what to do.
        error: String,
    },
    /// It can be known again.
    ServicesKnown,
    /// Report the death of these, and of no others.
    Watch(BTreeSet<ProcessId>),
    /// A watched process has died.
    Died {
        /// The `<proc>`.
        name: String,
        /// The process.
        process: ProcessId,
    },
    /// Too few or too many, since now.
    Fault {
        /// The `<proc>`.
        config: Box<ProcConfig>,
        /// How many there are.
        count: u32,
        /// The host's own words, where it is a service.
        said: Option<String>,
    },
    /// Something has to be done about a fault, told now or before.
    ActionWanted(Wanted),
    /// A handler has to be run about a fault, told now or before.
    HandlerWanted(Box<ProcConfig>),
    /// As many as there should be again.
    Recovered {
        /// The `<proc>`.
        name: String,
        /// How many there are.
        count: u32,
        /// The host's own words, where it is a service.
        said: Option<String>,
    },
    /// A `<proc>` cannot be watched: its regular expression is none.
    Unwatchable,
}

/// What has to be done about a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::module) struct Wanted {
    /// What.
    pub(in crate::module) command: Command,
    /// The services that a restart is about, in the order of their start; empty: it is about all of the application.
    pub(in crate::module) services: Vec<String>,
}

impl Wanted {
    /// Returns what does for both: the stronger one; of two restarts one that is about all that either is about.
    pub(in crate::module) fn and(self, other: Self, strength: impl Fn(Command) -> u8) -> Self {
        match strength(self.command).cmp(&strength(other.command)) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal if self.services.is_empty() || other.services.is_empty() => {
                Self { services: Vec::new(), ..self }
            }
            Ordering::Equal => {
                let mut services = self.services;
                for name in other.services {
                    if !services.contains(&name) {
                        services.push(name);
                    }
                }
                Self { services, ..other }
            }
        }
    }
}
