//! Names to addresses, the same ones on every node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::seats::{Conflict, Seat, Seats};
use crate::config::model::{ClusterConfig, Host, Signature};
use crate::config::value::unusable;
use crate::ids::{LanName, NodeName};

/// Why a cluster cannot be resolved: nothing was changed.
///
/// ```
/// use safekit_core::config::cluster::{self, ResolveError};
///
/// let text = br#"<cluster><lans><lan name="default">
///   <node name="node1" addr="node1.example"/><node name="node2" addr="10.0.0.2"/>
/// </lan></lans></cluster>"#;
/// let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
///
/// // DNS does not know the name.
/// let faults = cluster.resolve(&mut |_name| Ok(Vec::new())).err().unwrap_or_default();
/// assert!(matches!(&faults[..], [ResolveError::Name { host, .. }] if host == "node1.example"));
/// assert_eq!(
///     faults[0].to_string(),
///     "node 'node1' on lan 'default': 'node1.example' has no address"
/// );
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// DNS has no answer, or one that is of no use. The administrator mends DNS, or writes the address.
    #[error("node '{node}' on lan '{lan}': '{host}' {why}")]
    Name {
        /// The lan.
        lan: LanName,
        /// The node.
        node: NodeName,
        /// The name that was asked for.
        host: String,
        /// What the answer was.
        why: String,
    },
    /// Once resolved, addresses contradict each other. The administrator writes addresses instead of names.
    #[error("{message}, once names are resolved")]
    Conflict {
        /// Which.
        message: String,
    },
}

impl ClusterConfig {
    /// Replaces all names by addresses. Each name is asked once; of several answers all nodes take the same one: IPv4
    /// before IPv6, the lowest number first, whatever the order of the answer.
    ///
    /// # Errors
    /// Every name that has no usable answer, and every contradiction that the answers bring in; the model is not changed.
    pub fn resolve(
        &self,
        lookup: &mut dyn FnMut(&str) -> Result<Vec<IpAddr>, String>,
    ) -> Result<Self, Vec<ResolveError>> {
        let mut resolved = self.clone();
        let mut answers: BTreeMap<String, Result<IpAddr, String>> = BTreeMap::new();
        let mut errors = Vec::new();
        for lan in &mut resolved.lans {
            for (id, address) in &mut lan.nodes {
                let Host::Name(host) = address.addr.clone() else { continue };
                let answer = answers
                    .entry(host.to_ascii_lowercase())
                    .or_insert_with(|| choose(&lookup(&host)?));
                match (answer, self.nodes.get(id)) {
                    (Ok(ip), _) => address.addr = Host::Ip(*ip),
                    (Err(why), Some(node)) => {
                        let (lan, node, why) = (lan.name.clone(), node.clone(), why.clone());
                        errors.push(ResolveError::Name { lan, node, host, why });
                    }
                    (Err(_), None) => debug_assert!(false, "each address belongs to a node"),
                }
            }
        }
        errors.extend(resolved.conflicts());
        if !errors.is_empty() {
            return Err(errors);
        }
        resolved.signature = Signature::of(&resolved.to_xml());
        Ok(resolved)
    }

    fn conflicts(&self) -> Vec<ResolveError> {
        let mut seats = Seats::default();
        let mut errors = Vec::new();
        for lan in &self.lans {
            for (id, address) in &lan.nodes {
                let Some(node) = self.nodes.get(id) else { continue };
                let addr = &address.addr;
                let seat = Seat { lan: &lan.name, node, addr, laddr: address.laddr };
                match seats.add(&seat) {
                    None | Some(Conflict::Ambiguous { .. }) => {}
                    Some(conflict) => {
                        errors.push(ResolveError::Conflict { message: conflict.message(&seat) });
                    }
                }
            }
        }
        errors
    }
}

/// Takes one of the answers of DNS.
fn choose(answers: &[IpAddr]) -> Result<IpAddr, String> {
    let canonical = answers.iter().map(IpAddr::to_canonical);
    let usable: BTreeSet<IpAddr> = canonical.filter(|ip| unusable(*ip).is_none()).collect();
    let elsewhere = usable.iter().find(|ip| !ip.is_loopback());
    match (elsewhere, usable.first(), answers.first()) {
        (Some(ip), _, _) => Ok(*ip),
        // Debian's /etc/hosts gives 127.0.1.1 to the host's own name.
        (None, Some(ip), _) => {
            Err(format!("resolves to {ip}, where other nodes cannot reach it: write its address"))
        }
        (None, None, Some(ip)) => {
            Err(format!("resolves to {ip}, which cannot be a node's address"))
        }
        (None, None, None) => Err("has no address".to_owned()),
    }
}
