//! The cluster of this node, as configured: who it is, where its lans are, what the machines and the guardian get.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use safekit_core::config::model::ClusterConfig;
use safekit_core::ids::{LanId, LanName, LanSet, NodeId, NodeName};
use safekit_core::membership::MembershipConfig;
use safekit_core::node::Input;
use safekit_core::runtime::front::STAMP_INTERVAL;
use safekit_core::runtime::{LanBindError, clock, host};

use super::desk::Reply;
use super::own::OwnEvent;
use super::shutdown::GOODBYE_MAX;
use super::{Agent, BIND_INTERVAL, CLUSTER_INTERVAL};
use crate::guardian::{Farewell, FarewellLan};
use crate::store;
use crate::store::cluster::LoadedCluster;

/// The name of the fault of a cluster that cannot be taken.
const CLUSTER: &str = "cluster";
/// The name of the fault of lans without a socket.
const LANS: &str = "lans";
/// The name of the fault of a cluster without keys.
const KEYS: &str = "keys";

/// A configured cluster.
#[derive(Debug)]
pub(super) struct Configured {
    /// cluster.xml, names resolved.
    pub(super) config: ClusterConfig,
    /// This node's own address on each of its lans.
    local: Vec<(LanId, SocketAddr)>,
}

impl Configured {
    fn new(config: ClusterConfig, me: NodeId) -> Self {
        let local = config.sockets_of(me);
        Self { config, local }
    }

    /// Returns the lans of these names that the cluster has.
    pub(super) fn lans(&self, names: &[LanName]) -> LanSet {
        self.config.lan_set(names)
    }
}

/// Finds out which node of a cluster this host is.
pub(super) fn identify(config: &ClusterConfig, named: Option<&NodeName>) -> Result<NodeId, String> {
    if let Some(name) = named {
        let unknown = || format!("--node {name}: cluster.xml has no node of that name");
        return config.node_by_name(name).ok_or_else(unknown);
    }
    let local = host::local_addresses()
        .map_err(|error| format!("cannot list the addresses of this host: {error}"))?;
    let local: Vec<IpAddr> = local.iter().map(|local| local.address).collect();
    config.identify(&local).map_err(|error| error.to_string())
}

/// A cluster's configuration that cannot be used yet: this host has none of its addresses, so far.
#[derive(Debug)]
pub(super) struct Strange {
    loaded: LoadedCluster,
    /// When the host's addresses are looked at again.
    again_at: Instant,
}

impl Strange {
    /// When it is to be tried again.
    pub(super) fn due(&self) -> Instant {
        self.again_at
    }
}

/// A cluster that is being left for good: the others are told first.
#[derive(Debug)]
pub(super) struct Removal {
    reply: Reply<Result<(), String>>,
    /// When the cluster goes whether or not goodbye could be said.
    until: Instant,
}

impl Removal {
    /// Notes that goodbye was said.
    pub(super) fn left(&mut self) {
        self.until = clock::now();
    }
}

impl Agent {
    /// Begins to leave the cluster for good, or says why not.
    pub(super) fn remove_cluster(&mut self, now: Instant, reply: Reply<Result<(), String>>) {
        let running = self.running();
        let why = if let Some(module) = running.first() {
            Some(format!("module {module} is not stopped: run 'safekit stop -m {module}' first"))
        } else if self.removal.is_some() || self.is_ending() {
            Some("this node is leaving the cluster already".to_owned())
        } else {
            None
        };
        if let Some(why) = why {
            // Whoever asked may have gone.
            return drop(reply.try_send(Err(why)));
        }
        self.removal = Some(Removal { reply, until: now + GOODBYE_MAX });
        self.feed(now, Input::Leave);
    }

    /// Forgets the cluster once goodbye was said.
    pub(super) fn follow_removal(&mut self, now: Instant) {
        let Some(removal) = self.removal.take_if(|removal| removal.until <= now) else { return };
        self.cluster = None;
        self.strange = None;
        self.feed(now, Input::ClusterRemoved);
        self.bind(now);
        for fault in [CLUSTER, KEYS, LANS] {
            self.told_faults.remove(fault);
        }
        self.bind_at = None;
        self.farewell_due = true;
        self.refresh_modules(now);
        self.tell_node(&OwnEvent::ClusterLeft);
        drop(removal.reply.try_send(Ok(())));
    }

