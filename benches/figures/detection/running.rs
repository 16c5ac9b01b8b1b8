//! One system that runs in a lab, ours or a peer's.

use std::path::Path;

use safekit_benches::Try;
use safekit_benches::lab::Lab;
use safekit_benches::ours::OurFarm;
use safekit_benches::peers::PeerCluster;
use safekit_benches::picture::{Picture, Watch};

use super::systems::{Kind, System};

/// With keepalived it is the one that has the address: the node that is hit, or that keeps it.
pub(crate) const FIRST: u8 = 1;

pub(crate) enum Running {
    Ours(OurFarm),
    Peer(PeerCluster),
}

impl Running {
    /// Starts a system on all nodes of a lab.
    pub(crate) fn start(system: &System, agent: &Path, lab: &Lab, watch: &mut Watch) -> Try<Self> {
        Ok(match system.kind {
            Kind::Ours(ours) => Self::Ours(OurFarm::start(ours, agent, lab, watch)?),
            Kind::Peer(peer) => Self::Peer(PeerCluster::start(peer, lab, watch)?),
        })
    }

    /// Tells whether all nodes work together.
    pub(crate) fn is_whole(&self, picture: &Picture, nodes: u8) -> bool {
        match self {
            Self::Ours(_) => picture.is_whole(nodes),
            Self::Peer(cluster) => cluster.is_whole(picture, nodes, FIRST),
        }
    }

    /// Returns a node's processes.
    pub(crate) fn pids(&mut self, node: u8) -> Try<Vec<u32>> {
        match self {
            Self::Ours(farm) => farm.pids(node),
            Self::Peer(cluster) => Ok(cluster.pids(node)),
        }
    }
}
