//! How late a host gives its agent the processor: the model of a busy host.
//!
//! In: chance. Out: the time between the moment at which an agent has something to do and its turn. What arrives in
//! between is taken in that same turn. No clock, no processor: how much a turn itself costs is not modelled.

use std::time::Duration;

use crate::sim::Random;

/// How long an agent waits for the processor, as a distribution.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, Lateness, World};
///
/// // Half of all waits are up to 1 ms, nine of ten up to 20 ms, the longest ones 400 ms.
/// let waits = [(0.5, 1), (0.9, 20), (1.0, 400)];
/// let waits = waits.map(|(share, millis)| (share, Duration::from_millis(millis)));
/// let mut world = World::new(7, Cast::new(3), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// world.start_all();
/// let nodes = world.nodes();
/// world.busy(nodes[0], Lateness::new(&waits));
/// world.busy(nodes[1], Lateness::measured());
/// world.run_for(Duration::from_secs(60))?;
/// let members = |node| Some(world.machine(node)?.membership()?.view()?.1.members.len());
/// assert!(nodes.iter().all(|node| members(*node) == Some(3)));
/// # Ok::<(), safekit_core::sim::Failure>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lateness {
    /// Which share of all waits is at most so long; ascending in both.
    steps: Vec<(f64, Duration)>,
}

impl Lateness {
    /// Makes a distribution of steps: a share of all waits, 0 to 1, and what these are at most; ascending in both.
    /// Between two steps every wait is equally probable. Without any step no agent ever waits.
    #[must_use]
    pub fn new(steps: &[(f64, Duration)]) -> Self {
        Self { steps: steps.to_vec() }
    }

    /// Returns what was measured on a virtual machine with two processors and sixteen endless loops, eight times as
    /// much as it can carry, at usual priority; with a longer end than was seen (250 ms in 20 s).
    #[must_use]
    pub fn measured() -> Self {
        let millis = |share, millis| (share, Duration::from_millis(millis));
        Self::new(&[
            millis(0.5, 6),
            millis(0.75, 14),
            millis(0.9, 30),
            millis(0.95, 50),
            millis(0.99, 136),
            millis(0.999, 250),
            millis(1.0, 350),
        ])
    }

    /// Draws a wait; `None`: agents never wait.
    pub(super) fn draw(&self, random: &mut Random) -> Option<Duration> {
        let (_, longest) = *self.steps.last()?;
        let share = f64::from(random.next_u32()) / f64::from(u32::MAX);
        let mut before = Duration::ZERO;
        for (up_to, wait) in &self.steps {
            if share <= *up_to {
                return Some(random.duration(before, *wait));
            }
            before = *wait;
        }
        Some(longest)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Lateness;
    use crate::sim::Random;

    #[test]
    fn draws_as_the_steps_say() {
        let mut random = Random::new(3);
        let lateness = Lateness::measured();
        let mut waits: Vec<Duration> =
            (0..20_000).filter_map(|_| lateness.draw(&mut random)).collect();
        waits.sort_unstable();
        let at = |share: usize| waits[waits.len() * share / 1000].as_millis();
        assert!((5..=7).contains(&at(500)), "{}", at(500));
        assert!((27..=34).contains(&at(900)), "{}", at(900));
        assert!((110..=170).contains(&at(990)), "{}", at(990));
        assert!(waits.last().is_some_and(|wait| (250..=350).contains(&wait.as_millis())));
    }

    #[test]
    fn draws_nothing_without_steps() {
        let (mut random, before) = (Random::new(3), Random::new(3).next_u64());
        assert_eq!(Lateness::default().draw(&mut random), None);
        assert_eq!(random.next_u64(), before, "runs without it stay as they are");
    }
}
