//! The status page: nodes, modules and their states, for everybody who reaches the agent.
//!
//! In: the state of the node. Out: one page of HTML without scripts and without anything from elsewhere, or its data.
//!
//! Always: states only, neither configuration nor logs nor sentences made from them; every text is escaped; a colour
//! never says what a word does not say.

use safekit_core::control::StateReport;
use safekit_core::module::state::Readiness;
use safekit_core::runtime::front::ApiResponse;
use serde::Serialize;

use super::answer;

/// Whether there is a status page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusPage {
    /// There is.
    On,
    /// There is none: 404.
    Off,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Status {
    /// This node's name; empty while the cluster is not configured.
    node: String,
    /// When, in UTC (RFC 3339).
    time: String,
    /// All nodes.
    nodes: Vec<NodeStatus>,
    /// The modules of this node, on all nodes that tell of them.
    modules: Vec<ModuleStatus>,
    /// How many things need a person.
    faults: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct NodeStatus {
    name: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ModuleStatus {
    name: String,
    node: String,
    /// "UP (Ready)", or "not known".
    state: String,
    #[serde(skip)]
    look: Look,
}

/// How a state looks, beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Good,
    Moving,
    Bad,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Moving => "moving",
            Self::Bad => "bad",
        }
    }

    fn of_node(state: &str) -> Self {
        match state {
            "self" | "alive" => Self::Good,
            "joining" => Self::Moving,
            _ => Self::Bad,
        }
    }

    fn of_module(readiness: Readiness) -> Self {
        match readiness {
            Readiness::Ready => Self::Good,
            Readiness::Transient => Self::Moving,
            Readiness::NotReady => Self::Bad,
        }
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--good:#17692e;--moving:#8a4b00;--bad:#a8161c}\
@media(prefers-color-scheme:dark){:root{--good:#7ddb94;--moving:#ffc36b;--bad:#ff9a94}}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:1.5rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.35rem .5rem .35rem 0;border-bottom:1px solid;overflow-wrap:anywhere}\
.good{color:var(--good)}.moving{color:var(--moving)}.bad{color:var(--bad);font-weight:600}\
footer{margin-top:1.5rem;font-size:.875rem}";

/// Nothing is loaded, run or framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Picks what everybody may see.
pub(super) fn status(state: &StateReport) -> Status {
    let mut modules = Vec::new();
    for module in &state.modules {
        modules.push(ModuleStatus {
            name: module.name.clone(),
            node: state.node.clone(),
            state: format!("{} ({})", module.state, module.readiness),
            look: Look::of_module(module.readiness),
        });
        for member in state.nodes.iter().filter(|member| member.state != "self") {
            let Some(peer) = member.modules.iter().find(|peer| peer.name == module.name) else {
                continue;
            };
            let heard = member.state == "alive" || member.state == "joining";
            modules.push(ModuleStatus {
                name: module.name.clone(),
                node: member.name.clone(),
                state: if heard {
                    format!("{} ({})", peer.state, peer.readiness)
                } else {
                    "not known".to_owned()
                },
                look: if heard { Look::of_module(peer.readiness) } else { Look::Bad },
            });
        }
    }
    Status {
        node: state.node.clone(),
        time: state.time.clone(),
        nodes: state
            .nodes
            .iter()
            .map(|member| NodeStatus { name: member.name.clone(), state: member.state.clone() })
            .collect(),
        modules,
        faults: state.faults.len(),
    }
}

/// Makes the page.
pub(super) fn html(state: &StateReport) -> ApiResponse {
    let text = text(&status(state));
    answer::fresh(ApiResponse::new(200, "text/html; charset=utf-8", text.into_bytes()))
        .with_header("Content-Security-Policy", POLICY)
        .with_header("Referrer-Policy", "no-referrer")
}

fn text(status: &Status) -> String {
    let node = if status.node.is_empty() { "this node" } else { &status.node };
    let node = escaped(node);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"refresh\" content=\"5\">\n<title>{node}: state of the farm</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>State of the farm, as {node} sees it</h1>\n"
    );
    page.push_str("<h2>Nodes</h2>\n");
    if status.nodes.is_empty() {
        page.push_str("<p>The cluster is not configured on this node.</p>\n");
    } else {
        page.push_str(
            "<table>\n<tr><th scope=\"col\">Node</th><th scope=\"col\">State</th></tr>\n",
        );
        for node in &status.nodes {
            let word = if node.state == "self" { "this node" } else { &node.state };
            let class = Look::of_node(&node.state).class();
            page.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td class=\"{class}\">{}</td></tr>\n",
                escaped(&node.name),
                escaped(word)
            ));
        }
        page.push_str("</table>\n");
    }
    page.push_str("<h2>Modules</h2>\n");
    if status.modules.is_empty() {
        page.push_str("<p>No module is configured on this node.</p>\n");
    } else {
        page.push_str(
            "<table>\n<tr><th scope=\"col\">Module</th><th scope=\"col\">Node</th><th scope=\"col\">State</th></tr>\n",
        );
        for module in &status.modules {
            page.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"{}\">{}</td></tr>\n",
                escaped(&module.name),
                escaped(&module.node),
                module.look.class(),
                escaped(&module.state)
            ));
        }
        page.push_str("</table>\n");
    }
    if status.faults > 0 {
        page.push_str(&format!(
            "<p class=\"bad\">To be mended: {}. The command safekit state tells what, on this node.</p>\n",
            status.faults
        ));
    }
    page.push_str(&format!(
        "</main>\n<footer>{} (UTC). This page renews itself every 5 seconds.</footer>\n</body>\n</html>\n",
        escaped(&status.time)
    ));
    page
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
