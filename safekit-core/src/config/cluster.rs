//! cluster.xml: reading, canonical text, names to addresses, and which node this host is.
//!
//! The canonical text of a resolved cluster is `cluster_ip.xml`.
//!
//! Example: [`parse()`].

mod resolve;
mod seats;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::check::{self, Checked};
use super::diagnostic::{Code, Parsed, Report, Said};
use super::duration::{self, Unit};
use super::model::{ClusterConfig, Host, LanAddress, LanConfig, Signature};
use super::reader;
use super::schema::CLUSTER;
use crate::ids::{LanId, LanName, LanSet, NODES_MAX, NodeId, NodeName};

pub use self::resolve::ResolveError;

/// Reads cluster.xml.
///
/// `file_name` is only repeated in the diagnostics.
///
/// ```
/// let text = br#"<cluster><lans><lan name="default">
///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
/// </lan></lans></cluster>"#;
/// let parsed = safekit_core::config::cluster::parse("cluster.xml", text);
/// assert_eq!(parsed.model.map(|cluster| cluster.nodes.len()), Some(2));
/// ```
#[must_use]
pub fn parse(file_name: &str, bytes: &[u8]) -> Parsed<ClusterConfig> {
    let (text, fault) = reader::decode(bytes);
    let mut report = Report::new(file_name, text);
    let mut document = reader::read(text, fault.as_ref(), CLUSTER.name, &mut report);
    reader::unescape_all(&mut document, &mut report);
    let checked = check::check(&document, &CLUSTER, None, &mut report);
    let lans = checked.as_ref().and_then(|cluster| cluster.child("lans"));
    let Some(lans) = lans else { return report.finish(None, Vec::new()) };
    let nodes = number_nodes(lans, &mut report);
    cross_check(lans, &nodes, &mut report);
    let model = if report.failed() { None } else { build(lans, &nodes) };
    report.finish(model, Vec::new())
}

/// Numbers the nodes in the order of their first appearance.
fn number_nodes(lans: &Checked, report: &mut Report<'_>) -> BTreeMap<NodeName, NodeId> {
    let mut numbered: BTreeMap<NodeName, NodeId> = BTreeMap::new();
    let mut beyond = BTreeSet::new();
    for node in lans.children("lan").flat_map(|lan| lan.children("node")) {
        let Some(name) = node.node_name("name").filter(|name| !numbered.contains_key(name)) else {
            continue;
        };
        if let Some(id) = NodeId::new(numbered.len() + 1) {
            numbered.insert(name.clone(), id);
        } else if beyond.insert(name) {
            report.error(node.value_at("name"), Code::Limit, || {
                Said::new(format!(
                    "node '{name}' is one more than the {NODES_MAX} nodes that there may be"
                ))
            });
        }
    }
    numbered
}

fn build(lans: &Checked, numbers: &BTreeMap<NodeName, NodeId>) -> Option<ClusterConfig> {
    let mut config = ClusterConfig {
        port: lans.unsigned("port")?,
        pulse: lans.duration("pulse")?,
        slost_count: lans.unsigned("slost_count")?,
        mlost_count: lans.unsigned("mlost_count"),
        lans: Vec::new(),
        nodes: numbers.iter().map(|(name, id)| (*id, name.clone())).collect(),
        signature: Signature::default(),
    };
    for (place, lan) in lans.children("lan").enumerate() {
        let mut nodes = BTreeMap::new();
        for node in lan.children("node") {
            let id = *numbers.get(node.node_name("name")?)?;
            let addr = node.host("addr")?.clone();
            nodes.insert(id, LanAddress { addr, laddr: node.ip("laddr") });
        }
        let name = lan.lan_name("name")?.clone();
        let command = lan.word("command")? == "on";
        config.lans.push(LanConfig { id: LanId::new(place)?, name, command, nodes });
    }
    config.signature = Signature::of(&config.to_xml());
    Some(config)
}

