//! What the reports say about each module on each node, and what a person should look at.
//!
//! A node that answers tells of itself; of any other node the first one that answers tells, and of a lost one what was
//! known last.

use safekit_core::control::{MemberReport, ModuleReport, StateReport};
use safekit_core::module::state::{FarmState, Readiness};

use super::super::duration;
use super::frame::Style;
use super::{Clients, Scene, Seat};

/// A module on a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) chosen: bool,
    /// Empty in the second and further rows of a node.
    pub(super) node: String,
    pub(super) agent: (String, Style),
    pub(super) module: String,
    pub(super) state: (String, Style),
    pub(super) share: String,
    pub(super) health: (String, Style),
    pub(super) budget: String,
    pub(super) clients: Option<Clients>,
}

/// Returns the report of the first seat that answers, but for that of a node.
pub(super) fn answering<'a>(scene: &Scene<'a>, but: Option<&str>) -> Option<&'a StateReport> {
    let answers = |seat: &&Seat<'_>| seat.silent_ms.is_none() && Some(seat.name) != but;
    scene.seats.iter().filter(answers).find_map(|seat| seat.report)
}

/// Returns a row for each module on each node, or one for a node without any.
pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    // What was known last is better than nothing.
    let known = answering(scene, None).or_else(|| scene.seats.iter().find_map(|seat| seat.report));
    let configured = known.map_or(&[][..], |report| &report.nodes);
    let mut names: Vec<&str> = configured.iter().map(|member| member.name.as_str()).collect();
    for seat in &scene.seats {
        if !names.contains(&seat.name) {
            names.push(seat.name);
        }
    }
    names.into_iter().flat_map(|name| of_node(scene, name)).collect()
}

