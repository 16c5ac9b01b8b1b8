//! What `pulse` and `slost_count` cost and give: detection time and false alarms, by formula.
//!
//! In: the settings, the loss and lateness of the place. Out: times, and alarms a year. The premise: datagrams are lost
//! **independently** of each other. Losses that come together are bursts: ask [`Curve::per_burst`] for those. The
//! simulator is the check of each formula (tests below, and the figure `curve`).
//!
//! How the rule works. A node counts another one as lost when nothing came from it for `slost_count` pulses. Of the
//! heartbeats after the last one that came, the one that is due exactly then is always a little late, because every
//! node counts its pulses from when it really sent: so `slost_count - 1` missed ones in a row are enough. With more
//! than one lan a heartbeat is missed only when all its copies are. Two nodes act on that at once. With three and more,
//! those who still hear both make the change doubtful: it takes five quiet pulses more before a view changes, unless a
//! node loses all others at the same time. Extra heartbeats that a change sends are left out: at 10 % of loss and more
//! there are fewer alarms than computed, above all with several lans.
//!
//! Not here: what happens at a false alarm (`membership`): both sides serve, and are one again at the next heartbeat.

use std::time::Duration;

/// Settings of a cluster, and how its network and its hosts are.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// Time between two heartbeats.
    pub pulse: Duration,
    /// After so many pulses of silence a node is lost.
    pub slost_count: u32,
    /// Nodes of the cluster, at least 2.
    pub nodes: u32,
    /// Lans that all nodes are on, at least 1.
    pub lans: u32,
    /// Probability that a datagram is lost, 0 to 1.
    pub loss: f64,
    /// How late a loop wakes up on the average.
    pub lateness: Duration,
}

impl Curve {
    /// Makes the default settings: `pulse` 100 ms, `slost_count` 10; three nodes, one lan, a network that loses nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pulse: Duration::from_millis(100),
            slost_count: 10,
            nodes: 3,
            lans: 1,
            loss: 0.0,
            lateness: Duration::from_micros(100),
        }
    }

    /// Returns how long it takes to notice that a host has gone dark, at least and at most: its last heartbeat was up
    /// to one pulse ago.
    #[must_use]
    pub fn detection(&self) -> (Duration, Duration) {
        let silence = self.pulse * self.slost_count;
        (silence.saturating_sub(self.pulse + self.lateness), silence + self.lateness)
    }

    /// Returns how many heartbeats in a row must be missed until a node is said to be lost.
    #[must_use]
    pub fn missed_to_lose(&self) -> u32 {
        self.missed_in(self.slost_count)
    }

    /// Returns how many heartbeats in a row must be missed until a view changes, and with it the shares.
    #[must_use]
    pub fn missed_to_change(&self) -> u32 {
        let quiet = if self.nodes > 2 { SETTLE_PULSES } else { 0 };
        self.missed_in(self.slost_count + quiet)
    }

    /// Returns how often a year one node loses another one that lives: "lost" in the log, in one direction.
    #[must_use]
    pub fn lost_per_year(&self) -> f64 {
        self.runs_per_year(self.missed_to_lose())
    }

    /// Returns how often a year the view changes because two nodes lose each other, in either direction.
    #[must_use]
    pub fn changes_by_pair_per_year(&self) -> f64 {
        2.0 * self.runs_per_year(self.missed_to_change())
    }

    /// Returns how often a year the view of the cluster changes: because of one pair, or because one node and all
    /// others lose each other at the same time.
    #[must_use]
    pub fn changes_per_year(&self) -> f64 {
        let by_pairs = self.pairs() * self.changes_by_pair_per_year();
        if self.nodes <= 2 {
            return by_pairs;
        }
        let losses = 2.0 * self.lost_per_year();
        let apart = (2.0 * self.miss().powf(f64::from(self.missed_to_lose()))).min(1.0);
        let others = f64::from(self.nodes) - 2.0;
        by_pairs + 2.0 * self.pairs() * losses * apart.powf(others)
    }

    /// Returns how many pairs there are.
    #[must_use]
    pub fn pairs(&self) -> f64 {
        f64::from(self.nodes) * f64::from(self.nodes.saturating_sub(1)) / 2.0
    }

    /// Returns the probability that a freeze of one node, from 2 pulses on, changes the view: that it joins again
    /// because some member had not echoed anything for the loss time less two pulses, or that one takes it for lost.
    #[must_use]
    pub fn per_freeze(&self, freeze: Duration) -> f64 {
        let frozen = self.pulses(freeze);
        let peers = f64::from(self.nodes.saturating_sub(1));
        let slost = f64::from(self.slost_count);
        // The phase of the last heartbeat before the freeze, as a part of a pulse: taken in a hundred steps.
        let own = average(|phase| {
            let missing = (slost - 2.0 - frozen - phase).floor() + 1.0;
            if frozen > slost - 2.0 || missing <= 0.0 {
                return 1.0;
            }
            1.0 - (1.0 - self.miss().powf(missing)).powf(peers)
        });
        let all = f64::from(self.missed_to_lose());
        let others = average(|phase| self.seen_by_others((all - (frozen - phase)).ceil()));
        1.0 - (1.0 - own) * (1.0 - others)
    }

    /// Returns the probability that a burst in which everything from one node is lost changes the view.
    #[must_use]
    pub fn per_burst(&self, burst: Duration) -> f64 {
        let swallowed = self.pulses(burst);
        let all = f64::from(self.missed_to_lose());
        average(|phase| self.seen_by_others(all - (swallowed + phase).floor()))
    }

    /// The probability that all others lose a node that `missing` more heartbeats of get lost, or that one does for so
    /// long that the view changes without the others.
    fn seen_by_others(&self, missing: f64) -> f64 {
        let peers = f64::from(self.nodes.saturating_sub(1));
        let longer = f64::from(self.missed_to_change() - self.missed_to_lose());
        let by_one = self.around(missing.max(0.0) + longer);
        (self.around(missing).powf(peers) + peers * by_one).min(1.0)
    }

    /// The probability that a heartbeat is missed: none of its copies comes.
    fn miss(&self) -> f64 {
        let lans = i32::try_from(self.lans).unwrap_or(i32::MAX);
        self.loss.clamp(0.0, 1.0).powi(lans)
    }

    /// How many heartbeats surely fall into the time of so many pulses; on late hosts fewer.
    fn missed_in(&self, pulses: u32) -> u32 {
        let one = self.pulse + self.lateness;
        let time = self.pulse * pulses;
        let whole = time.as_nanos().div_ceil(one.as_nanos().max(1));
        // On a host that is never late, the one that is due exactly then comes in half of all cases: not counted.
        u32::try_from(whole).unwrap_or(u32::MAX).saturating_sub(1)
    }

    /// How often a year so many in a row are missed, after one that came.
    fn runs_per_year(&self, missed: u32) -> f64 {
        let miss = self.miss();
        let beats = YEAR_SECONDS / (self.pulse + self.lateness).as_secs_f64();
        beats * (1.0 - miss) * miss.powf(f64::from(missed))
    }

    /// The probability that so many more are missed right before and after something that swallows heartbeats itself.
    fn around(&self, more: f64) -> f64 {
        if more <= 0.0 {
            return 1.0;
        }
        let miss = self.miss();
        (miss.powf(more) * (1.0 + more * (1.0 - miss))).min(1.0)
    }

    fn pulses(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.pulse.as_secs_f64()
    }
}

