//! Texts of everything but the state.

use safekit_core::control::{
    BootReport, BudgetReport, ClusterConfinfoReport, ClusterStateReport, ConfigurationReport,
    DoneReport, LevelReport, LogReport, ModuleConfinfoReport, ModuleListReport, ModuleReport,
    PortReport, PortsReport,
};
use safekit_core::module::watch::ProcessInfo;

use super::plain;
use super::table::Table;

/// What starts the modules.
pub(crate) fn boot(report: &BootReport) -> String {
    let mut table = Table::new(&["MODULE", "STARTS", "WHY"]);
    for module in &report.modules {
        let node = module.node.as_deref();
        let (starts, why) = match module.configured.as_deref() {
            None => ("no", "it is not configured".to_owned()),
            Some("ignore") => match node {
                Some("on") => ("yes", "'safekit boot on' was said on this node".to_owned()),
                Some(_) => ("no", "'safekit boot off' was said on this node".to_owned()),
                None => ("no", "boot=\"ignore\", and nothing was said on this node".to_owned()),
            },
            Some("on") => ("yes", "boot=\"on\"".to_owned()),
            Some("auto") => ("as before", "boot=\"auto\": if it ran before".to_owned()),
            Some(word) => ("no", format!("boot=\"{word}\"")),
        };
        table.row([&module.name, &starts, &why]);
    }
    table.to_string()
}

/// How many automatic actions are counted.
pub(crate) fn budget(report: &BudgetReport) -> String {
    let reached = if report.reached { ": the limit is reached" } else { "" };
    format!("{} of {} automatic actions are counted{reached}\n", report.used, report.max)
}

/// The ids of the modules.
pub(crate) fn module_ids(report: &ModuleListReport) -> String {
    let mut table = Table::new(&["MODULE", "ID"]);
    for module in &report.modules {
        table.row([&module.name, &module.id]);
    }
    table.to_string()
}

/// The ports of a module.
pub(crate) fn ports(report: &PortsReport) -> String {
    let mut text = "List of the ports used by SafeKit\n\nProcess    Ports\n".to_owned();
    for PortReport { process, protocol, port } in &report.ports {
        text.push_str(&format!("{}\n    port {} {port}\n", plain(process), plain(protocol)));
    }
    text
}

/// A process, in one line.
pub(crate) fn process(process: &ProcessInfo) -> String {
    let line = process.arguments.join(" ");
    let (pid, name, parent) = (process.id.pid, &process.name, process.parent_pid);
    plain(&format!("{pid} {name} {line} (parent={parent})")) + "\n"
}

/// The watched processes of a module.
pub(crate) fn watched(report: &ModuleReport) -> String {
    if report.watched.is_empty() {
        return format!("module {} watches no process\n", plain(&report.name));
    }
    let mut table = Table::new(&["RESOURCE", "STATE", "PROCESSES", "SINCE"]);
    for watch in &report.watched {
        let pids: Vec<String> = watch.pids.iter().map(ToString::to_string).collect();
        let since = watch.since.as_deref().unwrap_or_default();
        // Of a service what the host says, its main process first.
        let service = watch.service.iter().filter(|said| !said.is_empty()).cloned();
        let found: Vec<String> = pids.into_iter().chain(service).collect();
        table.row([&watch.resource, &watch.state, &found.join(" "), &since]);
    }
    table.to_string()
}

/// What was done.
pub(crate) fn done(report: &DoneReport) -> String {
    let mut text = format!("{}\n", plain(&report.text));
    for line in &report.details {
        text.push_str(&format!("{}\n", plain(line)));
    }
    text
}

/// The lines of a log.
pub(crate) fn log(report: &LogReport) -> String {
    report.lines.iter().map(|line| format!("{}\n", plain(line))).collect()
}

/// What runs here.
pub(crate) fn level(report: &LevelReport) -> String {
    let mut text = format!(
        "Host: {}\nOS: {}\nSafeKit: {}\nLicense: {}\n",
        plain(&report.host),
        plain(&report.os),
        plain(&report.version),
        plain(&report.license)
    );
    for line in &report.module {
        text.push_str(&format!("{}\n", plain(line)));
    }
    text
}

/// The modules on the disk.
pub(crate) fn module_list(report: &ModuleListReport) -> String {
    if report.modules.is_empty() {
        return "no module is installed: run 'safekit module install -m AM DIR-OR-FILE.safe'\n"
            .to_owned();
    }
    let mut table = Table::new(&["MODULE", "MODE", "CONFIGURED"]);
    for module in &report.modules {
        let mode = if module.mode.is_empty() { "not readable" } else { &module.mode };
        table.row([&module.name, &mode, &if module.configured { "yes" } else { "no" }]);
    }
    table.to_string()
}

/// Which configuration of a module is in force.
pub(crate) fn module_confinfo(report: &ModuleConfinfoReport) -> String {
    let mut table = Table::new(&["CONFIGURATION", "SIGNATURE", "DATE"]);
    for (name, configuration) in [("active", &report.active), ("current", &report.current)] {
        match configuration {
            Some(ConfigurationReport { signature, date }) => table.row([&name, signature, date]),
            None => table.row([&name, &"none", &""]),
        }
    }
    let verdict = match (&report.active, &report.current) {
        (Some(active), Some(current)) if active.signature == current.signature => {
            "they are the same".to_owned()
        }
        (_, Some(_)) => format!("run 'safekit config -m {}' to apply the current one", report.name),
        (_, None) => "there is no current one that can be read: run 'safekit confcheck'".to_owned(),
    };
    let mode = if report.mode == "light" { "a light module\n" } else { "" };
    format!("{mode}{table}{}\n", plain(&verdict))
}

/// Whether all nodes have the same cluster configuration.
pub(crate) fn cluster_confinfo(report: &ClusterConfinfoReport) -> String {
    if report.nodes.is_empty() {
        return "the cluster is not configured on this node: run 'safekit cluster config FILE'\n"
            .to_owned();
    }
    let mut table = Table::new(&["Node", "Signature", "Date", "Lock"]);
    for node in &report.nodes {
        let signature = node.signature.as_deref().unwrap_or("not told");
        let date = node.date.as_deref().unwrap_or_default();
        table.row([&node.node, &signature, &date, &u8::from(node.lock)]);
    }
    let (told, silent): (Vec<_>, Vec<_>) =
        report.nodes.iter().partition(|node| node.signature.is_some());
    let same = told.iter().all(|node| Some(&node.signature) == told.first().map(|n| &n.signature));
    let silent: Vec<&str> = silent.iter().map(|node| node.node.as_str()).collect();
    let verdict = match (same, silent.is_empty()) {
        (false, _) => "the configurations differ: apply the same one on all nodes".to_owned(),
        (true, true) => "all nodes have the same configuration".to_owned(),
        // Other keys mean another cluster: who has them is not heard.
        (true, false) => format!(
            "not known of {}: not heard, so it is down, cut off, or configured with other keys",
            silent.join(", ")
        ),
    };
    format!("{table}{}\n", plain(&verdict))
}

/// Every module on every node.
pub(crate) fn cluster_state(report: &ClusterStateReport) -> String {
    if report.modules.is_empty() {
        return "no module is configured on any node that is heard\n".to_owned();
    }
    let mut table = Table::new(&["NODE", "MODULE", "STATE", "SIGNATURE"]);
    for module in &report.modules {
        let state = super::state::on_node(&module.node_state, module.state, module.readiness);
        table.row([&module.node, &module.module, &state, &module.signature]);
    }
    table.to_string()
}
