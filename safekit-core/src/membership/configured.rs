//! From cluster.xml, as it was read, to what membership has to know.

use std::net::SocketAddr;

use super::{MembershipConfig, NodeConfig};
use crate::config::model::{ClusterConfig, Host, LanConfig};
use crate::ids::NodeId;
use crate::wire::KeyRing;

impl MembershipConfig {
    /// Takes over what a cluster's configuration says. An address that is a name is left out: no heartbeats go there,
    /// so names are resolved first ([`ClusterConfig::resolve`]).
    ///
    /// ```
    /// use safekit_core::config::cluster;
    /// use safekit_core::ids::NodeName;
    /// use safekit_core::membership::MembershipConfig;
    /// use safekit_core::wire::KeyRing;
    ///
    /// let text = br#"<cluster><lans pulse="50" slost_count="6"><lan name="default">
    ///   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
    /// </lan></lans></cluster>"#;
    /// let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
    /// let me = cluster.node_by_name(&NodeName::new("node2")?).ok_or("no such node")?;
    /// let config = MembershipConfig::from_cluster(&cluster, me, KeyRing::default());
    /// assert_eq!(config.lost_after.as_millis(), 300);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_cluster(cluster: &ClusterConfig, me: NodeId, keys: KeyRing) -> Self {
        let nodes = cluster.nodes.iter().map(|(id, name)| {
            let address = |lan: &LanConfig| match lan.nodes.get(id)?.addr {
                Host::Ip(address) => Some((lan.id, SocketAddr::new(address, cluster.port))),
                Host::Name(_) => None,
            };
            let addresses = cluster.lans.iter().filter_map(address).collect();
            (*id, NodeConfig { name: name.clone(), addresses })
        });
        let mut config = Self::new(me, nodes.collect());
        config.pulse = cluster.pulse;
        config.lost_after = cluster.pulse.saturating_mul(cluster.slost_count);
        config.lost_after_lowest =
            cluster.mlost_count.map(|count| cluster.pulse.saturating_mul(count));
        config.keys = keys;
        config.cluster_signature = cluster.signature.0;
        config
    }
}
