//! Texts of the state of a node and of a module.

use safekit_core::control::{MemberReport, ModuleReport, ScriptReport, StateReport};
use safekit_core::module::state::{FarmState, Readiness};

use super::table::Table;
use super::{duration, item, plain};
use crate::args::Detail;

/// Buckets that are shared.
const BUCKETS: u16 = 256;

/// The node, the other nodes, all modules.
pub(crate) fn node_state(report: &StateReport) -> String {
    let mut text = headline(report);
    if !report.nodes.is_empty() {
        text.push_str(&format!("\n{}", nodes(report)));
    }
    if report.modules.is_empty() {
        text.push_str("\nno module is configured on this node: run 'safekit module install' and 'safekit config'\n");
    } else {
        text.push_str(&format!("\n{}", modules(report)));
    }
    let of_modules = report.modules.iter().flat_map(|module| {
        module.faults.iter().map(|fault| format!("module {}: {fault}", module.name))
    });
    text.push_str(&to_be_mended(report.faults.iter().cloned().chain(of_modules)));
    text
}

/// One module: its state and why, where else it runs, and what it depends on.
pub(crate) fn module_state(node: &StateReport, module: &ModuleReport, detail: Detail) -> String {
    let mut text = plain(&format!(
        "{} on {}: {} ({}) since {}",
        module.name, node.node, module.state, module.readiness, module.since
    ));
    text.push('\n');
    let mut facts = Table::bare();
    facts.row([&"  why", &module.why]);
    if module.reason != "ready" {
        facts.row([&"  health answer", &format!("negative: {}", module.reason)]);
    } else {
        facts.row([&"  health answer", &"positive"]);
    }
    let participants = if module.mode == "light" {
        "light: on this node alone".to_owned()
    } else if module.participants.is_empty() {
        "no share".to_owned()
    } else {
        format!("{}, with {}", share(module), module.participants.join(", "))
    };
    facts.row([&"  share", &participants]);
    if let Some(left_ms) = module.drain_left_ms {
        facts.row([&"  draining", &format!("{} left", duration(left_ms))]);
    }
    if let Some(script) = &module.script {
        facts.row([&"  script", &script_text(script)]);
    }
    if module.errd == "off" {
        facts.row([&"  processes", &"not watched: 'safekit errd on' ends that"]);
    }
    if !module.classes.is_empty() {
        facts.row([&"  errd classes", &module.classes.join(", ")]);
    }
    facts.row([&"  maxloop", &format!("{} of {}", module.loop_used, module.loop_max)]);
    text.push_str(&facts.to_string());
    text.push_str(&to_be_mended(module.faults.iter().cloned()));
    let mut others = Table::new(&["NODE", "STATE"]);
    for member in node.nodes.iter().filter(|member| member.state != "self") {
        others.row([&member.name, &peer_state(member, &module.name)]);
    }
    if node.nodes.len() > 1 {
        text.push_str(&format!("\n{others}"));
    }
    if detail == Detail::Resources {
        text.push_str(&format!("\n{}", resources(module)));
        if !module.last_scripts.is_empty() {
            text.push_str(&format!("\n{}", scripts(module)));
        }
        if !module.script_lines.is_empty() {
            text.push_str("\nits script 'state' says:\n");
            module
                .script_lines
                .iter()
                .for_each(|line| text.push_str(&format!("  {}\n", plain(line))));
        }
    }
    text
}

/// Tells a module's state on a node: of a node that is not heard nobody knows it.
pub(super) fn on_node(node_state: &str, state: FarmState, readiness: Readiness) -> String {
    match node_state {
        "lost" => format!("not known, was {state} ({readiness})"),
        "left" => "agent ended".to_owned(),
        _ => format!("{state} ({readiness})"),
    }
}

fn headline(report: &StateReport) -> String {
    if report.node.is_empty() {
        return "the cluster is not configured on this node: run 'safekit cluster config FILE'\n"
            .to_owned();
    }
    let joined = if report.joined { "joined" } else { "not joined" };
    let view = match &report.view {
        Some(view) => format!("view {}: {}", view.epoch, view.members.join(", ")),
        None => "in no view".to_owned(),
    };
    plain(&format!("{}: {joined} ({}), {view}", report.node, report.join_why)) + "\n"
}

/// The faults, one in a line; nothing where there is none.
fn to_be_mended(faults: impl Iterator<Item = String>) -> String {
    let lines: String = faults.map(|fault| item(&fault)).collect();
    if lines.is_empty() { lines } else { format!("\nto be mended:\n{lines}") }
}

fn nodes(report: &StateReport) -> Table {
    let mut table = Table::new(&["ID", "NODE", "STATE", "SILENCE", "LANS", "WHY"]);
    for member in &report.nodes {
        let silence = member.silence_ms.map(duration).unwrap_or_default();
        table.row([
            &member.id,
            &member.name,
            &member.state,
            &silence,
            &member.lans.join(","),
            &member.why,
        ]);
    }
    table
}

fn modules(report: &StateReport) -> Table {
    let mut table = Table::new(&["MODULE", "NODE", "STATE", "SHARE", "WHY"]);
    for module in &report.modules {
        let state = format!("{} ({})", module.state, module.readiness);
        let why = match module.drain_left_ms {
            Some(left_ms) => format!("draining, {} left", duration(left_ms)),
            None => module.why.clone(),
        };
        table.row([&module.name, &report.node, &state, &share(module), &why]);
        for member in report.nodes.iter().filter(|member| member.state != "self") {
            table.row([&module.name, &member.name, &peer_state(member, &module.name), &"", &""]);
        }
    }
    table
}

fn share(module: &ModuleReport) -> String {
    if module.participants.is_empty() {
        return "-".to_owned();
    }
    format!("{}/{BUCKETS}", module.share)
}

fn peer_state(member: &MemberReport, module: &str) -> String {
    match member.modules.iter().find(|peer| peer.name == module) {
        Some(peer) => on_node(&member.state, peer.state, peer.readiness),
        None if member.state == "lost" => "not known".to_owned(),
        None if member.state == "left" => "agent ended".to_owned(),
        None => "not configured".to_owned(),
    }
}

fn resources(module: &ModuleReport) -> Table {
    let mut table = Table::new(&["RESOURCE", "VALUE", "DATE"]);
    let state = format!("{} {}", module.state, module.readiness);
    table.row([&"heart.state", &state, &module.since]);
    table.row([&"heart.stopstartloop", &module.loop_used, &""]);
    table.row([&"usersetting.boot", &module.boot, &""]);
    if !module.errd.is_empty() {
        table.row([&"usersetting.errd", &module.errd, &""]);
    }
    for watched in &module.watched {
        let date = watched.since.as_deref().unwrap_or_default();
        table.row([&watched.resource, &watched.state, &date]);
    }
    table
}

fn scripts(module: &ModuleReport) -> Table {
    let mut table = Table::new(&["SCRIPT", "TOOK", "END", "OUTPUT"]);
    for script in &module.last_scripts {
        let userlog = script.userlog.as_deref().unwrap_or_default();
        let end = script.end.as_deref().unwrap_or("runs");
        table.row([&script.name, &duration(script.duration_ms), &end, &userlog]);
    }
    table
}

fn script_text(script: &ScriptReport) -> String {
    let mut words = vec![script.name.clone()];
    words.extend(script.arguments.iter().cloned());
    format!("{} runs for {}", words.join(" "), duration(script.duration_ms))
}