    /// Takes a cluster's configuration, as it was read from its files.
    pub(super) fn apply_cluster(&mut self, now: Instant, loaded: LoadedCluster, me: NodeId) {
        let without = loaded.keys.keys.is_empty().then_some(OwnEvent::NoKeys);
        let fault = without.or_else(|| loaded.keys_open.map(|mode| OwnEvent::KeysOpen { mode }));
        if let Some(fault) = fault {
            self.tell_node(&fault);
            self.told_faults.insert(KEYS.to_owned(), fault.text());
        } else {
            self.told_faults.remove(KEYS);
        }
        self.strange = None;
        if self.told_faults.remove(CLUSTER).is_some() {
            self.tell_node(&OwnEvent::ClusterUsable);
        }
        let cluster = Configured::new(loaded.config, me);
        let membership = MembershipConfig::from_cluster(&cluster.config, me, loaded.keys);
        self.cluster = Some(cluster);
        self.bind(now);
        self.feed(now, Input::ClusterConfigured(Box::new(membership)));
        self.farewell_due = true;
        self.refresh_modules(now);
    }

    /// Takes the cluster's configuration at the start. Where that fails (a damaged file, an address that this host does
    /// not have yet) the agent goes on without a cluster: the applications stay watched, nothing is Ready, and
    /// `safekit cluster config` can mend it.
    pub(super) fn take_cluster(&mut self, now: Instant) {
        match store::cluster::load(&self.layout) {
            Ok(Some(loaded)) => self.try_cluster(now, loaded),
            Ok(None) => {}
            Err(error) => {
                let mend = "run 'safekit cluster config' with another node's cluster.zip";
                self.refuse_cluster(&format!("{error}; to mend the files, {mend}"));
            }
        }
    }

    /// Looks again for the addresses that this host did not have.
    pub(super) fn take_cluster_again(&mut self, now: Instant) {
        if let Some(strange) = self.strange.take_if(|strange| strange.again_at <= now) {
            self.try_cluster(now, strange.loaded);
        }
    }

    fn try_cluster(&mut self, now: Instant, loaded: LoadedCluster) {
        match identify(&loaded.config, self.arguments.node.as_ref()) {
            Ok(me) => self.apply_cluster(now, loaded, me),
            Err(error) => {
                self.refuse_cluster(&format!("{error}; looked at again every few seconds"));
                self.strange = Some(Strange { loaded, again_at: now + CLUSTER_INTERVAL });
            }
        }
    }

    fn refuse_cluster(&mut self, why: &str) {
        self.tell_fault(CLUSTER, &OwnEvent::ClusterUnusable { why: why.to_owned() });
    }

    fn bind(&mut self, now: Instant) {
        let local = self.cluster.as_ref().map(|cluster| cluster.local.clone()).unwrap_or_default();
        match self.edge.bind_lans(&local) {
            Ok(()) => {
                self.bind_at = None;
                if self.told_faults.remove(LANS).is_some() {
                    self.tell_node(&OwnEvent::LansBound);
                }
            }
            Err(error) => {
                self.bind_at = Some(now + BIND_INTERVAL);
                let names = self.names();
                let told =
                    |failed: &LanBindError| format!("lan {}: {failed}", names.lan(failed.lan));
                let told: Vec<String> = error.failed.iter().map(told).collect();
                self.tell_fault(LANS, &OwnEvent::LansUnbound { lans: told.join("; ") });
            }
        }
    }

    /// Tries lans without a socket again: an address may have come, a port may be free.
    pub(super) fn bind_again(&mut self, now: Instant) {
        if self.bind_at.is_some_and(|at| at <= now) {
            self.bind(now);
        }
    }

    /// Gives the guardian the letters that belong to this life. Tried again in the next turn where it does not read.
    pub(super) fn hand_over_farewell(&mut self) {
        if !self.farewell_due {
            return;
        }
        let local: BTreeMap<LanId, IpAddr> = self
            .edge
            .lan_addresses()
            .into_iter()
            .map(|(lan, address)| (lan, address.ip()))
            .collect();
        let mut farewell =
            Farewell { counter: self.node.node().incarnation().counter, ..Farewell::default() };
        let mut lans: BTreeMap<LanId, FarewellLan> = BTreeMap::new();
        for letter in self.node.node().letters() {
            if !farewell.letters.contains(&letter.bytes) {
                farewell.letters.push(letter.bytes);
            }
            let from = local.get(&letter.lan).copied();
            let lan =
                lans.entry(letter.lan).or_insert_with(|| FarewellLan { from, to: Vec::new() });
            lan.to.push(letter.to);
        }
        farewell.lans = lans.into_values().collect();
        self.farewell_due = self.parent.farewell(farewell).is_err();
    }

    /// Marks the begin of the work: what a stamp of the board counts from.
    pub(super) fn begin(&mut self) {
        let now = clock::now();
        self.board.stamp(now);
        self.stamp_at = now + STAMP_INTERVAL;
        self.beat_at = now;
    }
}
