//! Keeps one fault from being told over and over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Fault;
use crate::ids::NodeId;

/// The same fault is told once within that time.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// Faults of datagrams that anybody can have sent that are remembered; while there are that many, further ones are not
/// told: who forges senders gains nothing, and hides nothing that is known of true nodes.
const REMEMBERED_MAX: usize = 64;

/// How long a refused datagram stands as a fault of the node that seems to send it. Longer than the slowest pulse.
const STANDS: Duration = Duration::from_secs(15);

/// What was refused last of the nodes of the cluster, by the address that it came from: one for each node.
#[derive(Debug, Default)]
pub(super) struct RefusedNodes {
    last: BTreeMap<NodeId, (Instant, Fault)>,
}

impl RefusedNodes {
    /// Takes note of a datagram that was refused.
    pub(super) fn take(&mut self, now: Instant, member: NodeId, fault: Fault) {
        self.last.insert(member, (now, fault));
    }

    /// Returns what stands, with the node that it is about.
    pub(super) fn standing(&self, now: Instant) -> impl Iterator<Item = (NodeId, &Fault)> {
        let lately = move |at: Instant| now.saturating_duration_since(at) < STANDS;
        self.last.iter().filter(move |(_, (at, _))| lately(*at)).map(|(node, (_, f))| (*node, f))
    }
}

/// Which faults were told lately.
#[derive(Debug, Default)]
pub(super) struct FaultLimiter {
    told: BTreeMap<Fault, Instant>,
}

impl FaultLimiter {
    /// Tells whether a fault is to be told, and takes note of it.
    pub(super) fn admit(&mut self, now: Instant, fault: &Fault) -> bool {
        let lately = |told: &Instant| now.saturating_duration_since(*told) < REPEAT_AFTER;
        if self.told.get(fault).is_some_and(lately) {
            return false;
        }
        self.told.retain(|_, told| lately(told));
        let strange = self.told.keys().filter(|told| is_of_anybody(told)).count();
        if is_of_anybody(fault) && strange >= REMEMBERED_MAX {
            return false;
        }
        self.told.insert(fault.clone(), now);
        true
    }
}

/// Tells whether a fault names an address that anybody can have written.
fn is_of_anybody(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::UnknownKey { .. }
            | Fault::BadTag { .. }
            | Fault::OtherName { .. }
            | Fault::OtherVersion { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FaultLimiter, REMEMBERED_MAX, RefusedNodes, STANDS};
    use crate::ids::NodeId;
    use crate::membership::Fault;
    use crate::sim_clock_base;

    fn fault(port: u16) -> Fault {
        Fault::BadTag { from: ([127, 0, 0, 1], port).into(), member: None }
    }

    #[test]
    fn tells_a_fault_once_a_minute_and_bounds_the_forged_ones() {
        let base = sim_clock_base();
        let mut limiter = FaultLimiter::default();
        assert!(limiter.admit(base, &fault(1)));
        assert!(!limiter.admit(base + Duration::from_secs(59), &fault(1)));
        assert!(limiter.admit(base + Duration::from_secs(61), &fault(1)));
        let now = base + Duration::from_secs(70);
        let told = (2..1000).filter(|port| limiter.admit(now, &fault(*port))).count();
        assert_eq!(told, REMEMBERED_MAX - 1);
        let member = NodeId::new(2).unwrap();
        assert!(limiter.admit(now, &Fault::DuplicateNode { member }), "meanwhile as well");
        assert!(limiter.admit(now + Duration::from_secs(61), &fault(2)));
    }

    #[test]
    fn what_is_refused_of_a_node_stands_while_it_goes_on() {
        let base = sim_clock_base();
        let member = NodeId::new(2).unwrap();
        let mut refused = RefusedNodes::default();
        refused.take(base, member, fault(1));
        let later = base + STANDS / 2;
        refused.take(later, member, fault(2));
        let standing: Vec<_> = refused.standing(base + STANDS).collect();
        assert_eq!(standing, [(member, &fault(2))]);
        assert_eq!(refused.standing(later + STANDS).count(), 0);
    }
}
