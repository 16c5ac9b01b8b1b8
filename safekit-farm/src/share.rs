//! Computes who owns which bucket: "home and repair".
//!
//! In: the configured nodes with their weights, and who takes part. Out: an owner for each bucket. A pure function of
//! both, in integers, with no history: every node computes the same, whatever it has seen before.
//!
//! *Home*: the table for the case that all configured nodes take part. Each node has a quota by its weight (largest
//! remainder); all pairs of node and bucket are sorted by their hash and taken greedily while the node's quota lasts.
//! *Repair*: nodes that do not take part are removed one at a time, lowest id first, and only the buckets that have to
//! move are dealt again, under the quotas of those that are left. So one loss moves the least possible number of
//! buckets, the shares are exactly the quotas, and a node that returns gets its home buckets back.
//!
//! Not here: when a share may be claimed ([`crate::farm`]).

use std::collections::{BTreeMap, BTreeSet};

use safekit_core::ids::NodeId;
use sha2::{Digest, Sha256};

use crate::buckets::{BUCKETS, BucketId, BucketSet};

/// From this ratio of weights on the stronger node takes everything, and the weaker one stands by.
pub(crate) const STRICT_PRIORITY_RATIO: u64 = 64;

/// The strength of a node, relative to the others of its module.
///
/// No unit; 1 unless configured. 0: the node takes no load, even alone. Twice the weight of another node: twice its
/// buckets. 64 times the weight of another node, or more: the other one gets nothing while this one takes part, which is
/// how a chain of standby nodes is configured (1, 64, 4096, ...).
///
/// ```
/// use safekit_core::ids::NodeId;
/// use safekit_farm::{ShareTable, Weight};
///
/// // Node 1 takes everything; node 2 stands by.
/// let [one, two] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
/// let table = ShareTable::new([(one, Weight(64)), (two, Weight::default())].into());
/// assert_eq!(table.shares(&[one, two].into()).owned_by(two).count(), 0);
/// assert_eq!(table.shares(&[two].into()).owned_by(two).count(), 256);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(pub u32);

impl Default for Weight {
    fn default() -> Self {
        Self(1)
    }
}

/// The owner of each bucket.
///
/// ```
/// use safekit_core::ids::NodeId;
/// use safekit_farm::{ShareTable, Shares, Weight};
///
/// let [one, two, three] = [1, 2, 3].map(NodeId::new);
/// let (Some(one), Some(two), Some(three)) = (one, two, three) else { return Err("three nodes") };
/// let table = ShareTable::new([one, two, three].map(|node| (node, Weight(1))).into());
/// let before: Shares = table.shares(&[one, two, three].into());
/// let after: Shares = table.shares(&[one, two].into());
/// assert_eq!([one, two, three].map(|node| before.owned_by(node).count()), [86, 85, 85]);
/// // Node 3 is gone: only its buckets change their owner.
/// let moved = before.owned_by(three);
/// assert!(moved.iter().all(|bucket| after.owner(bucket) != Some(three)));
/// assert!(before.owned_by(one).iter().all(|bucket| after.owner(bucket) == Some(one)));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    owners: [Option<NodeId>; BUCKETS],
}

impl Shares {
    /// Returns who owns a bucket; `None` where nobody takes part with a weight above 0.
    #[must_use]
    pub fn owner(&self, bucket: BucketId) -> Option<NodeId> {
        self.owners.get(usize::from(bucket.0)).copied().flatten()
    }

    /// Returns the buckets of a node.
    #[must_use]
    pub fn owned_by(&self, node: NodeId) -> BucketSet {
        BucketId::all().filter(|bucket| self.owner(*bucket) == Some(node)).collect()
    }

    fn unowned() -> Self {
        Self { owners: [None; BUCKETS] }
    }

    fn set(&mut self, bucket: BucketId, owner: Option<NodeId>) {
        if let Some(slot) = self.owners.get_mut(usize::from(bucket.0)) {
            *slot = owner;
        }
    }
}

/// What the shares of a module are computed from: the configured nodes with their weights. Made once, asked often.
///
/// ```
/// use safekit_core::ids::NodeId;
/// use safekit_farm::{ShareTable, Weight};
///
/// let [one, two] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
/// let table = ShareTable::new([(one, Weight(3)), (two, Weight(1))].into());
/// let shares = table.shares(&[one, two].into());
/// assert_eq!(shares.owned_by(one).count(), 192);
/// assert_eq!(table.shares(&[two].into()).owned_by(two).count(), 256);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShareTable {
    weights: BTreeMap<NodeId, Weight>,
    home: Shares,
}

