//! What is done to the cluster's configuration: apply, check, lock, new keys, remove.

use std::path::Path;

use safekit_core::control::DoneReport;
use safekit_core::ids::NodeName;

use super::super::cluster::identify;
use super::super::desk::Request;
use super::{Done, Office};
use crate::api::{ClusterSource, OperationError, Operations, Others};
use crate::store::cluster::{self, Keys, LoadedCluster, Lock, Source};

impl Office {
    /// Applies a configuration, and locks or unlocks it.
    pub(super) fn do_configure_cluster(
        &self,
        source: Option<ClusterSource>,
        lock: Option<Lock>,
    ) -> Done<DoneReport> {
        let _files = self.files();
        if lock != Some(Lock::Unlocked) && source.is_some() {
            cluster::check_unlocked(&self.layout)?;
        }
        let mut report = match source {
            Some(ClusterSource::File(path)) => self.configured_from(&Source::File(path))?,
            Some(ClusterSource::Current) => self.configured_from(&Source::Current)?,
            None => DoneReport::default(),
        };
        let Some(lock) = lock else { return Ok(report) };
        cluster::set_lock(&self.layout, lock)?;
        let text = match lock {
            Lock::Locked => {
                "the configuration is locked: others are refused until 'safekit cluster config unlock'"
            }
            Lock::Unlocked => "the configuration is unlocked",
        };
        if report.text.is_empty() {
            text.clone_into(&mut report.text);
        } else {
            report.details.push(text.to_owned());
        }
        Ok(report)
    }

    fn configured_from(&self, source: &Source) -> Done<DoneReport> {
        let (loaded, details) =
            cluster::configure(&self.layout, source, &mut cluster::dns, &|config| {
                identify(config, self.node.as_ref()).map(|_| ())
            })?;
        let nodes: Vec<&str> = loaded.config.nodes.values().map(NodeName::as_str).collect();
        let text = format!("the cluster of {} is configured", nodes.join(", "));
        self.take_cluster(loaded)?;
        Ok(DoneReport { text, details })
    }

    /// Puts a cluster's configuration in force.
    fn take_cluster(&self, loaded: LoadedCluster) -> Done<()> {
        let me = identify(&loaded.config, self.node.as_ref()).map_err(OperationError::Refused)?;
        self.told(|reply| Request::ClusterChanged(Box::new(loaded), me, reply))
    }

    /// Checks a configuration; nothing changes.
    pub(super) fn do_check_cluster(&self, path: &Path) -> Done<DoneReport> {
        let (config, mut details) = cluster::check(path, &mut cluster::dns)?;
        if let Err(why) = identify(&config, self.node.as_ref()) {
            details.push(format!("warning: this host cannot take it: {why}"));
        }
        let text = format!("{} has no errors: {} nodes", path.display(), config.nodes.len());
        Ok(DoneReport { text, details })
    }

    /// Gives the cluster other keys, or none.
    pub(super) fn do_change_keys(&self, keys: Keys, others: Others) -> Done<DoneReport> {
        let _files = self.files();
        cluster::check_unlocked(&self.layout)?;
        let heard: Vec<String> = self
            .state()?
            .nodes
            .into_iter()
            .filter(|node| ["alive", "joining"].contains(&node.state.as_str()))
            .map(|node| node.name)
            .collect();
        if others == Others::Keep && !heard.is_empty() {
            return Err(OperationError::Refused(format!(
                "{} would no longer hear this node: its keys are the former ones. To go on, repeat with --force, then carry a 'safekit cluster export' to every other node",
                heard.join(", ")
            )));
        }
        let loaded = cluster::change_keys(&self.layout, keys)?;
        let single = loaded.config.nodes.len() < 2;
        self.take_cluster(loaded)?;
        let text = match keys {
            Keys::New => "the cluster has new keys on this node",
            Keys::None => {
                "the cluster has no keys on this node: whoever reaches its port can speak as a node"
            }
        };
        let carry = "the other nodes hear this one when they have the same: 'safekit cluster export FILE.zip' here, 'safekit cluster config FILE.zip' there";
        let details = if single { Vec::new() } else { vec![carry.to_owned()] };
        Ok(DoneReport { text: text.to_owned(), details })
    }

    /// Leaves the cluster, and removes its configuration.
    pub(super) fn do_deconfigure_cluster(&self) -> Done<DoneReport> {
        let _files = self.files();
        cluster::check_unlocked(&self.layout)?;
        let loaded = cluster::load(&self.layout);
        if matches!(loaded, Ok(None)) {
            return Err(OperationError::Refused(
                "the cluster is not configured on this node: nothing to remove".to_owned(),
            ));
        }
        self.told(Request::ClusterRemoved)?;
        if let Err(error) = cluster::remove(&self.layout) {
            // Its files are there, at least in part: what can still be read is taken back.
            if let Ok(Some(loaded)) = cluster::load(&self.layout) {
                drop(self.take_cluster(loaded));
            }
            return Err(error.into());
        }
        Ok(DoneReport {
            text: "this node has left its cluster: configuration and keys are removed".to_owned(),
            details: vec![
                "the modules stay installed and configured; they start again after 'safekit cluster config FILE'"
                    .to_owned(),
            ],
        })
    }
}