impl Default for Curve {
    fn default() -> Self {
        Self::new()
    }
}

/// The average over where in a pulse something begins.
fn average(value: impl Fn(f64) -> f64) -> f64 {
    let parts = (0..100_u8).map(|part| value((f64::from(part) + 0.5) / 100.0));
    parts.sum::<f64>() / 100.0
}

/// A year of 365.25 days.
pub const YEAR_SECONDS: f64 = 31_557_600.0;
/// Quiet pulses before a change that is not clear to everybody is acted upon.
const SETTLE_PULSES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_have_no_alarm_in_a_thousand_years() {
        let at = |loss| Curve { loss, ..Curve::new() };
        assert_eq!((at(0.0).missed_to_lose(), at(0.0).missed_to_change()), (9, 14));
        assert_eq!(Curve { nodes: 2, ..Curve::new() }.missed_to_change(), 9);
        assert!(at(0.01).lost_per_year() < 1e-8 && at(0.01).changes_per_year() < 1e-18);
        assert!(at(0.1).lost_per_year() < 0.5 && at(0.1).changes_per_year() < 1e-4);
        let two_lans = Curve { lans: 2, ..at(0.1) };
        let ratio = two_lans.lost_per_year() / at(0.01).lost_per_year();
        assert!((ratio - 1.0).abs() < 1e-9, "two lans square the loss: {ratio}");
    }

    #[test]
    fn freezes_and_bursts_up_to_their_limits_change_nothing_without_loss() {
        let clean = Curve::new();
        for millis in [200, 300, 500, 700] {
            let time = Duration::from_millis(millis);
            assert!(clean.per_freeze(time) < 1e-9 && clean.per_burst(time) < 1e-9, "{millis}");
        }
        assert!(clean.per_freeze(Duration::from_millis(801)) > 0.999);
        assert!(clean.per_burst(Duration::from_millis(1_001)) > 0.999);
        let lossy = Curve { loss: 0.01, ..clean };
        let freeze = lossy.per_freeze(Duration::from_millis(500));
        assert!((1e-6..1e-5).contains(&freeze), "{freeze}");
    }
}
