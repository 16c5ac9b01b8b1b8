//! The state of the node as `safekit state` shows it: the node's own report, with what only the agent knows.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use safekit_core::control::{ModuleReport, StateReport};
use safekit_core::ids::{ModuleName, NodeId};
use safekit_core::module::Join;
use safekit_core::runtime::clock;

use super::Agent;

/// Tells wall-clock times of instants.
#[derive(Clone, Copy, Debug)]
struct WallClock {
    instant: Instant,
    wall: SystemTime,
}

impl WallClock {
    /// Reads both clocks.
    fn read() -> Self {
        Self { instant: clock::now(), wall: clock::unix_time() }
    }

    /// Returns an instant in UTC (RFC 3339), by the present difference of both clocks.
    fn utc(self, instant: Instant) -> String {
        let wall = match instant.checked_duration_since(self.instant) {
            Some(later) => self.wall.checked_add(later),
            None => self.wall.checked_sub(self.instant.duration_since(instant)),
        };
        let wall = wall.unwrap_or(self.wall);
        Timestamp::try_from(wall).map(|time| format!("{time:.3}")).unwrap_or_default()
    }
}

impl Agent {
    /// Returns the whole state.
    pub(super) fn report(&self, now: Instant) -> StateReport {
        let node = self.node.node();
        let names = self.names();
        let wall = WallClock::read();
        let me = node.me();
        let modules = node.modules().map(|(name, _)| name);
        let own_faults = self.told_faults.values().cloned().chain(self.log.faults());
        StateReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: wall.utc(now),
            node: me.map(|me| names.node(me)).unwrap_or_default(),
            node_id: me.map_or(0, NodeId::number),
            incarnation: node.incarnation().to_string(),
            joined: node.join() == Join::Joined,
            join_why: node.join_why(),
            guardian_pid: self.guardian_pid,
            agent_pid: std::process::id(),
            view: node.view_report(),
            nodes: node.member_reports(&names),
            modules: modules.filter_map(|name| self.module_report(now, name, wall)).collect(),
            faults: own_faults.chain(node.fault_texts(&names)).collect(),
        }
    }

    fn module_report(
        &self,
        now: Instant,
        name: &ModuleName,
        wall: WallClock,
    ) -> Option<ModuleReport> {
        let mut report = self.node.node().module_report(now, name, &|instant| wall.utc(instant))?;
        report.share = self.node.farm(name).map_or(0, |farm| farm.owned().count());
        Some(report)
    }
}
