//! Times that were measured, and what is said of them.

use std::time::Duration;

/// Times of one figure, and how often there was none.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    times: Vec<Duration>,
    missing: usize,
}

impl Samples {
    /// Adds a time; `None`: what was waited for never came.
    pub fn add(&mut self, time: Option<Duration>) {
        match time {
            Some(time) => self.times.push(time),
            None => self.missing += 1,
        }
    }

    /// Takes all of others.
    pub fn append(&mut self, other: Self) {
        self.times.extend(other.times);
        self.missing += other.missing;
    }

    /// Returns how many times there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Returns how often what was waited for never came.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Returns the smallest time that at least so many percent of the runs kept (nearest rank); with fewer than 100
    /// runs p99 is the greatest one. A run that never ended is longer than all others: `None` where the rank falls on one.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let rank = ((sorted.len() + self.missing) * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// Returns what all runs gave, those that never ended last.
    pub fn runs(&self) -> impl Iterator<Item = Option<Duration>> {
        let never = std::iter::repeat_n(None, self.missing);
        self.times.iter().copied().map(Some).chain(never)
    }

    /// Returns the times, in the order in which they were added.
    #[must_use]
    pub fn into_times(self) -> Vec<Duration> {
        self.times
    }

    /// Returns the greatest time; `None` where a run never ended.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.percentile(100)
    }
}

impl Extend<Duration> for Samples {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, times: T) {
        self.times.extend(times);
    }
}

/// Returns the median of numbers; 0 of none.
#[must_use]
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// Returns a count as a number to calculate with; beyond 4,294,967,295 that.
#[must_use]
pub fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut samples = Samples::default();
        assert_eq!(samples.percentile(50), None);
        samples.extend((1..=200).rev().map(Duration::from_millis));
        let at = |samples: &Samples, percent| samples.percentile(percent).map(|it| it.as_millis());
        let of = |samples: &Samples| [50, 99, 100].map(|percent| at(samples, percent));
        assert_eq!(of(&samples), [Some(100), Some(198), Some(200)]);
        samples.add(None);
        assert_eq!(of(&samples), [Some(101), Some(199), None], "what never came is the longest");
        (0..2).for_each(|_| samples.add(None));
        assert_eq!(of(&samples), [Some(102), None, None]);
        assert_eq!((samples.len(), samples.missing(), samples.max()), (200, 3, None));
    }
}
