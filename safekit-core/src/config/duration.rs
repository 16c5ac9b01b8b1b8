//! Reads and writes durations as SafeKit 8.2 does: a whole number with a suffix, or a bare one in the attribute's own unit.
//!
//! A value that would be 0 in the attribute's unit although it is not is refused: `500ms` for an attribute in seconds
//! is a mistake, not "no wait". Above one unit the value counts exactly as written: `1500ms` is one and a half seconds.

use std::fmt;
use std::time::Duration;

/// A unit of time.
///
/// ```
/// use safekit_core::config::spec::Unit;
///
/// let suffixes = Unit::ALL.map(Unit::as_str);
/// assert_eq!(suffixes, ["d", "h", "m", "s", "ms", "us"]);
/// assert_eq!(Unit::Minute.microseconds(), 60_000_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// `us`
    Microsecond,
    /// `ms`
    Millisecond,
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
}

impl Unit {
    /// All units, the longest first.
    pub const ALL: [Self; 6] =
        [Self::Day, Self::Hour, Self::Minute, Self::Second, Self::Millisecond, Self::Microsecond];

    /// Returns the suffix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microsecond => "us",
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }

    /// Returns how many microseconds one unit has.
    #[must_use]
    pub const fn microseconds(self) -> u64 {
        match self {
            Self::Microsecond => 1,
            Self::Millisecond => 1_000,
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no duration for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DurationError {
    /// Not a whole number with one of the suffixes.
    #[error("is not a duration")]
    Malformed,
    /// More than 64 bits of microseconds.
    #[error("is too long a duration to be counted")]
    Overflow,
    /// It would be 0 in the unit that the attribute is in.
    #[error("is invalid: it is less than 1{expected}, and the expected time unit is '{expected}'")]
    LessThanOneUnit {
        /// The attribute's unit.
        expected: Unit,
    },
    /// A zero with a suffix that is not the attribute's.
    #[error("is invalid: zero is written bare or in the expected time unit '{expected}'")]
    ZeroInOtherUnit {
        /// The attribute's unit.
        expected: Unit,
    },
}

/// Reads a duration; a bare number is in `unit`.
///
/// # Errors
/// See [`DurationError`]: the author of the file has to mend the value.
pub(crate) fn parse(text: &str, unit: Unit) -> Result<Duration, DurationError> {
    let digits_end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, suffix) = text.split_at_checked(digits_end).ok_or(DurationError::Malformed)?;
    if digits.is_empty() {
        return Err(DurationError::Malformed);
    }
    let written = match suffix {
        "" => unit,
        _ => Unit::ALL
            .into_iter()
            .find(|unit| unit.as_str() == suffix)
            .ok_or(DurationError::Malformed)?,
    };
    let count: u64 = digits
        .bytes()
        .try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
        })
        .ok_or(DurationError::Overflow)?;
    let microseconds = count.checked_mul(written.microseconds()).ok_or(DurationError::Overflow)?;
    if count == 0 && written != unit {
        return Err(DurationError::ZeroInOtherUnit { expected: unit });
    }
    if count > 0 && microseconds < unit.microseconds() {
        return Err(DurationError::LessThanOneUnit { expected: unit });
    }
    Ok(Duration::from_micros(microseconds))
}

/// Writes a duration so that [`parse`] with the same unit gives it back: in that unit where it fits, else in the longest
/// shorter one. What is shorter than a microsecond is left off.
#[must_use]
pub(crate) fn text(duration: Duration, unit: Unit) -> String {
    let microseconds = duration.as_micros();
    let fits = |candidate: &Unit| {
        *candidate <= unit && microseconds.is_multiple_of(u128::from(candidate.microseconds()))
    };
    let fitting = Unit::ALL.into_iter().find(fits).unwrap_or(Unit::Microsecond);
    format!("{}{fitting}", microseconds / u128::from(fitting.microseconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for microseconds in [0, 1, 999, 1_000, 1_500, 60_000_000, 5_400_000_000, u64::MAX] {
            for unit in Unit::ALL {
                let duration = Duration::from_micros(microseconds);
                if microseconds > 0 && microseconds < unit.microseconds() {
                    continue;
                }
                let written = text(duration, unit);
                assert_eq!(parse(&written, unit), Ok(duration), "{written} in {unit}");
            }
        }
    }

    #[test]
    fn a_bare_number_is_in_the_unit_of_the_attribute() {
        for unit in Unit::ALL {
            let one = Duration::from_micros(unit.microseconds());
            assert_eq!(parse("1", unit), Ok(one));
            assert_eq!(parse("1d", unit), Ok(Duration::from_secs(86_400)));
            assert_eq!(parse("0", unit), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn nothing_overflows() {
        for text in
            ["18446744073709551616us", "18446744073709551615ms", "999999999999999999999999d"]
        {
            assert_eq!(parse(text, Unit::Second), Err(DurationError::Overflow), "{text}");
        }
        let longest = Duration::from_micros(u64::MAX);
        assert_eq!(parse("18446744073709551615us", Unit::Second), Ok(longest));
        assert_eq!(parse(&"0".repeat(1_000), Unit::Second), Ok(Duration::ZERO));
    }
}
