//! Chance from a seed: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018),
//! filled by splitmix64 as its authors advise. Good enough for faults, not for secrets.

use std::time::Duration;

/// A source of numbers that is a pure function of its seed.
///
/// ```
/// use safekit_core::sim::Random;
///
/// let story = |seed| {
///     let mut random = Random::new(seed);
///     let victim = random.pick(&["node1", "node2", "node3"]);
///     (victim, random.below(60), random.chance(0.5))
/// };
/// assert_eq!(story(7), story(7));
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Makes the source of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = [0; 4];
        let mut mixed = seed;
        for word in &mut state {
            mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut value = mixed;
            value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            *word = value ^ value >> 31;
        }
        Self { state }
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [mut a, mut b, mut c, mut d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d.rotate_left(45);
        self.state = [a, b, c, d];
        result
    }

    /// Returns the next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).unwrap_or(0)
    }

    /// Returns a number below `limit`; 0 for a limit of 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next_u64().checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }

    /// Says yes with a probability between 0 and 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.next_u32()) < probability * 4_294_967_296.0
    }

    /// Returns a duration from `least` up to `most`, in whole microseconds.
    pub fn duration(&mut self, least: Duration, most: Duration) -> Duration {
        let micros = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.next_u64() % micros.saturating_add(1))
    }

    /// Returns a duration up to so many milliseconds.
    pub fn up_to_ms(&mut self, most: u64) -> Duration {
        self.duration(Duration::ZERO, Duration::from_millis(most))
    }

    /// Picks one of some values; `None` where there is none.
    pub fn pick<T: Clone>(&mut self, values: &[T]) -> Option<T> {
        let at = self.below(values.len());
        values.get(at).cloned()
    }

    /// Picks one of some values, or takes the other one where there is none.
    pub fn pick_or<T: Clone>(&mut self, values: &[T], otherwise: T) -> T {
        self.pick(values).unwrap_or(otherwise)
    }

    /// Puts values into a random order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last + 1);
            values.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Random;

    #[test]
    fn is_a_function_of_its_seed() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            (0..4).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn keeps_within_its_limits() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[random.below(5)] = true;
            let least = Duration::from_millis(3);
            let some = random.duration(least, Duration::from_millis(5));
            assert!(some >= least && some <= Duration::from_millis(5));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
        let yes = (0..10_000).filter(|_| random.chance(0.3)).count();
        assert!((2_700..3_300).contains(&yes), "{yes}");
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
