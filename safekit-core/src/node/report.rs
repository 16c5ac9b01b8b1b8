//! What the control socket answers about a node, as far as the node knows it: all but wall clock, pids of the agent,
//! and shares.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Node;
use crate::config::model::BootPolicy;
use crate::control::{
    MemberReport, ModuleReport, PeerModuleReport, ScriptReport, ViewReport, WatchReport,
};
use crate::explain::{
    Names, cause_text, duration_text, end_text, fault_text, join_text, member_text,
    module_fault_text,
};
use crate::ids::{LanId, LanName, ModuleName, NodeId};
use crate::membership::{MemberState, MemberStatus, Membership};
use crate::module::Module;
use crate::module::watch::Watched;

impl Node {
    /// Returns what ids are called here, for [`crate::explain::line()`]. The node does not know the names of the lans.
    #[must_use]
    pub fn explain_names(&self, lans: BTreeMap<LanId, LanName>) -> Names {
        let modules = self.modules().map(|(name, module)| (module.key(), name.clone())).collect();
        Names { nodes: self.names().clone(), lans, modules }
    }

    /// Returns a module at that moment; `None` where there is none of that name. `utc` writes a moment as UTC
    /// (RFC 3339). `share` is 0: it is the farm's to fill in.
    #[must_use]
    pub fn module_report(
        &self,
        now: Instant,
        name: &ModuleName,
        utc: &dyn Fn(Instant) -> String,
    ) -> Option<ModuleReport> {
        let module = self.module(name)?;
        let (config, state) = (module.config(), module.state());
        let drain_left = module.drain_until().map(|until| until.saturating_duration_since(now));
        let participants = self.participants(name);
        Some(ModuleReport {
            name: name.to_string(),
            mode: module.config().mode.as_str().to_owned(),
            errd: if module.is_errd_off() { "off" } else { "on" }.to_owned(),
            classes: module.enabled_classes().iter().cloned().collect(),
            state: state.state,
            readiness: state.readiness,
            goal: module.goal(),
            reason: module.reason().to_owned(),
            why: why(now, module),
            since: utc(module.since()),
            participants: participants.iter().map(|node| self.node_name(*node)).collect(),
            share: 0,
            script: present_script(now, module),
            last_scripts: past_scripts(module),
            drain_left_ms: drain_left.map(milliseconds),
            loop_used: module.loop_used(now),
            loop_max: config.maxloop,
            watched: module.watched().iter().map(|watched| watch_report(watched, utc)).collect(),
            boot: boot_word(config.boot).to_owned(),
            signature: format!("{:016x}", config.signature.0),
            faults: module.faults().iter().map(|fault| module_fault_text(name, fault)).collect(),
            script_lines: Vec::new(),
        })
    }

    /// Returns all configured nodes, this one included; none without a cluster.
    #[must_use]
    pub fn member_reports(&self, names: &Names) -> Vec<MemberReport> {
        let Some(membership) = self.membership() else { return Vec::new() };
        self.names().keys().map(|node| self.member_report(membership, *node, names)).collect()
    }

    fn member_report(&self, membership: &Membership, node: NodeId, names: &Names) -> MemberReport {
        let status = membership.member(node);
        let heard = status.as_ref().map(|status| status.lans).unwrap_or_default();
        let state = match status.as_ref().map(|status| status.state) {
            None => "self",
            Some(MemberState::Lost) => "lost",
            Some(MemberState::Joining) => "joining",
            Some(MemberState::Alive) => "alive",
            Some(MemberState::Left) => "left",
        };
        let why = match &status {
            None => self.join_why(),
            Some(MemberStatus { why: Some(why), .. }) => member_text(why, names),
            Some(_) if heard.is_empty() => "never heard".to_owned(),
            Some(_) => "heard, but it has not heard this node".to_owned(),
        };
        let modules = membership.peer_modules(node).iter().map(|(key, facts)| PeerModuleReport {
            name: names.module(*key),
            state: facts.state.state,
            readiness: facts.state.readiness,
            signature: format!("{:08x}", facts.config),
        });
        MemberReport {
            id: node.number(),
            name: self.node_name(node),
            state: state.to_owned(),
            why,
            silence_ms: status.as_ref().and_then(|status| status.silence).map(milliseconds),
            lans: names
                .lans
                .iter()
                .filter(|(lan, _)| heard.contains(**lan))
                .map(|(_, name)| name.to_string())
                .collect(),
            cluster: membership
                .cluster_signature(node)
                .map(|signature| format!("{signature:016x}")),
            modules: modules.collect(),
        }
    }

    /// Returns the view in force on this node.
    #[must_use]
    pub fn view_report(&self) -> Option<ViewReport> {
        let (epoch, view) = self.membership()?.view()?;
        let members = view.members.keys().map(|node| self.node_name(*node)).collect();
        Some(ViewReport { epoch: epoch.0, members })
    }

    /// Tells why the node has joined, or has not.
    #[must_use]
    pub fn join_why(&self) -> String {
        let unconfigured = || "the cluster is not configured".to_owned();
        self.join_reason().map_or_else(unconfigured, join_text)
    }

    /// Returns what is wrong with the cluster and needs a person: one sentence each.
    #[must_use]
    pub fn fault_texts(&self, names: &Names) -> Vec<String> {
        let faults = self.membership().map(Membership::faults).unwrap_or_default();
        let faults = faults.iter().filter(|fault| self.is_compared(fault));
        faults.map(|fault| fault_text(fault, names)).collect()
    }

    fn node_name(&self, node: NodeId) -> String {
        self.names().get(&node).map_or_else(|| node.to_string(), ToString::to_string)
    }
}

/// Tells why a module is in its state, and what it does there.
fn why(now: Instant, module: &Module) -> String {
    let cause = cause_text(module.cause());
    if let Some(until) = module.drain_until() {
        let left = duration_text(until.saturating_duration_since(now));
        return format!("{cause}; draining, {left} left");
    }
    match module.present_run() {
        Some(run) => {
            let time = duration_text(now.saturating_duration_since(run.since));
            format!("{cause}; {} runs since {time}", run.script.as_str())
        }
        None if module.reason() == "joining" => format!("{cause}; the node has not joined"),
        None => cause,
    }
}

fn present_script(now: Instant, module: &Module) -> Option<ScriptReport> {
    let run = module.present_run()?;
    Some(ScriptReport {
        name: run.script.as_str().to_owned(),
        arguments: run.arguments,
        duration_ms: milliseconds(now.saturating_duration_since(run.since)),
        end: None,
        userlog: None,
    })
}

fn past_scripts(module: &Module) -> Vec<ScriptReport> {
    let report =
        |(script, run): (&crate::module::script::Script, &crate::module::PastRun)| ScriptReport {
            name: script.as_str().to_owned(),
            arguments: run.arguments.clone(),
            duration_ms: milliseconds(run.duration),
            end: Some(end_text(&run.end)),
            userlog: run.userlog.clone(),
        };
    module.past_runs().iter().map(report).collect()
}

fn watch_report(watched: &Watched, utc: &dyn Fn(Instant) -> String) -> WatchReport {
    WatchReport {
        resource: format!("proc.{}", watched.name),
        state: watched.state.as_str().to_owned(),
        pids: watched.processes.iter().map(|process| process.pid).collect(),
        since: watched.since.map(utc),
        class: watched.class.clone(),
        service: watched.service.clone(),
    }
}

fn boot_word(boot: BootPolicy) -> &'static str {
    match boot {
        BootPolicy::On => "on",
        BootPolicy::Off => "off",
        BootPolicy::Auto => "auto",
        BootPolicy::Ignore => "ignore",
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
