//! The 256 slots that the clients are hashed to, and sets of them.
//!
//! Pure data: who owns a bucket is [`crate::share`]'s, how a packet finds its bucket is the packet filter's.

use std::fmt;

/// How many buckets there are.
pub const BUCKETS: usize = 256;

/// One of the [`BUCKETS`] slots of the hashed client space.
///
/// Example: [`BucketSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(pub u8);

impl BucketId {
    /// Returns all buckets, lowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

/// A set of buckets: a bitmap of 256 bits.
///
/// ```
/// use safekit_farm::{BucketId, BucketSet};
///
/// let mut mine: BucketSet = (0..4).map(BucketId).collect();
/// mine.insert(BucketId(255));
/// assert_eq!(mine.count(), 5);
/// assert!(mine.contains(BucketId(3)) && !mine.contains(BucketId(4)));
///
/// let rest: BucketSet = BucketId::all().filter(|bucket| !mine.contains(*bucket)).collect();
/// assert!(mine.and(rest).is_empty());
/// assert_eq!(mine.or(rest), BucketSet::ALL);
/// // In hexadecimal, bucket 255 first.
/// assert_eq!(mine.to_string(), format!("8{}f", "0".repeat(62)));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketSet {
    low: u128,
    high: u128,
}

impl BucketSet {
    /// No bucket.
    pub const EMPTY: Self = Self { low: 0, high: 0 };
    /// All buckets.
    pub const ALL: Self = Self { low: u128::MAX, high: u128::MAX };

    /// Adds a bucket.
    pub fn insert(&mut self, bucket: BucketId) {
        match bucket.0.checked_sub(128) {
            None => self.low |= 1 << bucket.0,
            Some(bit) => self.high |= 1 << bit,
        }
    }

    /// Tells whether a bucket is in the set.
    #[must_use]
    pub fn contains(self, bucket: BucketId) -> bool {
        match bucket.0.checked_sub(128) {
            None => self.low >> bucket.0 & 1 == 1,
            Some(bit) => self.high >> bit & 1 == 1,
        }
    }

    /// Returns what both sets have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { low: self.low & other.low, high: self.high & other.high }
    }

    /// Returns what at least one of both has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    /// Tells whether the set has no bucket.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Returns how many buckets the set has, 0 to 256.
    #[must_use]
    pub fn count(self) -> u16 {
        let ones = self.low.count_ones() + self.high.count_ones();
        u16::try_from(ones).unwrap_or(u16::MAX)
    }

    /// Returns the buckets of the set, lowest first.
    pub fn iter(self) -> impl Iterator<Item = BucketId> {
        BucketId::all().filter(move |bucket| self.contains(*bucket))
    }
}

impl FromIterator<BucketId> for BucketSet {
    fn from_iter<I: IntoIterator<Item = BucketId>>(buckets: I) -> Self {
        let mut set = Self::EMPTY;
        for bucket in buckets {
            set.insert(bucket);
        }
        set
    }
}

impl fmt::Display for BucketSet {
    /// Writes 64 hexadecimal digits, bucket 255 first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}{:032x}", self.high, self.low)
    }
}

impl fmt::Debug for BucketSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/256 {self}", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::{BucketId, BucketSet};

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let some = [0, 1, 63, 64, 127, 128, 200, 255].map(BucketId);
        let set: BucketSet = some.into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), some);
        assert_eq!(set.count(), 8);
        assert!(!set.contains(BucketId(2)) && !set.contains(BucketId(129)));
        assert_eq!(BucketId::all().collect::<BucketSet>(), BucketSet::ALL);
        assert_eq!(BucketSet::ALL.count(), 256);
        assert_eq!(set.and(BucketSet::ALL), set);
        assert_eq!(set.or(BucketSet::EMPTY), set);
        assert!(BucketSet::EMPTY.is_empty());
    }

    #[test]
    fn is_written_highest_bucket_first() {
        let set: BucketSet = [BucketId(0), BucketId(255)].into_iter().collect();
        assert_eq!(set.to_string(), format!("8{}1", "0".repeat(62)));
    }
}
