//! Holds the share of one module on one node, and hands it over between views.
//!
//! In: views that are wanted, views that are in force. Out: `SharesChanged`.
//!
//! ```text
//! wanted view:    what it gives to others is let go at once        owned := owned and share
//! view in force:  everybody has let go, what it gives is claimed   owned := share
//! no view:        owned := nothing
//! ```
//!
//! Always: what is owned is part of what the wanted view gives to this node; without a view nothing is owned.
//! Not here: who forms a view (membership), who owns what in it ([`ShareTable`]), packets (the virtual IP).
//!
//! Example: [`Farm`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use safekit_core::Machine;
use safekit_core::ids::{Epoch, ModuleKey, NodeId};
use safekit_core::membership::View;

use crate::buckets::BucketSet;
use crate::share::{ShareTable, Weight};

/// What a farm takes.
///
/// Example: [`Farm`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// Another view is wanted; `None`: the node is in no view.
    ViewProposed {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Option<Arc<View>>,
    },
    /// All members have agreed on the view that was proposed last, perhaps under a higher number.
    ViewInstalled {
        /// Its number.
        epoch: Epoch,
        /// The view.
        view: Arc<View>,
    },
    /// The configured nodes or their weights have changed: what the new ones do not give is let go at once, what
    /// they give is claimed with the next view.
    WeightsChanged(BTreeMap<NodeId, Weight>),
}

/// What a farm gives.
///
/// Example: [`Farm`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Which buckets this node may take, or with whom it shares them, is another one.
    SharesChanged {
        /// The buckets.
        owned: BucketSet,
        /// The participants of the view in force, this node included; empty where this node takes no load.
        participants: BTreeSet<NodeId>,
    },
}

/// The share of one module on one node.
///
/// [`FarmNode`](crate::FarmNode) has one for each module and feeds it; a node of your own does this:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
/// use safekit_core::Machine;
/// use safekit_core::ids::{Epoch, Incarnation, ModuleName, NodeId};
/// use safekit_core::membership::{View, ViewMember};
/// use safekit_farm::farm::{Input, Output};
/// use safekit_farm::{Farm, Weight};
///
/// let [one, two] = [NodeId::new(1).ok_or("a node")?, NodeId::new(2).ok_or("another")?];
/// let web = ModuleName::new("web")?.key();
/// let mut farm = Farm::new(one, web, [(one, Weight(1)), (two, Weight(1))].into());
///
/// // A view in which both take load of the module is proposed: nothing is claimed yet.
/// let incarnation = Incarnation { counter: 1, random: 7, life: 0 };
/// let member = ViewMember { incarnation, takes: [(web, 0)].into() };
/// let view = View { members: [(one, member.clone()), (two, member)].into(), ..View::default() };
/// let (now, view) = (Instant::now(), Arc::new(view));
/// let proposed = Input::ViewProposed { epoch: Epoch(3), view: Some(Arc::clone(&view)) };
/// farm.handle_input(now, proposed);
/// assert_eq!(farm.poll_output(), None);
///
/// // Both have said so.
/// farm.handle_input(now, Input::ViewInstalled { epoch: Epoch(3), view });
/// let Some(Output::SharesChanged { owned, participants }) = farm.poll_output() else {
///     return Err("nothing is claimed".into());
/// };
/// assert_eq!((owned.count(), participants), (128, [one, two].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Farm {
    me: NodeId,
    module: ModuleKey,
    table: ShareTable,
    wanted: Option<Arc<View>>,
    /// What the wanted view gives to this node: computed once, which takes milliseconds in a cluster of a hundred nodes.
    share: BucketSet,
    owned: BucketSet,
    participants: BTreeSet<NodeId>,
    outputs: VecDeque<Output>,
}