fn cross_check(lans: &Checked, nodes: &BTreeMap<NodeName, NodeId>, report: &mut Report<'_>) {
    let mut names: BTreeMap<&LanName, usize> = BTreeMap::new();
    let mut command: Option<(&LanName, usize)> = None;
    let mut missing: Option<(&LanName, Vec<&NodeName>)> = None;
    let mut complete = false;
    for lan in lans.children("lan") {
        let Some(name) = lan.lan_name("name") else { continue };
        let at = lan.value_at("name");
        if let Some(first) = names.insert(name, at) {
            let line = report.line(first);
            report.error(at, Code::Duplicate, || {
                Said::new(format!("lan '{name}' is there twice"))
                    .hint(format!("first in line {line}"))
            });
        }
        let here: BTreeSet<&NodeName> =
            lan.children("node").filter_map(|node| node.node_name("name")).collect();
        let lacks: Vec<&NodeName> = nodes.keys().filter(|node| !here.contains(node)).collect();
        complete |= lacks.is_empty();
        if here.len() == 1 && nodes.len() > 1 && !report.failed() {
            report.warning(at, Code::NoEffect, || {
                Said::new(format!("lan '{name}' has one node only: no heartbeat travels on it"))
            });
        }
        if lan.word("command") == Some("on") {
            check_command(lan, name, (&lacks, &mut command), report);
        }
        if missing.is_none() && !lacks.is_empty() {
            missing = Some((name, lacks));
        }
    }
    let mut all = lans.children("lan").flat_map(|lan| lan.children("node"));
    let nameless = all.any(|node| node.node_name("name").is_none());
    if let Some((name, lacks)) = missing.filter(|_| !complete && !nameless) {
        report.error(lans.at, Code::Contradiction, || {
            let message = format!("no lan has all nodes: lan '{name}' lacks {}", listed(&lacks));
            Said::new(message).hint("at least one lan must have all of them")
        });
    }
    if let Some(only) = nodes.keys().next().filter(|_| nodes.len() == 1 && !report.failed()) {
        report.warning(lans.at, Code::Contradiction, || {
            Said::new(format!("'{only}' is the only node: nothing takes over when it fails"))
                .hint("a cluster has two nodes or more")
        });
    }
    seats::check(lans, report);
}

fn check_command<'c>(
    lan: &Checked,
    name: &'c LanName,
    (lacks, command): (&[&NodeName], &mut Option<(&'c LanName, usize)>),
    report: &mut Report<'_>,
) {
    let at = lan.value_at("command");
    if let Some((first, first_at)) = command.replace((name, at)) {
        let line = report.line(first_at);
        report.error(at, Code::Contradiction, || {
            Said::new(format!(
                "two lans have command=\"on\": '{first}' in line {line} and '{name}'"
            ))
            .hint("leave it on one of them")
        });
    }
    if !lacks.is_empty() {
        report.error(at, Code::Contradiction, || {
            let message = format!("lan '{name}' has command=\"on\", and lacks {}", listed(lacks));
            Said::new(message).hint("a lan for commands must have all nodes")
        });
    }
}

/// Names some nodes, and counts the rest.
fn listed(nodes: &[&NodeName]) -> String {
    const NAMED_MAX: usize = 5;
    let names: Vec<String> = nodes.iter().take(NAMED_MAX).map(|name| format!("'{name}'")).collect();
    match nodes.len().saturating_sub(NAMED_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Why a host does not know which node it is. The administrator mends cluster.xml, or says it with `--node`.
///
/// ```
/// use safekit_core::config::cluster::{self, IdentifyError};
///
/// let text = br#"<cluster><lans><lan name="default">
///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
/// </lan></lans></cluster>"#;
/// let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
/// assert_eq!(cluster.identify(&["10.0.0.2".parse()?])?.number(), 2);
/// assert_eq!(cluster.identify(&["192.168.7.9".parse()?]), Err(IdentifyError::None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifyError {
    /// No node has an address of this host.
    #[error("no node of cluster.xml has an address of this host; --node says which node it is")]
    None,
    /// Several nodes have addresses of this host.
    #[error(
        "the nodes {} of cluster.xml have addresses of this host; --node says which one it is",
        named(nodes)
    )]
    Several {
        /// Which.
        nodes: Vec<NodeName>,
    },
}

fn named(nodes: &[NodeName]) -> String {
    listed(&nodes.iter().collect::<Vec<_>>())
}

