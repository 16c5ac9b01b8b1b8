//! All durations of the algorithm, derived from the two that are configured.

use std::time::Duration;

use super::MembershipConfig;
use crate::ids::NodeId;

/// Events of one node are not sent faster than this, one after the other; a burst of [`EVENT_BURST`] is.
pub(super) const EVENT_GAP: Duration = Duration::from_millis(5);
/// Events that are sent at once before [`EVENT_GAP`] holds them apart.
pub(super) const EVENT_BURST: u32 = 4;
/// Time between heartbeats while something is not agreed, and before a row is sent again to who lacks it.
const FAST: Duration = Duration::from_millis(20);
/// How long after a change heartbeats are that fast.
pub(super) const FAST_FOR: Duration = Duration::from_millis(500);
/// The longest wait for the preparation of a view: afterwards it is installed without.
pub(super) const ARM_WAIT: Duration = Duration::from_millis(500);
/// How long a proposal is held back for its own preparation to end: most have nothing to prepare, and one datagram
/// says both.
pub(super) const ARM_GRACE: Duration = Duration::from_micros(200);
/// When the three copies of a letter go out, from the first one on.
pub(super) const LETTER_TIMES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(6), Duration::from_millis(20)];
/// Within that time no more than three higher counters are taken.
pub(super) const REFUTE_WINDOW: Duration = Duration::from_secs(10);
/// How long a member that never agrees is treated as unheard, the first time; doubled each time.
pub(super) const SHUN: Duration = Duration::from_secs(60);
/// The longest of these times.
pub(super) const SHUN_MAX: Duration = Duration::from_secs(3600);

const PULSE_MIN: Duration = Duration::from_millis(1);
const PULSE_MAX: Duration = Duration::from_secs(60);
const LOST_MAX: Duration = Duration::from_secs(3600);
const SETTLE_PULSES: u32 = 5;

/// The durations.
#[derive(Clone, Debug)]
pub(super) struct Cadence {
    /// Time between two heartbeats at rest.
    pub(super) pulse: Duration,
    /// Time between two heartbeats while something is not agreed.
    pub(super) fast: Duration,
    /// Quiet time before a doubtful change of the graph is acted upon.
    pub(super) settle: Duration,
    lost: Duration,
    lost_lowest: Duration,
    lowest: Option<NodeId>,
    me: NodeId,
}

impl Cadence {
    /// Derives the durations; what is out of all reason is brought into bounds.
    pub(super) fn new(config: &MembershipConfig) -> Self {
        let pulse = config.pulse.clamp(PULSE_MIN, PULSE_MAX);
        let bounded = |lost: Duration| lost.clamp(pulse * 3, LOST_MAX);
        let lost = bounded(config.lost_after);
        Self {
            pulse,
            fast: FAST.min(pulse),
            settle: pulse * SETTLE_PULSES,
            lost,
            lost_lowest: config.lost_after_lowest.map_or(lost, bounded),
            lowest: config.nodes.keys().next().copied(),
            me: config.me,
        }
    }

    /// Returns the silence after which a member is lost.
    pub(super) fn lost_after(&self, member: NodeId) -> Duration {
        if Some(member) == self.lowest { self.lost_lowest } else { self.lost }
    }

    /// Returns the silence after which whoever it is is lost.
    pub(super) fn lost(&self) -> Duration {
        self.lost.max(self.lost_lowest)
    }

    /// Returns how long this node's loop may stand still before others may have given it up: two pulses less than
    /// their loss time.
    pub(super) fn own_pause(&self) -> Duration {
        self.lost_after(self.me).saturating_sub(self.pulse * 2)
    }

    /// Returns the gap between two turns from which on silence may be this node's own.
    pub(super) fn gap(&self) -> Duration {
        self.pulse * 2
    }

    /// Returns when a proposal that waits for one member is no longer held up by it.
    pub(super) fn wait_max(&self) -> Duration {
        self.lost() * 2
    }
}