impl Farm {
    /// Makes the farm of a module on a node; it owns nothing.
    #[must_use]
    pub fn new(me: NodeId, module: ModuleKey, weights: BTreeMap<NodeId, Weight>) -> Self {
        Self {
            me,
            module,
            table: ShareTable::new(weights),
            wanted: None,
            share: BucketSet::EMPTY,
            owned: BucketSet::EMPTY,
            participants: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Returns the buckets that this node may take.
    #[must_use]
    pub fn owned(&self) -> BucketSet {
        self.owned
    }

    /// Returns with whom this node shares the load, itself included; empty where it takes none.
    #[must_use]
    pub fn participants(&self) -> &BTreeSet<NodeId> {
        &self.participants
    }

    /// Returns what the shares are computed from.
    #[must_use]
    pub fn table(&self) -> &ShareTable {
        &self.table
    }

    fn propose(&mut self, view: Option<Arc<View>>) {
        let participants = if view.is_some() { self.participants.clone() } else { BTreeSet::new() };
        self.share = view.as_ref().map_or(BucketSet::EMPTY, |view| self.share_of(view));
        self.wanted = view;
        let owned = if bug::skipped_release() { self.owned } else { self.owned.and(self.share) };
        self.change(owned, participants);
    }

    fn install(&mut self, view: &Arc<View>) {
        // A view that was not proposed, or is no more wanted, gives nothing: it may have let go of nothing for us.
        if self.wanted.as_ref() != Some(view) {
            return;
        }
        let participants = view.participants(self.me, self.module);
        self.change(self.share, participants);
    }

    fn share_of(&self, view: &View) -> BucketSet {
        let participants = view.participants(self.me, self.module);
        if !participants.contains(&self.me) {
            return BucketSet::EMPTY;
        }
        self.table.shares(&participants).owned_by(self.me)
    }

    fn change(&mut self, owned: BucketSet, participants: BTreeSet<NodeId>) {
        if owned == self.owned && participants == self.participants {
            return;
        }
        self.owned = owned;
        self.participants = participants.clone();
        self.outputs.push_back(Output::SharesChanged { owned, participants });
    }

    fn check_invariants(&self) {
        debug_assert!(
            bug::skipped_release()
                || self.wanted.as_ref().map_or(self.owned.is_empty(), |view| {
                    self.owned == self.owned.and(self.share_of(view))
                }),
            "node {} owns what the wanted view does not give to it",
            self.me
        );
    }
}

impl Machine for Farm {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, _now: Instant, input: Input) {
        match input {
            Input::ViewProposed { epoch: _, view } => self.propose(view),
            Input::ViewInstalled { epoch: _, view } => self.install(&view),
            Input::WeightsChanged(weights) => {
                self.table = ShareTable::new(weights);
                self.propose(self.wanted.clone());
            }
        }
        self.check_invariants();
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// The faults of this file that a test can switch on.
mod bug {
    /// Tells whether releasing is to be left out.
    #[cfg(feature = "planted-bugs")]
    pub(super) fn skipped_release() -> bool {
        safekit_core::bug::planted(safekit_core::bug::Bug::SkippedRelease)
    }

    /// Tells that releasing is never left out.
    #[cfg(not(feature = "planted-bugs"))]
    pub(super) const fn skipped_release() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Instant;

    use safekit_core::Machine;
    use safekit_core::ids::{Epoch, Incarnation, ModuleKey, NodeId};
    use safekit_core::membership::{View, ViewMember};

    use super::{Farm, Input, Output};
    use crate::buckets::BucketSet;
    use crate::share::Weight;

    const MODULE: ModuleKey = ModuleKey(7);

    fn id(number: usize) -> NodeId {
        NodeId::new(number).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]
    fn base() -> Instant {
        Instant::now()
    }

    fn view(taking: &[usize], standing_by: &[usize]) -> Arc<View> {
        let member = |takes: bool| ViewMember {
            incarnation: Incarnation { counter: 1, random: 0, life: 0 },
            takes: if takes { [(MODULE, 0)].into() } else { BTreeMap::new() },
        };
        let taking = taking.iter().map(|number| (id(*number), member(true)));
        let others = standing_by.iter().map(|number| (id(*number), member(false)));
        Arc::new(View { members: taking.chain(others).collect(), ..View::default() })
    }

    fn farm() -> Farm {
        Farm::new(id(1), MODULE, (1..=3).map(|number| (id(number), Weight(1))).collect())
    }

    fn propose(farm: &mut Farm, view: Option<&Arc<View>>) {
        farm.handle_input(base(), Input::ViewProposed { epoch: Epoch(1), view: view.cloned() });
    }

    fn install(farm: &mut Farm, view: &Arc<View>) {
        farm.handle_input(base(), Input::ViewInstalled { epoch: Epoch(2), view: Arc::clone(view) });
    }

    #[test]
    fn claims_when_a_view_is_in_force_and_not_before() {
        let mut farm = farm();
        let alone = view(&[1], &[2]);
        propose(&mut farm, Some(&alone));
        assert!(farm.owned().is_empty());
        assert_eq!(farm.poll_output(), None);
        install(&mut farm, &alone);
        assert_eq!(
            farm.poll_output(),
            Some(Output::SharesChanged { owned: BucketSet::ALL, participants: [id(1)].into() })
        );
    }

    #[test]
    fn lets_go_of_what_others_get_as_soon_as_it_is_proposed() {
        let mut farm = farm();
        let (alone, together) = (view(&[1], &[2, 3]), view(&[1, 2], &[3]));
        propose(&mut farm, Some(&alone));
        install(&mut farm, &alone);
        propose(&mut farm, Some(&together));
        assert_eq!(farm.owned().count(), 128);
        install(&mut farm, &together);
        assert_eq!(farm.owned().count(), 128);
        assert_eq!(farm.participants(), &[id(1), id(2)].into());
        propose(&mut farm, Some(&alone));
        assert_eq!(farm.owned().count(), 128, "nothing is claimed before everybody agrees");
    }

    #[test]
    fn owns_nothing_without_a_view_or_without_taking_load() {
        let mut farm = farm();
        let (alone, standing_by) = (view(&[1], &[]), view(&[2], &[1]));
        propose(&mut farm, Some(&alone));
        install(&mut farm, &alone);
        propose(&mut farm, None);
        assert!(farm.owned().is_empty() && farm.participants().is_empty());
        install(&mut farm, &alone);
        assert!(farm.owned().is_empty(), "a view that is no more wanted gives nothing");
        propose(&mut farm, Some(&standing_by));
        install(&mut farm, &standing_by);
        assert!(farm.owned().is_empty() && farm.participants().is_empty());
    }

    #[test]
    fn other_weights_take_at_once_and_give_with_the_next_view() {
        let mut farm = farm();
        let together = view(&[1, 2], &[3]);
        propose(&mut farm, Some(&together));
        install(&mut farm, &together);
        let weights = |mine| [(id(1), Weight(mine)), (id(2), Weight(1))].into();
        farm.handle_input(base(), Input::WeightsChanged(weights(3)));
        assert!(farm.owned().count() <= 128);
        install(&mut farm, &together);
        assert_eq!(farm.owned().count(), 192);
        farm.handle_input(base(), Input::WeightsChanged(weights(0)));
        assert!(farm.owned().is_empty());
    }
}