impl ClusterConfig {
    /// Returns the canonical text: complete, defaults included, without comments. It reads as the same model.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = String::from("<cluster>\n");
        let pulse = duration::text(self.pulse, Unit::Millisecond);
        line(
            &mut xml,
            1,
            &format!(
                "<lans port=\"{}\" pulse=\"{pulse}\"{} slost_count=\"{}\">",
                self.port,
                self.mlost_count
                    .map(|count| format!(" mlost_count=\"{count}\""))
                    .unwrap_or_default(),
                self.slost_count,
            ),
        );
        for lan in &self.lans {
            let command = if lan.command { "on" } else { "off" };
            line(&mut xml, 2, &format!("<lan name=\"{}\" command=\"{command}\">", lan.name));
            for (id, address) in &lan.nodes {
                let name = self.nodes.get(id).map_or("", NodeName::as_str);
                let laddr = address.laddr.map(|ip| format!(" laddr=\"{}\"", Host::Ip(ip)));
                let laddr = laddr.unwrap_or_default();
                line(
                    &mut xml,
                    3,
                    &format!("<node name=\"{name}\" addr=\"{}\"{laddr}/>", address.addr),
                );
            }
            line(&mut xml, 2, "</lan>");
        }
        line(&mut xml, 1, "</lans>");
        xml.push_str("</cluster>\n");
        xml
    }

    /// Returns the id of a node.
    #[must_use]
    pub fn node_by_name(&self, name: &NodeName) -> Option<NodeId> {
        self.nodes.iter().find(|(_, node)| *node == name).map(|(id, _)| *id)
    }

    /// Returns the id of a lan.
    #[must_use]
    pub fn lan_by_name(&self, name: &LanName) -> Option<LanId> {
        self.lans.iter().find(|lan| lan.name == *name).map(|lan| lan.id)
    }

    /// Returns the ids of the lans of these names; names that the cluster does not have are passed over.
    #[must_use]
    pub fn lan_set(&self, names: &[LanName]) -> LanSet {
        let mut lans = LanSet::default();
        names.iter().filter_map(|name| self.lan_by_name(name)).for_each(|lan| lans.insert(lan));
        lans
    }

    /// Returns where a node receives heartbeats: its own address and the cluster's port, for each lan that it is on.
    /// A lan on which its address is a name that was not resolved is left out.
    #[must_use]
    pub fn sockets_of(&self, node: NodeId) -> Vec<(LanId, SocketAddr)> {
        let own = |lan: &LanConfig| Some((lan.id, lan.nodes.get(&node)?.local()?));
        let own = self.lans.iter().filter_map(own);
        own.map(|(lan, address)| (lan, SocketAddr::new(address, self.port))).collect()
    }

    /// Returns the lan that distributed commands take: the one with `command="on"`, else the first that has all nodes.
    #[must_use]
    pub fn command_lan(&self) -> Option<&LanConfig> {
        let complete = || self.lans.iter().find(|lan| lan.nodes.len() == self.nodes.len());
        self.lans.iter().find(|lan| lan.command).or_else(complete)
    }

    /// Finds out which node this host is: the one whose `laddr`, else `addr`, is among the host's own addresses.
    ///
    /// # Errors
    /// See [`IdentifyError`]: no node matches, or several do.
    pub fn identify(&self, local: &[IpAddr]) -> Result<NodeId, IdentifyError> {
        let local: BTreeSet<IpAddr> = local.iter().map(IpAddr::to_canonical).collect();
        let mut found = BTreeSet::new();
        for (id, address) in self.lans.iter().flat_map(|lan| &lan.nodes) {
            if address.local().is_some_and(|ip| local.contains(&ip.to_canonical())) {
                found.insert(*id);
            }
        }
        match (found.first(), found.len()) {
            (Some(id), 1) => Ok(*id),
            (None, _) => Err(IdentifyError::None),
            (Some(_), _) => {
                let nodes = found.iter().filter_map(|id| self.nodes.get(id).cloned()).collect();
                Err(IdentifyError::Several { nodes })
            }
        }
    }
}

impl LanAddress {
    /// Returns the node's own address on the lan; `None` while `addr` is a name that was not resolved.
    #[must_use]
    pub fn local(&self) -> Option<IpAddr> {
        match (&self.laddr, &self.addr) {
            (Some(ip), _) | (None, Host::Ip(ip)) => Some(*ip),
            (None, Host::Name(_)) => None,
        }
    }
}

/// Adds a line with an indent of two blanks for each level.
pub(super) fn line(xml: &mut String, level: usize, text: &str) {
    let width = level * 2;
    let infallible = writeln!(xml, "{:width$}{text}", "");
    debug_assert!(infallible.is_ok(), "a String takes all");
}
