use std::time::Duration;

use super::{Alarms, Cluster, Strain, strained};
use crate::curve::Curve;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a cluster with default settings has to bear; a day of each is the figure `hours`.
const BORNE: [Strain; 6] = [
    Strain::BusyAll,
    Strain::BusyOne,
    Strain::Loss(0.01),
    Strain::Bursts(millis(300)),
    Strain::Freezes(millis(200)),
    Strain::Freezes(millis(500)),
];

/// One hour in sum.
#[test]
fn nobody_is_lost_who_lives() {
    for (seed, strain) in (0x10..).zip(BORNE) {
        let alarms = strained(Cluster::new(seed), strain, Duration::from_secs(600)).unwrap();
        assert!(alarms.is_quiet(), "seed {seed}, {strain:?}: {alarms:?}");
        let faults = !matches!(strain, Strain::BusyAll | Strain::BusyOne | Strain::Loss(_));
        assert!(!faults || alarms.faults > 100, "{strain:?}: {alarms:?}");
    }
}

/// The count counts: what is too much for the settings is seen.
#[test]
fn what_is_too_long_is_an_alarm() {
    let of = |strain| strained(Cluster::new(5), strain, Duration::from_secs(60)).unwrap();
    let freezes = of(Strain::Freezes(millis(1_300)));
    assert!(freezes.rejoined > 0 && freezes.changes > 0, "{freezes:?}");
    let bursts = of(Strain::Bursts(millis(1_800)));
    assert!(bursts.lost > 0 && bursts.changes > 0, "{bursts:?}");
    assert_eq!(of(Strain::Nothing), Alarms::default());
}

/// Counts under so much loss that there is enough to count.
fn lossy(cluster: Cluster, loss: f64, hours: f64) -> (Alarms, Curve, f64) {
    let time = Duration::from_secs_f64(hours * 3600.0);
    let alarms = strained(cluster, Strain::Loss(loss), time).unwrap();
    let (nodes, lans) =
        (u32::try_from(cluster.nodes).unwrap(), u32::try_from(cluster.lans).unwrap());
    let (pulse, slost_count) = (cluster.pulse, cluster.slost_count);
    let curve = Curve { pulse, slost_count, nodes, lans, loss, ..Curve::new() };
    (alarms, curve, time.as_secs_f64() / crate::curve::YEAR_SECONDS)
}

/// `MemberLost` comes as often as the formula says, for few and for many missed heartbeats, one lan and two.
#[test]
fn losses_come_as_often_as_computed() {
    let of = |slost_count, lans| Cluster { slost_count, lans, ..Cluster::new(9) };
    for (cluster, loss) in [(of(4, 1), 0.15), (of(10, 1), 0.5), (of(4, 2), 0.4)] {
        let (alarms, curve, years) = lossy(cluster, loss, 0.25);
        let computed = curve.lost_per_year() * curve.pairs() * 2.0 * years;
        let counted = f64::from(u32::try_from(alarms.lost).unwrap());
        assert!(computed > 40.0, "too few to compare: {computed}");
        let ratio = counted / computed;
        println!("{cluster:?}, loss {loss}: {counted}, computed {computed:.1}: {ratio:.2}");
        // A lan that falls silent makes its node send at once, on all lans: that helps.
        assert!(
            (if cluster.lans > 1 { 0.4 } else { 0.7 }..1.4).contains(&ratio),
            "{cluster:?}: {counted}, computed {computed:.1}"
        );
    }
}

/// Freezes under loss: the own pause is noticed as often as computed.
#[test]
fn freezes_are_alarms_as_often_as_computed() {
    let strain = Strain::LossAndFreezes(0.25, millis(500));
    let alarms = strained(Cluster::new(3), strain, Duration::from_secs(3_600)).unwrap();
    let curve = Curve { loss: 0.25, ..Curve::new() };
    let computed = curve.per_freeze(millis(500)) * f64::from(u32::try_from(alarms.faults).unwrap());
    let counted = f64::from(u32::try_from(alarms.changes).unwrap());
    println!("{strain:?}: {counted}, computed {computed:.1}");
    assert!(computed > 20.0, "too few to compare: {computed}");
    assert!((0.5..1.6).contains(&(counted / computed)), "{alarms:?}, computed {computed:.1}");
}

/// Views change as often as computed where two nodes are alone, and less often where three are: each change sends again
/// at once, which the formula leaves out.
#[test]
fn views_change_as_often_as_computed() {
    let of = |nodes, slost_count| Cluster { nodes, slost_count, ..Cluster::new(11) };
    for (cluster, loss, range) in
        [(of(2, 4), 0.2, 0.7..1.4), (of(3, 4), 0.25, 0.15..1.4), (of(3, 10), 0.6, 0.15..1.4)]
    {
        let (alarms, curve, years) = lossy(cluster, loss, 0.5);
        let computed = curve.changes_per_year() * years;
        let counted = f64::from(u32::try_from(alarms.changes).unwrap());
        assert!(computed > 40.0, "too few to compare: {computed}");
        let ratio = counted / computed;
        println!("{cluster:?}, loss {loss}: {counted}, computed {computed:.1}: {ratio:.2}");
        assert!(range.contains(&ratio), "{cluster:?}: {counted}, computed {computed:.1}");
    }
}
