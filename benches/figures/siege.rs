//! What floods of datagrams and crowds of connections are held against: a farm of two agents, and the observer as the third
//! node. The first agent is the target; it is kept on processor 0, what comes at it on 1, where there are two.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use safekit_benches::farm::{Farm, HEALTH_PATH};
use safekit_benches::meanwhile::{Meanwhile, Target, watch};
use safekit_benches::observer::Observer;
use safekit_benches::table::percentile;
use safekit_benches::{Try, usage};

use crate::Bench;

/// Time between two heartbeats.
pub(crate) const PULSE: Duration = Duration::from_millis(100);

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Who is besieged, and who watches.
pub(crate) struct Siege {
    pub(crate) observer: Observer,
    pub(crate) farm: Farm,
    pub(crate) target: Target<'static>,
}

impl Siege {
    /// Starts a farm in a cluster of that many configured nodes.
    pub(crate) fn begin(bench: &Bench, configured: u8) -> Try<Self> {
        let mut farm = Farm::start(&bench.agent, 2, configured)?;
        farm.start_module()?;
        let mut observer = Observer::join(&farm.agent(0)?.cluster_folder(), 3)?;
        observer.wait_members(3, PATIENCE)?;
        let agent = farm.agent(0)?;
        let (pid, health) = (agent.state()?.agent_pid, agent.health_address());
        usage::pin(Some(pid), 0);
        let target = Target { pid, health, path: HEALTH_PATH, pulse: PULSE };
        Ok(Self { observer, farm, target })
    }

    /// Waits until the farm is whole: what one attack broke is not the next one's fault.
    pub(crate) fn wait_whole(&mut self) -> Try<()> {
        self.observer.wait_members(3, PATIENCE)
    }

    /// Watches the target while something is done to it.
    pub(crate) fn watch<F>(&mut self, lasts: Duration, attack: F) -> Try<(Meanwhile, u64)>
    where
        F: FnOnce(&AtomicBool) -> Try<u64> + Send,
    {
        watch(self.target, &mut self.observer, lasts, attack)
    }
}

/// Returns how late heartbeats were.
pub(crate) fn late(seen: &Meanwhile) -> String {
    let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&seen.late, percent));
    format!("{p50}, {p99}, {max}")
}

/// Returns how long health answers took.
pub(crate) fn health(seen: &Meanwhile) -> String {
    let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&seen.health, percent));
    let (answered, failed) = (seen.health.len(), seen.health.missing());
    format!("{p50}, {p99}, {max}; {failed} of {}", answered + failed)
}

/// Returns what the farm made of it.
pub(crate) fn membership(seen: &Meanwhile) -> String {
    if seen.changes.is_empty() { "unmoved".to_owned() } else { seen.changes.join(", ") }
}
