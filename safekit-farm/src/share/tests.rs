use std::collections::{BTreeMap, BTreeSet};

use safekit_core::ids::NodeId;

use super::{ShareTable, Shares, Weight, quotas};
use crate::buckets::{BucketId, BucketSet};

fn id(number: usize) -> NodeId {
    NodeId::new(number).unwrap()
}

fn table(weights: &[u32]) -> ShareTable {
    ShareTable::new(weights.iter().enumerate().map(|(at, w)| (id(at + 1), Weight(*w))).collect())
}

fn all_but(table: &ShareTable, lost: &[usize]) -> BTreeSet<NodeId> {
    let lost: BTreeSet<NodeId> = lost.iter().map(|number| id(*number)).collect();
    table.weights().keys().copied().filter(|node| !lost.contains(node)).collect()
}

fn moved(before: &Shares, after: &Shares) -> usize {
    BucketId::all().filter(|bucket| before.owner(*bucket) != after.owner(*bucket)).count()
}

/// The least number of buckets that have to move to get from one table's shares to other quotas.
fn least(before: &Shares, quotas: &BTreeMap<NodeId, usize>) -> usize {
    quotas
        .iter()
        .map(|(node, quota)| quota.saturating_sub(before.owned_by(*node).iter().count()))
        .sum()
}

const WEIGHTS: [&[u32]; 9] = [
    &[1, 1],
    &[1, 1, 1],
    &[1, 2, 4],
    &[3, 1, 1, 0],
    &[5, 5, 3, 2, 1],
    &[1, 1, 1, 1, 1, 1, 1, 1],
    &[63, 1, 17, 40, 2, 9, 30, 62],
    &[7, 0, 0, 7, 100, 33],
    &[4_000_000_000, 4_000_000_000, 3_999_999_999, 1_000_000_000],
];

#[test]
fn everybody_has_exactly_its_quota_whoever_is_lost() {
    for weights in WEIGHTS {
        let table = table(weights);
        for lost in 0_u32..1 << weights.len() {
            let gone: Vec<usize> =
                (1..=weights.len()).filter(|number| lost >> (number - 1) & 1 == 1).collect();
            let live = all_but(&table, &gone);
            let shares = table.shares(&live);
            let left = table.weights().iter().filter(|(node, _)| live.contains(node));
            let wanted = quotas(&left.map(|(node, weight)| (*node, *weight)).collect());
            let mut together = 0;
            for node in table.weights().keys() {
                let owned = usize::from(shares.owned_by(*node).count());
                assert_eq!(owned, wanted.get(node).copied().unwrap_or(0), "{weights:?} {gone:?}");
                together += owned;
            }
            let somebody = live.iter().any(|node| table.weights()[node].0 > 0);
            assert_eq!(together, if somebody { 256 } else { 0 }, "{weights:?} {gone:?}");
        }
    }
}

#[test]
fn one_loss_moves_as_few_buckets_as_possible() {
    for weights in WEIGHTS {
        let table = table(weights);
        let before = table.shares(&all_but(&table, &[]));
        for lost in 1..=weights.len() {
            let live = all_but(&table, &[lost]);
            let after = table.shares(&live);
            let left = table.weights().iter().filter(|(node, _)| live.contains(node));
            let wanted = quotas(&left.map(|(node, weight)| (*node, *weight)).collect());
            assert_eq!(moved(&before, &after), least(&before, &wanted), "{weights:?} lost {lost}");
        }
    }
}

#[test]
fn equal_nodes_lose_no_bucket_when_another_one_is_lost() {
    for count in 2..=8 {
        let table = table(&vec![1; count]);
        let before = table.shares(&all_but(&table, &[]));
        for lost in 1..=count {
            let after = table.shares(&all_but(&table, &[lost]));
            assert_eq!(moved(&before, &after), usize::from(before.owned_by(id(lost)).count()));
        }
    }
}

#[test]
fn several_losses_move_at_most_a_tenth_more_than_needed() {
    let table = table(&[1; 8]);
    let before = table.shares(&all_but(&table, &[]));
    let mut live = table.weights().clone();
    live.remove(&id(2));
    live.remove(&id(5));
    live.remove(&id(6));
    let after = table.shares(&all_but(&table, &[2, 5, 6]));
    assert!(moved(&before, &after) * 10 <= least(&before, &quotas(&live)) * 11);
}

#[test]
fn a_returning_node_gets_its_home_buckets_back() {
    let table = table(&[2, 1, 1, 3]);
    let home = table.shares(&all_but(&table, &[]));
    assert_ne!(table.shares(&all_but(&table, &[3])), home);
    assert_eq!(table.shares(&all_but(&table, &[])), home);
}

#[test]
fn a_far_stronger_node_takes_everything_while_it_is_there() {
    let table = table(&[1, 64, 4096]);
    for (lost, owner) in [(&[][..], 3), (&[3], 2), (&[2], 3), (&[2, 3], 1), (&[1, 2], 3)] {
        let shares = table.shares(&all_but(&table, lost));
        assert_eq!(shares.owned_by(id(owner)), BucketSet::ALL, "lost {lost:?}");
    }
}

#[test]
fn nobody_with_a_weight_owns_nothing() {
    let table = table(&[0, 0, 5]);
    let shares = table.shares(&all_but(&table, &[3]));
    assert!(BucketId::all().all(|bucket| shares.owner(bucket).is_none()));
    assert!(BucketId::all().all(|bucket| table.shares(&BTreeSet::new()).owner(bucket).is_none()));
}

#[test]
fn who_is_not_configured_counts_for_nothing() {
    let table = table(&[1, 1]);
    let mut participants = all_but(&table, &[]);
    participants.insert(id(9));
    assert_eq!(table.shares(&participants), table.shares(&all_but(&table, &[])));
}

/// Every node must compute the same table, also one with another version of this program.
#[test]
fn the_table_is_the_same_for_ever() {
    let shares = table(&[1, 2, 3]).shares(&[id(1), id(2), id(3)].into());
    assert_eq!(
        shares.owned_by(id(1)).to_string(),
        "10104210020a085c318d10080002a00001084000002104200080b7000c048000"
    );
}