impl ShareTable {
    /// Makes the table of a module.
    #[must_use]
    pub fn new(weights: BTreeMap<NodeId, Weight>) -> Self {
        let mut home = Shares::unowned();
        deal(&mut home, BucketId::all(), quotas(&weights));
        Self { weights, home }
    }

    /// Returns the configured nodes with their weights.
    #[must_use]
    pub fn weights(&self) -> &BTreeMap<NodeId, Weight> {
        &self.weights
    }

    /// Computes who owns which bucket when these nodes take part; one that is not configured counts for nothing.
    #[must_use]
    pub fn shares(&self, participants: &BTreeSet<NodeId>) -> Shares {
        let mut live = self.weights.clone();
        let mut shares = self.home.clone();
        for lost in self.weights.keys().filter(|node| !participants.contains(node)) {
            live.remove(lost);
            repair(&mut shares, *lost, &live);
        }
        shares
    }
}

/// Takes one node out, and deals what it had, and what others have above their new quota, to those below theirs.
fn repair(shares: &mut Shares, lost: NodeId, live: &BTreeMap<NodeId, Weight>) {
    let mut room = quotas(live);
    let mut homeless = Vec::new();
    let mut kept: BTreeMap<NodeId, Vec<(u64, BucketId)>> = BTreeMap::new();
    for bucket in BucketId::all() {
        match shares.owner(bucket) {
            Some(owner) if owner != lost => {
                kept.entry(owner).or_default().push((hash(owner, bucket), bucket));
            }
            _ => homeless.push(bucket),
        }
    }
    for (owner, mut buckets) in kept {
        buckets.sort_unstable();
        let quota = room.get(&owner).copied().unwrap_or(0);
        homeless.extend(buckets.iter().skip(quota).map(|(_, bucket)| *bucket));
        room.insert(owner, quota.saturating_sub(buckets.len()));
    }
    for bucket in &homeless {
        shares.set(*bucket, None);
    }
    deal(shares, homeless.into_iter(), room);
}

/// Deals buckets to the nodes that have room for them: the pair with the smallest hash first.
fn deal(
    shares: &mut Shares,
    buckets: impl Iterator<Item = BucketId>,
    mut room: BTreeMap<NodeId, usize>,
) {
    room.retain(|_, free| *free > 0);
    let mut pairs: Vec<(u64, NodeId, BucketId)> = buckets
        .flat_map(|bucket| room.keys().map(move |node| (hash(*node, bucket), *node, bucket)))
        .collect();
    pairs.sort_unstable();
    for (_, node, bucket) in pairs {
        let Some(free) = room.get_mut(&node).filter(|free| **free > 0) else { continue };
        if shares.owner(bucket).is_none() {
            shares.set(bucket, Some(node));
            *free -= 1;
        }
    }
}

/// Splits all buckets by weight; the rest goes to the largest remainders, of equal ones to the lowest id.
fn quotas(live: &BTreeMap<NodeId, Weight>) -> BTreeMap<NodeId, usize> {
    let strongest = live.values().map(|weight| u64::from(weight.0)).max().unwrap_or(0);
    let counts =
        |weight: u64| weight > 0 && weight.saturating_mul(STRICT_PRIORITY_RATIO) > strongest;
    let weights: Vec<(NodeId, u64)> = live
        .iter()
        .map(|(node, weight)| (*node, u64::from(weight.0)))
        .filter(|(_, weight)| counts(*weight))
        .collect();
    let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
    let Some(sum) = std::num::NonZeroU64::new(sum) else { return BTreeMap::new() };
    let mut quotas = BTreeMap::new();
    let mut remainders = Vec::new();
    let mut rest = BUCKETS;
    for (node, weight) in weights {
        let parts = weight * 256;
        let quota = usize::try_from(parts / sum).unwrap_or(BUCKETS);
        rest = rest.saturating_sub(quota);
        quotas.insert(node, quota);
        remainders.push((std::cmp::Reverse(parts % sum), node));
    }
    remainders.sort_unstable();
    for (_, node) in remainders.into_iter().take(rest) {
        *quotas.entry(node).or_default() += 1;
    }
    quotas
}

/// Returns how early a node is dealt a bucket: the first eight bytes of SHA-256 over both numbers.
fn hash(node: NodeId, bucket: BucketId) -> u64 {
    let digest = Sha256::digest([node.number(), bucket.0]);
    digest.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
