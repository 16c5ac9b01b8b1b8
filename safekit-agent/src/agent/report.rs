//! The state of the node as `safekit state` shows it.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use safekit_core::control::{
    MemberReport, ModuleReport, PeerModuleReport, ScriptReport, StateReport, ViewReport,
    WatchReport,
};
use safekit_core::explain::{Names, cause_text, end_text, fault_text, join_text, member_text};
use safekit_core::ids::{LanId, NodeId};
use safekit_core::membership::{MemberState, Membership};
use safekit_core::module::{Join, Module};
use safekit_core::runtime::clock;

use super::Agent;

/// Tells wall-clock times of instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    instant: Instant,
    wall: SystemTime,
}

impl WallClock {
    /// Reads both clocks.
    pub(super) fn new() -> Self {
        Self { instant: clock::now(), wall: clock::unix_time() }
    }

    /// Returns an instant in UTC (RFC 3339), by the present difference of both clocks.
    fn text(self, instant: Instant) -> String {
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
    pub(super) fn report(&mut self, now: Instant) -> StateReport {
        self.wall = WallClock::new();
        let node = self.node.node();
        let names = self.names();
        let me = node.me();
        let view = node.membership().and_then(Membership::view).map(|(epoch, view)| ViewReport {
            epoch: epoch.0,
            members: view.members.keys().map(|member| names.node(*member)).collect(),
        });
        StateReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: self.wall.text(now),
            node: me.map(|me| names.node(me)).unwrap_or_default(),
            node_id: me.map_or(0, NodeId::number),
            incarnation: node.incarnation().to_string(),
            joined: node.join() == Join::Joined,
            join_why: node
                .join_reason()
                .map_or_else(|| "the cluster is not configured".to_owned(), join_text),
            guardian_pid: self.guardian_pid,
            agent_pid: std::process::id(),
            view,
            nodes: node.names().keys().map(|member| self.member_report(*member, &names)).collect(),
            modules: node
                .modules()
                .map(|(_, module)| self.module_report(now, module, &names))
                .collect(),
            faults: self.faults(&names),
        }
    }

    fn faults(&self, names: &Names) -> Vec<String> {
        let membership = self.node.node().membership();
        let faults = membership.map(Membership::faults).unwrap_or_default();
        let own = self.told_faults.values().cloned();
        own.chain(faults.iter().map(|fault| fault_text(fault, names))).collect()
    }

    fn member_report(&self, id: NodeId, names: &Names) -> MemberReport {
        let node = self.node.node();
        let name = names.node(id);
        if node.me() == Some(id) {
            let (state, why) = ("self".to_owned(), String::new());
            let (lans, modules) = (Vec::new(), Vec::new());
            return MemberReport {
                id: id.number(),
                name,
                state,
                why,
                silence_ms: None,
                lans,
                modules,
            };
        }
        let status = node.membership().and_then(|membership| membership.member(id));
        let state = match status.as_ref().map(|status| status.state) {
            Some(MemberState::Alive) => "alive",
            Some(MemberState::Joining) => "joining",
            Some(MemberState::Left) => "left",
            Some(_) | None => "lost",
        };
        let why = status.as_ref().and_then(|status| status.why.as_ref());
        let lans = (0..safekit_core::ids::LANS_MAX).filter_map(LanId::new);
        let heard = status.as_ref().map(|status| status.lans).unwrap_or_default();
        let facts = node.membership().map(|membership| membership.peer_modules(id));
        MemberReport {
            id: id.number(),
            name,
            state: state.to_owned(),
            why: why.map_or_else(|| "never heard".to_owned(), |why| member_text(why, names)),
            silence_ms: status.as_ref().and_then(|status| status.silence).map(millis),
            lans: lans.filter(|lan| heard.contains(*lan)).map(|lan| names.lan(lan)).collect(),
            modules: facts
                .into_iter()
                .flatten()
                .map(|(key, facts)| PeerModuleReport {
                    name: names.module(*key),
                    state: facts.state.state,
                    readiness: facts.state.readiness,
                    signature: format!("{:08x}", facts.config),
                })
                .collect(),
        }
    }

    fn module_report(&self, now: Instant, module: &Module, names: &Names) -> ModuleReport {
        let config = module.config();
        let state = module.state();
        let farm = self.node.farm(&config.name);
        let participants = self.node.node().participants(&config.name);
        ModuleReport {
            name: config.name.to_string(),
            mode: "farm".to_owned(),
            state: state.state,
            readiness: state.readiness,
            goal: module.goal(),
            reason: module.reason().to_owned(),
            why: cause_text(module.cause()),
            since: self.wall.text(module.since()),
            participants: participants.iter().map(|node| names.node(*node)).collect(),
            share: farm.map_or(0, |farm| farm.owned().count()),
            script: module.present_run().map(|run| ScriptReport {
                name: run.script.as_str().to_owned(),
                arguments: run.arguments,
                duration_ms: millis(now.saturating_duration_since(run.since)),
                end: None,
                userlog: None,
            }),
            last_scripts: module
                .past_runs()
                .iter()
                .map(|(script, run)| ScriptReport {
                    name: script.as_str().to_owned(),
                    arguments: run.arguments.clone(),
                    duration_ms: millis(run.duration),
                    end: Some(end_text(&run.end)),
                    userlog: run.userlog.clone(),
                })
                .collect(),
            drain_left_ms: module
                .drain_until()
                .map(|until| millis(until.saturating_duration_since(now))),
            loop_used: module.loop_used(now),
            loop_max: config.maxloop,
            watched: module
                .watched()
                .into_iter()
                .map(|watched| WatchReport {
                    resource: format!("proc.{}", watched.name),
                    state: watched.state.as_str().to_owned(),
                    pids: watched.processes.iter().map(|process| process.pid).collect(),
                    since: watched.since.map(|since| self.wall.text(since)),
                })
                .collect(),
            boot: config.boot.as_str().to_owned(),
            signature: format!("{:016x}", config.signature.0),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