/// Returns the module that all rows are about; `None` where there are several, or none.
pub(super) fn only_module(rows: &[Row]) -> Option<&str> {
    let mut names = rows.iter().map(|row| row.module.as_str()).filter(|name| !name.is_empty());
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

fn of_node(scene: &Scene<'_>, name: &str) -> Vec<Row> {
    let seat = scene.seats.iter().find(|seat| seat.name == name);
    let own = seat.filter(|seat| seat.silent_ms.is_none()).and_then(|seat| seat.report);
    let observer = answering(scene, Some(name));
    let member = observer.or(own).and_then(|report| report.nodes.iter().find(|it| it.name == name));
    let agent = agent(seat, member);
    let wanted = |module: &str| scene.module.is_none_or(|only| only == module);
    let mut rows: Vec<Row> = match (own, observer, seat.and_then(|seat| seat.report)) {
        (Some(own), ..) => own.modules.iter().map(own_row).collect(),
        (None, Some(observer), _) => peer_rows(observer, member, name),
        (None, None, Some(last)) => last.modules.iter().map(last_row).collect(),
        (None, None, None) => Vec::new(),
    };
    rows.retain(|row| wanted(&row.module));
    if rows.is_empty() {
        rows.push(Row::default());
    }
    if let Some(first) = rows.first_mut() {
        first.node = if name.is_empty() { "this node".to_owned() } else { name.to_owned() };
        first.agent = agent;
        first.chosen = seat.is_some_and(|seat| seat.chosen);
        first.clients = seat.and_then(|seat| seat.clients);
    }
    rows
}

fn agent(seat: Option<&Seat<'_>>, member: Option<&MemberReport>) -> (String, Style) {
    if let Some(note) = seat.and_then(|seat| seat.note) {
        return (note.to_owned(), Style::Bad);
    }
    if let Some(silent_ms) = seat.and_then(|seat| seat.silent_ms) {
        return (format!("silent {} s", silent_ms / 1000), Style::Bad);
    }
    let Some(member) = member else { return ("answers".to_owned(), Style::Plain) };
    let style = match member.state.as_str() {
        "self" | "alive" => Style::Good,
        "lost" => Style::Bad,
        _ => Style::Between,
    };
    (member.state.clone(), style)
}

fn own_row(module: &ModuleReport) -> Row {
    let share = match module.participants.is_empty() {
        true => "-".to_owned(),
        false => format!("{}%", (u32::from(module.share) * 100 + 128) / 256),
    };
    let health = match module.reason.as_str() {
        "ready" => ("200".to_owned(), Style::Good),
        _ => ("404".to_owned(), Style::Between),
    };
    Row {
        module: module.name.clone(),
        state: state(module.state, module.readiness),
        share,
        health,
        budget: format!("{}/{}", module.loop_used, module.loop_max),
        ..Row::default()
    }
}

fn peer_rows(observer: &StateReport, member: Option<&MemberReport>, node: &str) -> Vec<Row> {
    let Some(member) = member else { return Vec::new() };
    let mut names: Vec<&str> = observer.modules.iter().map(|it| it.name.as_str()).collect();
    for peer in &member.modules {
        if !names.contains(&peer.name.as_str()) {
            names.push(&peer.name);
        }
    }
    let row = |name: &str| {
        let peer = member.modules.iter().find(|peer| peer.name == name);
        let state = match (member.state.as_str(), peer) {
            ("left", _) => ("agent ended".to_owned(), Style::Between),
            ("lost", Some(peer)) => was(peer.state, peer.readiness),
            ("lost", None) => ("not known".to_owned(), Style::Bad),
            (_, Some(peer)) => state(peer.state, peer.readiness),
            (_, None) => ("not configured".to_owned(), Style::Faint),
        };
        let here = observer.modules.iter().find(|module| module.name == name);
        let participants = here.map_or(&[][..], |module| &module.participants);
        let share = match (participants.is_empty(), participants.iter().any(|it| it == node)) {
            (true, _) => "",
            (false, true) => "yes",
            (false, false) => "-",
        };
        Row { module: name.to_owned(), state, share: share.to_owned(), ..Row::default() }
    };
    names.into_iter().map(row).collect()
}

fn last_row(module: &ModuleReport) -> Row {
    Row {
        module: module.name.clone(),
        state: was(module.state, module.readiness),
        ..Row::default()
    }
}

fn state(state: FarmState, readiness: Readiness) -> (String, Style) {
    let style = match (state, readiness) {
        (FarmState::Up, Readiness::Ready) => Style::Good,
        _ => Style::Between,
    };
    (format!("{state} ({readiness})"), style)
}

fn was(state: FarmState, readiness: Readiness) -> (String, Style) {
    (format!("was {state} ({readiness})"), Style::Bad)
}

/// Returns what a person should look at, the worst first, each sentence once.
pub(super) fn sentences(scene: &Scene<'_>) -> Vec<(String, Style)> {
    let mut told: Vec<(String, Style)> = Vec::new();
    let mut tell = |text: String, style| {
        if told.iter().all(|(known, _)| *known != text) {
            told.push((text, style));
        }
    };
    scene.notices.iter().for_each(|notice| tell(notice.clone(), Style::Bad));
    let fresh = || {
        scene.seats.iter().filter(|seat| seat.silent_ms.is_none()).filter_map(|seat| seat.report)
    };
    let wanted = |module: &&ModuleReport| scene.module.is_none_or(|only| only == module.name);
    for report in fresh() {
        report.faults.iter().for_each(|fault| tell(fault.clone(), Style::Bad));
        for module in report.modules.iter().filter(wanted) {
            for fault in &module.faults {
                tell(format!("{} on {}: {fault}", module.name, report.node), Style::Bad);
            }
        }
    }
    for report in fresh() {
        if !report.joined && !report.node.is_empty() {
            tell(format!("{} has not joined: {}", report.node, report.join_why), Style::Between);
        }
        for module in report.modules.iter().filter(wanted) {
            if (module.state, module.readiness) != (FarmState::Up, Readiness::Ready) {
                tell(
                    format!("{} on {}: {}", module.name, report.node, why(module)),
                    Style::Between,
                );
            }
        }
    }
    if let Some(report) = answering(scene, None) {
        for member in &report.nodes {
            if !matches!(member.state.as_str(), "self" | "alive") {
                let text = format!("{} is {}: {}", member.name, member.state, member.why);
                tell(text, Style::Between);
            }
        }
    }
    told
}

fn why(module: &ModuleReport) -> String {
    match (module.drain_left_ms, &module.script) {
        // The agent's own words may say it already.
        (Some(_), _) if module.why.contains("draining") => module.why.clone(),
        (Some(left_ms), _) => format!("{}; draining, {} left", module.why, duration(left_ms)),
        (None, Some(script)) => {
            format!("{}; {} runs for {}", module.why, script.name, duration(script.duration_ms))
        }
        (None, None) => module.why.clone(),
    }
}
